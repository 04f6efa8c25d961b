//! What a network is made of, in figures: operators, parameters, multiply-accumulate operations.
//!
//! Must not know what the network is for.

use std::collections::HashMap;

use serde::Serialize;

use crate::onnx::proto::TensorProto;
use crate::onnx::{DataType, Graph, Node};

/// A network in figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Each operator, its domain before it where that is not ONNX's own, and how many nodes have it; the most first.
    pub operators: Vec<(String, usize)>,
    /// Stored numbers that are no integers, or integers that stand for such: weights, biases, statistics of normalisations.
    pub parameters: u64,
    /// Multiply-accumulate operations of one picture in convolutions and linear layers; twice as many FLOPs.
    pub multiply_adds: u64,
}

impl Summary {
    /// Counts what is in a graph. `shape` gives the shape of a computed tensor for a batch of one.
    pub fn of(graph: &Graph, shape: impl Fn(&str) -> Option<Vec<usize>>) -> Self {
        let sizes = |tensor: &str| graph.constant(tensor).map(dims).or_else(|| shape(tensor));
        let mut counts = HashMap::<String, usize>::new();
        for node in &graph.nodes {
            *counts.entry(node.qualified_op()).or_default() += 1;
        }
        let mut operators: Vec<(String, usize)> = counts.into_iter().collect();
        operators.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
        let float = |tensor: &&TensorProto| {
            matches!(tensor.data_type(), DataType::Float | DataType::Double | DataType::Float16 | DataType::Bfloat16)
        };
        let dequantised = graph.nodes.iter().filter(|node| node.op_type == "DequantizeLinear");
        let quantised = dequantised.filter_map(|node| graph.constant(node.input(0)?));
        let parameters = graph.stored().filter(float).chain(quantised).map(|tensor| product(&dims(tensor)));
        let parameters = parameters.fold(0, u64::saturating_add);
        let work = graph.nodes.iter().filter_map(|node| multiply_adds(node, &sizes));
        Self { operators, parameters, multiply_adds: work.fold(0, u64::saturating_add) }
    }
}

/// What a node costs, where it is a convolution or a linear layer.
fn multiply_adds(node: &Node, shape: &dyn Fn(&str) -> Option<Vec<usize>>) -> Option<u64> {
    let input = |index: usize| node.input(index).and_then(shape);
    // The kernel is [outputs, inputs / group, …], that of the transposed convolution [inputs, outputs / group, …]: either
    // way each element of the outputs, or of the inputs, takes all of it but the first axis.
    let (elements, each) = match node.op_type.as_str() {
        "Conv" => (shape(node.output())?, product(input(1)?.get(1..)?)),
        "ConvTranspose" => (input(0)?, product(input(1)?.get(1..)?)),
        "Gemm" => (shape(node.output())?, *input(0)?.get(usize::from(node.attr_int("transA") != Some(1)))? as u64),
        "MatMul" => (shape(node.output())?, *input(0)?.last()? as u64),
        _ => return None,
    };
    Some(product(&elements).saturating_mul(each))
}

fn dims(tensor: &TensorProto) -> Vec<usize> {
    tensor.dims.iter().map(|dim| usize::try_from(*dim).unwrap_or(0)).collect()
}

fn product(sizes: &[usize]) -> u64 {
    sizes.iter().fold(1, |product: u64, size| product.saturating_mul(*size as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{tiny_a, with_input};
    use crate::onnx::Model;
    use crate::onnx::build::Attr;

    #[test]
    fn a_small_network_is_counted_by_hand() {
        let model = Model::from_bytes(tiny_a(), None).unwrap();
        let shapes: [(&str, &[usize]); 4] =
            [("conv1", &[1, 8, 16, 16]), ("conv2", &[1, 12, 8, 8]), ("flat", &[1, 12]), ("logits", &[1, 5])];
        let shape = |name: &str| shapes.iter().find(|(known, _)| *known == name).map(|(_, shape)| shape.to_vec());
        let summary = Summary::of(model.graph(), shape);
        assert_eq!(summary.parameters, (8 * 27 + 8) + (12 * 72 + 12) + (5 * 12 + 5));
        assert_eq!(summary.multiply_adds, 8 * 256 * 27 + 12 * 64 * 72 + 5 * 12);
        assert_eq!(summary.operators[..2], [("Conv".to_owned(), 2), ("Relu".to_owned(), 2)]);
    }

    #[test]
    fn quantised_weights_are_parameters() {
        let mut b = with_input([4, 5, 5]);
        b.named_constant("w", &[2, 3], DataType::Int8, vec![1; 6]);
        let scale = b.scalar(0.1);
        b.named_node("DequantizeLinear", &["w", &scale], &["y"], &[]);
        b.output("y");
        let model = Model::from_bytes(b.into_model(17), None).unwrap();
        assert_eq!(Summary::of(model.graph(), |_| None).parameters, 6 + 1);
    }

    #[test]
    fn transposed_convolutions_count_their_inputs_and_absurd_sizes_do_not_overflow() {
        let mut b = with_input([4, 5, 5]);
        b.named_floats("w", ndarray::Array4::<f32>::zeros((4, 3, 2, 2)).view());
        b.named_node("ConvTranspose", &["x", "w"], &["up"], &[("strides", Attr::Ints(&[2, 2]))]);
        b.named_node("MatMul", &["up", "up"], &["y"], &[]);
        b.output("y");
        let model = Model::from_bytes(b.into_model(17), None).unwrap();
        let shape = |name: &str| (name == "x").then(|| vec![1, 4, 5, 5]);
        assert_eq!(Summary::of(model.graph(), shape).multiply_adds, 100 * 12);
        let absurd = |_: &str| Some(vec![usize::MAX, usize::MAX]);
        assert_eq!(Summary::of(model.graph(), absurd).multiply_adds, u64::MAX);
    }
}
