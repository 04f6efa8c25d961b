//! The head of a network: how its last feature maps become logits, and whether class activation maps exist for it.
//!
//! Owns recognising the two heads that CAM needs (Zhou et al. 2016): global average pooling and one linear layer, or a
//! convolution to one map a class and global average pooling. Must not know how maps are drawn.

use std::fmt;

use ndarray::{Array1, Array2, Axis, Ix2, concatenate};

use crate::onnx::{Graph, Node, OnnxError};

/// How the last feature maps become logits.
#[derive(Clone, Debug, PartialEq)]
pub enum Head {
    /// logits = weights · mean over space of the features + bias (ResNet, DenseNet, GoogLeNet, MobileNet).
    GapLinear {
        /// The tensor that is pooled, `[batch, channels, height, width]`.
        features: String,
        /// `[classes, channels]`.
        weights: Array2<f32>,
        /// `[classes]`.
        bias: Array1<f32>,
    },
    /// logits = mean over space of one map a class (SqueezeNet, Network in Network).
    ConvGap {
        /// The tensor that is pooled, `[batch, classes, height, width]`.
        maps: String,
        /// Whether a ReLU made the maps: the logits are then at least 0.
        relu: bool,
    },
    /// Anything else: no class activation map exists.
    Other {
        /// The operators from the last feature maps to the logits, such as `Flatten → Gemm → Relu → Gemm`.
        description: String,
    },
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GapLinear { .. } => f.write_str("global average pooling → one linear layer"),
            Self::ConvGap { .. } => f.write_str("one feature map a class → global average pooling"),
            Self::Other { description } => f.write_str(description),
        }
    }
}

impl Head {
    /// The head of a network with one logit z a picture, read as the two logits −z and z of no and yes.
    pub fn for_both_classes(self) -> Self {
        let both = |half: &Array2<f32>| concatenate![Axis(0), -half, half.view()];
        match self {
            Self::GapLinear { features, weights, bias } => {
                let bias = concatenate![Axis(0), -&bias, bias];
                Self::GapLinear { features, weights: both(&weights), bias }
            }
            Self::ConvGap { maps, .. } => {
                Self::GapLinear { features: maps, weights: both(&Array2::ones((1, 1))), bias: Array1::zeros(2) }
            }
            other => other,
        }
    }

    /// The tensor that is pooled, if the head is one that CAM knows.
    pub fn features(&self) -> Option<&str> {
        match self {
            Self::GapLinear { features, .. } => Some(features),
            Self::ConvGap { maps, .. } => Some(maps),
            Self::Other { .. } => None,
        }
    }
}

/// Operators that change a tensor's shape or precision at most.
const TRANSPARENT: [&str; 9] =
    ["Flatten", "Reshape", "Squeeze", "Unsqueeze", "Dropout", "Identity", "Cast", "QuantizeLinear", "DequantizeLinear"];

/// The tensor that is pooled into the logits where the head may be one that CAM knows; only [`find`] can say for sure.
pub fn pooled<'a>(graph: &'a Graph, logits: &'a str) -> Option<&'a str> {
    let direct = skip(graph, logits);
    let linear = || Linear::of(graph, direct).map(|linear| skip(graph, linear.input));
    let pool = |tensor: &'a str| graph.producer(tensor).filter(|node| is_pool(node)).and_then(|node| node.input(0));
    pool(direct).or_else(|| linear().and_then(pool))
}

/// What the head of a network is. `shape` gives the shape of a tensor for a batch of one.
pub fn find(graph: &Graph, logits: &str, shape: impl Fn(&str) -> Option<Vec<usize>>) -> Result<Head, OnnxError> {
    let other = || Head::Other { description: describe(graph, logits, &shape) };
    let Some(features) = pooled(graph, logits) else { return Ok(other()) };
    let Some(&[_, channels, height, width]) = shape(features).as_deref() else { return Ok(other()) };
    let direct = skip(graph, logits);
    let Some(linear) = Linear::of(graph, direct) else {
        let relu = graph.producer(features).is_some_and(|node| node.op_type == "Relu");
        let whole = graph.producer(direct).is_some_and(|node| covers(graph, node, [height, width]));
        return Ok(if whole { Head::ConvGap { maps: features.to_owned(), relu } } else { other() });
    };
    let whole = graph.producer(skip(graph, linear.input)).is_some_and(|node| covers(graph, node, [height, width]));
    let (weights, bias) = linear.read(graph)?;
    if !whole || weights.ncols() != channels || bias.len() != weights.nrows() {
        return Ok(other());
    }
    Ok(Head::GapLinear { features: features.to_owned(), weights, bias })
}

/// A linear layer: `input · weight (+ bias)`.
pub(crate) struct Linear<'a> {
    /// The product.
    pub node: &'a Node,
    /// The tensor that is multiplied.
    pub input: &'a str,
    weight: &'a str,
    bias: Option<&'a str>,
}

