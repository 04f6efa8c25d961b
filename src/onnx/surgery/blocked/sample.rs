//! Convolutions 1×1 that pass over places, behind what takes the places that they look at.

use prost::Message;

use super::BLOCKED;
use crate::onnx::build::{Attr, node};
use crate::onnx::proto::NodeProto;
use crate::onnx::{Model, Node, OnnxError};

/// Whether a node is a convolution 1×1 of blocks that passes over places: the runtime is a quarter slower at it than at one of
/// maps that have just the places it looks at.
pub(super) fn is_sampled(node: &Node, model: &Model, block: usize) -> bool {
    let strides = node.attr_ints("strides").unwrap_or_default();
    let plain = node.attr_ints("kernel_shape") == Some(&[1, 1])
        && node.attr_ints("pads").unwrap_or_default().iter().all(|pad| *pad == 0)
        && node.attr_int("group").unwrap_or(1) == 1;
    let weights = node.input(1).and_then(|name| model.graph().initializer(name));
    // With fewer channels it reads maps that lie one after the other.
    let of_blocks = weights.is_some_and(|weights| weights.dims.get(1).is_some_and(|count| *count % block as i64 == 0));
    node.qualified_op() == format!("{BLOCKED}Conv") && strides.iter().any(|stride| *stride > 1) && plain && of_blocks
}

/// The convolution behind a pool that takes the places it looks at, each by itself.
pub(super) fn sample_first(convolution: &Node, bytes: &[u8]) -> Result<Vec<NodeProto>, OnnxError> {
    let broken = |error: prost::DecodeError| OnnxError::BrokenGraph { reason: error.to_string() };
    let mut after = NodeProto::decode(bytes).map_err(broken)?;
    let sample = format!("lensor/sample/{}", convolution.output());
    let strides = convolution.attr_ints("strides").unwrap_or_default();
    let attributes = [("kernel_shape", Attr::Ints(&[1, 1])), ("strides", Attr::Ints(strides))];
    let pool = format!("{BLOCKED}AveragePool");
    let input =
        after.input.first_mut().ok_or_else(|| OnnxError::BrokenGraph { reason: "a Conv lacks its input".into() })?;
    let before = node(&pool, &[input], &[&sample], &attributes);
    *input = sample;
    for attribute in after.attribute.iter_mut().filter(|attribute| attribute.name == "strides") {
        attribute.ints = vec![1; attribute.ints.len()];
    }
    Ok(vec![before, after])
}
