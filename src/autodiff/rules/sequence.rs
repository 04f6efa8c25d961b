//! Parts of a tensor that are put into a sequence, as torch.export writes `split` and `chunk`.

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use crate::onnx::Node;

/// The part's gradient with zeros for the other parts. It goes to what was split: the sequence itself has none.
pub(super) fn at(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let split =
        node.input(0).and_then(|parts| backward.producer(parts)).filter(|made| made.op_type == "SplitToSequence");
    let (Some(split), Some(place)) = (split, node.input(1)) else {
        return Err(no_rule(node, "its sequence is not the parts of one tensor"));
    };
    let x = split.input(0).ok_or_else(|| no_rule(split, "it has no input"))?;
    let whole = backward.observed(x)?;
    let rank = whole.shape.len();
    let axis = split.attr_int("axis").unwrap_or(0);
    let axis = if axis < 0 { axis + rank as i64 } else { axis } as usize;
    if whole.batch == Some(axis) {
        return Err(no_rule(split, "it takes the pictures of a batch apart"));
    }
    let (Some(size), Some(sizes)) = (whole.shape.get(axis), split.input(1)) else {
        return Err(no_rule(split, "it does not say how large the parts are"));
    };
    let (size, mut sizes) = (*size as i64, backward.integers(split, sizes)?);
    if let [each] = sizes[..]
        && each > 0
    {
        // One number is the size of every part but the last one.
        sizes = (0..size).step_by(each as usize).map(|start| each.min(size - start)).collect();
    }
    let place = backward.integers(node, place)?.first().copied().unwrap_or(0);
    let place = if place < 0 { place + sizes.len() as i64 } else { place } as usize;
    let Some(part) = sizes.get(place) else { return Err(no_rule(node, "there is no such part")) };
    let before: i64 = sizes.iter().take(place).sum();
    let mut pads = vec![0; 2 * rank];
    pads[axis] = before;
    pads[rank + axis] = size - before - part;
    let pads = backward.builder.ints(&pads);
    let passed = backward.emit("Pad", &[gradient, &pads], &[]);
    backward.send(x, passed);
    Ok(())
}
