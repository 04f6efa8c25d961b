//! Operators that choose among their inputs element by element: the gradient goes to the chosen one.

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use super::super::formula::Formula;
use crate::onnx::Node;

/// y = the largest, or smallest, of the inputs. Inputs that are equal there share the gradient, as in PyTorch.
pub(super) fn extreme(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let y = Formula::tensor(node.output());
    let chosen: Vec<Formula> = node.inputs.iter().map(|input| Formula::tensor(input).is("Equal", y.clone())).collect();
    let Some(count) = chosen.iter().cloned().reduce(|sum, each| sum + each) else {
        return Err(no_rule(node, "it has no input"));
    };
    let share = Formula::tensor(&backward.write(&(Formula::tensor(gradient) / count)));
    for (input, chosen) in node.inputs.iter().zip(chosen) {
        if backward.wants(input) {
            let passed = backward.write(&(share.clone() * chosen));
            backward.send_unbroadcast(node, input, &passed)?;
        }
    }
    Ok(())
}

/// y = a where the condition holds, else b.
pub(super) fn choose(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let [Some(condition), Some(a), Some(b)] = [0, 1, 2].map(|index| node.input(index)) else {
        return Err(no_rule(node, "it does not have three inputs"));
    };
    let zero = backward.builder.scalar(0.0);
    if backward.wants(a) {
        let passed = backward.emit("Where", &[condition, gradient, &zero], &[]);
        backward.send_unbroadcast(node, a, &passed)?;
    }
    if backward.wants(b) {
        let passed = backward.emit("Where", &[condition, &zero, gradient], &[]);
        backward.send_unbroadcast(node, b, &passed)?;
    }
    Ok(())
}
