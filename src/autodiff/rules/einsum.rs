//! Einstein sums: the gradient of an operand is the sum with that operand's indices and the output's exchanged.

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use crate::onnx::Node;
use crate::onnx::build::Attr;

/// y = Σ a b …, as the equation says.
pub(super) fn einsum(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let equation: String = node.attr_string("equation").unwrap_or_default().split_whitespace().collect();
    let no_rule = |reason: &str| no_rule(node, format!("its equation {equation} {reason}"));
    let (left, output) = equation.split_once("->").ok_or_else(|| no_rule("does not name its output"))?;
    let terms: Vec<&str> = left.split(',').collect();
    if terms.len() != node.inputs.len() || equation.contains('.') {
        return Err(no_rule("has no rule"));
    }
    for (at, (input, term)) in node.inputs.iter().zip(&terms).enumerate().filter(|(_, (input, _))| !input.is_empty()) {
        if !backward.wants(input) {
            continue;
        }
        let (mut known, mut tensors) = (vec![output], vec![gradient]);
        for (other, (name, term)) in node.inputs.iter().zip(&terms).enumerate() {
            if other != at {
                known.push(term);
                tensors.push(name);
            }
        }
        let found = |index: char| known.iter().any(|term| term.contains(index)) && term.matches(index).count() == 1;
        if !term.chars().all(found) {
            return Err(no_rule("sums one operand by itself"));
        }
        let back = format!("{}->{term}", known.join(","));
        let passed = backward.emit("Einsum", &tensors, &[("equation", Attr::Text(&back))]);
        backward.send(input, passed);
    }
    Ok(())
}
