//! The ways back through a MaxPool by lensor's own operators, against the one by ONNX's.

use super::*;
use crate::fixtures::with_input;
use crate::onnx::build::Attr;

/// Kernel, strides, dilations, pads (four) and whether the last windows may hang over.
type Window = ([i64; 2], [i64; 2], [i64; 2], [i64; 4], bool);

/// Side, strides and padding of the convolution before.
type Stem = (usize, [i64; 2], i64);

const POINTWISE: Stem = (1, [1, 1], 0);

/// What is between the convolution and the pooling.
const BETWEEN: [&[&str]; 3] = [&[], &["Relu"], &["BatchNormalization", "Relu"]];

/// A convolution of pictures `[channels, height, width]`, what is between, a pooling, and its elements as logits.
fn network(shape: [usize; 3], between: &[&str], (side, steps, pad): Stem, window: Window) -> Vec<u8> {
    let (kernel, strides, dilations, pads, ceil) = window;
    let mut b = with_input(shape);
    let weight = b.floats(sine((4, shape[0], side, side), [0.5, 1.7, 0.3]).view());
    let mut maps = b.node("Conv", &["x", &weight], &[("strides", Attr::Ints(&steps)), ("pads", Attr::Ints(&[pad; 4]))]);
    for op in between {
        let statistics = [0.2, 0.5, 0.9, 0.4].map(|phase| sine(4, [0.4, 1.3, phase]).mapv(|value| value + 1.0));
        let [scale, shift, mean, variance] = statistics.map(|values| b.floats(values.view()));
        let inputs = [maps.as_str(), &scale, &shift, &mean, &variance];
        maps = b.node(op, if *op == "Relu" { &inputs[..1] } else { &inputs }, &[]);
    }
    let attributes = [
        ("kernel_shape", Attr::Ints(&kernel)),
        ("strides", Attr::Ints(&strides)),
        ("dilations", Attr::Ints(&dilations)),
        ("pads", Attr::Ints(&pads)),
        ("ceil_mode", Attr::Int(i64::from(ceil))),
    ];
    let pooled = b.node("MaxPool", &[&maps], &attributes);
    b.named_node("Flatten", &[&pooled], &["z"], &[]);
    b.output("z");
    b.into_model(17)
}

/// Holds the gradient by lensor's `operator` to that by ONNX's, and the sum over pictures too.
fn compare(model: &[u8], shape: [usize; 3], operator: &str) {
    let [channels, height, width] = shape;
    // Coarse steps, so that many elements of a window are equal.
    let x = sine(IxDyn(&[3, channels, height, width]), [1.0, 0.37, 0.2]).mapv(|value: f32| (2.0 * value).round() / 2.0);
    for sum in [false, true] {
        // A sum over pictures goes back through the convolution once.
        let operator = if sum { "MaxPoolGradient" } else { operator };
        let ask = |operators: bool| {
            let mut probe = differentiated_as(model, x.shape(), &["x"], &[], sum, operators).unwrap();
            let seed = sine(IxDyn(&[3, probe.classes]), [1.0, 1.3, 0.4]);
            let none = ArrayD::zeros(seed.raw_dim());
            (probe.ask(&x, &seed, &none).gradients.remove(0), probe.model.bytes)
        };
        let ((own, bytes), (theirs, _)) = (ask(true), ask(false));
        let used = |operator: &str| bytes.windows(operator.len()).any(|name| name == operator.as_bytes());
        let both = ["MaxPoolGradient", "StemGradient"];
        assert_eq!(both.map(used), both.map(|each| each == operator));
        assert_eq!((own.shape(), own.shape()[0]), (theirs.shape(), if sum { 1 } else { 3 }));
        assert!(own.iter().any(|value| *value != 0.0));
        for (own, theirs) in own.iter().zip(&theirs) {
            approx::assert_abs_diff_eq!(own, theirs, epsilon = 1e-5);
        }
    }
}

#[test]
fn both_ways_back_through_a_pooling_are_one() {
    let windows: [(Window, [usize; 2]); 8] = [
        (([3, 3], [2, 2], [1, 1], [1, 1, 1, 1], false), [12, 12]),
        (([2, 2], [2, 2], [1, 1], [0; 4], false), [7, 9]),
        (([3, 3], [1, 1], [1, 1], [1, 1, 1, 1], false), [6, 5]),
        (([3, 3], [2, 2], [1, 1], [0; 4], true), [8, 11]),
        (([3, 2], [3, 1], [2, 1], [2, 0, 1, 1], false), [11, 6]),
        (([2, 5], [1, 3], [1, 1], [0, 2, 1, 2], false), [5, 13]),
        (([1, 1], [2, 2], [1, 1], [0; 4], false), [6, 7]),
        (([5, 5], [4, 4], [1, 1], [2, 2, 2, 2], false), [9, 10]),
    ];
    for (window, [height, width]) in windows {
        for between in BETWEEN {
            // To many channels, and to those of a picture.
            for (channels, operator) in [(5, "MaxPoolGradient"), (3, "StemGradient")] {
                let shape = [channels, height, width];
                compare(&network(shape, between, POINTWISE, window), shape, operator);
            }
        }
    }
}

#[test]
fn the_way_back_through_a_stem_is_that_of_its_parts() {
    let window = ([3, 3], [2, 2], [1, 1], [1, 1, 1, 1], false);
    let stems: [(Stem, [usize; 3]); 6] = [
        ((7, [2, 2], 3), [3, 21, 18]),
        ((3, [2, 2], 0), [3, 12, 15]),
        ((3, [1, 2], 1), [1, 9, 11]),
        ((5, [4, 3], 2), [4, 17, 23]),
        ((2, [3, 3], 0), [3, 16, 17]),
        // All of a line is one element of the feature map.
        ((7, [2, 2], 0), [3, 15, 8]),
    ];
    for (stem, shape) in stems {
        for between in BETWEEN {
            compare(&network(shape, between, stem, window), shape, "StemGradient");
        }
    }
}

#[test]
fn the_gradients_before_and_behind_a_stem_are_both_given() {
    let (window, shape) = (([3, 3], [2, 2], [1, 1], [1, 1, 1, 1], false), [3, 12, 12]);
    let model = network(shape, &["Relu"], (3, [2, 2], 1), window);
    let maps = Model::from_bytes(model.clone(), None).unwrap().graph().nodes[0].output().to_owned();
    let x = sine(IxDyn(&[2, 3, 12, 12]), [1.0, 0.37, 0.2]);
    let ask = |operators: bool| {
        let mut probe = differentiated_as(&model, x.shape(), &["x", &maps], &[], false, operators).unwrap();
        let seed = sine(IxDyn(&[2, probe.classes]), [1.0, 1.3, 0.4]);
        let none = ArrayD::zeros(seed.raw_dim());
        probe.ask(&x, &seed, &none).gradients
    };
    for (own, theirs) in ask(true).iter().zip(&ask(false)) {
        own.iter().zip(theirs).for_each(|(own, theirs)| approx::assert_abs_diff_eq!(own, theirs, epsilon = 1e-5));
    }
}
