//! Freeing the height and width that the exporter fixed, so that a convolutional part can be run on smaller pictures.

use super::super::wire::{self, Edit};
use super::super::{Model, OnnxError};
use super::{field, free_axes};

/// The model with the last two axes of its picture input `[batch, channels, height, width]` set free. A graph can depend
/// on its size in other ways, so that the result has to be tried before it is relied upon.
pub fn free_size(model: &Model, input: &str) -> Result<Model, OnnxError> {
    let bytes = wire::edit_at(model.bytes(), &[field::MODEL_GRAPH], &mut |part| match part.number {
        field::GRAPH_INPUT if wire::content_of(part.content, field::NAME)? == Some(input.as_bytes()) => {
            free_axes(part.content, &[(2, "height"), (3, "width")]).map(Edit::Replace)
        }
        // Shapes that the exporter inferred for inner tensors would contradict the freed axes.
        field::GRAPH_VALUE_INFO => Ok(Edit::Drop),
        _ => Ok(Edit::Keep),
    })?;
    Model::from_bytes(bytes, model.beside().clone())
}
