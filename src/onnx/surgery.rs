//! Changes to what a model already has: the few fields concerned are rewritten, everything else stays byte for byte.

use std::collections::HashMap;

use super::wire::{self, Edit};
use super::{Model, OnnxError};

/// Field numbers of the ONNX schema that are followed or written here.
mod field {
    pub const MODEL_GRAPH: u64 = 7;
    pub const GRAPH_NODE: u64 = 1;
    pub const NODE_OUTPUT: u64 = 2;
}

/// Where the scores before any softmax are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogitsTensor {
    /// Name of the tensor.
    pub name: String,
    /// Name of the final Softmax or LogSoftmax node that was stepped back over, if the model ends in one.
    pub stepped_back_over: Option<String>,
}

/// The logits of a classifier: its first output, or what goes into the Softmax that makes it (also where only reshaping
/// follows the Softmax).
pub fn logits(model: &Model) -> Option<LogitsTensor> {
    let graph = model.graph();
    let output = graph.outputs.first()?.name.as_str();
    let mut name = output;
    while let Some(node) = graph.producer(name) {
        let input = node.input(0)?;
        match node.op_type.as_str() {
            "Softmax" | "LogSoftmax" => {
                return Some(LogitsTensor { name: input.to_owned(), stepped_back_over: Some(node.name.clone()) });
            }
            "Identity" | "Flatten" | "Reshape" | "Squeeze" | "Dropout" => name = input,
            _ => break,
        }
    }
    Some(LogitsTensor { name: output.to_owned(), stepped_back_over: None })
}

/// The model with further outputs appended to some of its nodes. Key: index of the node; value: the names to
/// append, an empty one for an optional output that is not wanted.
pub fn add_node_outputs(model: &Model, outputs: &HashMap<usize, Vec<String>>) -> Result<Model, OnnxError> {
    let bytes = edit_nodes(model.bytes(), |index, content| {
        let Some(names) = outputs.get(&index) else { return Ok(Edit::Keep) };
        let mut content = content.to_vec();
        names.iter().for_each(|name| wire::push(&mut content, field::NODE_OUTPUT, name.as_bytes()));
        Ok(Edit::Replace(content))
    })?;
    Model::from_bytes(bytes, model.folder().map(Into::into))
}

/// The model at an opset of at least `to`.
pub fn raise_opset(model: &Model, to: i64) -> Result<Model, OnnxError> {
    match model.graph().nodes.first() {
        Some(node) if model.opset() < to => {
            let (node, op) = (node.name.clone(), node.op_type.clone());
            Err(OnnxError::OpsetTooLow { from: model.opset(), to, node, op })
        }
        _ => Ok(model.clone()),
    }
}

/// Rewrites nodes of the main graph; `edit` is given each node's index and serialised content.
fn edit_nodes(
    bytes: &[u8],
    mut edit: impl FnMut(usize, &[u8]) -> Result<Edit, OnnxError>,
) -> Result<Vec<u8>, OnnxError> {
    let mut index = 0;
    wire::rewrite(bytes, |part| {
        if part.number != field::MODEL_GRAPH {
            return Ok(Edit::Keep);
        }
        let graph = wire::rewrite(part.content, |part| {
            if part.number != field::GRAPH_NODE {
                return Ok(Edit::Keep);
            }
            index += 1;
            edit(index - 1, part.content)
        })?;
        Ok(Edit::Replace(graph))
    })
}
