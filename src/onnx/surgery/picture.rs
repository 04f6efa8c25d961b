//! Making a network take pictures one way: 32-bit floats, `[batch, channels, height, width]`.

use super::super::build::{Attr, GraphBuilder};
use super::super::graph::{Graph, Node};
use super::super::proto::DataType;
use super::super::wire::{self, Edit};
use super::super::{Model, OnnxError, prepend};
use super::field;

/// Operators that only move elements, whatever their type.
const MOVES: [&str; 7] = ["Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Slice"];

/// Opset in which QuantizeLinear came.
const QUANTIZE_OPSET: i64 = 10;

/// What a model does with a whole-number input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Uses {
    /// Moves its elements at most before it casts them to floats.
    Casts,
    /// The same, or takes them for quantised floats.
    Dequantises,
    /// Computes with whole numbers.
    Computes,
}

/// The model with its picture input as 32-bit floats, channels first, and that input's name.
///
/// Channels that come last are put there by a Transpose in front. Of a whole-number input the type is changed where the
/// model itself casts it to floats: gradients then go to what that Cast makes. Where the model takes it for quantised
/// floats, a QuantizeLinear of step 1 in front makes the whole numbers, through which gradients pass straight. Where the
/// model computes with whole numbers, a Cast does, through which none pass.
pub fn float_picture(model: &Model, input: &str, channels_last: bool) -> Result<(Model, String), OnnxError> {
    let graph = model.graph();
    let Some(info) = graph.inputs.iter().find(|info| info.name == input) else {
        return Ok((model.clone(), input.to_owned()));
    };
    let float = info.elem == DataType::Float;
    let uses = if float { Uses::Casts } else { uses(graph, input) };
    if float && !channels_last {
        return Ok((model.clone(), input.to_owned()));
    }
    let mut shape = info.shape.clone();
    if channels_last && shape.len() == 4 {
        shape[1..].rotate_right(1);
    }
    let mut builder = GraphBuilder::beside(graph, "lensor/");
    let taken = if uses != Uses::Casts || channels_last { builder.fresh("picture") } else { input.to_owned() };
    builder.input(&taken, DataType::Float, &shape);
    let perm = [("perm", Attr::Ints(&[0, 2, 3, 1]))];
    let turned = match (channels_last, uses) {
        (true, Uses::Casts) => {
            builder.named_node("Transpose", &[&taken], &[input], &perm);
            String::new()
        }
        (true, _) => builder.node("Transpose", &[&taken], &perm),
        (false, _) => taken.clone(),
    };
    match uses {
        Uses::Casts => {}
        Uses::Dequantises if model.opset() >= QUANTIZE_OPSET => {
            let (step, zero) = (builder.scalar(1.0), builder.fresh("zero"));
            builder.named_constant(&zero, &[], info.elem, vec![0]);
            builder.named_node("QuantizeLinear", &[&turned, &step, &zero], &[input], &[]);
        }
        _ => builder.named_node("Cast", &[&turned], &[input], &[("to", Attr::Int(info.elem as i64))]),
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
    let folder = model.beside().clone();
    Ok((Model::from_bytes(prepend(&bytes, builder.finish()), folder)?, taken))
}

fn uses(graph: &Graph, tensor: &str) -> Uses {
    let captures = |node: &Node| node.captured.iter().any(|name| name == tensor);
    if graph.nodes.iter().any(captures) {
        return Uses::Computes;
    }
    let (mut open, mut uses) = (vec![tensor], Uses::Casts);
    while let Some(name) = open.pop() {
        for node in graph.consumers(name).iter().filter_map(|index| graph.nodes.get(*index)) {
            let first = node.input(0) == Some(name);
            match node.op_type.as_str() {
                op if MOVES.contains(&op) && first => open.push(node.output()),
                "Cast" if matches!(node.attr_int("to"), Some(1 | 10 | 11 | 16)) => {}
                "Shape" => {}
                "DequantizeLinear" if first => uses = Uses::Dequantises,
                _ => return Uses::Computes,
            }
        }
    }
    uses
}
