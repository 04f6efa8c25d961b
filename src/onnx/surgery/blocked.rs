//! Reading feature maps as ONNX Runtime lays them out for its convolutions: some channels together, place by place.
//!
//! The model that the runtime writes once it has optimised one has nodes that lay maps out in blocks and back again. lensor's
//! own operators read blocks as they are, so that none of their maps is laid out anew; and in blocks a sum of maps, the ReLU
//! behind it and what is to be known of all of them are one pass over memory. Must not know how the operators compute.

use std::collections::HashMap;

use prost::Message;

use super::super::build::{Attr, node};
use super::super::graph::Node;
use super::super::proto::NodeProto;
use super::super::wire::{self, Edit};
use super::super::{Model, OnnxError};
use super::field;

/// Maps `[batch, channels, height, width]` → `[batch, channels, 3]`: average, highest value, and the place of the first
/// highest value in the order of rows, as the bits of a `u32`. Attributes `block`, how many channels lie together, and
/// `channels`, as those of the last block may be missing; without them the maps lie one after the other.
pub const FIGURES: &str = "lensor.Figures";

/// Two tensors of maps in blocks → their sum, and the figures of each and of the sum where they are wanted. Attributes as those
/// of [`FIGURES`], and `relu`: whether what is below zero becomes zero.
const SUM: &str = "lensor.SumFigures";

/// Domain of the runtime's operators on blocks.
const BLOCKED: &str = "com.microsoft.nchwc.";

/// What lays blocks out as maps one after the other.
const REORDER: &str = "com.microsoft.nchwc.ReorderOutput";

/// A node that wants the figures of maps in blocks.
struct Wanted<'a> {
    node: &'a Node,
    channels: i64,
}

/// An optimised model with `block` channels together, with [`FIGURES`] of blocks taken from the blocks themselves. The values
/// of all other tensors are the same, bit for bit.
///
/// The runtime begins with what the last of the nodes needs that nothing else needs. It has written the nodes in the order in
/// which it computed them, so that it would now begin with the last layer, and all maps would wait for their figures: those nodes
/// come at the end, the last layer first.
pub fn read_blocked(model: &Model, block: usize) -> Result<Model, OnnxError> {
    let graph = model.graph();
    let mut wanted: HashMap<&str, Wanted> = HashMap::new();
    let mut nodes: HashMap<usize, Vec<NodeProto>> = HashMap::new();
    for reorder in graph.nodes.iter().filter(|node| node.qualified_op() == REORDER) {
        let (Some(blocks), Some(channels)) = (reorder.input(0), reorder.attr_int("channels")) else { continue };
        let users = graph.consumers(reorder.output()).iter().filter_map(|user| graph.nodes.get(*user));
        let (figures, others): (Vec<_>, Vec<_>) = users.partition(|user| user.qualified_op() == FIGURES);
        if others.is_empty() && graph.outputs.iter().all(|output| output.name != reorder.output()) {
            nodes.insert(reorder.index, Vec::new());
        }
        // Several layers may have the same maps.
        for node in figures {
            let layout = layout(block, channels);
            nodes.insert(node.index, vec![self::node(FIGURES, &[blocks], &[node.output()], &layout)]);
            wanted.insert(blocks, Wanted { node, channels });
        }
    }
    for add in graph.nodes.iter().filter(|node| node.qualified_op() == "Add") {
        let Some(mut summands) = add.input(0).zip(add.input(1)).map(|(a, b)| [a, b]) else { continue };
        let users: Vec<&Node> =
            graph.consumers(add.output()).iter().filter_map(|user| graph.nodes.get(*user)).collect();
        let relu = match users[..] {
            [relu] if relu.qualified_op() == "Relu" => Some(relu),
            _ => None,
        };
        let last = relu.unwrap_or(add);
        let Some(of_sum) = wanted.remove(last.output()) else { continue };
        let mut figures = summands.map(|summand| wanted.remove(summand));
        if figures[0].is_none() {
            summands.reverse();
            figures.reverse();
        }
        let taken = figures.iter().flatten().chain([&of_sum]);
        taken.for_each(|wanted| _ = nodes.insert(wanted.node.index, Vec::new()));
        let [first, second] = figures.map(|wanted| wanted.map_or("", |wanted| wanted.node.output()));
        let outputs = [last.output(), first, second, of_sum.node.output()];
        let [of, channels] = layout(block, of_sum.channels);
        let attributes = [of, channels, ("relu", Attr::Int(relu.is_some().into()))];
        nodes.insert(add.index, Vec::new());
        nodes.insert(last.index, vec![node(SUM, &summands, &outputs, &attributes)]);
    }
    let mut last: Vec<Vec<u8>> = Vec::new();
    let mut index = 0;
    let bytes = wire::edit_at(model.bytes(), &[field::MODEL_GRAPH], &mut |part| {
        if part.number != field::GRAPH_NODE {
            return Ok(Edit::Keep);
        }
        let at = index;
        index += 1;
        let encoded = |nodes: &Vec<NodeProto>| nodes.iter().map(NodeProto::encode_to_vec).collect();
        let mut contents: Vec<Vec<u8>> = match (nodes.get(&at), graph.nodes.get(at)) {
            (Some(nodes), _) => encoded(nodes),
            (None, Some(node)) if is_sampled(node, model, block) => encoded(&sample_first(node, part.content)?),
            _ => vec![part.content.to_vec()],
        };
        if graph.nodes.get(at).is_some_and(|node| node.qualified_op() == FIGURES) {
            last.append(&mut contents);
        }
        if index == graph.nodes.len() {
            last.reverse();
            contents.append(&mut last);
        }
        Ok(Edit::Split(contents))
    })?;
    Model::from_bytes(bytes, model.beside().clone())
}

