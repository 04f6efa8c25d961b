//! Arithmetic with broadcasting: the gradient of a stretched operand is summed over what it was stretched along.

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use super::super::formula::Formula;
use crate::onnx::Node;

fn operands(node: &Node) -> Result<(&str, &str), AutodiffError> {
    node.input(0).zip(node.input(1)).ok_or_else(|| no_rule(node, "it does not have two inputs"))
}

/// y = a + b + …: Add, Sum.
pub(super) fn sum(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    for operand in &node.inputs {
        backward.send_unbroadcast(node, operand, gradient)?;
    }
    Ok(())
}

/// y = (a + b + …) / n.
pub(super) fn mean(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let share = backward.write(&(Formula::tensor(gradient) / node.inputs.len() as f32));
    sum(backward, node, &share)
}

/// y = a − b.
pub(super) fn sub(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (a, b) = operands(node)?;
    backward.send_unbroadcast(node, a, gradient)?;
    if backward.wants(b) {
        let negative = backward.emit("Neg", &[gradient], &[]);
        backward.send_unbroadcast(node, b, &negative)?;
    }
    Ok(())
}

/// y = a · b.
pub(super) fn mul(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (a, b) = operands(node)?;
    let gates = |(x, gate): &(&str, &str)| {
        let sigmoid = backward.producer(gate).filter(|node| node.op_type == "Sigmoid" && node.domain.is_empty());
        sigmoid.is_some_and(|sigmoid| sigmoid.input(0) == Some(x)) && backward.is_between(gate)
    };
    if let Some((x, gate)) = [(a, b), (b, a)].into_iter().find(gates) {
        // y = x σ(x), so that y′ = σ + y (1 − σ): fewer passes than by two ways.
        let (gate, y) = (Formula::tensor(gate), Formula::tensor(node.output()));
        let slope = gate.clone() + y * gate.hard_sigmoid(-1.0, 1.0);
        let passed = backward.write(&(Formula::tensor(gradient) * slope));
        backward.send(x, passed);
        return Ok(());
    }
    for (operand, other) in [(a, b), (b, a)] {
        if backward.wants(operand) {
            let product = backward.emit("Mul", &[gradient, other], &[]);
            backward.send_unbroadcast(node, operand, &product)?;
        }
    }
    Ok(())
}

/// y = a / b: 1 / b to a, −y / b to b.
pub(super) fn div(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (a, b) = operands(node)?;
    let quotient = backward.emit("Div", &[gradient, b], &[]);
    backward.send_unbroadcast(node, a, &quotient)?;
    if backward.wants(b) {
        let negative = backward.write(&-(Formula::tensor(&quotient) * Formula::tensor(node.output())));
        backward.send_unbroadcast(node, b, &negative)?;
    }
    Ok(())
}

/// y = a ^ b: b · a ^ (b − 1) to a, y · ln a to b. The exponent may be of an integer type.
pub(super) fn pow(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (a, b) = operands(node)?;
    let (gradient, base) = (Formula::tensor(gradient), Formula::tensor(a));
    if backward.wants(a) {
        let exponent = Formula::tensor(b).float();
        let passed = backward.write(&(gradient.clone() * exponent.clone() * base.with("Pow", exponent - 1.0)));
        backward.send_unbroadcast(node, a, &passed)?;
    }
    if backward.wants(b) {
        let passed = backward.write(&(gradient * Formula::tensor(node.output()) * base.map("Log")));
        backward.send_unbroadcast(node, b, &passed)?;
    }
    Ok(())
}
