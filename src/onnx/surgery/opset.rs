//! Raising the opset of an old model, so that newer operators can be added to it.
//!
//! Knows what changed in the operators of image classifiers from opset 7 to 17: attributes that became inputs, Softmax,
//! which once flattened its input, and Upsample, which became Resize. A node whose operator is not known to mean the same is an error.

use std::collections::HashMap;

use ndarray::arr0;

use super::super::build::{Attr, GraphBuilder, attribute_bytes};
use super::super::graph::Node;
use super::super::wire::{self, Edit};
use super::super::{Model, OnnxError};
use super::field;

/// Oldest opset that can be raised: before it, broadcasting was another.
const OLDEST: i64 = 7;

/// ONNX IR version that goes with opset 16; from version 4 on, constants need not be graph inputs.
const IR_VERSION: u64 = 8;

/// Operators whose meaning only widened between opset 7 and 17.
const UNCHANGED: [&str; 97] = [
    "Abs",
    "Add",
    "And",
    "ArgMax",
    "ArgMin",
    "AveragePool",
    "Cast",
    "Ceil",
    "Celu",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "ConvTranspose",
    "Cos",
    "CumSum",
    "DepthToSpace",
    "DequantizeLinear",
    "Div",
    "Einsum",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Expand",
    "Flatten",
    "Floor",
    "Gather",
    "GatherElements",
    "GatherND",
    "Gemm",
    "GlobalAveragePool",
    "GlobalLpPool",
    "GlobalMaxPool",
    "Greater",
    "GreaterOrEqual",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "InstanceNormalization",
    "IsInf",
    "IsNaN",
    "LRN",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "LpNormalization",
    "LpPool",
    "MatMul",
    "Max",
    "MaxPool",
    "Mean",
    "Min",
    "Mod",
    "Mul",
    "Neg",
    "NonZero",
    "Not",
    "Or",
    "PRelu",
    "Pow",
    "QuantizeLinear",
    "Range",
    "Reciprocal",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSumSquare",
    "Relu",
    "Reshape",
    "Round",
    "ScatterElements",
    "ScatterND",
    "Selu",
    "Shape",
    "Sigmoid",
    "Sign",
    "Sin",
    "Size",
    "Softplus",
    "Softsign",
    "SpaceToDepth",
    "Sqrt",
    "Sub",
    "Sum",
    "Tanh",
    "ThresholdedRelu",
    "Tile",
    "Transpose",
    "Where",
    "Xor",
];

/// What becomes of a node.
#[derive(Default)]
struct Change {
    /// Attributes that go.
    drop: &'static [&'static str],
    /// Inputs that come after those that stay.
    inputs: Vec<String>,
    /// Attributes that come.
    attributes: Vec<(&'static str, Attr<'static>)>,
    /// Whether the node becomes a Resize, of whose inputs only the first stays.
    resize: bool,
}

/// The model at an opset of at least `to` (at most 17). `shape_of` gives the shape of a tensor where it is known. Fails
/// where an operator is not known to mean the same at the higher opset.
pub fn raise_opset(model: &Model, to: i64, shape_of: &dyn Fn(&str) -> Option<Vec<usize>>) -> Result<Model, OnnxError> {
    let from = model.opset();
    if from >= to {
        return Ok(model.clone());
    }
    let graph = model.graph();
    let mut builder = GraphBuilder::beside(graph, "lensor/raised/");
    let mut changes = HashMap::new();
    for node in graph.nodes.iter().filter(|node| node.domain.is_empty()) {
        let change = change(node, from, &mut builder, shape_of).filter(|_| from >= OLDEST);
        let too_low = || OnnxError::OpsetTooLow { from, to, node: node.name.clone(), op: node.op_type.clone() };
        changes.insert(node.index, change.ok_or_else(too_low)?);
    }
    let mut index = 0;
    let bytes = wire::edit_at(model.bytes(), &[field::MODEL_GRAPH], &mut |part| match part.number {
        field::GRAPH_NODE => {
            index += 1;
            match changes.get(&(index - 1)) {
                Some(change) => apply(part.content, change).map(Edit::Replace),
                None => Ok(Edit::Keep),
            }
        }
        // Since IR version 4 a constant that is also an input counts as changeable, which keeps the runtime from folding it.
        field::GRAPH_INPUT => {
            let name = wire::content_of(part.content, field::NAME)?.and_then(|name| std::str::from_utf8(name).ok());
            let constant = name.is_some_and(|name| graph.initializer(name).is_some());
            Ok(if constant { Edit::Drop } else { Edit::Keep })
        }
        _ => Ok(Edit::Keep),
    })?;
    let mut bytes = wire::rewrite(&bytes, |part| {
        let standard = || {
            Ok::<_, OnnxError>(matches!(wire::content_of(part.content, field::NAME)?, None | Some(b"" | b"ai.onnx")))
        };
        Ok(match part.number {
            field::MODEL_IR_VERSION => Edit::Drop,
            field::MODEL_OPSET if standard()? => Edit::Drop,
            _ => Edit::Keep,
        })
    })?;
    wire::push_varint(&mut bytes, field::MODEL_IR_VERSION, IR_VERSION);
    let mut opset = Vec::new();
    wire::push_varint(&mut opset, 2, to as u64);
    wire::push(&mut bytes, field::MODEL_OPSET, &opset);
    Model::from_bytes(super::super::append(&bytes, builder.finish()), model.beside().clone())
}

