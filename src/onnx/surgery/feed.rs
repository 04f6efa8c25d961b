//! Feeding an inner tensor: what comes after it, asked about values that the graph itself would not compute.

use super::super::build::GraphBuilder;
use super::super::graph::Dim;
use super::super::proto::DataType;
use super::super::wire::{self, Edit};
use super::super::{Model, OnnxError};
use super::{cut, field};

/// The model that computes `output` with `tensor` as a further input of this shape, 32-bit floats, instead of making it.
/// What made it stays only where `output` needs that too.
pub fn feed(model: &Model, tensor: &str, shape: &[Dim], output: &str) -> Result<Model, OnnxError> {
    let graph = model.graph();
    let Some(producer) = graph.producer(tensor) else {
        return Err(OnnxError::BrokenGraph { reason: format!("no node makes `{tensor}`, so it cannot be replaced") });
    };
    let mut builder = GraphBuilder::beside(graph, "lensor/replaced/");
    let replaced = builder.fresh("");
    builder.input(tensor, DataType::Float, shape);
    let mut index = 0;
    let bytes = wire::edit_at(model.bytes(), &[field::MODEL_GRAPH], &mut |part| {
        index += usize::from(part.number == field::GRAPH_NODE);
        if part.number != field::GRAPH_NODE || index != producer.index + 1 {
            return Ok(Edit::Keep);
        }
        let renamed = wire::rewrite(part.content, |part| {
            let made_here = part.number == field::NODE_OUTPUT && part.content == tensor.as_bytes();
            Ok(if made_here { Edit::Replace(replaced.clone().into_bytes()) } else { Edit::Keep })
        })?;
        Ok(Edit::Replace(renamed))
    })?;
    let fed = Model::from_bytes(super::super::append(&bytes, builder.finish()), model.beside().clone())?;
    cut(&fed, &[output])
}
