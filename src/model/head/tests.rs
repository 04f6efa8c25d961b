use ndarray::array;

use super::*;
use crate::fixtures::{sine, tiny_a, tiny_b, with_input};
use crate::onnx::Model;
use crate::onnx::build::{Attr, GraphBuilder};

fn head(model: Vec<u8>, shapes: &[(&str, [usize; 4])]) -> Head {
    let model = Model::from_bytes(model, None).unwrap();
    let logits = model.graph().outputs[0].name.clone();
    let shape = |tensor: &str| shapes.iter().find(|(name, _)| *name == tensor).map(|(_, shape)| shape.to_vec());
    find(model.graph(), &logits, shape).unwrap()
}

/// `x` of 4 × 6 × 7 through a pool, then whatever `rest` adds.
fn pooled_by(pool: &str, attributes: &[(&str, Attr)], rest: impl FnOnce(&mut GraphBuilder)) -> Head {
    let mut b = with_input([4, 6, 7]);
    b.named_node("Relu", &["x"], &["features"], &[]);
    b.named_node(pool, &["features"], &["pooled"], attributes);
    b.named_floats("w", array![[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]].view());
    b.named_floats("b", array![0.5f32, -0.5].view());
    rest(&mut b);
    b.output("y");
    head(b.into_model(13), &[("features", [1, 4, 6, 7])])
}

fn expected(scale: f32) -> Head {
    let weights = array![[1.0, 3.0, 5.0, 7.0], [2.0, 4.0, 6.0, 8.0]] * scale;
    Head::GapLinear { features: "features".to_owned(), weights, bias: array![0.5, -0.5] }
}

#[test]
fn every_spelling_of_pooling_over_the_whole_map_is_known() {
    let gemm = |b: &mut GraphBuilder| {
        b.named_node("Flatten", &["pooled"], &["flat"], &[]);
        b.named_node("Gemm", &["flat", "w", "b"], &["y"], &[("alpha", Attr::Float(2.0))]);
    };
    assert_eq!(pooled_by("GlobalAveragePool", &[], gemm), expected(2.0));
    assert_eq!(pooled_by("ReduceMean", &[("axes", Attr::Ints(&[-1, -2]))], gemm), expected(2.0));
    assert_eq!(pooled_by("AveragePool", &[("kernel_shape", Attr::Ints(&[6, 7]))], gemm), expected(2.0));
    let strided = |b: &mut GraphBuilder| {
        let (flat, all, shape) = (b.ints(&[-1]), b.ints(&[0, 1, 2, 3]), b.ints(&[1, 4]));
        b.named_node("Reshape", &["pooled", &flat], &["line"], &[]);
        b.named_node("Gather", &["line", &all], &["strided"], &[]);
        b.named_node("Reshape", &["strided", &shape], &["pooled again"], &[]);
        b.named_node("Gemm", &["pooled again", "w", "b"], &["y"], &[]);
    };
    assert_eq!(pooled_by("GlobalAveragePool", &[], strided), expected(1.0));
    let part = pooled_by("AveragePool", &[("kernel_shape", Attr::Ints(&[6, 6]))], gemm);
    assert_eq!(part, Head::Other { description: "AveragePool → Flatten → Gemm".to_owned() });
}

#[test]
fn a_matrix_product_with_a_bias_added_is_a_linear_layer() {
    let found = pooled_by("GlobalAveragePool", &[], |b| {
        b.named_node("Flatten", &["pooled"], &["flat"], &[]);
        b.named_node("Dropout", &["flat"], &["dropped"], &[]);
        b.named_node("MatMul", &["dropped", "w"], &["product"], &[]);
        b.named_node("Add", &["b", "product"], &["y"], &[]);
    });
    assert_eq!(found, expected(1.0));
}

#[test]
fn a_convolution_of_single_pixels_is_a_linear_layer() {
    let found = pooled_by("GlobalAveragePool", &[], |b| {
        b.named_floats("k", sine((2, 4, 1, 1), [1.0, 0.5, 0.1]).view());
        b.named_node("Conv", &["pooled", "k"], &["c"], &[]);
        b.named_node("Flatten", &["c"], &["y"], &[]);
    });
    let Head::GapLinear { weights, bias, .. } = found else { panic!("{found:?}") };
    assert_eq!(weights, sine((2, 4), [1.0, 0.5, 0.1]));
    assert_eq!(bias, array![0.0, 0.0]);
}

#[test]
fn one_map_a_class_is_known_as_such() {
    let found = pooled_by("GlobalAveragePool", &[], |b| b.named_node("Flatten", &["pooled"], &["y"], &[]));
    assert_eq!(found, Head::ConvGap { maps: "features".to_owned(), relu: true });
}

#[test]
fn the_tiny_networks_heads() {
    let Head::GapLinear { features, weights, bias } = head(tiny_a(), &[("relu2", [1, 12, 8, 8])]) else { panic!() };
    assert_eq!((features.as_str(), weights.dim(), bias.len()), ("relu2", (5, 12), 5));
    assert_eq!(weights, sine((5, 12), [0.5, 2.3, 0.1]));
    let other = head(tiny_b(), &[("relu2", [1, 12, 8, 8]), ("pool2", [1, 12, 4, 4])]);
    assert_eq!(other, Head::Other { description: "Flatten → Gemm → Relu → Gemm".to_owned() });
}

#[test]
fn one_logit_becomes_those_of_no_and_yes() {
    let one = Head::GapLinear { features: "f".to_owned(), weights: array![[1.0, -2.0]], bias: array![0.5] };
    let Head::GapLinear { weights, bias, .. } = one.for_both_classes() else { panic!() };
    assert_eq!((weights, bias), (array![[-1.0, 2.0], [1.0, -2.0]], array![-0.5, 0.5]));
    let map = Head::ConvGap { maps: "m".to_owned(), relu: false };
    let Head::GapLinear { features, weights, .. } = map.for_both_classes() else { panic!() };
    assert_eq!((features.as_str(), weights), ("m", array![[-1.0], [1.0]]));
}
