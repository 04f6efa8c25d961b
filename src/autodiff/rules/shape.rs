//! Operators that only move elements: the gradient is moved back.

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use crate::onnx::Node;
use crate::onnx::build::Attr;

fn input(node: &Node) -> Result<&str, AutodiffError> {
    node.input(0).ok_or_else(|| no_rule(node, "it has no input"))
}

/// Flatten, Reshape, Squeeze, Unsqueeze: the order of the elements stays.
pub(super) fn reshape(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let x = input(node)?;
    let passed = backward.reshape_like(gradient, x)?;
    backward.send(x, passed);
    Ok(())
}

/// Transpose by the inverse permutation.
pub(super) fn transpose(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let x = input(node)?;
    let rank = backward.observed(x)?.shape.len();
    let order: Vec<i64> = match node.attr_ints("perm") {
        Some(order) if order.len() == rank => order.to_vec(),
        _ => (0..rank as i64).rev().collect(),
    };
    let inverse: Vec<i64> =
        (0..rank as i64).map(|axis| order.iter().position(|o| *o == axis).unwrap_or(0) as i64).collect();
    let passed = backward.emit("Transpose", &[gradient], &[("perm", Attr::Ints(&inverse))]);
    backward.send(x, passed);
    Ok(())
}

/// Each part gets its slice of the gradient.
pub(super) fn concat(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let rank = backward.observed(node.output())?.shape.len() as i64;
    let axis = node.attr_int("axis").ok_or_else(|| no_rule(node, "it names no axis"))?;
    let axis = if axis < 0 { axis + rank } else { axis };
    let mut start = 0;
    for part in node.inputs.iter() {
        let observed = backward.observed(part)?;
        let size = observed.shape.get(axis as usize).copied().unwrap_or(0) as i64;
        if observed.batch == Some(axis as usize) {
            return Err(no_rule(node, "it joins pictures of a batch"));
        }
        if backward.wants(part) {
            let slice = crop(backward, gradient, &[axis], &[start], &[start + size]);
            backward.send(part, slice);
        }
        start += size;
    }
    Ok(())
}

/// Elements `starts..ends` along some axes.
pub(super) fn crop(backward: &mut Backward, tensor: &str, axes: &[i64], starts: &[i64], ends: &[i64]) -> String {
    let [starts, ends, axes] = [starts, ends, axes].map(|list| backward.builder.ints(list));
    backward.emit("Slice", &[tensor, &starts, &ends, &axes], &[])
}

/// The slice's gradient with zeros around it.
pub(super) fn slice(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let x = input(node)?;
    let observed = backward.observed(x)?;
    let rank = observed.shape.len();
    let list = |index: usize| node.input(index).map(|name| backward.integers(node, name)).transpose();
    let (Some(starts), Some(ends)) = (list(1)?, list(2)?) else { return Err(no_rule(node, "it lacks its bounds")) };
    let axes = list(3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    if list(4)?.is_some_and(|steps| steps.iter().any(|step| *step != 1)) {
        return Err(no_rule(node, "it skips elements (a step that is not 1)"));
    }
    let mut pads = vec![0; 2 * rank];
    for (index, axis) in axes.iter().enumerate() {
        let axis = if *axis < 0 { axis + rank as i64 } else { *axis } as usize;
        let (Some(size), Some(start), Some(end)) = (observed.shape.get(axis), starts.get(index), ends.get(index))
        else {
            return Err(no_rule(node, "its bounds do not fit its input"));
        };
        let size = *size as i64;
        let within = |bound: i64| if bound < 0 { bound.saturating_add(size) } else { bound }.clamp(0, size);
        let (start, end) = (within(*start), within(*end));
        if observed.batch == Some(axis) && (start, end) != (0, size) {
            return Err(no_rule(node, "it drops pictures of a batch"));
        }
        pads[axis] = start;
        pads[rank + axis] = size - end.max(start);
    }
    let pads = backward.builder.ints(&pads);
    let passed = backward.emit("Pad", &[gradient, &pads], &[]);
    backward.send(x, passed);
    Ok(())
}

/// Constant padding: the inside of the gradient; negative padding cut elements off, which get zeros.
pub(super) fn pad(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let x = input(node)?;
    if node.attr_string("mode").is_some_and(|mode| mode != "constant") {
        return Err(no_rule(node, "only constant padding has a rule"));
    }
    let pads = node.input(1).ok_or_else(|| no_rule(node, "it names no padding"))?;
    let pads = backward.integers(node, pads)?;
    let rank = backward.observed(x)?.shape.len();
    if pads.len() != 2 * rank || node.input(3).is_some() {
        return Err(no_rule(node, "it pads chosen axes only"));
    }
    let negated: Vec<i64> = pads.iter().map(|pad| -pad).collect();
    let negated = backward.builder.ints(&negated);
    let passed = backward.emit("Pad", &[gradient, &negated], &[]);
    backward.send(x, passed);
    Ok(())
}
