//! Gradients summed over the pictures of a batch.
//!
//! Where all that is left of the way back is linear and the same for every picture, the sum may be taken first and the rest
//! done once: the transposed first convolution of a network is the dearest step of its backward pass.

use std::collections::HashSet;

use super::Observations;
use super::backward::Backward;
use crate::onnx::Graph;
use crate::onnx::build::Attr;

/// The tensors that are linear in `sources`, up to a constant, in the same way for every picture: `sources` and what such
/// nodes make of them, the batch always being the first axis.
pub(super) fn linear<'a>(graph: &'a Graph, observations: &Observations, sources: &[&'a str]) -> HashSet<&'a str> {
    let batch = |tensor: &str| observations.get(tensor).and_then(|observed| observed.batch);
    let mut linear: HashSet<&str> = sources.iter().copied().filter(|source| batch(source) == Some(0)).collect();
    for node in graph.nodes.iter().filter(|node| node.domain.is_empty()) {
        let operand = match node.op_type.as_str() {
            "BatchNormalization" | "Conv" | "Div" | "Identity" => Some(0),
            "Add" | "Mul" | "Sub" => node.inputs.iter().position(|input| linear.contains(input.as_str())),
            "Transpose" if node.attr_ints("perm").is_some_and(|order| order.first() == Some(&0)) => Some(0),
            _ => None,
        };
        let fixed = |(at, input): (usize, &String)| {
            let known = || graph.is_constant(input) || observations.get(input).is_some_and(|o| o.value.is_some());
            Some(at) == operand || input.is_empty() || known() && batch(input).is_none()
        };
        let from_linear = operand.and_then(|at| node.input(at)).is_some_and(|input| linear.contains(input));
        if from_linear && node.inputs.iter().enumerate().all(fixed) && batch(node.output()) == Some(0) {
            linear.insert(node.output());
        }
    }
    linear
}

/// A gradient summed over its first axis, which stays.
pub(super) fn over_pictures(backward: &mut Backward, gradient: &str) -> String {
    let first = backward.builder.ints(&[0]);
    backward.emit("ReduceSum", &[gradient, &first], &[("keepdims", Attr::Int(1))])
}
