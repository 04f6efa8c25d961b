//! The layers a person expects in a network: its convolutions, residual blocks, concatenations and pools, named as the
//! framework that exported it named them.
//!
//! Owns finding and naming them in a graph. Must not know what is in their feature maps.

use std::collections::HashSet;

use serde::Serialize;

use super::near::{near, suggestion};
use crate::onnx::{Graph, Node};

mod layout;
mod naming;
mod whole;

use layout::Layouts;
pub(crate) use naming::module;
use whole::Wholes;

/// What kind of layer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A convolution, with the normalisation and activation that follow it.
    Conv,
    /// A residual block: the sum of its branches, with the activation that follows it.
    Block,
    /// Branches put side by side (SqueezeNet's fire, Inception, DenseNet).
    Concat,
    /// Max or average pooling.
    Pool,
    /// What the head pools, where it is none of the others (DenseNet's last normalisation).
    Features,
}

/// A layer whose feature maps can be looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Layer {
    /// Place among the layers, in the order in which they are computed.
    pub index: usize,
    /// Name, such as `layer4.1.conv2` or, for a block, `layer4.1`.
    pub name: String,
    /// What kind it is.
    pub kind: Kind,
    /// Operator in words, such as `Conv 3×3 /2`.
    pub op: String,
    /// The tensor with its feature maps `[batch, channels, height, width]`, after the activation.
    pub tensor: String,
    /// The tensor that the operator itself makes, before normalisation and activation.
    pub made: String,
    /// The tensor before the activation, of the same shape as [`Layer::tensor`]; `None` where there is no activation.
    pub pre_activation: Option<String>,
    /// Number of weights and biases of the operator itself.
    pub parameters: usize,
    /// Number of feature maps.
    pub channels: usize,
    /// Height of a feature map.
    pub height: usize,
    /// Width of a feature map.
    pub width: usize,
}

/// No layer has that name or index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no layer `{name}`{}{} {}", suggestion(close), if close.is_empty() { ";" } else { "" },
    match count {
        0 => "the network has none with feature maps".to_owned(),
        count => format!("`lensor layers` lists all {count}"),
    }
)]
pub struct UnknownLayer {
    /// The name or index asked for.
    pub name: String,
    /// Names close to it.
    pub close: Vec<String>,
    /// Number of layers.
    pub count: usize,
}

/// Index of the layer called `name`, or with that index.
pub fn named(name: &str, layers: &[Layer]) -> Result<usize, UnknownLayer> {
    let by_name = layers.iter().position(|layer| layer.name == name);
    let by_index = || name.parse().ok().filter(|index| *index < layers.len());
    by_name.or_else(by_index).ok_or_else(|| unknown(name, layers))
}

/// The error for a layer that is not there.
pub fn unknown(name: &str, layers: &[Layer]) -> UnknownLayer {
    let close = near(name, layers.iter().map(|layer| layer.name.as_str()));
    UnknownLayer { name: name.to_owned(), close, count: layers.len() }
}

/// Operators whose weights are filters.
pub(crate) const CONVOLUTIONS: [&str; 2] = ["Conv", "ConvTranspose"];

/// Operators that only change the values of a feature map, one by one.
const ACTIVATIONS: [&str; 15] = [
    "Relu",
    "LeakyRelu",
    "PRelu",
    "Clip",
    "Elu",
    "Selu",
    "Celu",
    "Gelu",
    "Mish",
    "Sigmoid",
    "HardSigmoid",
    "HardSwish",
    "Softplus",
    "Tanh",
    "ThresholdedRelu",
];

