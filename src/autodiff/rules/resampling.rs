//! Operators that are linear along each axis by itself: the gradient is multiplied by the transposed matrix of each.
//!
//! Resize and Upsample, and padding that repeats or mirrors what is inside.

use ndarray::{Array2, ArrayView2};

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use super::interpolation::Interpolation;
use crate::onnx::Node;
use crate::onnx::build::Attr;

/// Most elements of the matrix of one axis: a side of 4096 pixels doubled.
const LARGEST: usize = 1 << 25;

/// Resize: every element of the output is a weighted mean of elements of the input.
pub(super) fn resize(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let x = node.input(0).ok_or_else(|| no_rule(node, "it has no input"))?;
    let (from, to) = (backward.observed(x)?, backward.observed(node.output())?);
    let scales: Option<Vec<f32>> = match node.input(2) {
        Some(scales) => Some(backward.weights(node, scales)?.iter().copied().collect()),
        None => None,
    };
    let matrices = matrices(node, &from.shape, &to.shape, scales.as_deref())?;
    let mut gradient = gradient.to_owned();
    for (axis, matrix) in matrices.iter().enumerate() {
        if let Some(matrix) = matrix {
            gradient = along(backward, &gradient, from.shape.len(), axis, matrix.view());
        }
    }
    backward.send(x, gradient);
    Ok(())
}

/// What Resize does along each axis, as a matrix `[output, input]`; `None` where it does nothing.
pub(crate) fn matrices(
    node: &Node,
    from: &[usize],
    to: &[usize],
    scales: Option<&[f32]>,
) -> Result<Vec<Option<Array2<f32>>>, AutodiffError> {
    let interpolation = Interpolation::of(node).map_err(|reason| no_rule(node, reason))?;
    let axes: Vec<i64> = match node.attr_ints("axes") {
        Some(axes) => axes.to_vec(),
        None => (0..from.len() as i64).collect(),
    };
    let mut matrices = vec![None; from.len()];
    for (at, axis) in axes.iter().enumerate() {
        let axis = if *axis < 0 { axis + from.len() as i64 } else { *axis } as usize;
        let (Some(&input), Some(&output)) = (from.get(axis), to.get(axis)) else {
            return Err(no_rule(node, format!("its input has no axis {axis}")));
        };
        let scale = match scales.filter(|scales| !scales.is_empty()) {
            Some(scales) => scales.get(at).copied().ok_or_else(|| no_rule(node, "it lacks scales"))?,
            None => output as f32 / input as f32,
        };
        if input != output || scale != 1.0 {
            let fill = |at: usize, row: &mut [f32]| interpolation.weigh(at, scale, [input, output], row);
            matrices[axis] = Some(matrix(node, input, output, fill)?);
        }
    }
    Ok(matrices)
}

/// Pad in the modes `edge`, `reflect` and `wrap`: each element goes back to where it was copied from. `pads` has the
/// number of elements before and after each axis.
pub(super) fn pad(
    backward: &mut Backward,
    node: &Node,
    gradient: &str,
    mode: &str,
    pads: &[(i64, i64)],
) -> Result<(), AutodiffError> {
    let x = node.input(0).ok_or_else(|| no_rule(node, "it has no input"))?;
    let shape = &backward.observed(x)?.shape;
    let mut gradient = gradient.to_owned();
    for (axis, (&size, &(before, after))) in shape.iter().zip(pads).enumerate().filter(|(_, (_, pad))| **pad != (0, 0))
    {
        let last = size as i64 - 1;
        let output = usize::try_from(size as i64 + before + after).unwrap_or(0);
        let source = |at: i64| match mode {
            "edge" => Some(at.clamp(0, last)),
            "wrap" => at.checked_rem_euclid(last + 1),
            "reflect" if last == 0 => Some(0),
            "reflect" => at.checked_rem_euclid(2 * last).map(|at| last - (last - at).abs()),
            _ => None,
        };
        let reason = || no_rule(node, format!("padding in the mode {mode} has no rule"));
        source(0).ok_or_else(reason)?;
        let matrix = matrix(node, size, output, |at, row| {
            let taken = source(at as i64 - before).and_then(|at| row.get_mut(at as usize));
            taken.into_iter().for_each(|weight| *weight = 1.0);
        })?;
        gradient = along(backward, &gradient, shape.len(), axis, matrix.view());
    }
    backward.send(x, gradient);
    Ok(())
}

/// The matrix `[output, input]` whose rows `fill` fills.
fn matrix(
    node: &Node,
    input: usize,
    output: usize,
    fill: impl Fn(usize, &mut [f32]),
) -> Result<Array2<f32>, AutodiffError> {
    if input.checked_mul(output).is_none_or(|elements| elements > LARGEST) {
        return Err(no_rule(node, format!("its axes of {input} and {output} elements are too long")));
    }
    let mut weights = vec![0.0; input * output];
    weights.chunks_exact_mut(input.max(1)).enumerate().for_each(|(at, row)| fill(at, row));
    Array2::from_shape_vec((output, input), weights).map_err(|error| no_rule(node, error.to_string()))
}

/// The gradient behind a matrix `[output, input]` that acts along one axis.
fn along(backward: &mut Backward, gradient: &str, rank: usize, axis: usize, matrix: ArrayView2<f32>) -> String {
    if axis + 2 == rank {
        let back = backward.builder.floats(matrix.t());
        return backward.emit("MatMul", &[&back, gradient], &[]);
    }
    let back = backward.builder.floats(matrix);
    if axis + 1 == rank {
        return backward.emit("MatMul", &[gradient, &back], &[]);
    }
    let mut order: Vec<i64> = (0..rank as i64).collect();
    order.swap(axis, rank - 1);
    let swap = [("perm", Attr::Ints(&order))];
    let turned = backward.emit("Transpose", &[gradient], &swap);
    let product = backward.emit("MatMul", &[&turned, &back], &[]);
    backward.emit("Transpose", &[&product], &swap)
}
