//! Two tiny networks whose weights are sines, against the numbers of Captum 0.9 on PyTorch 2.15.

use super::*;
use crate::fixtures::{tiny_a, tiny_b};

/// Sum, sum of absolute values, and elements 0, 192, 384, 576, 767 of a gradient.
struct Expected {
    sum: f64,
    abs_sum: f64,
    at: [f32; 5],
}

fn check(model: &[u8], seeds: [&ArrayD<f32>; 2], expected: &Expected) {
    let x = sine(IxDyn(&[1, 3, 16, 16]), [1.0, 0.37, 0.2]);
    let gradient =
        differentiated(model, x.shape(), &["x"], &[]).unwrap().ask(&x, seeds[0], seeds[1]).gradients.remove(0);
    let flat: Vec<f32> = gradient.iter().copied().collect();
    let sum: f64 = flat.iter().map(|v| f64::from(*v)).sum();
    let abs_sum: f64 = flat.iter().map(|v| f64::from(v.abs())).sum();
    approx::assert_relative_eq!(abs_sum, expected.abs_sum, max_relative = 1e-5);
    approx::assert_abs_diff_eq!(sum, expected.sum, epsilon = 1e-5 * expected.abs_sum);
    for (index, value) in [0, 192, 384, 576, 767].into_iter().zip(expected.at) {
        approx::assert_abs_diff_eq!(flat[index], value, epsilon = 1e-7);
    }
}

#[test]
fn tiny_a_logits() {
    let x = sine(IxDyn(&[1, 3, 16, 16]), [1.0, 0.37, 0.2]);
    let zeros = one_hot(1, 5, 9);
    let logits = differentiated(&tiny_a(), x.shape(), &["x"], &[]).unwrap().ask(&x, &zeros, &zeros).logits;
    let expected = [0.049_630_992, 0.004_493_866, 0.055_621_177, -0.086_253_785, -0.028_486_669];
    for (value, expected) in logits.iter().zip(expected) {
        approx::assert_abs_diff_eq!(*value, expected, epsilon = 1e-6);
    }
}

#[test]
fn tiny_a_gradients_match_captum() {
    let (class, none) = (one_hot(1, 5, 2), one_hot(1, 5, 9));
    let at = [-0.002_584_527_7, -0.000_717_189_5, -0.000_233_992_82, -0.000_320_664_84, 0.000_308_668_53];
    check(&tiny_a(), [&class, &none], &Expected { sum: -0.027_658_137_1, abs_sum: 1.067_224_576_4, at });
    let at = [-0.000_545_081_1, -0.000_152_358_39, -4.818_714_7e-5, -6.773_033e-5, 6.525_844e-5];
    check(&tiny_a(), [&none, &class], &Expected { sum: -0.005_856_920_4, abs_sum: 0.225_497_484_3, at });
}

#[test]
fn tiny_b_gradients_match_captum() {
    let (class, none) = (one_hot(1, 5, 0), one_hot(1, 5, 9));
    let at = [0.009_043_908, -0.009_893_794, -0.005_517_865, -0.009_413_576, 0.000_433_680_95];
    check(&tiny_b(), [&class, &none], &Expected { sum: 0.037_043_228_9, abs_sum: 5.538_595_239_5, at });
    let at = [0.002_026_396_8, -0.002_051_678_5, -0.001_429_796, -0.002_149_260_3, 0.000_111_473_52];
    check(&tiny_b(), [&none, &class], &Expected { sum: 0.009_049_613_3, abs_sum: 1.117_119_795, at });
}
