//! Taking branches: an If whose condition is known makes way for what it would run.

use prost::Message;

use super::super::graph::Node;
use super::super::proto::NodeProto;
use super::super::wire::{self, Edit, Fields};
use super::super::{Model, OnnxError};
use super::field;

/// The model with the If nodes for which `condition` knows the answer replaced by the nodes of that branch, or `None`
/// where there are none. Exporters write such nodes where a shape decides, above all for `squeeze(axis)`.
pub fn take_branches(model: &Model, condition: &dyn Fn(&Node) -> Option<bool>) -> Result<Option<Model>, OnnxError> {
    let (mut index, mut taken, mut stored) = (0, false, Vec::new());
    let mut bytes = wire::edit_at(model.bytes(), &[field::MODEL_GRAPH], &mut |part| {
        if part.number != field::GRAPH_NODE {
            return Ok(Edit::Keep);
        }
        index += 1;
        let node = model.graph().nodes.get(index - 1).filter(|node| node.op_type == "If" && node.domain.is_empty());
        let Some((node, condition)) = node.and_then(|node| Some((node, condition(node)?))) else {
            return Ok(Edit::Keep);
        };
        let mut nodes = Vec::new();
        let mut outputs = node.outputs.iter();
        for part in Fields::of(branch(part.content, condition)?) {
            let part = part?;
            match part.number {
                field::GRAPH_NODE => nodes.push(part.content.to_vec()),
                field::GRAPH_INITIALIZER => wire::push(&mut stored, field::GRAPH_INITIALIZER, part.content),
                field::GRAPH_OUTPUT => {
                    let inner = wire::content_of(part.content, field::NAME)?.unwrap_or_default();
                    outputs.next().into_iter().for_each(|outer| nodes.push(identity(inner, outer)));
                }
                _ => {}
            }
        }
        taken = true;
        Ok(Edit::Split(nodes))
    })?;
    wire::push(&mut bytes, field::MODEL_GRAPH, &stored);
    let model = || Model::from_bytes(bytes, model.beside().clone());
    taken.then(model).transpose()
}

/// The graph of one branch of an If node.
fn branch(node: &[u8], condition: bool) -> Result<&[u8], OnnxError> {
    let wanted: &[u8] = if condition { b"then_branch" } else { b"else_branch" };
    for part in Fields::of(node) {
        let part = part?;
        if part.number == field::NODE_ATTRIBUTE && wire::content_of(part.content, field::NAME)? == Some(wanted) {
            return Ok(wire::content_of(part.content, field::ATTRIBUTE_GRAPH)?.unwrap_or_default());
        }
    }
    Err(OnnxError::BrokenGraph { reason: format!("an If node lacks its {}", String::from_utf8_lossy(wanted)) })
}

fn identity(input: &[u8], output: &str) -> Vec<u8> {
    let node = NodeProto {
        input: vec![String::from_utf8_lossy(input).into_owned()],
        output: vec![output.to_owned()],
        op_type: "Identity".to_owned(),
        ..NodeProto::default()
    };
    node.encode_to_vec()
}