/// What has to change in a node of opset `from`; `None` where its meaning would differ.
fn change(
    node: &Node,
    from: i64,
    builder: &mut GraphBuilder,
    shape_of: &dyn Fn(&str) -> Option<Vec<usize>>,
) -> Option<Change> {
    let mut ints = |name: &str| node.attr_ints(name).map(|list| builder.ints(list)).unwrap_or_default();
    Some(match node.op_type.as_str() {
        "Clip" if from < 11 => {
            let bounds = [("min", f32::MIN), ("max", f32::MAX)];
            let inputs = bounds.map(|(name, none)| builder.floats(arr0(node.attr_float(name).unwrap_or(none)).view()));
            Change { drop: &["min", "max"], inputs: inputs.to_vec(), ..Change::default() }
        }
        "Pad" if from < 11 => {
            let pads = ints("pads");
            let inputs = vec![pads, builder.scalar(node.attr_float("value").unwrap_or(0.0))];
            Change { drop: &["pads", "value"], inputs, ..Change::default() }
        }
        "Slice" if from < 10 => {
            let mut inputs = vec![ints("starts"), ints("ends"), ints("axes")];
            inputs.retain(|name| !name.is_empty());
            Change { drop: &["starts", "ends", "axes"], inputs, ..Change::default() }
        }
        "Squeeze" | "Unsqueeze" | "ReduceSum" if from < 13 => match node.attr_ints("axes") {
            Some(_) => Change { drop: &["axes"], inputs: vec![ints("axes")], ..Change::default() },
            None => Change::default(),
        },
        "Split" if from < 13 => match node.attr_ints("split") {
            Some(_) => Change { drop: &["split"], inputs: vec![ints("split")], ..Change::default() },
            None => Change::default(),
        },
        // Both laid the output's grid onto the input by its corner and took the neighbour below.
        "Upsample" | "Resize" if from < 11 => {
            let scales = match (node.input(1), node.attr_floats("scales")) {
                (Some(scales), _) => scales.to_owned(),
                (None, scales) => builder.floats(ndarray::aview1(scales?)),
            };
            let corner = ("coordinate_transformation_mode", Attr::Text("asymmetric"));
            let attributes = vec![corner, ("nearest_mode", Attr::Text("floor"))];
            Change { drop: &["scales"], inputs: vec![String::new(), scales], attributes, resize: true }
        }
        "Dropout" if from < 12 => Change { drop: &["ratio"], ..Change::default() },
        "BatchNormalization" if node.outputs.len() == 1 && node.attr_int("spatial").unwrap_or(1) == 1 => {
            Change { drop: &["spatial"], ..Change::default() }
        }
        "Softmax" | "LogSoftmax" if from < 13 => {
            let shape = shape_of(node.input(0)?)?;
            let axis = node.attr_int("axis").unwrap_or(1);
            let axis = usize::try_from(if axis < 0 { axis + shape.len() as i64 } else { axis }).ok()?;
            let rest = shape.get(axis + 1..)?;
            rest.iter().all(|size| *size == 1).then_some(())?;
            Change { drop: &["axis"], attributes: vec![("axis", Attr::Int(axis as i64))], ..Change::default() }
        }
        "Clip" | "Pad" | "Slice" | "Squeeze" | "Unsqueeze" | "ReduceSum" | "Split" | "Dropout" | "Softmax"
        | "LogSoftmax" | "Resize" => Change::default(),
        op if UNCHANGED.contains(&op) => Change::default(),
        _ => return None,
    })
}

fn apply(node: &[u8], change: &Change) -> Result<Vec<u8>, OnnxError> {
    let mut inputs = 0;
    let mut node = wire::rewrite(node, |part| {
        inputs += usize::from(part.number == field::NODE_INPUT);
        let name = match part.number {
            field::NODE_ATTRIBUTE => wire::content_of(part.content, field::NAME)?,
            _ => None,
        };
        let dropped = name.is_some_and(|name| change.drop.iter().any(|drop| drop.as_bytes() == name));
        Ok(match part.number {
            field::NODE_INPUT if change.resize && inputs > 1 => Edit::Drop,
            field::NODE_OPERATOR if change.resize => Edit::Replace(b"Resize".to_vec()),
            _ if dropped => Edit::Drop,
            _ => Edit::Keep,
        })
    })?;
    change.inputs.iter().for_each(|input| wire::push(&mut node, field::NODE_INPUT, input.as_bytes()));
    for (name, value) in &change.attributes {
        wire::push(&mut node, field::NODE_ATTRIBUTE, &attribute_bytes(name, *value));
    }
    Ok(node)
}
