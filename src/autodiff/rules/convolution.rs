//! Convolution: the gradient is convolved with the kernel transposed and flipped.

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use super::window;
use crate::onnx::Node;
use crate::onnx::build::Attr;

/// Most channels, those of a picture, to which the way back by the maxima alone is the faster one.
const FEW: usize = 4;

fn operands<'n>(backward: &Backward, node: &'n Node) -> Result<(&'n str, &'n str), AutodiffError> {
    let (x, kernel) = node.input(0).zip(node.input(1)).ok_or_else(|| no_rule(node, "it lacks its kernel"))?;
    match backward.wants(kernel) || node.input(2).is_some_and(|bias| backward.wants(bias)) {
        true => Err(no_rule(node, "its kernel depends on the picture")),
        false => Ok((x, kernel)),
    }
}

/// y = x ∗ kernel + bias, with groups, strides, dilations and any padding.
pub(super) fn conv(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (x, name) = operands(backward, node)?;
    let kernel = backward.kernel(node, name)?;
    let group = usize::try_from(node.attr_int("group").unwrap_or(1)).unwrap_or(0);
    let &[outputs, per_group, kh, kw] = kernel.shape.as_slice() else {
        let axes = window::axes(backward, node, x, kernel.shape.get(2..).unwrap_or_default())?;
        let passed = window::transposed(backward, gradient, name, group, &axes);
        backward.send(x, passed);
        return Ok(());
    };
    let channels = backward.observed(x)?.shape.get(1).copied().unwrap_or(0);
    if group == 0 || outputs % group != 0 || per_group * group != channels || kh * kw == 0 {
        return Err(no_rule(node, "its kernel does not fit its input"));
    }
    let axes = window::of(backward, node, x, [kh, kw])?;
    let few = channels <= FEW && group == 1 && axes.iter().all(|axis| axis.dilation == 1 && axis.pad >= 0);
    // A sum over pictures goes back once, and the maxima of all are many.
    if let Some(maxima) = backward.maxima(gradient).filter(|maxima| few && !maxima.sum) {
        let passed = maxima.through(backward, name, axes);
        backward.send(x, passed);
        return Ok(());
    }
    let passed = window::input_gradient(backward, gradient, &kernel, group, axes);
    backward.send_phases(x, passed);
    Ok(())
}

/// y = the input gradient of a convolution, whose way back is that convolution.
pub(super) fn conv_transpose(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (x, kernel) = operands(backward, node)?;
    if node.attr_string("auto_pad").is_some_and(|pad| pad != "NOTSET") || node.attr_ints("output_shape").is_some() {
        return Err(no_rule(node, "its padding follows from its output's shape"));
    }
    let lists = ["strides", "dilations", "pads"];
    let mut attributes = vec![("group", Attr::Int(node.attr_int("group").unwrap_or(1)))];
    attributes.extend(lists.iter().filter_map(|name| Some((*name, Attr::Ints(node.attr_ints(name)?)))));
    let passed = backward.emit("Conv", &[gradient, kernel], &attributes);
    backward.send(x, passed);
    Ok(())
}
