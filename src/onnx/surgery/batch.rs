//! Freeing a batch axis that the exporter fixed, so that several pictures can be run at once.

use std::collections::{HashMap, HashSet};

use super::super::build::GraphBuilder;
use super::super::graph::{Dim, Graph, Node};
use super::super::wire::{self, Edit, Field};
use super::super::{Model, OnnxError};
use super::{field, free_axes};

/// The model with the first axis of its picture inputs (those with four axes) and of its outputs set free, or `None`
/// where no picture input has a fixed one. A Reshape whose constant target repeats the fixed size is freed with it; a
/// graph can depend on the size in other ways, so that the result has to be tried with two pictures before it is relied
/// upon.
pub fn free_batch(model: &Model) -> Result<Option<Model>, OnnxError> {
    let graph = model.graph();
    let fixed = graph.inputs.iter().find_map(|input| match input.shape.as_slice() {
        [Dim::Fixed(size), _, _, _] => Some(*size),
        _ => None,
    });
    let Some(size) = fixed else { return Ok(None) };
    let freed = |info: &&super::super::ValueInfo| info.shape.first() == Some(&Dim::Fixed(size));
    let inputs: HashSet<&str> =
        graph.inputs.iter().filter(freed).filter(|i| i.shape.len() == 4).map(|i| i.name.as_str()).collect();
    let outputs: HashSet<&str> = graph.outputs.iter().filter(freed).map(|output| output.name.as_str()).collect();
    let mut builder = GraphBuilder::beside(graph, "lensor/freed/");
    let targets = reshape_targets(graph, &inputs, size, &mut builder);
    let mut index = 0;
    let bytes = wire::edit_at(model.bytes(), &[field::MODEL_GRAPH], &mut |part| match part.number {
        field::GRAPH_INPUT if has_name(part, &inputs)? => free_axes(part.content, &[(0, "batch")]).map(Edit::Replace),
        field::GRAPH_OUTPUT if has_name(part, &outputs)? => free_axes(part.content, &[(0, "batch")]).map(Edit::Replace),
        // Shapes that the exporter inferred for inner tensors would contradict the freed axis.
        field::GRAPH_VALUE_INFO => Ok(Edit::Drop),
        field::GRAPH_NODE => {
            index += 1;
            match targets.get(&(index - 1)) {
                Some(target) => replace_second_input(part.content, target).map(Edit::Replace),
                None => Ok(Edit::Keep),
            }
        }
        _ => Ok(Edit::Keep),
    })?;
    let folder = model.beside().clone();
    let edited = Model::from_bytes(super::super::append(&bytes, builder.finish()), folder)?;
    Ok(Some(edited))
}

/// New shape constants for the Reshape nodes that act on pictures and whose target starts with the fixed size.
fn reshape_targets(
    graph: &Graph,
    inputs: &HashSet<&str>,
    size: usize,
    builder: &mut GraphBuilder,
) -> HashMap<usize, String> {
    let of_pictures = graph.made_from(inputs.iter().copied());
    let on_picture = |node: &Node| node.input(0).is_some_and(|data| of_pictures.contains(data));
    let mut targets = HashMap::new();
    for node in graph.nodes.iter().filter(|node| node.op_type == "Reshape") {
        let Some(mut shape) = node.input(1).and_then(|shape| graph.integers(shape).ok()) else { continue };
        if shape.first() == Some(&(size as i64)) && on_picture(node) {
            let rest_is_known = shape[1..].iter().all(|size| *size > 0);
            shape[0] = if rest_is_known { -1 } else { 0 };
            targets.insert(node.index, builder.ints(&shape));
        }
    }
    targets
}

fn has_name(part: &Field, names: &HashSet<&str>) -> Result<bool, OnnxError> {
    let name = wire::content_of(part.content, field::NAME)?;
    Ok(names.iter().any(|known| Some(known.as_bytes()) == name))
}

fn replace_second_input(node: &[u8], name: &str) -> Result<Vec<u8>, OnnxError> {
    let mut input = 0;
    wire::rewrite(node, |part| {
        input += usize::from(part.number == field::NODE_INPUT);
        let second = part.number == field::NODE_INPUT && input == 2;
        Ok(if second { Edit::Replace(name.as_bytes().to_vec()) } else { Edit::Keep })
    })
}
