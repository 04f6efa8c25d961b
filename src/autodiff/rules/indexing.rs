//! Operators that take elements by index: the gradient is put back where they were taken, adding up where one was taken
//! more than once.

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use crate::onnx::Node;
use crate::onnx::build::Attr;

const ADD: (&str, Attr) = ("reduction", Attr::Text("add"));

fn operands(node: &Node) -> Result<(&str, &str), AutodiffError> {
    node.input(0).zip(node.input(1)).ok_or_else(|| no_rule(node, "it does not have two inputs"))
}

/// Slices of x along an axis, by number. The axes before and after it are taken together, so that there are three.
pub(super) fn gather(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (x, indices) = operands(node)?;
    let observed = backward.observed(x)?;
    let rank = observed.shape.len() as i64;
    let axis = node.attr_int("axis").unwrap_or(0);
    let axis = if axis < 0 { axis + rank } else { axis } as usize;
    let Some(size) = observed.shape.get(axis).filter(|_| observed.batch != Some(axis)) else {
        return Err(no_rule(node, "it takes pictures out of a batch"));
    };
    let together = |from: usize, to: usize| match observed.batch {
        Some(batch) if (from..to).contains(&batch) => -1,
        _ => observed.shape[from..to].iter().product::<usize>() as i64,
    };
    let (before, after) = (together(0, axis), together(axis + 1, rank as usize));
    let taken = backward.elements(indices)? as i64;
    let [whole, part, along] =
        [[before, *size as i64, after], [before, taken, after], [1, -1, 1]].map(|shape| backward.builder.ints(&shape));
    let whole = backward.emit("Reshape", &[x, &whole], &[]);
    let part = backward.emit("Reshape", &[gradient, &part], &[]);
    let along = backward.emit("Reshape", &[indices, &along], &[]);
    let (zeros, shape) = (backward.zeros_like(&whole), backward.emit("Shape", &[&part], &[]));
    let everywhere = backward.emit("Expand", &[&along, &shape], &[]);
    let put = backward.emit("ScatterElements", &[&zeros, &everywhere, &part], &[("axis", Attr::Int(1)), ADD]);
    let passed = backward.reshape_like(&put, x)?;
    backward.send(x, passed);
    Ok(())
}

/// Single elements along an axis.
pub(super) fn gather_elements(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (x, indices) = operands(node)?;
    put_back(backward, x, indices, gradient, node.attr_int("axis").unwrap_or(0));
    Ok(())
}

/// The largest, or smallest, elements along an axis; where they are is the second output.
pub(super) fn top_k(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (x, _) = operands(node)?;
    let indices = backward.node_output(node, 1);
    put_back(backward, x, &indices, gradient, node.attr_int("axis").unwrap_or(-1));
    Ok(())
}

fn put_back(backward: &mut Backward, x: &str, indices: &str, gradient: &str, axis: i64) {
    let zeros = backward.zeros_like(x);
    let passed = backward.emit("ScatterElements", &[&zeros, indices, gradient], &[("axis", Attr::Int(axis)), ADD]);
    backward.send(x, passed);
}