/// The layers between `input` and `logits`, in the order in which they are computed. `features` is the tensor that the
/// head pools, if it does. Maps whose channels come last are no layers, for their rows would be taken for channels, nor are
/// maps of whole numbers. Sizes are not known yet (0): [`measured`] fills them in.
pub fn find(graph: &Graph, input: &str, logits: &str, features: Option<&str>) -> Vec<Layer> {
    let used = used_by(graph, logits);
    let mut from_picture: HashSet<&str> = HashSet::from([input]);
    let (mut layouts, mut wholes) = (Layouts::begin(graph, input), Wholes::default());
    let mut layers: Vec<(usize, Layer)> = Vec::new();
    for node in graph.nodes.iter().filter(|node| used.contains(&node.index)) {
        layouts.follow(node);
        wholes.follow(node);
        if !node.inputs.iter().any(|name| from_picture.contains(name.as_str())) {
            continue;
        }
        from_picture.extend(node.outputs.iter().map(String::as_str));
        let moving = node.inputs.iter().filter(|name| from_picture.contains(name.as_str())).count();
        let as_made = Settled { tensor: node.output(), pre_activation: None };
        let (kind, settled) = match node.op_type.as_str() {
            op if CONVOLUTIONS.contains(&op) => (Kind::Conv, settle(graph, node.output(), true)),
            "Add" | "Sum" if moving > 1 => (Kind::Block, settle(graph, node.output(), false)),
            // Rows that are joined (Swin rolls its maps) are on the same axis where channels come last.
            "Concat" if moving > 1 && node.attr_int("axis") == Some(1) && layouts.is_second(node.output()) => {
                (Kind::Concat, as_made)
            }
            "MaxPool" | "AveragePool" => (Kind::Pool, as_made),
            _ => continue,
        };
        if layouts.is_last(node.output()) || wholes.contains(node.output()) {
            continue;
        }
        layers.push((made_at(graph, settled.tensor), layer(graph, node, kind, settled)));
    }
    let listed = |tensor: &&str| {
        let is_layer = layers.iter().any(|(_, layer)| layer.tensor == *tensor);
        is_layer || layouts.is_last(tensor) || wholes.contains(tensor)
    };
    if let Some(tensor) = features.filter(|tensor| !listed(tensor))
        && let Some(node) = graph.producer(tensor)
    {
        let pre_activation = ACTIVATIONS.contains(&node.op_type.as_str()).then(|| node.input(0)).flatten();
        layers.push((node.index, layer(graph, node, Kind::Features, Settled { tensor, pre_activation })));
    }
    layers.sort_by_key(|(made, _)| *made);
    let mut layers: Vec<Layer> = layers.into_iter().map(|(_, layer)| layer).collect();
    naming::distinguish(&mut layers);
    layers
}

/// The layers with their sizes; those without feature maps (not four axes, or a single pixel each) are left out.
pub fn measured(layers: Vec<Layer>, shape: impl Fn(&str) -> Option<Vec<usize>>) -> Vec<Layer> {
    let sized = layers.into_iter().filter_map(|layer| match shape(&layer.tensor)?.as_slice() {
        &[_, channels, height, width] if height * width > 1 => Some(Layer { channels, height, width, ..layer }),
        _ => None,
    });
    sized.enumerate().map(|(index, layer)| Layer { index, ..layer }).collect()
}

/// The layer that Grad-CAM looks at unless told otherwise: the last one that is no pool and holds features, not the
/// classes' own maps `class_maps`. A transformer has none: its only feature maps are the patches before attention.
pub fn default(graph: &Graph, layers: &[Layer], logits: &str, class_maps: Option<&str>) -> Option<usize> {
    let features = |layer: &&Layer| layer.kind != Kind::Pool && Some(layer.tensor.as_str()) != class_maps;
    let last = layers.iter().rev().find(features).or(layers.last())?;
    let only_patches = layers.len() == 1 && attention_follows(graph, &last.tensor, logits);
    (!only_patches).then_some(last.index)
}

/// Whether a Softmax lies between a layer and the scores.
fn attention_follows(graph: &Graph, tensor: &str, logits: &str) -> bool {
    let mut used = used_by(graph, logits).into_iter().filter_map(|index| graph.nodes.get(index));
    used.any(|node| node.op_type == "Softmax" && graph.depends_on(node.output(), tensor))
}

