//! The weights of a convolution, as the filters that are slid over its input.
//!
//! Owns reading them from the graph, and folding into them what scales and shifts their output before the activation:
//! a filter's sign and size mean something only then (a batch normalisation with γ < 0 turns it round). Must not know how
//! they are drawn.

use ndarray::{Array1, Array2, Array4, ArrayView2, ArrayView3, Axis, Zip, s};

use crate::model::layers::{Kind, Layer};
use crate::network::Network;
use crate::onnx::{Graph, Node, OnnxError};

/// What has been multiplied into the weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Folded {
    /// Nothing: they are the layer's own.
    Nothing,
    /// Normalisation, before the file was written: its exporter says so by the name of the weights.
    ByExporter,
    /// The nodes of these names, by lensor.
    Here(Vec<String>),
}

/// The filters of a convolution.
#[derive(Clone, Debug)]
pub struct Filters {
    /// `[filters, inputs of a group, height, width]`.
    pub weights: Array4<f32>,
    /// What is added to each filter's output.
    pub bias: Array1<f32>,
    /// What is folded into both.
    pub folded: Folded,
    /// Groups that inputs and filters are divided into; filters see only the inputs of their own.
    pub groups: usize,
    /// Rows and columns from one position to the next.
    pub strides: [usize; 2],
    /// Rows and columns from one weight to the next.
    pub dilations: [usize; 2],
    /// Zeros above and to the left of the input; of a transposed convolution, what is cut off there.
    pub pads: [usize; 2],
    /// Whether the convolution is transposed: each value of the input is spread over the filter.
    pub transposed: bool,
    /// The tensor that they are slid over.
    pub input: String,
    /// The tensor that they make, with all that is folded in.
    pub output: String,
    /// Where they are slid over a picture in colours: which inputs are red, green and blue.
    pub colours: Option<[usize; 3]>,
}

/// Why a layer has no filters to look at.
#[derive(Debug, thiserror::Error)]
pub enum FiltersError {
    /// It is no convolution.
    #[error("`{layer}` ({op}) has no filters of its own: choose a convolution (`lensor layers` lists them)")]
    NoConvolution {
        /// Name of the layer.
        layer: String,
        /// Its operator.
        op: String,
    },
    /// Its weights have another number of axes than four.
    #[error("the weights of `{layer}` have the shape {shape:?}, not [filters, inputs, height, width]")]
    Shape {
        /// Name of the layer.
        layer: String,
        /// Shape of the weights.
        shape: Vec<usize>,
    },
    /// Its weights cannot be read.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
}

/// The filters of a layer.
pub fn of(network: &Network, layer: usize) -> Result<Filters, FiltersError> {
    let layer = network.layers().get(layer).ok_or_else(|| FiltersError::NoConvolution {
        layer: layer.to_string(),
        op: "layer that does not exist".to_owned(),
    })?;
    let mut filters = read(network.graph(), layer)?;
    if filters.inputs() == 3 && is_picture(network.graph(), &filters.input, network.input()) {
        filters.colours = network.preprocess().colours();
    }
    Ok(filters)
}

/// Whether a tensor is the prepared picture, as it is or after what networks do to it at their door.
pub(super) fn is_picture(graph: &Graph, tensor: &str, picture: &str) -> bool {
    const DOOR: [&str; 8] = ["Add", "Cast", "Div", "Identity", "Mul", "Pad", "Sub", "Transpose"];
    let mut tensor = tensor;
    while tensor != picture {
        let node = graph.producer(tensor).filter(|node| DOOR.contains(&node.op_type.as_str()));
        let Some(node) = node else { return false };
        let mut moving = node.inputs.iter().filter(|name| !name.is_empty() && !graph.is_constant(name));
        match (moving.next(), moving.next()) {
            (Some(only), None) => tensor = only,
            _ => return false,
        }
    }
    true
}

