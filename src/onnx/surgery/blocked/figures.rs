//! The figures of feature maps, read from blocks; and sums with their figures, which are one pass over memory then.

use std::collections::HashMap;

use super::REORDER;
use crate::onnx::build::{Attr, node};
use crate::onnx::proto::NodeProto;
use crate::onnx::{Model, Node};

/// Maps `[batch, channels, height, width]` → `[batch, channels, 3]`: average, highest value, and the place of the first
/// highest value in the order of rows, as the bits of a `u32`. Attributes `block`, how many channels lie together, and
/// `channels`, as those of the last block may be missing; without them the maps lie one after the other.
pub const FIGURES: &str = "lensor.Figures";

/// Two tensors of maps in blocks → their sum, and the figures of each and of the sum where they are wanted. Attributes as those
/// of [`FIGURES`], and `relu`: whether what is below zero becomes zero.
const SUM: &str = "lensor.SumFigures";

/// A node that wants the figures of maps in blocks.
struct Wanted<'a> {
    node: &'a Node,
    channels: i64,
}

/// What takes the place of some nodes, by their numbers.
pub(super) fn figures(model: &Model, block: usize) -> HashMap<usize, Vec<NodeProto>> {
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
    nodes
}

fn layout(block: usize, channels: i64) -> [(&'static str, Attr<'static>); 2] {
    [("block", Attr::Int(block as i64)), ("channels", Attr::Int(channels))]
}
