//! Pooling over windows: to the maximum, or to all elements in equal shares.

use ndarray::Array4;

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use super::window::{self, Axis};
use crate::onnx::Node;
use crate::onnx::build::Attr;

fn windows<'n>(backward: &Backward, node: &'n Node) -> Result<(&'n str, [Axis; 2]), AutodiffError> {
    let x = node.input(0).ok_or_else(|| no_rule(node, "it has no input"))?;
    let kernel = match node.attr_ints("kernel_shape") {
        Some(&[h, w]) if h > 0 && w > 0 => [h as usize, w as usize],
        other => {
            return Err(no_rule(node, format!("only two-dimensional windows have a rule, its kernel is {other:?}")));
        }
    };
    Ok((x, window::of(backward, node, x, kernel)?))
}

/// Scatters each gradient to where its maximum was; where windows overlap they add up, and of equal elements the first
/// one gets it all, as in PyTorch.
pub(super) fn max_pool(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (x, axes) = windows(backward, node)?;
    if node.attr_int("storage_order").unwrap_or(0) != 0 {
        return Err(no_rule(node, "its indices are column-major (storage_order 1)"));
    }
    let indices = backward.node_output(node, 1);
    let flat = backward.builder.ints(&[-1]);
    let shape = backward.emit("Shape", &[x], &[]);
    let size = backward.emit("ReduceProd", &[&shape], &[("keepdims", Attr::Int(1))]);
    let zeros = backward.emit("ConstantOfShape", &[&size], &[]);
    let indices = backward.emit("Reshape", &[&indices, &flat], &[]);
    let updates = backward.emit("Reshape", &[gradient, &flat], &[]);
    let overlapping = axes.iter().any(|axis| axis.dilation * (axis.kernel - 1) + 1 > axis.stride);
    let reduction = ("reduction", Attr::Text(if overlapping { "add" } else { "none" }));
    let scattered =
        backward.emit("ScatterElements", &[&zeros, &indices, &updates], &[("axis", Attr::Int(0)), reduction]);
    let passed = backward.reshape_like(&scattered, x)?;
    backward.send(x, passed);
    Ok(())
}

/// A depthwise convolution with a constant kernel, seen backwards; windows that count fewer elements (at the border)
/// weigh these more.
pub(super) fn average_pool(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (x, axes) = windows(backward, node)?;
    let channels = backward.observed(x)?.shape.get(1).copied().unwrap_or(0);
    let [h, w] = axes;
    let area = h.kernel * w.kernel;
    let with_padding = node.attr_int("count_include_pad").unwrap_or(0) != 0;
    let pads = node.attr_ints("pads");
    let end = |axis: usize| pads.and_then(|pads| pads.get(2 + axis)).copied().unwrap_or(0);
    let counted = |axis: &Axis, end: i64| -> Vec<usize> {
        let (low, high) = if with_padding { (-axis.pad, axis.input as i64 + end) } else { (0, axis.input as i64) };
        let position = |o: usize, k: usize| (o * axis.stride + k * axis.dilation) as i64 - axis.pad;
        (0..axis.output).map(|o| (0..axis.kernel).filter(|k| (low..high).contains(&position(o, *k))).count()).collect()
    };
    let (rows, columns) = (counted(&h, end(0)), counted(&w, end(1)));
    let factors = Array4::from_shape_fn((1, 1, h.output, w.output), |(_, _, row, column)| {
        area as f32 / (rows[row] * columns[column]).max(1) as f32
    });
    let weighted = if factors.iter().all(|factor| *factor == 1.0) {
        gradient.to_owned()
    } else {
        let factors = backward.builder.floats(factors.view());
        backward.emit("Mul", &[gradient, &factors], &[])
    };
    let kernel = Array4::from_elem((channels, 1, h.kernel, w.kernel), 1.0 / area as f32);
    let passed = window::input_gradient(backward, &weighted, kernel.view(), channels, axes);
    backward.send(x, passed);
    Ok(())
}
