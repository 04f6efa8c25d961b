//! Pooling over windows in which all elements count: means and norms.

use ndarray::{Array4, ArrayD, aview1};

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use super::super::formula::Formula;
use super::window::{self, Axis, Kernel};
use crate::onnx::Node;
use crate::onnx::build::Attr;

/// A depthwise convolution with a constant kernel, seen backwards; windows that count fewer elements (at the border)
/// weigh these more.
pub(super) fn average_pool(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (x, axes) = windows(backward, node)?;
    let area: usize = axes.iter().map(|axis| axis.kernel).product();
    let with_padding = node.attr_int("count_include_pad").unwrap_or(0) != 0;
    let end = |at: usize| node.attr_ints("pads").and_then(|pads| pads.get(axes.len() + at)).copied().unwrap_or(0);
    let counted = |(at, axis): (usize, &Axis)| -> Vec<usize> {
        let input = axis.input as i64;
        let inside = if with_padding { -axis.pad..input + end(at) } else { 0..input };
        let position = |o: usize, k: usize| (o * axis.stride + k * axis.dilation) as i64 - axis.pad;
        (0..axis.output).map(|o| (0..axis.kernel).filter(|k| inside.contains(&position(o, *k))).count()).collect()
    };
    let counts: Vec<Vec<usize>> = axes.iter().enumerate().map(counted).collect();
    let shape: Vec<usize> = [1, 1].into_iter().chain(axes.iter().map(|axis| axis.output)).collect();
    let factors = ArrayD::from_shape_fn(shape, |at| {
        let elements: usize = counts.iter().enumerate().map(|(axis, counts)| counts[at[axis + 2]]).product();
        area as f32 / elements.max(1) as f32
    });
    let weighted = if factors.iter().all(|factor| *factor == 1.0) {
        gradient.to_owned()
    } else {
        let factors = backward.builder.floats(factors.view());
        backward.emit("Mul", &[gradient, &factors], &[])
    };
    let passed = from_windows(backward, x, &weighted, &axes, 1.0 / area as f32)?;
    backward.send(x, passed);
    Ok(())
}

/// y = (Σ |x|^p)^(1/p) over windows: what these give back of g y^(1−p), times sign(x) |x|^(p−1).
pub(super) fn lp_pool(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (x, axes) = windows(backward, node)?;
    let [outer, inner] = norm(node, x);
    let shares = backward.write(&(Formula::tensor(gradient) * outer));
    let spread = from_windows(backward, x, &shares, &axes, 1.0)?;
    let passed = backward.write(&(Formula::tensor(&spread) * inner));
    backward.send(x, passed);
    Ok(())
}

/// The same over all axes after the channels.
pub(super) fn global_lp_pool(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let x = node.input(0).ok_or_else(|| no_rule(node, "it has no input"))?;
    let [outer, inner] = norm(node, x);
    let passed = backward.write(&(Formula::tensor(gradient) * outer * inner));
    backward.send(x, passed);
    Ok(())
}

/// The two factors of the derivative of y = (Σ |x|^p)^(1/p): y^(1−p), and sign(x) |x|^(p−1).
fn norm(node: &Node, x: &str) -> [Formula; 2] {
    let (x, y) = (Formula::tensor(x), Formula::tensor(node.output()));
    let p = node.attr_int("p").unwrap_or(2) as f32;
    // Where all elements are zero the second factor is zero and the first must not be infinite.
    [y.with("Max", 1e-12).with("Pow", 1.0 - p), x.map("Sign") * x.map("Abs").with("Pow", p - 1.0)]
}

fn windows<'n>(backward: &Backward, node: &'n Node) -> Result<(&'n str, Vec<Axis>), AutodiffError> {
    let x = node.input(0).ok_or_else(|| no_rule(node, "it has no input"))?;
    let kernel = node.attr_ints("kernel_shape").unwrap_or_default();
    let kernel: Vec<usize> = kernel.iter().map(|size| usize::try_from(*size).unwrap_or(0)).collect();
    Ok((x, window::axes(backward, node, x, &kernel)?))
}

/// Gives every element of a window, and of each one it is in, the window's gradient times `weight`.
fn from_windows(
    backward: &mut Backward,
    x: &str,
    gradient: &str,
    axes: &[Axis],
    weight: f32,
) -> Result<String, AutodiffError> {
    let channels = backward.observed(x)?.shape.get(1).copied().unwrap_or(0);
    let side_by_side = |axis: &Axis| {
        axis.kernel == axis.stride && axis.pad == 0 && axis.dilation == 1 && axis.output * axis.stride == axis.input
    };
    if let ([h, w], true) = (axes, axes.iter().all(side_by_side)) {
        let weight = backward.builder.scalar(weight);
        let share = backward.emit("Mul", &[gradient, &weight], &[]);
        let scales = backward.builder.floats(aview1(&[1.0, 1.0, h.stride as f32, w.stride as f32]));
        let repeat = [
            ("mode", Attr::Text("nearest")),
            ("coordinate_transformation_mode", Attr::Text("asymmetric")),
            ("nearest_mode", Attr::Text("floor")),
        ];
        return Ok(backward.emit("Resize", &[&share, "", &scales], &repeat));
    }
    if let [h, w] = axes {
        let kernel = Kernel::from(Array4::from_elem((channels, 1, h.kernel, w.kernel), weight).view());
        return Ok(window::input_gradient(backward, gradient, &kernel, channels, [*h, *w]).join(backward));
    }
    let shape: Vec<usize> = [channels, 1].into_iter().chain(axes.iter().map(|axis| axis.kernel)).collect();
    let kernel = backward.builder.floats(ArrayD::from_elem(shape, weight).view());
    Ok(window::transposed(backward, gradient, &kernel, channels, axes))
}
