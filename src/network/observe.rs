//! One look at a model while it runs: the shape of every tensor, and the elements of those that no picture changes.
//!
//! Owns the graph additions that tell. Must not know what the observations are used for.

use std::collections::{HashMap, HashSet};

use ndarray::{ArrayD, IxDyn};

use crate::autodiff::{Observations, Observed};
use crate::engine::{Cancel, Effort, ElementType, Engine, EngineError, Session, Value};
use crate::onnx::build::GraphBuilder;
use crate::onnx::{DataType, Graph, Model, Node, tap};

mod infer;

pub(super) use infer::LOOPS;
pub use infer::infer;

/// Runs the model on zeros, once with a batch of `shape` and, where it takes that, once with one picture more: the axis
/// whose size differs is the batch's. `input` is the name of the picture input and `shape` its shape `[batch, C, H, W]`.
pub fn observe(model: &Model, engine: &dyn Engine, input: &str, shape: &[usize]) -> Result<Observations, EngineError> {
    let graph = model.graph();
    let plan = Plan::new(graph);
    let mut builder = GraphBuilder::beside(graph, "lensor/");
    let mut shapes = HashMap::new();
    for tensor in &plan.tensors {
        let name = builder.node("Shape", &[tensor], &[]);
        builder.output(&name);
        shapes.insert(*tensor, name);
    }
    let outputs = |tensor: &&&str| !graph.outputs.iter().any(|output| output.name == ***tensor);
    plan.fixed.iter().filter(outputs).for_each(|tensor| builder.output(tensor));
    let mut session = engine.load(&model.extended(builder.finish()), model.beside(), Effort::Light)?;
    let mut run = |batch: usize, extra: &[&str]| -> Result<Vec<Value>, EngineError> {
        let names: Vec<&str> = plan.tensors.iter().map(|t| shapes[t].as_str()).chain(extra.iter().copied()).collect();
        run_on_zeros(session.as_mut(), input, shape, batch, &names, &Cancel::new())
    };
    let fixed = plan.fixed.to_vec();
    let batch = shape.first().copied().unwrap_or(1);
    let mut single = run(batch, &fixed)?;
    let values = single.split_off(plan.tensors.len());
    let double = run(batch + 1, &[]).ok();
    let mut observations = Observations::with_capacity(plan.tensors.len());
    for (index, tensor) in plan.tensors.iter().enumerate() {
        let shape = sizes(&single[index]);
        let batch =
            double.as_ref().and_then(|double| sizes(&double[index]).iter().zip(&shape).position(|(a, b)| a != b));
        observations
            .insert((*tensor).to_owned(), Observed { shape, batch, element: plan.elements[tensor], value: None });
    }
    for (tensor, value) in fixed.into_iter().zip(values) {
        if let Some(observed) = observations.get_mut(tensor) {
            observed.element = value.element_type();
            observed.value = Some(value);
        }
    }
    Ok(observations)
}

/// The elements of tensors that are the same for every picture, and for one picture more where the model takes that; `None`
/// for the others. The arguments are those
/// of [`observe`].
pub(super) fn fixed(
    model: &Model,
    engine: &dyn Engine,
    input: &str,
    shape: &[usize],
    tensors: &[&str],
    cancel: &Cancel,
) -> Result<Vec<Option<Value>>, EngineError> {
    let plan = Plan::new(model.graph());
    let fixed: Vec<&str> = tensors.iter().copied().filter(|tensor| plan.fixed.contains(tensor)).collect();
    let mut session = engine.load(&tap::expose(model, &fixed), model.beside(), Effort::None)?;
    let mut run = |batch: usize| run_on_zeros(session.as_mut(), input, shape, batch, &fixed, cancel);
    let batch = shape.first().copied().unwrap_or(1);
    let (single, double) = (run(batch)?, run(batch + 1).ok());
    let same = |at: usize| double.as_ref().is_none_or(|double| double.get(at) == single.get(at));
    let value = |tensor: &&str| {
        let at = fixed.iter().position(|each| each == tensor).filter(|at| same(*at))?;
        single.get(at).cloned()
    };
    Ok(tensors.iter().map(value).collect())
}

fn run_on_zeros(
    session: &mut dyn Session,
    input: &str,
    shape: &[usize],
    batch: usize,
    outputs: &[&str],
    cancel: &Cancel,
) -> Result<Vec<Value>, EngineError> {
    let mut shape = shape.to_vec();
    shape.iter_mut().take(1).for_each(|size| *size = batch);
    let zeros = Value::F32(ArrayD::zeros(IxDyn(&shape)));
    session.run(&[(input, &zeros)], outputs, cancel)
}

