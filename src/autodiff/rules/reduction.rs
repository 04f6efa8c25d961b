//! Reductions over axes: sums, means, norms and extremes.

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use super::super::formula::Formula;
use crate::onnx::Node;
use crate::onnx::build::Attr;

/// A reduction, seen from behind.
struct Reduced<'n> {
    /// What is reduced.
    x: &'n str,
    /// The reduced axes.
    axes: Vec<i64>,
    /// Number of elements that become one.
    count: usize,
    /// Size of each reduced axis, 1 for the others.
    stretch: Vec<i64>,
    /// The shape in which reduced axes are kept with size 1; −1 for the batch.
    kept: String,
}

impl<'n> Reduced<'n> {
    fn of(backward: &mut Backward, node: &'n Node) -> Result<Self, AutodiffError> {
        let x = node.input(0).ok_or_else(|| no_rule(node, "it has no input"))?;
        let rank = backward.observed(x)?.shape.len() as i64;
        let axes = match (node.input(1), node.attr_ints("axes")) {
            (Some(axes), _) => backward.integers(node, axes)?,
            (None, Some(axes)) => axes.to_vec(),
            (None, None) => Vec::new(),
        };
        let axes = match axes.is_empty() {
            true if node.attr_int("noop_with_empty_axes").unwrap_or(0) != 0 => Vec::new(),
            true => (0..rank as usize).collect(),
            false => axes.iter().map(|axis| if *axis < 0 { axis + rank } else { *axis } as usize).collect(),
        };
        Self::over(backward, node, x, &axes)
    }

    fn over(backward: &mut Backward, node: &Node, x: &'n str, axes: &[usize]) -> Result<Self, AutodiffError> {
        let observed = backward.observed(x)?;
        if observed.batch.is_some_and(|batch| axes.contains(&batch)) {
            return Err(no_rule(node, "it reduces over the pictures of a batch"));
        }
        let mut kept: Vec<i64> = observed.shape.iter().map(|size| *size as i64).collect();
        let mut stretch = vec![1; kept.len()];
        for axis in axes {
            let size = kept.get_mut(*axis).ok_or_else(|| no_rule(node, format!("its input has no axis {axis}")))?;
            std::mem::swap(size, &mut stretch[*axis]);
        }
        let count = stretch.iter().product::<i64>() as usize;
        if let Some(batch) = observed.batch {
            kept[batch] = -1;
        }
        let axes = axes.iter().map(|axis| *axis as i64).collect();
        Ok(Self { x, axes, count, stretch, kept: backward.builder.ints(&kept) })
    }

    /// The gradient, or the output, with the reduced axes kept.
    fn keep(&self, backward: &mut Backward, tensor: &str) -> Formula {
        Formula::tensor(&backward.emit("Reshape", &[tensor, &self.kept], &[]))
    }

    /// Gives every element this gradient, which has the reduced axes with size 1.
    fn spread(&self, backward: &mut Backward, gradient: &Formula) {
        let (gradient, stretch) = (backward.write(gradient), backward.builder.ints(&self.stretch));
        let stretched = backward.emit("Expand", &[&gradient, &stretch], &[]);
        backward.send(self.x, stretched);
    }
}

/// y = mean of x over all axes after the channels, kept with size 1.
pub(super) fn global_average_pool(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let x = node.input(0).ok_or_else(|| no_rule(node, "it has no input"))?;
    let spatial: Vec<usize> = (2..backward.observed(x)?.shape.len()).collect();
    let reduced = Reduced::over(backward, node, x, &spatial)?;
    reduced.spread(backward, &(Formula::tensor(gradient) * (1.0 / reduced.count as f32)));
    Ok(())
}

/// Sums, their logarithms, and means, whose gradient is the same for all elements.
pub(super) fn even(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let reduced = Reduced::of(backward, node)?;
    let gradient = reduced.keep(backward, gradient);
    let share = match node.op_type.as_str() {
        "ReduceMean" => gradient * (1.0 / reduced.count as f32),
        "ReduceLogSum" => gradient / reduced.keep(backward, node.output()).map("Exp"),
        _ => gradient,
    };
    reduced.spread(backward, &share);
    Ok(())
}

/// Norms, sums of powers and extremes, whose gradient depends on the element. Elements that share an extreme share
/// its gradient, as in PyTorch's `amax`.
pub(super) fn uneven(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let reduced = Reduced::of(backward, node)?;
    let (g, x) = (reduced.keep(backward, gradient), Formula::tensor(reduced.x));
    let y = reduced.keep(backward, node.output());
    let passed = match node.op_type.as_str() {
        "ReduceL1" => g * x.map("Sign"),
        // Where all elements are zero the norm has a kink: zero, as in PyTorch.
        "ReduceL2" => g / y.with("Max", f32::MIN_POSITIVE) * x,
        "ReduceSumSquare" => 2.0 * g * x,
        "ReduceLogSumExp" => g * (x - y).map("Exp"),
        "ReduceMax" | "ReduceMin" => {
            let chosen = x.is("Equal", y);
            let axes = Formula::tensor(&backward.builder.ints(&reduced.axes));
            g / chosen.sum(&axes) * chosen
        }
        _ => return Err(no_rule(node, "its derivative is not known")),
    };
    let passed = backward.write(&passed);
    backward.send(reduced.x, passed);
    Ok(())
}

/// y = the maximum of each channel: the first element that has it gets the gradient, as in PyTorch.
pub(super) fn global_max_pool(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let x = node.input(0).ok_or_else(|| no_rule(node, "it has no input"))?;
    let rows = backward.builder.ints(&[0, 0, -1]);
    let [flat, updates] = [x, gradient].map(|tensor| backward.emit("Reshape", &[tensor, &rows], &[]));
    let first = backward.emit("ArgMax", &[&flat], &[("axis", Attr::Int(2)), ("keepdims", Attr::Int(1))]);
    let zeros = backward.zeros_like(&flat);
    let scattered = backward.emit("ScatterElements", &[&zeros, &first, &updates], &[("axis", Attr::Int(2))]);
    let passed = backward.reshape_like(&scattered, x)?;
    backward.send(x, passed);
    Ok(())
}

/// y = the sums of all elements up to each, along an axis: each gets the sum of the gradients from it on.
pub(super) fn cumulative(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (x, axis) = node.input(0).zip(node.input(1)).ok_or_else(|| no_rule(node, "it names no axis"))?;
    let flag = |name| node.attr_int(name).unwrap_or(0);
    let attributes = [("exclusive", Attr::Int(flag("exclusive"))), ("reverse", Attr::Int(1 - flag("reverse")))];
    let passed = backward.emit("CumSum", &[gradient, axis], &attributes);
    backward.send(x, passed);
    Ok(())
}
