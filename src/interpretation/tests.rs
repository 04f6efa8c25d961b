//! Against what PyTorch's hooks see inside the same network (tests/reference/inside.py).

use std::fs::File;

use ndarray::{ArrayD, Axis};
use ndarray_npy::NpzReader;

use super::feature_maps::{self, Side};
use super::{filters, gradient};
use crate::engine::Cancel;
use crate::fixtures::{network, sine, tiny_a, with_input};
use crate::model::unit::Unit;
use crate::network::At;
use crate::onnx::build::Attr;

/// Index of the second convolution among the layers.
const SECOND: usize = 2;

fn hooks(name: &str) -> ArrayD<f32> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/inside.npz");
    NpzReader::new(File::open(path).unwrap()).unwrap().by_name(name).unwrap()
}

fn same(name: &str, ours: ArrayD<f32>) {
    let theirs = hooks(name);
    assert_eq!(ours.shape(), theirs.shape(), "{name}");
    let largest = theirs.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let differs = ours.iter().zip(&theirs).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
    assert!(differs <= 1e-5 * largest.max(1e-3), "{name}: {differs} of {largest}");
}

#[test]
fn feature_maps_are_those_of_forward_hooks() {
    let (mut network, x) = (network(tiny_a()), sine((3, 16, 16), [1.0, 0.37, 0.2]));
    for (name, side) in [("before", Side::Before), ("after", Side::After)] {
        same(name, feature_maps::of(&mut network, &x, SECOND, side, &Cancel::new()).unwrap().maps.into_dyn());
    }
}

#[test]
fn gradients_of_a_unit_are_those_of_backward_hooks() {
    let (mut network, x) = (network(tiny_a()), sine((3, 16, 16), [1.0, 0.37, 0.2]));
    for (of, position) in [("sum", None), ("place", Some((3, 4)))] {
        let mut ask = |at: At<'_>| {
            let unit = Unit { layer: SECOND, channel: 5 };
            gradient::of(&mut network, &x, unit, position, at, &Cancel::new()).unwrap().into_iter()
        };
        let (mut at_layers, mut at_input) = (ask(At::Layers(&[0, 1])), ask(At::Input));
        for (name, maps) in [("conv1", at_layers.next()), ("pool", at_layers.next()), ("input", at_input.next())] {
            same(&format!("{of}/{name}"), maps.unwrap().maps.into_dyn());
        }
    }
}

#[test]
fn folded_weights_are_those_that_pytorch_fuses() {
    let mut b = with_input([8, 8, 8]);
    b.named_floats("conv2.weight", sine((12, 8, 3, 3), [0.2, 1.3, 0.7]).view());
    b.named_floats("conv2.bias", sine(12, [0.1, 1.9, 0.2]).view());
    b.named_node("Conv", &["x", "conv2.weight", "conv2.bias"], &["conv"], &[("pads", Attr::Ints(&[1, 1, 1, 1]))]);
    for (name, wave, plus) in [
        ("gamma", [1.0, 2.3, 0.4], 0.0),
        ("beta", [0.3, 1.1, 0.2], 0.0),
        ("mean", [0.2, 1.9, 0.1], 0.0),
        ("var", [0.3, 0.7, 0.9], 1.0),
    ] {
        b.named_floats(name, (sine(12, wave) + plus).view());
    }
    b.named_node("BatchNormalization", &["conv", "gamma", "beta", "mean", "var"], &["bn"], &[]);
    b.named_node("Relu", &["bn"], &["relu"], &[]);
    b.named_node("GlobalAveragePool", &["relu"], &["gap"], &[]);
    b.named_node("Flatten", &["gap"], &["y"], &[]);
    b.output("y");
    let filters = filters::of(&network(b.into_model(17)), 0).unwrap();
    same("fused/weight", filters.weights.clone().into_dyn());
    same("fused/bias", filters.bias.clone().into_dyn());
    // The lecture's picture of a deep filter.
    let mean = hooks("fused/weight").mean_axis(Axis(1)).unwrap();
    for (filter, theirs) in mean.outer_iter().enumerate() {
        let ours = filters.mean(filter).into_dyn();
        ours.iter().zip(theirs.iter()).for_each(|(a, b)| approx::assert_abs_diff_eq!(*a, *b, epsilon = 1e-6));
    }
}