fn sizes(shape: &Value) -> Vec<usize> {
    match shape {
        Value::I64(sizes) => sizes.iter().map(|size| usize::try_from(*size).unwrap_or(0)).collect(),
        _ => Vec::new(),
    }
}

/// What to ask the model for.
struct Plan<'a> {
    /// Inputs and everything that nodes make, in graph order.
    tensors: Vec<&'a str>,
    /// Those among them that are computed from constants and shapes only.
    fixed: Vec<&'a str>,
    elements: HashMap<&'a str, ElementType>,
    /// What is computed from a picture.
    varies: HashSet<&'a str>,
}

impl<'a> Plan<'a> {
    fn new(graph: &'a Graph) -> Self {
        let mut tensors: Vec<&str> = graph.inputs.iter().map(|input| input.name.as_str()).collect();
        let mut elements: HashMap<&str, ElementType> =
            graph.inputs.iter().map(|input| (input.name.as_str(), element(input.elem))).collect();
        let mut varies: HashSet<&str> = tensors.iter().copied().collect();
        let mut fixed = Vec::new();
        for node in &graph.nodes {
            let is_fixed = matches!(node.op_type.as_str(), "Shape" | "Size")
                || !node.uses().any(|name| varies.contains(name)) && !node.op_type.starts_with("Random");
            // A sequence is no tensor; what is taken from it is one.
            if node.op_type.contains("Sequence")
                && !matches!(node.op_type.as_str(), "SequenceAt" | "ConcatFromSequence")
            {
                varies.extend(node.outputs.iter().map(String::as_str).filter(|_| !is_fixed));
                continue;
            }
            for (index, output) in node.outputs.iter().enumerate().filter(|(_, output)| !output.is_empty()) {
                tensors.push(output);
                elements.insert(output, element_of(graph, node, index, &elements));
                if is_fixed {
                    // What the file stores is read from there, and 8-bit weights are of no use as they are.
                    if !graph.is_constant(output) && node.op_type != "QuantizeLinear" {
                        fixed.push(output.as_str());
                    }
                } else {
                    varies.insert(output);
                }
            }
        }
        Self { tensors, fixed, elements, varies }
    }
}

fn element(elem: DataType) -> ElementType {
    match elem {
        DataType::Double => ElementType::F64,
        DataType::Int64 => ElementType::I64,
        DataType::Int32 => ElementType::I32,
        DataType::Uint8 => ElementType::U8,
        DataType::Bool => ElementType::Bool,
        _ => ElementType::F32,
    }
}

/// A type of elements, as a model declares it.
pub(super) fn data_type(element: ElementType) -> DataType {
    match element {
        ElementType::F32 => DataType::Float,
        ElementType::F64 => DataType::Double,
        ElementType::I64 => DataType::Int64,
        ElementType::I32 => DataType::Int32,
        ElementType::U8 => DataType::Uint8,
        ElementType::Bool => DataType::Bool,
    }
}

/// Element type of a node's output, as the operator's definition gives it.
fn element_of(graph: &Graph, node: &Node, output: usize, known: &HashMap<&str, ElementType>) -> ElementType {
    let of_input = |index: usize| {
        let name = node.input(index)?;
        known.get(name).copied().or_else(|| graph.constant(name).map(|tensor| element(tensor.data_type())))
    };
    match (node.op_type.as_str(), output) {
        ("MaxPool", 1) | ("ArgMax" | "ArgMin" | "NonZero" | "Shape" | "Size", _) | ("TopK", 1) => ElementType::I64,
        ("Dropout", 1) => ElementType::Bool,
        (
            "And" | "Equal" | "Greater" | "GreaterOrEqual" | "IsInf" | "IsNaN" | "Less" | "LessOrEqual" | "Not" | "Or",
            _,
        ) => ElementType::Bool,
        ("Cast", _) => {
            let to = node.attr_int("to").and_then(|to| DataType::try_from(to as i32).ok());
            to.map_or(ElementType::F32, element)
        }
        ("Constant", _) => node.attr_tensor("value").map_or(ElementType::F32, |tensor| element(tensor.data_type())),
        ("CastLike" | "Where", _) => of_input(1).unwrap_or(ElementType::F32),
        _ => of_input(0).unwrap_or(ElementType::F32),
    }
}
