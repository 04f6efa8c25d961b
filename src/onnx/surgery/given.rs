//! Constants as inputs.

use std::collections::HashSet;

use super::super::build::GraphBuilder;
use super::super::graph::Dim;
use super::super::proto::DataType;
use super::super::wire::{self, Edit};
use super::super::{OnnxError, append};
use super::field;

/// The bytes of a model of whose constants these, of this name and shape, are inputs of 32-bit floats.
pub fn given<'a>(
    model: &[u8],
    constants: impl Iterator<Item = (&'a str, &'a [usize])> + Clone,
) -> Result<Vec<u8>, OnnxError> {
    let names: HashSet<&[u8]> = constants.clone().map(|(name, _)| name.as_bytes()).collect();
    let bytes = wire::edit_at(model, &[field::MODEL_GRAPH], &mut |part| {
        let name = match part.number {
            field::GRAPH_INITIALIZER => wire::content_of(part.content, field::TENSOR_NAME)?,
            // In old files a constant is an input too.
            field::GRAPH_INPUT => wire::content_of(part.content, field::NAME)?,
            _ => None,
        };
        Ok(if name.is_some_and(|name| names.contains(name)) { Edit::Drop } else { Edit::Keep })
    })?;
    let mut builder = GraphBuilder::new("");
    for (name, shape) in constants {
        let shape: Vec<Dim> = shape.iter().map(|size| Dim::Fixed(*size)).collect();
        builder.input(name, DataType::Float, &shape);
    }
    Ok(append(&bytes, builder.finish()))
}
