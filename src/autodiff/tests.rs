//! Gradient models run on the real runtime: against published numbers, finite differences and PyTorch.

use ndarray::{ArrayD, IxDyn};

use super::*;
use crate::engine::Cancel;
use crate::fixtures::{engine, sine};
use crate::network::observe::observe;

mod golden;

/// What a gradient model says about a picture.
struct Answer {
    logits: ArrayD<f32>,
    gradients: Vec<ArrayD<f32>>,
}

/// Differentiates a model and runs it: the gradients of Σ seed_logit·z + Σ seed_probability·softmax(z).
fn answer(model: &[u8], x: &ArrayD<f32>, wrt: &[&str], seed_logit: &ArrayD<f32>, seed_p: &ArrayD<f32>) -> Answer {
    let model = Model::from_bytes(model.to_vec(), None).unwrap();
    let mut single = x.shape().to_vec();
    single[0] = 1;
    let observations = observe(&model, engine().as_ref(), "x", &single).unwrap();
    let logits = surgery::logits(&model).unwrap().name;
    let request = Request { logits: &logits, wrt, taps: &[], policy: Policy::Gradient };
    let gradient = differentiate(&model, &observations, &request).unwrap();
    let mut session = engine().load(&gradient.bytes, None).unwrap();
    let values = [x.clone(), seed_logit.clone(), seed_p.clone()].map(Value::F32);
    let inputs = [("x", &values[0]), (&gradient.seed_logit, &values[1]), (&gradient.seed_probability, &values[2])];
    let outputs: Vec<&str> = std::iter::once(&gradient.logits).chain(&gradient.gradients).map(String::as_str).collect();
    let mut values = session.run(&inputs, &outputs, &Cancel::new()).unwrap().into_iter().map(|v| v.into_f32().unwrap());
    Answer { logits: values.next().unwrap(), gradients: values.collect() }
}

/// One-hot seeds, the same class for every picture.
fn one_hot(batch: usize, classes: usize, class: usize) -> ArrayD<f32> {
    ArrayD::from_shape_fn(IxDyn(&[batch, classes]), |index| if index[1] == class { 1.0 } else { 0.0 })
}
