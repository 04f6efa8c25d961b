//! Reading feature maps as ONNX Runtime lays them out for its convolutions: some channels together, place by place.
//!
//! The model that the runtime writes once it has optimised one has nodes that lay maps out in blocks and back again. lensor's
//! own operators read blocks as they are, so that none of their maps is laid out anew; and in blocks a sum of maps, the ReLU
//! behind it and what is to be known of all of them are one pass over memory. Must not know how the operators compute.

use std::collections::HashMap;

use prost::Message;

use super::super::proto::NodeProto;
use super::super::wire::{self, Edit};
use super::super::{Model, Node, OnnxError};
use super::field;

mod figures;
mod sample;
mod stand_in;
mod winograd;

pub use figures::FIGURES;
pub use stand_in::{Original, StandIns, stand_in};
pub use winograd::{WINOGRAD, has_winograd};

/// Domain of the runtime's operators on blocks.
const BLOCKED: &str = "com.microsoft.nchwc.";

/// What lays blocks out as maps one after the other.
const REORDER: &str = "com.microsoft.nchwc.ReorderOutput";

/// An optimised model with `block` channels together, with [`FIGURES`] of blocks taken from the blocks themselves, and where wanted
/// with [`WINOGRAD`] on so many threads, also in the place of the convolutions whose kernels have stand-ins. The values of all
/// other tensors are the same, up to rounding.
///
/// The runtime begins with what the last of the nodes needs that nothing else needs. It has written the nodes in the order in
/// which it computed them, so that it would now begin with the last layer, and all maps would wait for their figures: those nodes
/// come at the end, the last layer first.
pub fn read_blocked(model: &Model, block: usize, own: Option<(usize, &[Original])>) -> Result<Model, OnnxError> {
    let graph = model.graph();
    let mut nodes: HashMap<usize, Vec<NodeProto>> = figures::figures(model, block);
    if let Some((threads, originals)) = own {
        let stand_ins = stand_in::find(model, originals)?;
        let own = |node: &Node| winograd::winograd(node, model, threads, &stand_ins);
        let own: HashMap<usize, Vec<NodeProto>> =
            graph.nodes.iter().filter_map(|node| Some((node.index, vec![own(node)?]))).collect();
        stand_in::check(graph, &stand_ins, originals.len(), |node| own.contains_key(&node))?;
        nodes.extend(own);
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
            (None, Some(node)) if sample::is_sampled(node, model, block) => {
                encoded(&sample::sample_first(node, part.content)?)
            }
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

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;
    use crate::fixtures::with_input;
    use crate::onnx::build::Attr;

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
        let read = read_blocked(&model, 16, None).unwrap();
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
