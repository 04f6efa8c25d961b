//! Means: each averaged element gets an equal share of the gradient.

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use crate::onnx::Node;

/// y = mean of x over all axes after the channels, kept with size 1.
pub(super) fn global_average_pool(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let x = node.input(0).ok_or_else(|| no_rule(node, "it has no input"))?;
    let rank = backward.observed(x)?.shape.len();
    share(backward, x, &(2..rank).collect::<Vec<_>>(), gradient)
}

/// y = mean of x over some axes, kept with size 1 or dropped.
pub(super) fn reduce_mean(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let x = node.input(0).ok_or_else(|| no_rule(node, "it has no input"))?;
    let observed = backward.observed(x)?;
    let rank = observed.shape.len() as i64;
    let axes = match (node.input(1), node.attr_ints("axes")) {
        (Some(axes), _) => backward.integers(node, axes)?,
        (None, Some(axes)) => axes.to_vec(),
        (None, None) => Vec::new(),
    };
    let axes: Vec<usize> = match axes.is_empty() {
        true if node.attr_int("noop_with_empty_axes").unwrap_or(0) != 0 => Vec::new(),
        true => (0..rank as usize).collect(),
        false => axes.iter().map(|axis| if *axis < 0 { axis + rank } else { *axis } as usize).collect(),
    };
    if observed.batch.is_some_and(|batch| axes.contains(&batch)) {
        return Err(no_rule(node, "it averages over the pictures of a batch"));
    }
    let mut kept: Vec<i64> = observed.shape.iter().map(|size| *size as i64).collect();
    axes.iter().filter_map(|axis| kept.get_mut(*axis).map(|size| *size = 1)).for_each(drop);
    if let Some(batch) = observed.batch {
        kept[batch] = -1;
    }
    let kept = backward.builder.ints(&kept);
    let gradient = backward.emit("Reshape", &[gradient, &kept], &[]);
    share(backward, x, &axes, &gradient)
}

/// Divides the gradient by the number of elements averaged over `axes` and stretches it along them.
fn share(backward: &mut Backward, x: &str, axes: &[usize], gradient: &str) -> Result<(), AutodiffError> {
    let shape = &backward.observed(x)?.shape;
    let count: usize = axes.iter().filter_map(|axis| shape.get(*axis)).product();
    let stretch: Vec<i64> = (0..shape.len()).map(|a| if axes.contains(&a) { shape[a] as i64 } else { 1 }).collect();
    let factor = backward.builder.scalar(1.0 / count as f32);
    let stretch = backward.builder.ints(&stretch);
    let scaled = backward.emit("Mul", &[gradient, &factor], &[]);
    let stretched = backward.emit("Expand", &[&scaled, &stretch], &[]);
    backward.send(x, stretched);
    Ok(())
}
