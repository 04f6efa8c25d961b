//! Pooling over windows to the maximum.

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use super::super::phases::Part;
use super::activation;
use super::window::{self, Axis};
use crate::engine::ElementType;
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

/// Sends each gradient to where its maximum was; where windows overlap they add up, and of equal elements the first
/// one gets it all, as in PyTorch. A ReLU just before is passed on the way: where the maximum is positive it lets the gradient
/// through, and there are fewer maxima than elements.
pub(super) fn max_pool(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (x, axes) = windows(backward, node)?;
    if node.attr_int("storage_order").unwrap_or(0) != 0 {
        return Err(no_rule(node, "its indices are column-major (storage_order 1)"));
    }
    let relu = backward.relu_just_before(x).and_then(|relu| relu.input(0));
    let (target, gradient) = match relu {
        Some(before) => (before, activation::where_positive(backward, node.output(), gradient)),
        None => (x, gradient.to_owned()),
    };
    let sum = backward.sums(target);
    let known = backward.observed(x)?.element == ElementType::F32 && axes.iter().all(|axis| axis.pad >= 0);
    let passed = match backward.operators && known {
        true => backward.place(Maxima { x: x.to_owned(), gradient, window: axes, sum }),
        false => scatter(backward, node, (x, &gradient), axes, sum)?,
    };
    match sum {
        true => backward.deliver(target, Part::Whole(passed)),
        false => backward.send(target, passed),
    }
    Ok(())
}

/// The gradient of the maxima of windows, by lensor's own operators.
#[derive(Clone)]
pub(in super::super) struct Maxima {
    /// What was pooled, `[N, C, H, W]`.
    pub x: String,
    /// The gradient of its maxima, `[N, C, h, w]`.
    pub gradient: String,
    pub(super) window: [Axis; 2],
    /// Whether the way on is that of the sum over the pictures.
    pub sum: bool,
}

impl Maxima {
    /// The gradient of what was pooled.
    pub fn place(&self, backward: &mut Backward) -> String {
        self.emit(backward, "lensor.MaxPoolGradient", &[], &[("sum", Attr::Int(i64::from(self.sum)))])
    }

    /// The gradient of what a convolution without groups or dilation took, of which `x` are the feature maps; not summed.
    pub(super) fn through(&self, backward: &mut Backward, kernel: &str, conv: [Axis; 2]) -> String {
        let sizes = |of: fn(&Axis) -> i64| conv.each_ref().map(of);
        let (strides, pads) = (sizes(|axis| axis.stride as i64), sizes(|axis| axis.pad));
        let size = sizes(|axis| axis.input as i64);
        let attributes =
            [("conv_strides", Attr::Ints(&strides)), ("conv_pads", Attr::Ints(&pads)), ("size", Attr::Ints(&size))];
        self.emit(backward, "lensor.StemGradient", &[kernel], &attributes)
    }

    fn emit(&self, backward: &mut Backward, op: &str, more: &[&str], with: &[(&str, Attr)]) -> String {
        let sizes = |of: fn(&Axis) -> i64| self.window.each_ref().map(of);
        let (kernel, strides) = (sizes(|axis| axis.kernel as i64), sizes(|axis| axis.stride as i64));
        let (dilations, pads) = (sizes(|axis| axis.dilation as i64), sizes(|axis| axis.pad));
        let mut attributes = vec![
            ("kernel", Attr::Ints(&kernel)),
            ("strides", Attr::Ints(&strides)),
            ("dilations", Attr::Ints(&dilations)),
            ("pads", Attr::Ints(&pads)),
        ];
        attributes.extend_from_slice(with);
        let inputs: Vec<&str> = [self.x.as_str(), &self.gradient].into_iter().chain(more.iter().copied()).collect();
        backward.emit(op, &inputs, &attributes)
    }
}

/// By ONNX's operators: the pooling says where its maxima were.
fn scatter(
    backward: &mut Backward,
    node: &Node,
    (x, gradient): (&str, &str),
    axes: [Axis; 2],
    sum: bool,
) -> Result<String, AutodiffError> {
    let indices = backward.node_output(node, 1);
    let flat = backward.builder.ints(&[-1]);
    let keep = |keep: i64| [("keepdims", Attr::Int(keep))];
    let shape = backward.emit("Shape", &[x], &[]);
    let one: usize = backward.observed(x)?.shape.iter().product();
    let (size, indices) = match sum {
        false => (backward.emit("ReduceProd", &[&shape], &keep(1)), indices),
        // All pictures into one: the indices count through the whole batch.
        true => {
            let [size, column] = [&[one as i64][..], &[-1, 1, 1, 1]].map(|list| backward.builder.ints(list));
            let [zero, step] = [0, one as i64].map(|number| backward.builder.int(number));
            let end = backward.emit("ReduceProd", &[&shape], &keep(0));
            let firsts = backward.emit("Range", &[&zero, &end, &step], &[]);
            let firsts = backward.emit("Reshape", &[&firsts, &column], &[]);
            (size, backward.emit("Sub", &[&indices, &firsts], &[]))
        }
    };
    let zeros = backward.emit("ConstantOfShape", &[&size], &[]);
    let indices = backward.emit("Reshape", &[&indices, &flat], &[]);
    let updates = backward.emit("Reshape", &[gradient, &flat], &[]);
    let overlapping = sum || axes.iter().any(|axis| axis.dilation * (axis.kernel - 1) + 1 > axis.stride);
    let reduction = ("reduction", Attr::Text(if overlapping { "add" } else { "none" }));
    let scattered =
        backward.emit("ScatterElements", &[&zeros, &indices, &updates], &[("axis", Attr::Int(0)), reduction]);
    backward.reshape_like(&scattered, x)
}