impl<'a> Linear<'a> {
    /// The linear layer that makes a tensor, if one does; a convolution may be one.
    pub fn of(graph: &'a Graph, tensor: &'a str) -> Option<Self> {
        let node = graph.producer(tensor)?;
        let constant = |name: &&str| graph.is_constant(name);
        match node.op_type.as_str() {
            "Gemm" | "MatMul" | "Conv" => {
                let weight = node.input(1).filter(constant)?;
                let bias = node.input(2);
                bias.is_none_or(|bias| graph.is_constant(bias)).then_some(())?;
                Some(Self { node, input: node.input(0)?, weight, bias })
            }
            "Add" => {
                let (a, b) = (node.input(0)?, node.input(1)?);
                let (sum, bias) = if graph.is_constant(b) { (a, b) } else { (b, a) };
                let product = Self::of(graph, sum).filter(|inner| inner.node.op_type == "MatMul")?;
                Some(Self { bias: Some(constant(&bias).then_some(bias)?), ..product })
            }
            _ => None,
        }
    }

    /// Weights `[classes, channels]` and bias `[classes]`; empty where their shapes are not those of a linear layer.
    pub fn read(&self, graph: &Graph) -> Result<(Array2<f32>, Array1<f32>), OnnxError> {
        let none = (Array2::zeros((0, 0)), Array1::zeros(0));
        let stored = graph.weights(self.weight)?;
        let gemm = self.node.op_type == "Gemm";
        let weights = match (self.node.op_type.as_str(), stored.shape()) {
            ("Conv", &[classes, channels, 1, 1]) => stored.into_shape_with_order((classes, channels)).ok(),
            ("Conv", _) => None,
            _ => stored.into_dimensionality::<Ix2>().ok(),
        };
        let Some(mut weights) = weights else { return Ok(none) };
        let (turned, alpha, beta) = match gemm {
            true => {
                let factor = |name| self.node.attr_float(name).unwrap_or(1.0);
                (self.node.attr_int("transB") == Some(1), factor("alpha"), factor("beta"))
            }
            false => (self.node.op_type == "Conv", 1.0, 1.0),
        };
        if gemm && self.node.attr_int("transA") == Some(1) {
            return Ok(none);
        }
        if !turned {
            weights = weights.reversed_axes().as_standard_layout().into_owned();
        }
        let bias = self.bias.map(|name| graph.weights(name)).transpose()?;
        let bias = bias.map_or_else(Vec::new, |bias| bias.iter().map(|b| b * beta).collect());
        let bias = match bias.as_slice() {
            [] => vec![0.0; weights.nrows()],
            [same] => vec![*same; weights.nrows()],
            _ => bias,
        };
        Ok((weights * alpha, Array1::from(bias)))
    }
}

/// Walks back over operators that change only the shape or the precision.
fn skip<'a>(graph: &'a Graph, tensor: &'a str) -> &'a str {
    let mut tensor = tensor;
    while let Some(node) = graph.producer(tensor)
        && (TRANSPARENT.contains(&node.op_type.as_str()) || takes_all(graph, node))
        && let Some(input) = node.input(0)
    {
        tensor = input;
    }
    tensor
}

/// Whether a Gather takes several elements one after another from the first on: how torch.export writes a change of strides.
fn takes_all(graph: &Graph, node: &Node) -> bool {
    let first = node.op_type == "Gather" && node.attr_int("axis").unwrap_or(0) == 0;
    let indices = node.input(1).filter(|_| first).and_then(|indices| graph.integers(indices).ok()).unwrap_or_default();
    indices.len() > 1 && indices.iter().enumerate().all(|(at, index)| *index == at as i64)
}

fn is_pool(node: &Node) -> bool {
    matches!(node.op_type.as_str(), "GlobalAveragePool" | "ReduceMean" | "AveragePool")
}

/// Whether a pool averages over all of `height` × `width`.
fn covers(graph: &Graph, node: &Node, [height, width]: [usize; 2]) -> bool {
    let plain = |name: &str, value: i64| node.attr_ints(name).is_none_or(|all| all.iter().all(|v| *v == value));
    match node.op_type.as_str() {
        "GlobalAveragePool" => true,
        "ReduceMean" => {
            let stored = || node.input(1).and_then(|name| graph.integers(name).ok());
            let axes = node.attr_ints("axes").map(<[i64]>::to_vec).or_else(stored).unwrap_or_default();
            let mut axes: Vec<i64> = axes.into_iter().map(|axis| if axis < 0 { axis + 4 } else { axis }).collect();
            axes.sort_unstable();
            axes == [2, 3]
        }
        "AveragePool" => node.attr_ints("kernel_shape") == Some(&[height as i64, width as i64]) && plain("pads", 0),
        _ => false,
    }
}

/// The operators between the last feature maps and the logits, first to last.
fn describe(graph: &Graph, logits: &str, shape: &impl Fn(&str) -> Option<Vec<usize>>) -> String {
    let mut operators = Vec::new();
    let mut tensor = logits;
    while let Some(node) = graph.producer(tensor)
        && operators.len() < 12
    {
        operators.push(node.op_type.as_str());
        let moving = node.inputs.iter().find(|name| !name.is_empty() && !graph.is_constant(name));
        let Some(input) = moving else { break };
        let maps = |shape: Vec<usize>| shape.len() == 4 && shape.iter().skip(2).any(|side| *side > 1);
        if shape(input).is_some_and(maps) {
            break;
        }
        tensor = input;
    }
    if operators.len() > 6 {
        operators.truncate(5);
        operators.push("…");
    }
    operators.reverse();
    operators.join(" → ")
}

#[cfg(test)]
mod tests;
