//! Operators that repeat elements, which add their gradients up, or deal them out between channels and space.

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use crate::onnx::Node;
use crate::onnx::build::Attr;

fn input(node: &Node) -> Result<&str, AutodiffError> {
    node.input(0).ok_or_else(|| no_rule(node, "it has no input"))
}

/// Expand: what was stretched is summed.
pub(super) fn expand(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    backward.send_unbroadcast(node, input(node)?, gradient)
}

/// Tile: the copies are summed.
pub(super) fn tile(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let x = input(node)?;
    let repeats = node.input(1).ok_or_else(|| no_rule(node, "it names no repeats"))?;
    let repeats = backward.integers(node, repeats)?;
    let observed = backward.observed(x)?;
    let (mut apart, mut copies) = (Vec::new(), Vec::new());
    for (axis, (size, repeat)) in observed.shape.iter().zip(&repeats).enumerate() {
        if *repeat != 1 {
            copies.push(apart.len() as i64);
            apart.push(*repeat);
        }
        apart.push(if observed.batch == Some(axis) { -1 } else { *size as i64 });
    }
    let apart = backward.builder.ints(&apart);
    let apart = backward.emit("Reshape", &[gradient, &apart], &[]);
    let copies = backward.builder.ints(&copies);
    let dropped = [("keepdims", Attr::Int(0)), ("noop_with_empty_axes", Attr::Int(1))];
    let passed = backward.emit("ReduceSum", &[&apart, &copies], &dropped);
    backward.send(x, passed);
    Ok(())
}

/// Blocks of channels to blocks of pixels: back again. The order of channels is DCR (depth, column, row) or CRD.
pub(super) fn depth_to_space(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let x = input(node)?;
    let block = node.attr_int("blocksize").ok_or_else(|| no_rule(node, "it names no block size"))?;
    if node.attr_string("mode") != Some("CRD") {
        let passed = backward.emit("SpaceToDepth", &[gradient], &[("blocksize", Attr::Int(block))]);
        backward.send(x, passed);
        return Ok(());
    }
    let &[_, channels, height, width] = backward.observed(x)?.shape.as_slice() else {
        return Err(no_rule(node, "its input does not have four axes"));
    };
    let [channels, height, width] = [channels, height, width].map(|size| size as i64);
    let apart = [0, channels / (block * block).max(1), height, block, width, block];
    let apart = backward.builder.ints(&apart);
    let apart = backward.emit("Reshape", &[gradient, &apart], &[]);
    let dealt = backward.emit("Transpose", &[&apart], &[("perm", Attr::Ints(&[0, 1, 3, 5, 2, 4]))]);
    let passed = backward.reshape_like(&dealt, x)?;
    backward.send(x, passed);
    Ok(())
}

/// Blocks of pixels to blocks of channels: back again.
pub(super) fn space_to_depth(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let block = node.attr_int("blocksize").ok_or_else(|| no_rule(node, "it names no block size"))?;
    let passed = backward.emit("DepthToSpace", &[gradient], &[("blocksize", Attr::Int(block))]);
    backward.send(input(node)?, passed);
    Ok(())
}
