//! Making a network take pictures one way: 32-bit floats, `[batch, channels, height, width]`.

use super::super::build::{Attr, GraphBuilder};
use super::super::graph::{Graph, Node};
use super::super::proto::DataType;
use super::super::wire::{self, Edit};
use super::super::{Model, OnnxError, prepend};
use super::field;

/// Operators that only move elements, whatever their type.
const MOVES: [&str; 8] = ["Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Slice", "Pad"];

/// The model with its picture input as 32-bit floats, channels first, and that input's name.
///
/// Channels that come last are put there by a Transpose in front. Of a whole-number input the type is changed where the
/// model itself casts it to floats: gradients then go to what that Cast makes. Where the model computes with whole
/// numbers, a Cast in front of it makes them, through which no gradient passes.
pub fn float_picture(model: &Model, input: &str, channels_last: bool) -> Result<(Model, String), OnnxError> {
    let graph = model.graph();
    let Some(info) = graph.inputs.iter().find(|info| info.name == input) else {
        return Ok((model.clone(), input.to_owned()));
    };
    let float = info.elem == DataType::Float;
    if float && !channels_last {
        return Ok((model.clone(), input.to_owned()));
    }
    let cast = !float && !casts_itself(graph, input);
    let mut shape = info.shape.clone();
    if channels_last && shape.len() == 4 {
        shape[1..].rotate_right(1);
    }
    let mut builder = GraphBuilder::beside(graph, "lensor/");
    let taken = if cast || channels_last { builder.fresh("picture") } else { input.to_owned() };
    builder.input(&taken, DataType::Float, &shape);
    let last = Attr::Ints(&[0, 2, 3, 1]);
    let to = Attr::Int(info.elem as i64);
    match (channels_last, cast) {
        (true, false) => builder.named_node("Transpose", &[&taken], &[input], &[("perm", last)]),
        (false, true) => builder.named_node("Cast", &[&taken], &[input], &[("to", to)]),
        (true, true) => {
            let turned = builder.node("Transpose", &[&taken], &[("perm", last)]);
            builder.named_node("Cast", &[&turned], &[input], &[("to", to)]);
        }
        (false, false) => {}
    }
    let bytes = wire::edit_at(model.bytes(), &[field::MODEL_GRAPH], &mut |part| {
        let named = || Ok::<_, OnnxError>(wire::content_of(part.content, field::NAME)? == Some(input.as_bytes()));
        Ok(match part.number {
            field::GRAPH_INPUT if named()? => Edit::Drop,
            // Types that the exporter inferred for inner tensors may be whole numbers still.
            field::GRAPH_VALUE_INFO => Edit::Drop,
            _ => Edit::Keep,
        })
    })?;
    let folder = model.folder().map(Into::into);
    Ok((Model::from_bytes(prepend(&bytes, builder.finish()), folder)?, taken))
}

/// Whether everything that uses a tensor moves its elements at most before it casts them to floats.
fn casts_itself(graph: &Graph, tensor: &str) -> bool {
    let mut open = vec![tensor];
    while let Some(name) = open.pop() {
        for node in graph.consumers(name).iter().filter_map(|index| graph.nodes.get(*index)) {
            let moves = MOVES.contains(&node.op_type.as_str()) && node.input(0) == Some(name);
            let floats = node.op_type == "Cast" && matches!(node.attr_int("to"), Some(1 | 10 | 11 | 16));
            match (moves, floats || node.op_type == "Shape") {
                (true, _) => open.push(node.output()),
                (_, true) => {}
                _ => return false,
            }
        }
    }
    !is_captured(graph, tensor)
}

/// Whether a subgraph uses a tensor.
fn is_captured(graph: &Graph, tensor: &str) -> bool {
    let captures = |node: &Node| node.captured.iter().any(|name| name == tensor);
    graph.nodes.iter().any(captures)
}
