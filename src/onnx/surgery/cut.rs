//! Cutting a graph short: only what some inner tensors are made from stays.

use std::collections::HashSet;

use super::super::build::GraphBuilder;
use super::super::graph::Graph;
use super::super::wire::{self, Edit, Field};
use super::super::{Model, OnnxError};
use super::field;

/// The model that ends at these tensors: they are its only outputs, and the nodes, constants and inputs that none of them
/// is made from are gone. What stays is byte for byte what it was.
pub fn cut(model: &Model, tensors: &[&str]) -> Result<Model, OnnxError> {
    let graph = model.graph();
    if let Some(missing) = tensors.iter().find(|tensor| !graph.contains(tensor)) {
        return Err(OnnxError::BrokenGraph { reason: format!("there is no tensor `{missing}` to end the model at") });
    }
    let (bytes, _) = keep(model, tensors, &[])?;
    let mut builder = GraphBuilder::new("");
    let first = |at: &usize| !tensors[..*at].contains(&tensors[*at]);
    (0..tensors.len()).filter(first).for_each(|at| builder.output(tensors[at]));
    Model::from_bytes(super::super::append(&bytes, builder.finish()), model.beside().clone())
}

/// The bytes of the part of a model that makes `tensors` from its inputs and from those `given`, without outputs, and the
/// names of the tensors in it. The given ones are not declared as inputs.
pub(super) fn keep<'a>(
    model: &'a Model,
    tensors: &[&'a str],
    given: &[&'a str],
) -> Result<(Vec<u8>, HashSet<&'a str>), OnnxError> {
    let (nodes, names) = ancestors(model.graph(), tensors, given);
    let named = |part: &Field, number: u64| -> Result<Edit, OnnxError> {
        let name = wire::content_of(part.content, number)?.and_then(|name| std::str::from_utf8(name).ok());
        Ok(if name.is_some_and(|name| names.contains(name)) { Edit::Keep } else { Edit::Drop })
    };
    let mut index = 0;
    let bytes = wire::edit_at(model.bytes(), &[field::MODEL_GRAPH], &mut |part| match part.number {
        field::GRAPH_NODE => {
            index += 1;
            Ok(if nodes.contains(&(index - 1)) { Edit::Keep } else { Edit::Drop })
        }
        field::GRAPH_INITIALIZER => named(part, field::TENSOR_NAME),
        field::GRAPH_INPUT | field::GRAPH_VALUE_INFO => named(part, field::NAME),
        field::GRAPH_OUTPUT => Ok(Edit::Drop),
        _ => Ok(Edit::Keep),
    })?;
    Ok((bytes, names))
}

/// The nodes that some tensors are made from, as far as they are not given, and the names of all tensors that these use or
/// make.
fn ancestors<'a>(graph: &'a Graph, tensors: &[&'a str], given: &[&'a str]) -> (HashSet<usize>, HashSet<&'a str>) {
    let given: HashSet<&str> = given.iter().copied().collect();
    let (mut nodes, mut names): (HashSet<usize>, HashSet<&str>) = (HashSet::new(), tensors.iter().copied().collect());
    let mut open = tensors.to_vec();
    while let Some(tensor) = open.pop() {
        let producer = graph.producer(tensor).filter(|_| !given.contains(tensor));
        let Some(node) = producer.filter(|node| nodes.insert(node.index)) else { continue };
        names.extend(node.outputs.iter().map(String::as_str));
        open.extend(node.inputs.iter().chain(&node.captured).map(String::as_str).filter(|name| names.insert(name)));
    }
    (nodes, names)
}
