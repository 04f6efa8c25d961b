//! Which tensors of a model are kept in memory, and what uses them.

use std::collections::{HashMap, HashSet};

use prost::Message;

use super::{Beside, Constant, location};
use crate::onnx::OnnxError;
use crate::onnx::graph::collect_captured;
use crate::onnx::proto::{GraphProto, ModelProto, TensorProto};
use crate::onnx::surgery::field;
use crate::onnx::wire;

/// A constant of a model that is kept in memory, and that something uses.
pub struct Stored {
    /// Name of the tensor.
    pub name: String,
    /// Sizes of its axes.
    pub shape: Vec<usize>,
    /// Its elements.
    pub constant: Constant,
    /// Whether it is nothing but a kernel of convolutions, and of none that the runtime makes one with what comes after it.
    pub is_kernel: bool,
}

impl Beside {
    /// The constants of a model that are kept here.
    pub fn stored(&self, model: &[u8]) -> Result<Vec<Stored>, OnnxError> {
        let broken = |error: prost::DecodeError| OnnxError::NotOnnx { reason: error.to_string() };
        let (mut tensors, mut failed) = (Vec::new(), None);
        wire::visit(model, &[field::MODEL_GRAPH, field::GRAPH_INITIALIZER], &mut |tensor| {
            if let Ok(Some(_)) = wire::content_of(tensor, field::TENSOR_EXTERNAL) {
                match TensorProto::decode(tensor) {
                    Ok(tensor) => tensors.push(tensor),
                    Err(error) => failed = Some(broken(error)),
                }
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        tensors.retain(|tensor| location(tensor).is_some_and(|place| self.kept.contains_key(place)));
        if tensors.is_empty() {
            return Ok(Vec::new());
        }
        let graph = ModelProto::decode(model).map_err(broken)?.graph.unwrap_or_default();
        let uses = uses(&graph);
        let stored = |tensor: TensorProto| {
            let constant = self.in_memory(location(&tensor)?)?.clone();
            let shape: Option<Vec<usize>> = tensor.dims.iter().map(|size| usize::try_from(*size).ok()).collect();
            let is_kernel = *uses.get(tensor.name.as_str())?;
            Some(Stored { shape: shape?, constant, is_kernel, name: tensor.name })
        };
        Ok(tensors.into_iter().filter_map(stored).collect())
    }
}

/// The tensors that something uses: `true` for those that are nothing but a kernel.
fn uses(graph: &GraphProto) -> HashMap<&str, bool> {
    let made_one = made_one(graph);
    let mut uses = HashMap::new();
    for node in &graph.node {
        let apart = node.output.first().is_some_and(|output| !made_one.contains(output.as_str()));
        let convolution = node.op_type == "Conv" && matches!(node.domain.as_str(), "" | "ai.onnx") && apart;
        for (at, input) in node.input.iter().enumerate() {
            *uses.entry(input.as_str()).or_insert(true) &= convolution && at == 1;
        }
    }
    let mut others: HashSet<&str> = graph.output.iter().map(|output| output.name.as_str()).collect();
    for inner in graph.node.iter().flat_map(|node| &node.attribute) {
        inner.g.as_deref().into_iter().chain(&inner.graphs).for_each(|graph| collect_captured(graph, &mut others));
    }
    uses.extend(others.into_iter().map(|name| (name, false)));
    uses
}

/// Tensors that the runtime does not make where they come from a convolution with a constant kernel: it makes the convolution
/// and the normalisation, factor or summand that comes after it one.
fn made_one(graph: &GraphProto) -> HashSet<&str> {
    let stored = graph.initializer.iter().map(|tensor| tensor.name.as_str());
    let nodes = graph.node.iter().filter(|node| node.op_type == "Constant").flat_map(|node| &node.output);
    let constants: HashSet<&str> = stored.chain(nodes.map(String::as_str)).collect();
    let after = graph.node.iter().filter_map(|node| match (node.op_type.as_str(), &node.input[..]) {
        ("BatchNormalization", [input, ..]) => Some(input.as_str()),
        ("Add" | "Mul", [input, other]) if constants.contains(other.as_str()) => Some(input.as_str()),
        ("Add" | "Mul", [other, input]) if constants.contains(other.as_str()) => Some(input.as_str()),
        _ => None,
    });
    after.collect()
}
