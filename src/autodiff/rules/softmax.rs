//! Softmax and its logarithm along one axis.

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use super::super::formula::Formula;
use crate::onnx::Node;
use crate::onnx::build::Attr;

/// y = softmax(x): y ⊙ (g − Σ g·y). Opset 13 and newer: one axis.
pub(super) fn softmax(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let x = node.input(0).ok_or_else(|| no_rule(node, "it has no input"))?;
    let passed = through_softmax(backward, gradient, node.output(), node.attr_int("axis").unwrap_or(-1));
    backward.send(x, passed);
    Ok(())
}

/// y = x − ln Σ eˣ: g − eʸ Σ g. Opset 13 and newer: one axis.
pub(super) fn log_softmax(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let x = node.input(0).ok_or_else(|| no_rule(node, "it has no input"))?;
    let axis = Formula::tensor(&backward.builder.ints(&[node.attr_int("axis").unwrap_or(-1)]));
    let (g, y) = (Formula::tensor(gradient), Formula::tensor(node.output()));
    let passed = backward.write(&(g.clone() - y.map("Exp") * g.sum(&axis)));
    backward.send(x, passed);
    Ok(())
}

/// The gradient `g` of a softmax's output `y` passed on to its input.
pub(in super::super) fn through_softmax(backward: &mut Backward, g: &str, y: &str, axis: i64) -> String {
    let axes = backward.builder.ints(&[axis]);
    let weighted = backward.emit("Mul", &[g, y], &[]);
    let sum = backward.emit("ReduceSum", &[&weighted, &axes], &[("keepdims", Attr::Int(1))]);
    let centred = backward.emit("Sub", &[g, &sum], &[]);
    backward.emit("Mul", &[y, &centred], &[])
}
