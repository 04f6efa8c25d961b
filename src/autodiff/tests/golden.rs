//! Two tiny networks whose weights are sines, against the numbers of Captum 0.9 on PyTorch 2.15.

use super::*;

const CONV: [(&str, Attr); 2] = [("pads", Attr::Ints(&[1, 1, 1, 1])), ("kernel_shape", Attr::Ints(&[3, 3]))];
const POOL: [(&str, Attr); 2] = [("kernel_shape", Attr::Ints(&[2, 2])), ("strides", Attr::Ints(&[2, 2]))];
const LINEAR: [(&str, Attr); 1] = [("transB", Attr::Int(1))];

fn trunk() -> GraphBuilder {
    let mut b = with_input([3, 16, 16]);
    b.named_floats("conv1.weight", sine((8, 3, 3, 3), [0.3, 1.7, 0.3]).view());
    b.named_floats("conv1.bias", sine(8, [0.1, 2.1, 0.5]).view());
    b.named_floats("conv2.weight", sine((12, 8, 3, 3), [0.2, 1.3, 0.7]).view());
    b.named_floats("conv2.bias", sine(12, [0.1, 1.9, 0.2]).view());
    b.named_node("Conv", &["x", "conv1.weight", "conv1.bias"], &["conv1"], &CONV);
    b.named_node("Relu", &["conv1"], &["relu1"], &[]);
    b.named_node("MaxPool", &["relu1"], &["pool1"], &POOL);
    b.named_node("Conv", &["pool1", "conv2.weight", "conv2.bias"], &["conv2"], &CONV);
    b.named_node("Relu", &["conv2"], &["relu2"], &[]);
    b
}

fn tiny_a() -> Vec<u8> {
    let mut b = trunk();
    b.named_floats("fc.weight", sine((5, 12), [0.5, 2.3, 0.1]).view());
    b.named_floats("fc.bias", sine(5, [0.05, 1.1, 0.9]).view());
    b.named_node("GlobalAveragePool", &["relu2"], &["gap"], &[]);
    b.named_node("Flatten", &["gap"], &["flat"], &[]);
    b.named_node("Gemm", &["flat", "fc.weight", "fc.bias"], &["logits"], &LINEAR);
    b.output("logits");
    b.into_model(16)
}

fn tiny_b() -> Vec<u8> {
    let mut b = trunk();
    b.named_floats("fc1.weight", sine((10, 192), [0.15, 1.9, 0.4]).view());
    b.named_floats("fc1.bias", sine(10, [0.05, 1.2, 0.6]).view());
    b.named_floats("fc2.weight", sine((5, 10), [0.5, 2.3, 0.1]).view());
    b.named_floats("fc2.bias", sine(5, [0.05, 1.1, 0.9]).view());
    b.named_node("MaxPool", &["relu2"], &["pool2"], &POOL);
    b.named_node("Flatten", &["pool2"], &["flat"], &[]);
    b.named_node("Gemm", &["flat", "fc1.weight", "fc1.bias"], &["fc1"], &LINEAR);
    b.named_node("Relu", &["fc1"], &["relu3"], &[]);
    b.named_node("Gemm", &["relu3", "fc2.weight", "fc2.bias"], &["logits"], &LINEAR);
    b.output("logits");
    b.into_model(16)
}

/// Sum, sum of absolute values, and elements 0, 192, 384, 576, 767 of a gradient.
struct Expected {
    sum: f64,
    abs_sum: f64,
    at: [f32; 5],
}

fn check(model: &[u8], seeds: [&ArrayD<f32>; 2], expected: &Expected) {
    let x = sine(IxDyn(&[1, 3, 16, 16]), [1.0, 0.37, 0.2]);
    let gradient = answer(model, &x, &["x"], seeds[0], seeds[1]).gradients.remove(0);
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
    let logits = answer(&tiny_a(), &x, &["x"], &zeros, &zeros).logits;
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
    let at = [-0.000_545_081_1, -0.000_152_358_39, -4.818_714_7e-5, -6.773_033_2e-5, 6.525_844e-5];
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
