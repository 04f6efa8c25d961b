//! Quantised models: rounding makes finite differences useless, so that the straight-through estimate is checked against
//! what it is by definition.

use super::*;
use crate::fixtures::with_input;
use crate::onnx::DataType;
use crate::onnx::build::Attr;

#[test]
fn gradients_pass_quantisation_inside_the_range_and_stop_beyond_it() {
    let mut b = with_input([2, 1, 4]);
    b.named_floats("scale", ndarray::arr1(&[0.1f32, 0.5]).view());
    b.named_floats("zero_as_float", ndarray::arr1(&[10.0f32, 128.0]).view());
    b.named_node("Cast", &["zero_as_float"], &["zero"], &[("to", Attr::Int(DataType::Uint8 as i64))]);
    b.named_node("QuantizeLinear", &["x", "scale", "zero"], &["q"], &[("axis", Attr::Int(1))]);
    b.named_node("DequantizeLinear", &["q", "scale", "zero"], &["again"], &[("axis", Attr::Int(-3))]);
    b.named_node("Flatten", &["again"], &["z"], &[]);
    b.output("z");
    // 0 … 255 stand for −1 … 24.5 in the first channel and for −64 … 63.5 in the second.
    let x = [-1.1, -1.0, 3.333, 24.6, -64.0, -65.0, 60.0, 64.0];
    let x = ArrayD::from_shape_vec(IxDyn(&[1, 2, 1, 4]), x.to_vec()).unwrap();
    let seed = sine(IxDyn(&[1, 8]), [1.0, 1.3, 0.4]);
    let mut probe = differentiated(&b.into_model(17), x.shape(), &["x"], &[]).unwrap();
    assert!(probe.model.straight_through);
    let answer = probe.ask(&x, &seed, &ArrayD::zeros(seed.raw_dim()));
    approx::assert_abs_diff_eq!(answer.logits[[0, 2]], 3.3, epsilon = 1e-6);
    let inside = [0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0];
    for ((gradient, seed), inside) in answer.gradients[0].iter().zip(&seed).zip(inside) {
        approx::assert_abs_diff_eq!(*gradient, seed * inside, epsilon = 1e-6);
    }
}
