//! Quantisation, passed straight through (Bengio et al. 2013): rounding has no useful derivative, so it is taken for the
//! identity inside the range that is represented, and for a constant beyond it.

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use super::super::formula::Formula;
use crate::onnx::{DataType, Node};

/// Scale and zero point of a node, shaped to broadcast over its input, and the limits of the quantised type.
struct Steps {
    scale: Formula,
    zero: Option<Formula>,
    limits: [f32; 2],
}

impl Steps {
    fn of(backward: &mut Backward, node: &Node) -> Result<Self, AutodiffError> {
        let (x, scale) = node.input(0).zip(node.input(1)).ok_or_else(|| no_rule(node, "it lacks its scale"))?;
        if node.attr_int("block_size").unwrap_or(0) != 0 {
            return Err(no_rule(node, "it quantises in blocks"));
        }
        let rank = backward.observed(x)?.shape.len();
        let axis = node.attr_int("axis").unwrap_or(1);
        let axis = if axis < 0 { axis + rank as i64 } else { axis } as usize;
        let mut shape = vec![1; rank];
        if backward.elements(scale)? > 1 {
            *shape.get_mut(axis).ok_or_else(|| no_rule(node, format!("its input has no axis {axis}")))? = -1;
        }
        let shape = backward.builder.ints(&shape);
        let mut shaped = |tensor: &str| Formula::tensor(&backward.emit("Reshape", &[tensor, &shape], &[]));
        let (scale, zero) = (shaped(scale), node.input(2).map(|zero| shaped(zero).float()));
        let stored = node.input(2).and_then(|zero| backward.stored_type(zero));
        let limits = match stored.or_else(|| DataType::try_from(node.attr_int("output_dtype")? as i32).ok()) {
            Some(DataType::Int8) => [-128.0, 127.0],
            Some(DataType::Uint16) => [0.0, 65535.0],
            Some(DataType::Int16) => [-32768.0, 32767.0],
            _ => [0.0, 255.0],
        };
        Ok(Self { scale, zero, limits })
    }
}

/// q = clamp(round(x / scale) + zero): 1 / scale where x is inside the range.
pub(super) fn quantize(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let x = node.input(0).ok_or_else(|| no_rule(node, "it has no input"))?;
    let Steps { scale, zero, limits: [low, high] } = Steps::of(backward, node)?;
    let steps = Formula::tensor(x) / scale.clone();
    let steps = zero.map_or(steps.clone(), |zero| steps + zero);
    let inside = (steps - (low + high) / 2.0).map("Abs").is("Less", (high - low) / 2.0 + 0.5);
    let passed = backward.write(&(Formula::tensor(gradient) / scale * inside));
    backward.straight_through = true;
    backward.send(x, passed);
    Ok(())
}

/// x = (q − zero) · scale.
pub(super) fn dequantize(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let q = node.input(0).ok_or_else(|| no_rule(node, "it has no input"))?;
    let Steps { scale, .. } = Steps::of(backward, node)?;
    let passed = backward.write(&(Formula::tensor(gradient) * scale));
    backward.send(q, passed);
    Ok(())
}
