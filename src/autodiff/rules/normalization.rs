//! Normalisation: by fixed statistics, or by those of the picture itself.

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use super::super::formula::Formula;
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
    let passed = backward.scale(gradient, &factors);
    backward.send(x, passed);
    Ok(())
}

/// y = γ x̂ + β with x̂ standardised over the axes from `axis` on (Ba et al. 2016).
pub(super) fn layer_normalization(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (x, scale) = node.input(0).zip(node.input(1)).ok_or_else(|| no_rule(node, "it lacks inputs"))?;
    let shape = &backward.observed(x)?.shape;
    let (rank, axis) = (shape.len() as i64, node.attr_int("axis").unwrap_or(-1));
    let first = if axis < 0 { axis + rank } else { axis };
    let axes: Vec<i64> = (first.max(0)..rank).collect();
    let g = Formula::tensor(gradient) * Formula::tensor(scale);
    let passed = standardised(backward, node, &Formula::tensor(x), &g, &axes, shape)?;
    backward.send(x, passed);
    Ok(())
}

/// y = γ x̂ + β with x̂ standardised over each channel (Ulyanov et al. 2016).
pub(super) fn instance_normalization(
    backward: &mut Backward,
    node: &Node,
    gradient: &str,
) -> Result<(), AutodiffError> {
    let (x, scale) = node.input(0).zip(node.input(1)).ok_or_else(|| no_rule(node, "it lacks inputs"))?;
    let shape = &backward.observed(x)?.shape;
    let axes: Vec<i64> = (2..shape.len() as i64).collect();
    let scale = scale_of_channels(backward, node, scale, shape.len())?;
    let passed = standardised(backward, node, &Formula::tensor(x), &(Formula::tensor(gradient) * scale), &axes, shape)?;
    backward.send(x, passed);
    Ok(())
}

/// y = γ x̂ + β with x̂ standardised over groups of channels (Wu and He 2018). Up to opset 20 γ is one number a group.
pub(super) fn group_normalization(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (x, scale) = node.input(0).zip(node.input(1)).ok_or_else(|| no_rule(node, "it lacks inputs"))?;
    let shape = &backward.observed(x)?.shape;
    let groups = node.attr_int("num_groups").unwrap_or(0);
    let elements = shape.iter().skip(1).product::<usize>();
    let (1.., Some(0)) = (groups, elements.checked_rem(groups.max(1) as usize)) else {
        return Err(no_rule(node, format!("{groups} groups do not fit its input {shape:?}")));
    };
    let in_groups = [1, groups as usize, elements / groups as usize];
    let grouped = backward.builder.ints(&[-1, groups, in_groups[2] as i64]);
    let group = |backward: &mut Backward, tensor: &str| backward.emit("Reshape", &[tensor, &grouped], &[]);
    let x_in_groups = Formula::tensor(&group(backward, x));
    let g = if backward.elements(scale)? == groups as usize {
        let g = Formula::tensor(&group(backward, gradient));
        g * scale_of_channels(backward, node, scale, 3)?
    } else {
        let scaled = Formula::tensor(gradient) * scale_of_channels(backward, node, scale, shape.len())?;
        let scaled = backward.write(&scaled);
        Formula::tensor(&group(backward, &scaled))
    };
    let passed = standardised(backward, node, &x_in_groups, &g, &[2], &in_groups)?;
    let passed = backward.reshape_like(&passed, x)?;
    backward.send(x, passed);
    Ok(())
}

/// γ, one number a channel, shaped to broadcast over `[N, C, …]` of this rank.
fn scale_of_channels(backward: &mut Backward, node: &Node, scale: &str, rank: usize) -> Result<Formula, AutodiffError> {
    let values: Vec<f32> = backward.weights(node, scale)?.iter().copied().collect();
    let scale = backward.per_channel(&values, rank).ok_or_else(|| no_rule(node, "its input has no channel axis"))?;
    Ok(Formula::tensor(&scale))
}