/// As [`of`], without the colours.
fn read(graph: &Graph, layer: &Layer) -> Result<Filters, FiltersError> {
    let missing = || FiltersError::NoConvolution { layer: layer.name.clone(), op: layer.op.clone() };
    let node = graph.producer(&layer.made).filter(|_| layer.kind == Kind::Conv).ok_or_else(missing)?;
    let (input, name) = node.input(0).zip(node.input(1)).ok_or_else(missing)?;
    let weights = graph.weights(name)?;
    let shape = weights.shape().to_vec();
    let groups = node.attr_int("group").and_then(|groups| usize::try_from(groups).ok()).unwrap_or(1).max(1);
    let transposed = node.op_type == "ConvTranspose";
    let weights = weights.into_dimensionality().ok();
    let weights = if transposed { weights.and_then(|weights| turned(weights, groups)) } else { weights };
    let mut weights = weights.ok_or_else(|| FiltersError::Shape { layer: layer.name.clone(), shape })?;
    let count = weights.len_of(Axis(0));
    let mut bias = match node.input(2) {
        Some(name) => graph.weights(name)?.into_iter().collect(),
        None => Array1::zeros(count),
    };
    let affine = Affine::after(graph, &layer.made, count)?;
    Zip::from(weights.outer_iter_mut()).and(&affine.scale).for_each(|mut filter, scale| filter *= *scale);
    if bias.len() == count {
        bias = bias * &affine.scale + &affine.shift;
    }
    // What TorchScript's exporter calls the weights that it has folded a normalisation into.
    let folded = match name.starts_with("onnx::Conv") {
        _ if !affine.nodes.is_empty() => Folded::Here(affine.nodes),
        true => Folded::ByExporter,
        false => Folded::Nothing,
    };
    let pair = |name: &str, otherwise: usize| {
        let given = node.attr_ints(name).unwrap_or_default();
        [0, 1].map(|axis| given.get(axis).and_then(|v| usize::try_from(*v).ok()).unwrap_or(otherwise))
    };
    Ok(Filters {
        pads: if transposed {
            pair("pads", 0)
        } else {
            pads(node, [weights.dim().2, weights.dim().3], pair("dilations", 1))
        },
        weights,
        bias,
        folded,
        groups,
        transposed,
        strides: pair("strides", 1),
        dilations: pair("dilations", 1),
        input: input.to_owned(),
        output: affine.output,
        colours: None,
    })
}

/// The weights of a transposed convolution, `[inputs, filters of a group, height, width]`, by filter as those of others.
fn turned(weights: Array4<f32>, groups: usize) -> Option<Array4<f32>> {
    let (inputs, filters, height, width) = weights.dim();
    let each = inputs / groups;
    (each * groups == inputs).then(|| {
        Array4::from_shape_fn((groups * filters, each, height, width), |(filter, input, y, x)| {
            weights[[filter / filters.max(1) * each + input, filter % filters.max(1), y, x]]
        })
    })
}

/// Zeros above and to the left. `SAME_UPPER` and `SAME_LOWER` are resolved for a stride of one, where alone they do not
/// depend on the size of the input.
fn pads(node: &Node, kernel: [usize; 2], dilations: [usize; 2]) -> [usize; 2] {
    let total = |axis: usize| kernel[axis].saturating_sub(1) * dilations[axis];
    match node.attr_string("auto_pad") {
        Some("SAME_UPPER") => [0, 1].map(|axis| total(axis) / 2),
        Some("SAME_LOWER") => [0, 1].map(|axis| total(axis).div_ceil(2)),
        Some("VALID") => [0, 0],
        _ => {
            let given = node.attr_ints("pads").unwrap_or_default();
            [0, 1].map(|axis| given.get(axis).and_then(|v| usize::try_from(*v).ok()).unwrap_or(0))
        }
    }
}

/// What is done to the values of a feature map before its activation: scale · value + shift, a channel each.
struct Affine {
    scale: Array1<f32>,
    shift: Array1<f32>,
    nodes: Vec<String>,
    /// The tensor after all of it.
    output: String,
}

impl Affine {
    /// Collects batch normalisations and constants that scale or shift, as far as each is the only user of the tensor
    /// before it.
    fn after(graph: &Graph, tensor: &str, channels: usize) -> Result<Self, OnnxError> {
        let (scale, shift) = (Array1::ones(channels), Array1::zeros(channels));
        let mut affine = Self { scale, shift, nodes: Vec::new(), output: tensor.to_owned() };
        let mut tensor = tensor;
        while let &[user] = graph.consumers(tensor)
            && let Some(node) = graph.nodes.get(user)
            && let Some((scale, shift)) = step(graph, node, tensor, channels)?
        {
            affine.shift = affine.shift * &scale + shift;
            affine.scale *= &scale;
            affine.nodes.push(node.name.clone());
            tensor = node.output();
            affine.output = tensor.to_owned();
        }
        Ok(affine)
    }
}

/// Scale and shift of a node, a channel each.
pub(super) type Step = (Array1<f32>, Array1<f32>);

