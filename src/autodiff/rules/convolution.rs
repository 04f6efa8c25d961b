//! Convolution: the gradient is convolved with the kernel transposed and flipped.

use ndarray::Ix4;

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use super::window;
use crate::onnx::Node;

/// y = x ∗ kernel + bias, with groups, strides, dilations and any padding.
pub(super) fn conv(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (x, kernel) = node.input(0).zip(node.input(1)).ok_or_else(|| no_rule(node, "it lacks its kernel"))?;
    let kernel = backward.weights(node, kernel)?;
    let rank = kernel.ndim();
    let kernel = kernel.into_dimensionality::<Ix4>().map_err(|_| {
        no_rule(node, format!("only two-dimensional convolutions have a rule, its kernel has {rank} axes"))
    })?;
    let (outputs, per_group, kh, kw) = kernel.dim();
    let group = usize::try_from(node.attr_int("group").unwrap_or(1)).unwrap_or(0);
    let channels = backward.observed(x)?.shape.get(1).copied().unwrap_or(0);
    if group == 0 || outputs % group != 0 || per_group * group != channels || kh * kw == 0 {
        return Err(no_rule(node, "its kernel does not fit its input"));
    }
    let axes = window::of(backward, node, x, [kh, kw])?;
    let passed = window::input_gradient(backward, gradient, kernel.view(), group, axes);
    backward.send(x, passed);
    Ok(())
}
