//! Sums over the pictures of a batch: what the gradients of the pictures add up to, whatever the network begins with.

use super::*;
use crate::fixtures::{tiny_a, tiny_b, with_input};
use crate::onnx::build::Attr;

/// The sum in the graph against the gradients, added up here.
fn check(model: &[u8]) {
    let x = sine(IxDyn(&[3, 3, 16, 16]), [1.0, 0.37, 0.2]);
    let mut apart = differentiated(model, x.shape(), &["x"], &[]).unwrap();
    let mut summed = differentiated_as(model, x.shape(), &["x"], &[], true, true).unwrap();
    let seed = |phase| sine(IxDyn(&[3, apart.classes]), [0.4, 1.3, phase]);
    let (logit, probability) = (seed(0.4), seed(2.0));
    let (apart, summed) = (apart.ask(&x, &logit, &probability), summed.ask(&x, &logit, &probability));
    assert_eq!(summed.logits, apart.logits);
    let expected = apart.gradients[0].sum_axis(ndarray::Axis(0));
    assert_eq!(summed.gradients[0].shape(), [1, 3, 16, 16]);
    let largest = expected.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    for (value, expected) in summed.gradients[0].iter().zip(&expected) {
        approx::assert_abs_diff_eq!(*value, *expected, epsilon = 1e-5 * largest);
    }
}

/// conv → `middle` → global average → scores, with overlapping windows in the pool.
fn network(middle: &[&str]) -> Vec<u8> {
    let mut b = with_input([3, 16, 16]);
    let weights = b.floats(sine((4, 3, 3, 3), [0.3, 1.7, 0.3]).view());
    let mut y = b.node("Conv", &["x", &weights], &[("strides", Attr::Ints(&[2, 2])), ("pads", Attr::Ints(&[1; 4]))]);
    for op in middle {
        let window: &[(&str, Attr)] = match *op {
            "MaxPool" => &[("kernel_shape", Attr::Ints(&[3, 3])), ("strides", Attr::Ints(&[2, 2]))],
            _ => &[],
        };
        let double = b.scalar(2.0);
        let inputs: &[&str] = if *op == "Mul" { &[&y, &double] } else { &[&y] };
        y = b.node(op, inputs, window);
    }
    let mean = b.node("GlobalAveragePool", &[&y], &[]);
    b.named_node("Flatten", &[&mean], &["z"], &[]);
    b.output("z");
    b.into_model(17)
}

#[test]
fn a_sum_in_the_graph_is_the_sum_of_the_gradients() {
    check(&tiny_a());
    check(&tiny_b());
    for middle in [&["Relu", "MaxPool"][..], &["MaxPool"], &["Mul", "Sigmoid", "MaxPool"], &["Relu"], &[]] {
        check(&network(middle));
    }
}

#[test]
fn a_network_that_begins_with_a_branch_is_summed_where_it_joins() {
    let mut b = with_input([3, 16, 16]);
    b.named_node("Relu", &["x"], &["a"], &[]);
    b.named_node("Identity", &["x"], &["b"], &[]);
    b.named_node("Add", &["a", "b"], &["c"], &[]);
    b.named_node("GlobalAveragePool", &["c"], &["mean"], &[]);
    b.named_node("Flatten", &["mean"], &["z"], &[]);
    b.output("z");
    check(&b.into_model(17));
}
