//! Operators that take or put elements by index: what was taken is put back, adding up where one was taken more than once,
//! and what was put is taken.

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
    if axis >= observed.shape.len() {
        return Err(no_rule(node, format!("its input has no axis {axis}")));
    }
    let together = |from: usize, to: usize| match observed.batch {
        Some(batch) if (from..to).contains(&batch) => -1,
        _ => observed.shape[from..to].iter().product::<usize>() as i64,
    };
    let (before, size, after) = (together(0, axis), together(axis, axis + 1), together(axis + 1, rank as usize));
    // Of a batch laid out flat, more elements are taken the more pictures there are.
    let taken = if size < 0 { -1 } else { backward.elements(indices)? as i64 };
    let [whole, part, along] =
        [[before, size, after], [before, taken, after], [1, -1, 1]].map(|shape| backward.builder.ints(&shape));
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

/// Slices of x, by the indices of their first axes.
pub(super) fn gather_nd(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (x, indices) = operands(node)?;
    if node.attr_int("batch_dims").unwrap_or(0) != 0 {
        return Err(no_rule(node, "its indices are different for each picture"));
    }
    let zeros = backward.zeros_like(x);
    let passed = backward.emit("ScatterND", &[&zeros, indices, gradient], &[ADD]);
    backward.send(x, passed);
    Ok(())
}

/// x with other elements in some places, or with them added there: ScatterElements, ScatterND.
pub(super) fn scatter(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let ((x, indices), updates) =
        (operands(node)?, node.input(2).ok_or_else(|| no_rule(node, "it lacks its updates"))?);
    let axis = [("axis", Attr::Int(node.attr_int("axis").unwrap_or(0)))];
    let (take, attributes) = match node.op_type.as_str() {
        "ScatterND" => ("GatherND", &[][..]),
        _ => ("GatherElements", &axis[..]),
    };
    let replaces = match node.attr_string("reduction") {
        None | Some("none") => true,
        Some("add") => false,
        Some(other) => return Err(no_rule(node, format!("its reduction {other} has no rule"))),
    };
    if backward.wants(x) && replaces {
        let zeros = backward.zeros_like(updates);
        let kept = backward.emit(&node.op_type, &[gradient, indices, &zeros], attributes);
        backward.send(x, kept);
    } else {
        backward.send(x, gradient.to_owned());
    }
    if backward.wants(updates) {
        let taken = backward.emit(take, &[gradient, indices], attributes);
        backward.send(updates, taken);
    }
    Ok(())
}

fn put_back(backward: &mut Backward, x: &str, indices: &str, gradient: &str, axis: i64) {
    let zeros = backward.zeros_like(x);
    let passed = backward.emit("ScatterElements", &[&zeros, indices, gradient], &[("axis", Attr::Int(axis)), ADD]);
    backward.send(x, passed);
}
