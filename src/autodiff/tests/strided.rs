//! Ways back through windows with strides that lead to one tensor: added in phases, they are what each gives alone.

use super::*;
use crate::fixtures::with_input;
use crate::onnx::build::{Attr, GraphBuilder};

/// A strided convolution of `x`, as in a block of a ResNet (kernel 3) or its shortcut (kernel 1).
fn strided(b: &mut GraphBuilder, kernel: i64, stride: [i64; 2], output: &str) {
    let weight = format!("{output}.weight");
    let shape = (6, 4, kernel as usize, kernel as usize);
    b.named_floats(&weight, sine(shape, [0.3, 1.7 + kernel as f64, 0.3]).view());
    let pad = kernel / 2;
    let pads = [pad; 4];
    b.named_node("Conv", &["x", &weight], &[output], &[("strides", Attr::Ints(&stride)), ("pads", Attr::Ints(&pads))]);
}

/// Σ of the ways named, each through a ReLU of its own, as logits.
fn network(size: [usize; 2], stride: [i64; 2], ways: &[(&str, i64)]) -> Vec<u8> {
    let mut b = with_input([4, size[0], size[1]]);
    let mut sum: Option<String> = None;
    for (name, kernel) in ways {
        strided(&mut b, *kernel, stride, name);
        let relu = b.node("Relu", &[name], &[]);
        sum = Some(match sum {
            Some(sum) => b.node("Add", &[&sum, &relu], &[]),
            None => relu,
        });
    }
    b.named_node("Flatten", &[&sum.unwrap()], &["z"], &[]);
    b.output("z");
    b.into_model(17)
}

#[test]
fn a_block_and_its_shortcut_add_up() {
    for (size, stride) in [([8, 8], [2, 2]), ([7, 9], [2, 2]), ([9, 7], [2, 3]), ([8, 6], [3, 1])] {
        let x = sine(IxDyn(&[2, 4, size[0], size[1]]), [1.0, 0.37, 0.2]);
        let ask = |ways: &[(&str, i64)]| {
            let mut probe = differentiated(&network(size, stride, ways), x.shape(), &["x"], &[]).unwrap();
            let seed = sine(IxDyn(&[2, probe.classes]), [1.0, 1.3, 0.4]);
            let none = ArrayD::zeros(seed.raw_dim());
            probe.ask(&x, &seed, &none).gradients.remove(0)
        };
        let (block, shortcut) = (("block", 3), ("shortcut", 1));
        let (together, alone) = (ask(&[block, shortcut]), [ask(&[block]), ask(&[shortcut])]);
        for (sum, (a, b)) in together.iter().zip(alone[0].iter().zip(&alone[1])) {
            approx::assert_abs_diff_eq!(*sum, a + b, epsilon = 1e-5);
        }
        assert!(alone.iter().all(|gradient| gradient.iter().any(|value| *value != 0.0)));
    }
}
