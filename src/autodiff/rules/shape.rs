//! Operators that only move elements: the gradient is moved back.

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use super::resampling;
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
    let observed = backward.observed(node.output())?;
    let axis = node.attr_int("axis").ok_or_else(|| no_rule(node, "it names no axis"))?;
    let axis = if axis < 0 { axis.saturating_add(observed.shape.len() as i64) } else { axis };
    if observed.batch == Some(axis as usize) {
        return Err(no_rule(node, "it joins pictures of a batch"));
    }
    let mut start = 0;
    for part in node.inputs.iter() {
        let size = backward.sizes(part)?.get(axis as usize).copied().unwrap_or(0) as i64;
        if backward.wants(part) {
            let slice = crop(backward, gradient, &[axis], &[start], &[start + size]);
            backward.send(part, slice);
        }
        start += size;
    }
    Ok(())
}

/// Elements `starts..ends` along some axes.
pub(in super::super) fn crop(
    backward: &mut Backward,
    tensor: &str,
    axes: &[i64],
    starts: &[i64],
    ends: &[i64],
) -> String {
    let [starts, ends, axes] = [starts, ends, axes].map(|list| backward.builder.ints(list));
    backward.emit("Slice", &[tensor, &starts, &ends, &axes], &[])
}

/// How far apart the elements along one axis are to be put.
#[derive(Clone, Copy)]
struct Step {
    /// Distance from one element to the next.
    stride: usize,
    /// Zeros before the first one, fewer than `stride`.
    phase: usize,
}

impl Step {
    /// As close as they are.
    const ONE: Self = Self { stride: 1, phase: 0 };
}

/// Puts zeros between the elements: each axis of `sizes` (−1 for the batch) becomes `stride` times as long.
fn spread(backward: &mut Backward, tensor: &str, sizes: &[i64], steps: &[Step]) -> String {
    let (mut apart, mut before, mut after, mut together) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (size, step) in sizes.iter().zip(steps) {
        let stride = step.stride as i64;
        apart.push(*size);
        before.push(0);
        after.push(0);
        if stride > 1 {
            apart.push(1);
            before.push(step.phase as i64);
            after.push(stride - 1 - step.phase as i64);
        }
        together.push(if stride > 1 { size * stride } else { *size });
    }
    before.append(&mut after);
    let [apart, pads, together] = [apart, before, together].map(|list| backward.builder.ints(&list));
    let apart = backward.emit("Reshape", &[tensor, &apart], &[]);
    let padded = backward.emit("Pad", &[&apart, &pads], &[]);
    backward.emit("Reshape", &[&padded, &together], &[])
}