/// Scale and shift of one node, if that is all it does.
pub(super) fn step(graph: &Graph, node: &Node, tensor: &str, channels: usize) -> Result<Option<Step>, OnnxError> {
    let (ones, zeros) = (Array1::ones(channels), Array1::zeros(channels));
    if node.op_type == "BatchNormalization" && node.input(0) == Some(tensor) {
        let mut parts = Vec::with_capacity(4);
        for index in 1..5 {
            match node
                .input(index)
                .filter(|name| graph.is_constant(name))
                .map(|name| graph.weights(name))
                .transpose()?
            {
                Some(part) if part.len() == channels => parts.push(part.into_iter().collect::<Array1<f32>>()),
                _ => return Ok(None),
            }
        }
        let [gamma, beta, mean, variance] = [0, 1, 2, 3].map(|part: usize| &parts[part]);
        let scale = gamma / (variance + node.attr_float("epsilon").unwrap_or(1e-5)).mapv(f32::sqrt);
        let shift = beta - mean * &scale;
        return Ok(Some((scale, shift)));
    }
    let (first, second) = (node.input(0).unwrap_or_default(), node.input(1).unwrap_or_default());
    let other = if first == tensor { second } else { first };
    if !matches!(node.op_type.as_str(), "Add" | "Sub" | "Mul" | "Div") || !graph.is_constant(other) {
        return Ok(None);
    }
    let Some(constant) = per_channel(graph, other, channels)? else { return Ok(None) };
    Ok(match (node.op_type.as_str(), first == tensor) {
        ("Add", _) => Some((ones, constant)),
        ("Mul", _) => Some((constant, zeros)),
        ("Sub", true) => Some((ones, -constant)),
        ("Sub", false) => Some((-ones, constant)),
        ("Div", true) => Some((ones / constant, zeros)),
        _ => None,
    })
}

/// A constant that is broadcast over feature maps as one value a channel: a single number, or a tensor whose third
/// axis from the end is the channels'.
fn per_channel(graph: &Graph, name: &str, channels: usize) -> Result<Option<Array1<f32>>, OnnxError> {
    let values = graph.weights(name)?;
    let along_channels = matches!(values.shape(), [.., count, 1, 1] if *count == channels && values.len() == channels);
    Ok(match values.len() {
        1 => values.first().map(|value| Array1::from_elem(channels, *value)),
        _ if along_channels => Some(values.into_iter().collect()),
        _ => None,
    })
}

impl Filters {
    /// Number of filters.
    pub fn count(&self) -> usize {
        self.weights.len_of(Axis(0))
    }

    /// Number of inputs that one filter sees.
    pub fn inputs(&self) -> usize {
        self.weights.len_of(Axis(1))
    }

    /// The channel of the input that a filter's input `index` is.
    pub fn input_channel(&self, filter: usize, index: usize) -> usize {
        let of_group = (self.count() / self.groups).max(1);
        filter / of_group * self.inputs() + index
    }

    /// One filter, `[inputs of its group, height, width]`.
    pub fn filter(&self, filter: usize) -> ArrayView3<'_, f32> {
        self.weights.index_axis(Axis(0), filter)
    }

    /// One input of a filter, `[height, width]`.
    pub fn kernel(&self, filter: usize, input: usize) -> ArrayView2<'_, f32> {
        self.weights.slice(s![filter, input, .., ..])
    }

    /// A filter averaged over its inputs: the lecture's picture of filters behind the first layer.
    pub fn mean(&self, filter: usize) -> Array2<f32> {
        let (_, _, height, width) = self.weights.dim();
        self.filter(filter).mean_axis(Axis(0)).unwrap_or_else(|| Array2::zeros((height, width)))
    }

    /// Largest magnitude of all weights.
    pub fn largest(&self) -> f32 {
        self.weights.iter().fold(0.0, |largest, weight| largest.max(weight.abs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{sine, tiny_a};
    use crate::model::layers;
    use crate::onnx::Model;

    #[test]
    fn weights_are_the_files_and_their_mean_is_over_the_inputs() {
        let model = Model::from_bytes(tiny_a(), None).unwrap();
        let layers = layers::find(model.graph(), "x", "logits", None);
        let second = read(model.graph(), &layers[2]).unwrap();
        let weights = sine((12, 8, 3, 3), [0.2, 1.3, 0.7]);
        assert_eq!((&second.weights, &second.folded), (&weights, &Folded::Nothing));
        assert_eq!((second.count(), second.inputs(), second.pads, second.groups), (12, 8, [1, 1], 1));
        let by_hand = (0..8).map(|input| weights[[5, input, 1, 2]]).sum::<f32>() / 8.0;
        approx::assert_abs_diff_eq!(second.mean(5)[[1, 2]], by_hand, epsilon = 1e-7);
        assert_eq!(second.kernel(5, 3)[[1, 2]], weights[[5, 3, 1, 2]]);
        approx::assert_abs_diff_eq!(second.largest(), 0.2, epsilon = 1e-4);
    }
}
