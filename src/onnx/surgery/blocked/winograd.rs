//! Convolutions 3×3 that look at every place, by an operator of lensor's own that multiplies less.

use std::collections::HashMap;

use super::{BLOCKED, Original};
use crate::onnx::build::{Attr, node};
use crate::onnx::proto::{DataType, NodeProto};
use crate::onnx::{Model, Node};

/// Maps in blocks, constant kernels 3×3 in blocks, and where wanted a bias and something of the output's shape that is added → the
/// convolution. Attributes `pads` as of Conv; `relu`: whether what is below zero becomes zero; `threads` that share the work; and
/// `kernels`, which of those that lie beside the model are meant, where others stand in for them.
pub const WINOGRAD: &str = "lensor.Winograd";

/// Fewest channels on both sides: with fewer, taking patches to their points costs more than it saves.
const FEWEST: i64 = 32;

/// Whether a model, laid out or not, has a convolution that [`WINOGRAD`] may take the place of.
pub fn has_winograd(model: &Model) -> bool {
    model.graph().nodes.iter().any(|node| fits(node, model))
}

/// What takes the place of a node, if it is such a convolution of blocks, or one with a stand-in of this name.
pub(super) fn winograd(
    convolution: &Node,
    model: &Model,
    threads: usize,
    stand_ins: &HashMap<&str, (usize, &Original)>,
) -> Option<NodeProto> {
    let relu = match convolution.attr_string("activation") {
        None => false,
        Some("Relu") => true,
        Some(_) => return None,
    };
    let original = stand_ins.get(convolution.input(1)?);
    let pads = convolution.attr_ints("pads").unwrap_or(&[0; 4]);
    let pads = original.map_or(pads.to_vec(), |(_, original)| {
        // The runtime may have made a Pad a part of the convolution.
        pads.iter().zip(original.pads).map(|(pad, own)| pad + own).collect()
    });
    let mut attributes =
        vec![("pads", Attr::Ints(&pads)), ("relu", Attr::Int(relu.into())), ("threads", Attr::Int(threads as i64))];
    attributes.extend(original.map(|(number, _)| ("kernels", Attr::Int(*number as i64))));
    let inputs: Vec<&str> = convolution.inputs.iter().map(String::as_str).collect();
    let of_blocks = convolution.qualified_op() == format!("{BLOCKED}Conv");
    let fits = of_blocks && (original.is_some() || fits(convolution, model));
    fits.then(|| node(WINOGRAD, &inputs, &[convolution.output()], &attributes))
}

/// Whether a node is a convolution 3×3 that looks at every place, with constant kernels and channels enough.
pub(super) fn fits(convolution: &Node, model: &Model) -> bool {
    let each_place = |name| convolution.attr_ints(name).is_none_or(|steps| steps.iter().all(|step| *step == 1));
    let kernels = convolution.input(1).and_then(|name| model.graph().initializer(name));
    let kernels = kernels.is_some_and(|kernels| {
        let enough = matches!(kernels.dims[..], [outputs, inputs, 3, 3] if outputs.min(inputs) >= FEWEST);
        enough && kernels.data_type == DataType::Float as i32
    });
    convolution.op_type == "Conv"
        && ["strides", "dilations"].into_iter().all(each_place)
        && convolution.attr_int("group").unwrap_or(1) == 1
        && convolution.attr_string("auto_pad").is_none_or(|pad| pad == "NOTSET")
        && convolution.attr_ints("pads").is_none_or(|pads| pads.len() == 4)
        && kernels
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::super::read_blocked;
    use super::*;
    use crate::fixtures::with_input;

    #[test]
    fn convolutions_that_look_at_every_place_are_lensors() {
        let mut b = with_input([32, 8, 8]);
        b.named_floats("w", Array4::<f32>::ones((32, 32, 3, 3)).view());
        b.named_floats("wide", Array4::<f32>::ones((32, 32, 5, 5)).view());
        b.named_floats("few", Array4::<f32>::ones((32, 16, 3, 3)).view());
        b.named_floats("bias", Array4::<f32>::ones((32, 1, 1, 1)).view());
        let op = format!("{BLOCKED}Conv");
        let (pads, twos) = (("pads", Attr::Ints(&[1, 2, 0, 1])), Attr::Ints(&[2, 2]));
        let relu = ("activation", Attr::Text("Relu"));
        b.named_node(
            &op,
            &["x", "w", "bias"],
            &["plain"],
            &[("strides", Attr::Ints(&[1, 1])), ("group", Attr::Int(1))],
        );
        b.named_node(&op, &["plain", "w", "", "x"], &["added"], &[pads, relu]);
        b.named_node(&op, &["x", "w"], &["strided"], &[("strides", twos)]);
        b.named_node(&op, &["x", "w"], &["dilated"], &[("dilations", twos)]);
        b.named_node(&op, &["x", "w"], &["grouped"], &[("group", Attr::Int(2))]);
        b.named_node(&op, &["x", "w"], &["same"], &[("auto_pad", Attr::Text("SAME_UPPER"))]);
        b.named_node(&op, &["x", "w"], &["leaky"], &[("activation", Attr::Text("LeakyRelu"))]);
        b.named_node(&op, &["x", "wide"], &["large"], &[]);
        b.named_node(&op, &["x", "few"], &["narrow"], &[]);
        b.named_node(&op, &["x", "strided"], &["computed"], &[]);
        b.named_node("Conv", &["x", "w"], &["whole"], &[]);
        let outputs =
            ["added", "strided", "dilated", "grouped", "same", "leaky", "large", "narrow", "computed", "whole"];
        outputs.iter().for_each(|name| b.output(name));
        let model = Model::from_bytes(b.into_model(17), None).unwrap();
        assert!(has_winograd(&model));
        let ops = |model: &Model| -> Vec<String> { model.graph().nodes.iter().map(Node::qualified_op).collect() };
        assert_eq!(ops(&read_blocked(&model, 16, None).unwrap()), ops(&model));
        let read = read_blocked(&model, 16, Some((3, &[]))).unwrap();
        let nodes = &read.graph().nodes;
        let changed: Vec<&str> =
            nodes.iter().filter(|node| node.qualified_op() == WINOGRAD).map(|node| node.output()).collect();
        assert_eq!(changed, ["plain", "added"]);
        let attributes = |node: &Node| {
            (node.attr_ints("pads").map(<[i64]>::to_vec), node.attr_int("relu"), node.attr_int("threads"))
        };
        assert_eq!(attributes(&nodes[0]), (Some(vec![0; 4]), Some(0), Some(3)));
        assert_eq!(attributes(&nodes[1]), (Some(vec![1, 2, 0, 1]), Some(1), Some(3)));
        assert_eq!(nodes[1].inputs, ["plain", "w", "", "x"]);
    }
}