/// Indices of the nodes that a tensor is made from; side branches (auxiliary classifiers) are not among them.
fn used_by(graph: &Graph, tensor: &str) -> HashSet<usize> {
    let (mut open, mut used) = (vec![tensor], HashSet::new());
    while let Some(name) = open.pop() {
        if let Some(node) = graph.producer(name).filter(|node| used.insert(node.index)) {
            open.extend(node.inputs.iter().chain(&node.captured).map(String::as_str));
        }
    }
    used
}

fn layer(graph: &Graph, node: &Node, kind: Kind, settled: Settled<'_>) -> Layer {
    let parameters = match kind {
        Kind::Conv => node.inputs.iter().skip(1).filter_map(|name| graph.constant(name)).map(elements).sum(),
        _ => 0,
    };
    let (name, op) = (naming::name(graph, node, kind), describe(node));
    Layer {
        index: 0,
        name,
        kind,
        op,
        tensor: settled.tensor.to_owned(),
        made: node.output().to_owned(),
        pre_activation: settled.pre_activation.map(str::to_owned),
        parameters,
        channels: 0,
        height: 0,
        width: 0,
    }
}

fn elements(tensor: &crate::onnx::proto::TensorProto) -> usize {
    tensor.dims.iter().map(|dim| usize::try_from(*dim).unwrap_or(0)).product()
}

/// The operator in words: `Conv 3×3 /2`.
pub(crate) fn describe(node: &Node) -> String {
    let mut words = node.op_type.clone();
    if let Some(kernel) = node.attr_ints("kernel_shape") {
        words += &format!(" {}", kernel.iter().map(i64::to_string).collect::<Vec<_>>().join("×"));
    }
    if let Some(&[down, across]) = node.attr_ints("strides")
        && (down, across) != (1, 1)
    {
        words += &if down == across { format!(" /{down}") } else { format!(" /{down}×{across}") };
    }
    if let Some(groups) = node.attr_int("group").filter(|groups| *groups > 1) {
        words += &format!(", {groups} groups");
    }
    words
}

fn made_at(graph: &Graph, tensor: &str) -> usize {
    graph.producer(tensor).map_or(0, |node| node.index)
}

/// Where a feature map ends up.
struct Settled<'a> {
    tensor: &'a str,
    /// Before the first activation on the way.
    pre_activation: Option<&'a str>,
}

/// Follows a feature map through what is done to its values one by one: bias and scale, an activation, and
/// `normalised` also batch normalisation.
fn settle<'a>(graph: &'a Graph, tensor: &'a str, normalised: bool) -> Settled<'a> {
    let mut settled = Settled { tensor, pre_activation: None };
    loop {
        let tensor = settled.tensor;
        let users: Vec<&Node> = graph.consumers(tensor).iter().filter_map(|index| graph.nodes.get(*index)).collect();
        let (next, activates) = match users.as_slice() {
            [only] => match only.op_type.as_str() {
                "BatchNormalization" if normalised && only.input(0) == Some(tensor) => (*only, false),
                "Add" | "Mul" | "Sub" | "Div"
                    if normalised && only.inputs.iter().all(|name| name == tensor || graph.is_constant(name)) =>
                {
                    (*only, false)
                }
                // Quantised and back: what the layers after it see.
                "QuantizeLinear" => match graph.consumers(only.output()) {
                    [next] if graph.nodes[*next].op_type == "DequantizeLinear" => (&graph.nodes[*next], false),
                    _ => return settled,
                },
                op if ACTIVATIONS.contains(&op) => (*only, true),
                _ => return settled,
            },
            // x · sigmoid(x): SiLU, and hard swish likewise.
            [gate, product]
                if product.op_type == "Mul"
                    && ACTIVATIONS.contains(&gate.op_type.as_str())
                    && product.inputs.iter().any(|name| name == gate.output()) =>
            {
                (*product, true)
            }
            _ => return settled,
        };
        if next.output().is_empty() {
            return settled;
        }
        let pre_activation = settled.pre_activation.or(activates.then_some(tensor));
        settled = Settled { tensor: next.output(), pre_activation };
    }
}

#[cfg(test)]
mod tests;
