//! Normalisation at inference: a fixed scale per channel.

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use crate::onnx::Node;

/// y = γ (x − μ) / √(σ² + ε) + β: the gradient times γ / √(σ² + ε).
pub(super) fn batch_normalization(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let [Some(x), Some(scale), _, _, Some(variance)] = [0, 1, 2, 3, 4].map(|index| node.input(index)) else {
        return Err(no_rule(node, "it lacks inputs"));
    };
    if node.attr_int("training_mode").unwrap_or(0) != 0 {
        return Err(no_rule(node, "it was exported in training mode; call `model.eval()` before exporting"));
    }
    let epsilon = node.attr_float("epsilon").unwrap_or(1e-5);
    let (scale, variance) = (backward.weights(node, scale)?, backward.weights(node, variance)?);
    let factors: Vec<f32> = scale.iter().zip(&variance).map(|(scale, var)| scale / (var + epsilon).sqrt()).collect();
    let rank = backward.observed(x)?.shape.len();
    let factors = backward.per_channel(&factors, rank).ok_or_else(|| no_rule(node, "its input has no channel axis"))?;
    let passed = backward.emit("Mul", &[gradient, &factors], &[]);
    backward.send(x, passed);
    Ok(())
}
