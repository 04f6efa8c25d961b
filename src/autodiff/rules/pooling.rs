//! Pooling over windows to the maximum.

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
