//! Add, Sub, Mul, Div with broadcasting: the gradient of a stretched operand is summed over what it was stretched along.

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use crate::onnx::Node;

fn operands(node: &Node) -> Result<(&str, &str), AutodiffError> {
    node.input(0).zip(node.input(1)).ok_or_else(|| no_rule(node, "it does not have two inputs"))
}

fn send(backward: &mut Backward, node: &Node, operand: &str, gradient: &str) -> Result<(), AutodiffError> {
    let gradient = backward.unbroadcast(gradient, node.output(), operand)?;
    backward.send(operand, gradient);
    Ok(())
}

/// y = a + b.
pub(super) fn add(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (a, b) = operands(node)?;
    for operand in [a, b] {
        if backward.wants(operand) {
            send(backward, node, operand, gradient)?;
        }
    }
    Ok(())
}

/// y = a − b.
pub(super) fn sub(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (a, b) = operands(node)?;
    if backward.wants(a) {
        send(backward, node, a, gradient)?;
    }
    if backward.wants(b) {
        let negative = backward.emit("Neg", &[gradient], &[]);
        send(backward, node, b, &negative)?;
    }
    Ok(())
}

/// y = a · b.
pub(super) fn mul(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (a, b) = operands(node)?;
    for (operand, other) in [(a, b), (b, a)] {
        if backward.wants(operand) {
            let product = backward.emit("Mul", &[gradient, other], &[]);
            send(backward, node, operand, &product)?;
        }
    }
    Ok(())
}

/// y = a / b: 1 / b to a, −y / b to b.
pub(super) fn div(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (a, b) = operands(node)?;
    let quotient = backward.emit("Div", &[gradient, b], &[]);
    if backward.wants(a) {
        send(backward, node, a, &quotient)?;
    }
    if backward.wants(b) {
        let product = backward.emit("Mul", &[&quotient, node.output()], &[]);
        let negative = backward.emit("Neg", &[&product], &[]);
        send(backward, node, b, &negative)?;
    }
    Ok(())
}
