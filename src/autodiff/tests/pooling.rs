//! The way back through a MaxPool by lensor's own operator, against the one by ONNX's.

use super::*;
use crate::fixtures::with_input;
use crate::onnx::build::Attr;

/// Kernel, strides, dilations, pads (four) and whether the last windows may hang over.
type Window = ([i64; 2], [i64; 2], [i64; 2], [i64; 4], bool);

/// A convolution, a ReLU where asked for, a pooling, and its elements as logits.
fn network(size: [usize; 2], relu: bool, (kernel, strides, dilations, pads, ceil): Window) -> Vec<u8> {
    let mut b = with_input([3, size[0], size[1]]);
    let weight = b.floats(sine((4, 3, 1, 1), [0.5, 1.7, 0.3]).view());
    let mut maps = b.node("Conv", &["x", &weight], &[]);
    if relu {
        maps = b.node("Relu", &[&maps], &[]);
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
        let model = [false, true].map(|relu| network([height, width], relu, window));
        // Coarse steps, so that many elements of a window are equal.
        let x = sine(IxDyn(&[3, 3, height, width]), [1.0, 0.37, 0.2]).mapv(|value: f32| (2.0 * value).round() / 2.0);
        for (model, sum) in model.iter().flat_map(|model| [(model, false), (model, true)]) {
            let ask = |operators: bool| {
                let mut probe = differentiated_as(model, x.shape(), &["x"], &[], sum, operators).unwrap();
                let seed = sine(IxDyn(&[3, probe.classes]), [1.0, 1.3, 0.4]);
                let none = ArrayD::zeros(seed.raw_dim());
                (probe.ask(&x, &seed, &none).gradients.remove(0), probe.model.bytes)
            };
            let ((own, bytes), (theirs, _)) = (ask(true), ask(false));
            assert!(bytes.windows(15).any(|name| name == b"MaxPoolGradient"));
            assert_eq!((own.shape(), own.shape()[0]), (theirs.shape(), if sum { 1 } else { 3 }));
            assert!(own.iter().any(|value| *value != 0.0));
            for (own, theirs) in own.iter().zip(&theirs) {
                approx::assert_abs_diff_eq!(own, theirs, epsilon = 1e-5);
            }
        }
    }
}
