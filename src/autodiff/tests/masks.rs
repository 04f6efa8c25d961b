//! Activations that are passed by masks and in few passes: against PyTorch.

use super::*;
use crate::fixtures::with_input;
use crate::onnx::build::{Attr, GraphBuilder};

/// A convolution of `input` to 16 channels by a kernel of sines.
fn convolved(b: &mut GraphBuilder, input: &str, channels: usize, phase: f64) -> String {
    let kernel = b.floats(sine((16, channels, 3, 3), [0.3, 1.7, phase]).view());
    b.node("Conv", &[input, &kernel], &[("pads", Attr::Ints(&[1; 4]))])
}

/// Normalised before it is rectified, as in a DenseNet; clipped, as in a MobileNet; gated, as in an EfficientNet.
fn network() -> Vec<u8> {
    let mut b = with_input([3, 8, 8]);
    let first = convolved(&mut b, "x", 3, 0.3);
    let statistics = [0.2, 0.5, 0.9].map(|phase| b.floats(sine(16, [0.4, 1.3, phase]).view()));
    let variance = b.floats(sine(16, [0.4, 0.7, 0.1]).mapv(|value| value + 1.0).view());
    let [scale, shift, mean] = &statistics;
    let normalised = b.node("BatchNormalization", &[&first, scale, shift, mean, &variance], &[]);
    let rectified = b.node("Relu", &[&normalised], &[]);
    let second = convolved(&mut b, &rectified, 16, 0.7);
    let bounds = [0.0, 0.8].map(|bound| b.scalar(bound));
    let clipped = b.node("Clip", &[&second, &bounds[0], &bounds[1]], &[]);
    let third = convolved(&mut b, &clipped, 16, 1.1);
    let gate = b.node("Sigmoid", &[&third], &[]);
    let gated = b.node("Mul", &[&third, &gate], &[]);
    let pooled = b.node("GlobalAveragePool", &[&gated], &[]);
    b.named_node("Flatten", &[&pooled], &["z"], &[]);
    b.output("z");
    b.into_model(17)
}

#[test]
fn masks_and_gates_agree_with_pytorch() {
    let x = sine(IxDyn(&[2, 3, 8, 8]), [1.0, 0.37, 0.2]);
    let mut probe = differentiated(&network(), x.shape(), &["x"], &[]).unwrap();
    let (seed, none) = (sine(IxDyn(&[2, 16]), [1.0, 1.3, 0.4]), ArrayD::zeros(IxDyn(&[2, 16])));
    let gradient = probe.ask(&x, &seed, &none).gradients.remove(0);
    let direction = sine(x.raw_dim(), [1.0, 2.11, 0.7]);
    let along =
        |other: &ArrayD<f32>| -> f64 { gradient.iter().zip(other).map(|(g, d)| f64::from(*g) * f64::from(*d)).sum() };
    // What PyTorch 2.15 gives in float64 for the same network.
    approx::assert_abs_diff_eq!(along(&direction), 2.127_734e-4, epsilon = 1e-8);
    approx::assert_abs_diff_eq!(along(&gradient).sqrt(), 3.529_318e-3, epsilon = 1e-8);
}
