//! Rectifiers, and what is the identity at inference: the gradient passes or is cut off.

use super::super::backward::{Backward, no_rule};
use super::super::formula::Formula;
use super::super::{AutodiffError, Policy};
use crate::engine::ElementType;
use crate::onnx::build::Attr;
use crate::onnx::{DataType, Node};

fn input(node: &Node) -> Result<&str, AutodiffError> {
    node.input(0).ok_or_else(|| no_rule(node, "it has no input"))
}

/// `mask ⊙ gradient`, the mask being boolean.
fn masked(backward: &mut Backward, mask: &str, gradient: &str) -> String {
    let mask = backward.emit("Cast", &[mask], &[("to", Attr::Int(DataType::Float as i64))]);
    backward.emit("Mul", &[gradient, &mask], &[])
}

/// 2¹²⁷ and 2¹⁰⁰: powers of two, so that nothing is rounded on the way.
const STEEPEST: f32 = f32::from_bits(254 << 23);
const STEEP: f32 = f32::from_bits(227 << 23);

/// 1 where y > 0, else 0, for y ≥ 0 (a subnormal y counts in part). A HardSigmoid this steep is a step in one pass, which
/// ONNX Runtime takes in the blocked layout of convolutions; it leaves that for a comparison.
fn positive(y: &str) -> Formula {
    Formula::tensor(y).hard_sigmoid(STEEPEST, 0.0)
}

/// `gradient` where y > 0, else 0, for y ≥ 0.
pub(super) fn where_positive(backward: &mut Backward, y: &str, gradient: &str) -> String {
    let mask = backward.write(&positive(y));
    backward.mask(gradient, mask)
}

/// Identity at inference: Identity, Dropout.
pub(super) fn pass(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    backward.send(input(node)?, gradient.to_owned());
    Ok(())
}

/// Cast between float types: the gradient is cast back. It ends at what is no float.
pub(super) fn cast(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let x = input(node)?;
    if !matches!(backward.observed(node.output())?.element, ElementType::F32 | ElementType::F64) {
        return Ok(());
    }
    let back = match backward.observed(x)?.element {
        ElementType::F64 => DataType::Double,
        _ => DataType::Float,
    };
    let passed = backward.emit("Cast", &[gradient], &[("to", Attr::Int(back as i64))]);
    backward.send(x, passed);
    Ok(())
}

/// y = max(x, 0): passes where y > 0.
pub(super) fn relu(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let plain = where_positive(backward, node.output(), gradient);
    let passed = match backward.policy {
        Policy::Gradient => plain,
        Policy::Redirected => {
            let zero = backward.builder.scalar(0.0);
            let mask = backward.emit("Greater", &[node.output(), &zero], &[]);
            let raising = backward.emit("Relu", &[gradient], &[]);
            let redirected = backward.emit("Where", &[&mask, gradient, &raising], &[]);
            unless_blocked(backward, node, &plain, &redirected)?
        }
    };
    backward.send(input(node)?, passed);
    Ok(())
}

/// `plain`, but `redirected` for those pictures of the batch for which nothing of `plain` is left.
fn unless_blocked(
    backward: &mut Backward,
    node: &Node,
    plain: &str,
    redirected: &str,
) -> Result<String, AutodiffError> {
    let observed = backward.observed(node.output())?;
    let axes: Vec<i64> = (0..observed.shape.len()).filter(|axis| *axis != 0).map(|axis| axis as i64).collect();
    let axes = backward.builder.ints(&axes);
    let zero = backward.builder.scalar(0.0);
    let size = backward.emit("Abs", &[plain], &[]);
    let size = backward.emit("ReduceSum", &[&size, &axes], &[("keepdims", Attr::Int(1))]);
    let through = backward.emit("Greater", &[&size, &zero], &[]);
    Ok(backward.emit("Where", &[&through, plain, redirected], &[]))
}

/// y = min(max(x, low), high): passes where low < y < high, which is where low < x < high, as PyTorch does for ReLU6.
/// Asking y leaves the runtime free to fuse the clipping into the convolution before it.
pub(super) fn clip(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let stored = |index: usize| backward.weights(node, node.input(index)?).ok()?.first().copied();
    if let (Policy::Gradient, Some(0.0), Some(high)) = (backward.policy, stored(1), stored(2))
        && (1e-20..1e6).contains(&high)
    {
        let y = Formula::tensor(node.output());
        let below = y.hard_sigmoid(-STEEP, STEEP * high);
        let masks = [positive(node.output()), below].map(|mask| backward.write(&mask));
        let passed = masks.into_iter().fold(gradient.to_owned(), |gradient, mask| backward.mask(&gradient, mask));
        backward.send(input(node)?, passed);
        return Ok(());
    }
    let bounds = [node.input(1).map(|low| ("Greater", low)), node.input(2).map(|high| ("Less", high))];
    let masks =
        bounds.into_iter().flatten().map(|(compare, bound)| backward.emit(compare, &[node.output(), bound], &[]));
    let masks: Vec<String> = masks.collect();
    let passed = match masks.as_slice() {
        [] => gradient.to_owned(),
        [mask] => masked(backward, mask, gradient),
        [above, below, ..] => {
            let inside = backward.emit("And", &[above, below], &[]);
            let plain = masked(backward, &inside, gradient);
            match backward.policy {
                Policy::Gradient => plain,
                Policy::Redirected => {
                    let raising = backward.emit("Relu", &[gradient], &[]);
                    let lowering = backward.emit("Sub", &[gradient, &raising], &[]);
                    let from_below = backward.emit("Where", &[above, gradient, &raising], &[]);
                    let redirected = backward.emit("Where", &[below, &from_below, &lowering], &[]);
                    unless_blocked(backward, node, &plain, &redirected)?
                }
            }
        }
    };
    backward.send(input(node)?, passed);
    Ok(())
}

/// y = x where x > 0, else slope · x, with a slope that broadcasts to x.
pub(super) fn prelu(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (x, slope) = node.input(0).zip(node.input(1)).ok_or_else(|| no_rule(node, "it does not have two inputs"))?;
    if backward.wants(slope) {
        return Err(no_rule(node, "its slope depends on the picture"));
    }
    let (positive, slope) = (Formula::tensor(x).is("Greater", 0.0), Formula::tensor(slope));
    let slopes = positive.clone() + (1.0 - positive) * slope;
    let passed = backward.write(&(Formula::tensor(gradient) * slopes));
    backward.send(x, passed);
    Ok(())
}
