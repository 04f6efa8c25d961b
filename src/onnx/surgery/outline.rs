//! A model without its weights: what is left decides the shapes of all tensors.

use super::super::build::GraphBuilder;
use super::super::graph::Dim;
use super::super::proto::{DataType, TensorProto};
use super::super::wire::{self, Edit};
use super::super::{Model, OnnxError, append, beside};
use super::field;

/// The bytes of a model that is not meant to be run: its picture input has this very shape, its large constants of floats
/// are inputs, since no shape depends on their elements, its only outputs are those of `addition`, and of its nodes it has
/// those that `keeps` says, by their positions; what they need of the others `addition` gives.
pub fn outline(
    model: &Model,
    input: &str,
    shape: &[usize],
    keeps: &dyn Fn(usize) -> bool,
    mut addition: GraphBuilder,
) -> Result<Vec<u8>, OnnxError> {
    let graph = model.graph();
    let large = |name: Option<&[u8]>| -> Option<&TensorProto> {
        let tensor = graph.initializer(std::str::from_utf8(name?).ok()?)?;
        let count = tensor.dims.iter().try_fold(1usize, |n, size| n.checked_mul(usize::try_from(*size).ok()?))?;
        let worth = tensor.data_type == DataType::Float as i32 && beside::worth(count.saturating_mul(size_of::<f32>()));
        worth.then_some(tensor)
    };
    let fixed = |sizes: &mut dyn Iterator<Item = usize>| sizes.map(Dim::Fixed).collect::<Vec<_>>();
    addition.input(input, DataType::Float, &fixed(&mut shape.iter().copied()));
    let mut index = 0;
    let bytes = wire::edit_at(model.bytes(), &[field::MODEL_GRAPH], &mut |part| match part.number {
        field::GRAPH_NODE => {
            index += 1;
            Ok(if keeps(index - 1) { Edit::Keep } else { Edit::Drop })
        }
        field::GRAPH_INITIALIZER => {
            let Some(tensor) = large(wire::content_of(part.content, field::TENSOR_NAME)?) else {
                return Ok(Edit::Keep);
            };
            let sizes = &mut tensor.dims.iter().filter_map(|size| usize::try_from(*size).ok());
            addition.input(&tensor.name, DataType::Float, &fixed(sizes));
            Ok(Edit::Drop)
        }
        field::GRAPH_INPUT => {
            let name = wire::content_of(part.content, field::NAME)?;
            let again = name == Some(input.as_bytes()) || large(name).is_some();
            Ok(if again { Edit::Drop } else { Edit::Keep })
        }
        // What the file says of inner tensors need not be so.
        field::GRAPH_OUTPUT | field::GRAPH_VALUE_INFO => Ok(Edit::Drop),
        _ => Ok(Edit::Keep),
    })?;
    Ok(append(&bytes, addition.finish()))
}
