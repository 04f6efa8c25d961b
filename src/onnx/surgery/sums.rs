//! Sums as convolutions: one summand goes through a depthwise convolution by ones, which changes nothing of it.
//!
//! ONNX Runtime adds the other summand and applies the ReLU behind the sum inside a convolution, in one pass over memory,
//! but only where nothing else needs what the convolution before the sum gives. Here it has a convolution of the sum's own.

use std::collections::{HashMap, HashSet};

use ndarray::Array4;
use prost::Message;

use super::super::build::GraphBuilder;
use super::super::proto::{AttributeProto, NodeProto, attribute_type};
use super::super::wire::{self, Edit};
use super::super::{Model, OnnxError};
use super::field;

/// A sum of two tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    /// The node.
    pub node: usize,
    /// Which of its two inputs is to go through a convolution.
    pub input: usize,
    /// Channels of that input, `[batch, channels, height, width]` of 32-bit floats.
    pub channels: usize,
}

/// The model with these sums computed by convolutions. The values are the same, bit for bit.
pub fn sum_in_convolutions(model: &Model, sums: &[Sum]) -> Result<Model, OnnxError> {
    let mut builder = GraphBuilder::beside(model.graph(), "lensor/sum/");
    let mut ones: HashMap<usize, String> = HashMap::new();
    for channels in sums.iter().map(|sum| sum.channels).collect::<HashSet<_>>() {
        ones.insert(channels, builder.floats(Array4::<f32>::ones((channels, 1, 1, 1)).view()));
    }
    let sums: HashMap<usize, &Sum> = sums.iter().map(|sum| (sum.node, sum)).collect();
    let mut index = 0;
    let bytes = wire::edit_at(model.bytes(), &[field::MODEL_GRAPH], &mut |part| {
        if part.number != field::GRAPH_NODE {
            return Ok(Edit::Keep);
        }
        index += 1;
        let Some(sum) = sums.get(&(index - 1)) else { return Ok(Edit::Keep) };
        let broken = |reason: String| OnnxError::BrokenGraph { reason };
        let mut node = NodeProto::decode(part.content).map_err(|error| broken(error.to_string()))?;
        let input = node.input.get_mut(sum.input).ok_or_else(|| broken("a sum lacks an input".to_owned()))?;
        let through = builder.fresh("");
        let weights = ones.get(&sum.channels).cloned().unwrap_or_default();
        let convolution = convolution([std::mem::replace(input, through.clone()), weights], through, sum.channels);
        Ok(Edit::Split(vec![convolution.encode_to_vec(), node.encode_to_vec()]))
    })?;
    Model::from_bytes(super::super::append(&bytes, builder.finish()), model.beside().clone())
}

/// A convolution 1×1 of each channel by itself.
fn convolution(inputs: [String; 2], output: String, channels: usize) -> NodeProto {
    let attribute = |name: &str| AttributeProto { name: name.to_owned(), ..AttributeProto::default() };
    let group = AttributeProto { i: Some(channels as i64), r#type: attribute_type::INT, ..attribute("group") };
    let kernel = AttributeProto { ints: vec![1, 1], r#type: attribute_type::INTS, ..attribute("kernel_shape") };
    NodeProto {
        input: inputs.to_vec(),
        name: output.clone(),
        output: vec![output],
        op_type: "Conv".to_owned(),
        attribute: vec![group, kernel],
        ..NodeProto::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::graph::Dim;
    use super::super::super::proto::DataType;
    use super::*;
    use crate::onnx::Beside;

    #[test]
    fn the_sum_adds_what_went_through_a_convolution_by_ones() {
        let mut builder = GraphBuilder::new("");
        let shape = [1, 16, 4, 4].map(Dim::Fixed);
        builder.input("a", DataType::Float, &shape);
        builder.input("b", DataType::Float, &shape);
        builder.named_node("Neg", &["a"], &["c"], &[]);
        builder.named_node("Add", &["b", "c"], &["sum"], &[]);
        builder.named_node("Relu", &["sum"], &["y"], &[]);
        builder.output("y");
        let model = Model::from_bytes(builder.into_model(17), Beside::default()).unwrap();
        let changed = sum_in_convolutions(&model, &[Sum { node: 1, input: 1, channels: 16 }]).unwrap();
        let nodes = &changed.graph().nodes;
        let ops: Vec<&str> = nodes.iter().map(|node| node.op_type.as_str()).collect();
        assert_eq!(ops, ["Neg", "Conv", "Add", "Relu"]);
        assert_eq!((nodes[1].inputs[0].as_str(), nodes[2].inputs[0].as_str()), ("c", "b"));
        assert_eq!(nodes[2].inputs[1], nodes[1].outputs[0]);
        assert_eq!((nodes[1].attr_int("group"), nodes[1].attr_ints("kernel_shape")), (Some(16), Some(&[1, 1][..])));
        assert_eq!(changed.graph().outputs[0].name, "y");
    }
}