/// The slice's gradient, its elements put back where they were taken, with zeros around them.
pub(super) fn slice(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let x = input(node)?;
    let (from, to) = (backward.observed(x)?, backward.observed(node.output())?);
    let rank = from.shape.len();
    let list = |index: usize| node.input(index).map(|name| backward.integers(node, name)).transpose();
    let (Some(mut starts), Some(mut ends)) = (list(1)?, list(2)?) else {
        return Err(no_rule(node, "it lacks its bounds"));
    };
    let axes = list(3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let mut strides = list(4)?.unwrap_or_else(|| vec![1; starts.len()]);
    let turned = turn(&axes, [&mut starts, &mut ends, &mut strides], &from.shape, &to.shape);
    if turned.iter().any(|axis| from.batch == Some(*axis as usize)) {
        return Err(no_rule(node, "it turns the order of the pictures of a batch"));
    }
    let gradient = &reversed(backward, gradient, &turned);
    let mut sizes: Vec<i64> = to.shape.iter().map(|size| *size as i64).collect();
    let (mut pads, mut steps) = (vec![0; 2 * rank], vec![Step::ONE; rank]);
    for (index, axis) in axes.iter().enumerate() {
        let axis = if *axis < 0 { axis + rank as i64 } else { *axis } as usize;
        let bounds = starts.get(index).zip(ends.get(index)).zip(strides.get(index));
        let (Some(size), Some(taken), Some(((start, end), stride))) =
            (from.shape.get(axis), to.shape.get(axis), bounds)
        else {
            return Err(no_rule(node, "its bounds do not fit its input"));
        };
        let Some(stride) = usize::try_from(*stride).ok().filter(|stride| (1..=*size).contains(stride)) else {
            return Err(no_rule(node, format!("it takes elements in steps of {stride}")));
        };
        let size = *size as i64;
        let start = if *start < 0 { start.saturating_add(size) } else { *start }.clamp(0, size);
        if from.batch == Some(axis) && (start, stride, *end >= size) != (0, 1, true) {
            return Err(no_rule(node, "it drops pictures of a batch"));
        }
        pads[axis] = start;
        pads[rank + axis] = size - start - (taken * stride) as i64;
        steps[axis] = Step { stride, phase: 0 };
    }
    if let Some(batch) = from.batch {
        sizes[batch] = -1;
    }
    let stepped = steps.iter().any(|step| step.stride > 1);
    let spread = if stepped { spread(backward, gradient, &sizes, &steps) } else { gradient.to_owned() };
    let pads = backward.builder.ints(&pads);
    let passed = backward.emit("Pad", &[&spread, &pads], &[]);
    backward.send(x, passed);
    Ok(())
}

/// Makes slices that run backwards run forwards, over the same elements, and returns their axes.
fn turn(axes: &[i64], [starts, ends, strides]: [&mut [i64]; 3], from: &[usize], to: &[usize]) -> Vec<i64> {
    let mut turned = Vec::new();
    for (at, axis) in axes.iter().enumerate() {
        let axis = if *axis < 0 { axis + from.len() as i64 } else { *axis };
        let sizes = from.get(axis as usize).zip(to.get(axis as usize));
        let (Some((size, taken)), Some(start), Some(end), Some(stride)) =
            (sizes, starts.get_mut(at), ends.get_mut(at), strides.get_mut(at))
        else {
            continue;
        };
        if *stride < 0 {
            let last = *size as i64 - 1;
            let first = if *start < 0 { start.saturating_add(last + 1) } else { *start }.clamp(0, last.max(0));
            *stride = stride.saturating_neg();
            *start = first.saturating_sub(stride.saturating_mul(*taken as i64 - 1));
            *end = first + 1;
            turned.push(axis);
        }
    }
    turned
}

/// The elements in reverse order along some axes.
fn reversed(backward: &mut Backward, tensor: &str, axes: &[i64]) -> String {
    if axes.is_empty() {
        return tensor.to_owned();
    }
    let bounds = [vec![-1; axes.len()], vec![i64::MIN; axes.len()], axes.to_vec(), vec![-1; axes.len()]];
    let [starts, ends, axes, steps] = bounds.map(|list| backward.builder.ints(&list));
    backward.emit("Slice", &[tensor, &starts, &ends, &axes, &steps], &[])
}

/// The gradients of the parts side by side; zeros for a part that does not influence the logits.
pub(super) fn split(backward: &mut Backward, node: &Node) -> Result<(), AutodiffError> {
    let x = input(node)?;
    let mut parts = Vec::with_capacity(node.outputs.len());
    for output in &node.outputs {
        parts.push(match backward.gradient(output) {
            Some(gradient) => gradient,
            None if output.is_empty() => return Err(no_rule(node, "one of its outputs has no name")),
            None => backward.zeros_like(output),
        });
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let joined = backward.emit("Concat", &parts, &[("axis", Attr::Int(node.attr_int("axis").unwrap_or(0)))]);
    backward.send(x, joined);
    Ok(())
}

/// Padding: the inside of the gradient, and what was copied to the border; negative padding cut elements off, which get
/// zeros.
pub(super) fn pad(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let x = input(node)?;
    let list = |index: usize| node.input(index).map(|name| backward.integers(node, name)).transpose();
    let pads = list(1)?.ok_or_else(|| no_rule(node, "it names no padding"))?;
    let rank = backward.observed(x)?.shape.len();
    let axes = list(3)?.unwrap_or_else(|| (0..rank as i64).collect());
    let mut by_axis = vec![(0, 0); rank];
    for (at, axis) in axes.iter().enumerate() {
        let axis = if *axis < 0 { axis + rank as i64 } else { *axis } as usize;
        match (by_axis.get_mut(axis), pads.get(at), pads.get(axes.len() + at)) {
            (Some(pad), Some(before), Some(after)) => *pad = (*before, *after),
            _ => return Err(no_rule(node, "its padding does not fit its input")),
        }
    }
    if let Some(mode) = node.attr_string("mode").filter(|mode| *mode != "constant") {
        return resampling::pad(backward, node, gradient, mode, &by_axis);
    }
    let (before, after) = (by_axis.iter().map(|pad| pad.0), by_axis.iter().map(|pad| pad.1));
    let negated: Vec<i64> = before.chain(after).map(i64::saturating_neg).collect();
    let negated = backward.builder.ints(&negated);
    let passed = backward.emit("Pad", &[gradient, &negated], &[]);
    backward.send(x, passed);
    Ok(())
}
