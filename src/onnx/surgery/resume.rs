//! Going on from some tensors: they are fed, and only what comes after them is computed.

use super::super::build::GraphBuilder;
use super::super::graph::Dim;
use super::super::proto::DataType;
use super::super::{Model, OnnxError};
use super::cut::keep;

/// The model that computes `outputs` from these tensors, each of this type and shape, which are inputs instead of being
/// made. Those that `outputs` do not need are left out.
pub fn resume(model: &Model, given: &[(&str, DataType, &[usize])], outputs: &[&str]) -> Result<Model, OnnxError> {
    let names: Vec<&str> = given.iter().map(|(name, ..)| *name).collect();
    let (bytes, used) = keep(model, outputs, &names)?;
    let mut builder = GraphBuilder::new("");
    let declared = |name: &str| model.graph().inputs.iter().any(|input| input.name == name);
    for (name, element, shape) in given.iter().filter(|(name, ..)| used.contains(name) && !declared(name)) {
        let shape: Vec<Dim> = shape.iter().map(|size| Dim::Fixed(*size)).collect();
        builder.input(name, *element, &shape);
    }
    outputs.iter().for_each(|output| builder.output(output));
    Model::from_bytes(super::super::append(&bytes, builder.finish()), model.beside().clone())
}