/// The gradient `g` of x̂ = (x − mean) / √(variance + ε) passed on to x: (g − mean g − x̂ · mean(g x̂)) / √(variance + ε).
fn standardised(
    backward: &mut Backward,
    node: &Node,
    x: &Formula,
    g: &Formula,
    axes: &[i64],
    shape: &[usize],
) -> Result<String, AutodiffError> {
    let sizes: Option<Vec<usize>> = axes.iter().map(|axis| shape.get(*axis as usize).copied()).collect();
    let count: usize = sizes.unwrap_or_default().iter().product();
    if count == 0 {
        return Err(no_rule(node, "it normalises over no elements"));
    }
    let axes = Formula::tensor(&backward.builder.ints(axes));
    let mean = |of: &Formula| of.sum(&axes) * (1.0 / count as f32);
    let centred = x.clone() - mean(x);
    let epsilon = node.attr_float("epsilon").unwrap_or(1e-5);
    let inverse = (mean(&centred.squared()) + epsilon).map("Sqrt").map("Reciprocal");
    let normal = centred * inverse.clone();
    let along = normal.clone() * mean(&(g.clone() * normal));
    Ok(backward.write(&(inverse * (g.clone() - mean(g) - along))))
}

/// y = x / ‖x‖ along an axis: (g − y Σ g y) / ‖x‖, with the sign of x in y's place for the 1-norm.
pub(super) fn lp_normalization(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let x = node.input(0).ok_or_else(|| no_rule(node, "it has no input"))?;
    let axis = Formula::tensor(&backward.builder.ints(&[node.attr_int("axis").unwrap_or(-1)]));
    let (g, x_, y) = (Formula::tensor(gradient), Formula::tensor(x), Formula::tensor(node.output()));
    let (norm, outward) = match node.attr_int("p").unwrap_or(2) {
        1 => (x_.map("Abs").sum(&axis), x_.map("Sign")),
        _ => (x_.squared().sum(&axis).map("Sqrt"), y.clone()),
    };
    let passed = backward.write(&((g.clone() - outward * (g * y).sum(&axis)) / norm));
    backward.send(x, passed);
    Ok(())
}

/// y = x / D^β with D = κ + α/n · Σ x² over n neighbouring channels (Krizhevsky et al. 2012, §3.3): the gradient is
/// g / D^β − 2 αβ/n · x · Σ g y / D, the sum over the channels that x is a neighbour of.
pub(super) fn local_response(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let x = node.input(0).ok_or_else(|| no_rule(node, "it has no input"))?;
    let shape = &backward.observed(x)?.shape;
    let size = node.attr_int("size").filter(|size| *size > 0).ok_or_else(|| no_rule(node, "it has no size"))?;
    let channels = shape.get(1).copied().filter(|_| shape.len() > 2);
    let channels = channels.ok_or_else(|| no_rule(node, format!("its input has the shape {shape:?}")))?;
    let attribute = |name, default| node.attr_float(name).unwrap_or(default);
    let (alpha, beta, bias) = (attribute("alpha", 1e-4), attribute("beta", 0.75), attribute("bias", 1.0));
    let mut kernel_shape = vec![1; shape.len()];
    kernel_shape[..2].fill(channels);
    // Row c has ones at c − ⌊(n − 1)/2⌋ … c + ⌈(n − 1)/2⌉; its transpose is the way back.
    let neighbours = |distance: i64| (-((size - 1) / 2)..=size / 2).contains(&distance);
    let mut sum_over = |of: &Formula, forth: bool| {
        let band = ndarray::ArrayD::from_shape_fn(kernel_shape.as_slice(), |at| {
            let distance = at[1] as i64 - at[0] as i64;
            f32::from(neighbours(if forth { distance } else { -distance }))
        });
        let (band, of) = (backward.builder.floats(band.view()), backward.write(of));
        Formula::tensor(&backward.emit("Conv", &[&of, &band], &[]))
    };
    let (g, x_, y) = (Formula::tensor(gradient), Formula::tensor(x), Formula::tensor(node.output()));
    let share = alpha / size as f32;
    let divisor = bias + share * sum_over(&x_.squared(), true);
    let around = sum_over(&(g.clone() * y / divisor.clone()), false);
    let passed = backward.write(&(g * divisor.with("Pow", -beta) - 2.0 * share * beta * x_ * around));
    backward.send(x, passed);
    Ok(())
}