fn layout(block: usize, channels: i64) -> [(&'static str, Attr<'static>); 2] {
    [("block", Attr::Int(block as i64)), ("channels", Attr::Int(channels))]
}

/// Whether a node is a convolution 1×1 of blocks that passes over places: the runtime is a quarter slower at it than at one of
/// maps that have just the places it looks at.
fn is_sampled(node: &Node, model: &Model, block: usize) -> bool {
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
fn sample_first(convolution: &Node, bytes: &[u8]) -> Result<Vec<NodeProto>, OnnxError> {
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

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;
    use crate::fixtures::with_input;

    #[test]
    fn figures_are_read_from_blocks_and_sums_are_one_node() {
        let mut b = with_input([16, 4, 4]);
        b.named_floats("w", Array4::<f32>::ones((16, 16, 1, 1)).view());
        let (conv, kernel) = (format!("{BLOCKED}Conv"), ("kernel_shape", Attr::Ints(&[1, 1])));
        let strides = |strides| ("strides", Attr::Ints(strides));
        let channels = [("channels", Attr::Int(12))];
        b.named_node("com.microsoft.nchwc.ReorderInput", &["x"], &["blocks"], &[]);
        b.named_node(&conv, &["blocks", "w"], &["a"], &[kernel, strides(&[1, 1])]);
        b.named_node(REORDER, &["a"], &["maps_a"], &channels);
        b.named_node(FIGURES, &["maps_a"], &["of_a"], &[]);
        b.named_node(&conv, &["blocks", "w"], &["b"], &[kernel, strides(&[2, 2])]);
        b.named_node("Add", &["b", "a"], &["added"], &[]);
        b.named_node("Relu", &["added"], &["sum"], &[]);
        b.named_node(REORDER, &["sum"], &["maps_sum"], &channels);
        b.named_node(FIGURES, &["maps_sum"], &["of_sum"], &[]);
        b.named_node(&conv, &["sum", "w"], &["c"], &[kernel, strides(&[1, 1])]);
        b.named_node(REORDER, &["c"], &["maps_c"], &channels);
        b.named_node(FIGURES, &["maps_c"], &["of_c"], &[]);
        b.named_node(FIGURES, &["x"], &["of_x"], &[]);
        b.named_node("Flatten", &["maps_c"], &["end"], &[]);
        ["of_a", "of_sum", "of_c", "of_x", "end"].iter().for_each(|name| b.output(name));
        let model = Model::from_bytes(b.into_model(17), None).unwrap();
        let read = read_blocked(&model, 16).unwrap();
        let nodes = &read.graph().nodes;
        let ops: Vec<String> = nodes.iter().map(|node| node.op_type.clone()).collect();
        let expected = [
            "ReorderInput",
            "Conv",
            "AveragePool",
            "Conv",
            "SumFigures",
            "Conv",
            "ReorderOutput",
            "Flatten",
            "Figures",
            "Figures",
        ];
        assert_eq!(ops, expected);
        assert_eq!(
            (&nodes[4].inputs[..], &nodes[4].outputs[..]),
            (&["a", "b"].map(String::from)[..], &["sum", "of_a", "", "of_sum"].map(String::from)[..])
        );
        assert_eq!(
            (nodes[4].attr_int("block"), nodes[4].attr_int("channels"), nodes[4].attr_int("relu")),
            (Some(16), Some(12), Some(1))
        );
        assert_eq!((nodes[8].input(0), nodes[9].input(0)), (Some("x"), Some("c")), "the last first");
        assert_eq!(
            (nodes[2].attr_ints("strides"), nodes[3].attr_ints("strides")),
            (Some(&[2, 2][..]), Some(&[1, 1][..]))
        );
    }
}
