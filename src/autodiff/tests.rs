//! Gradient models run on the real runtime: against published numbers, finite differences and PyTorch.

use ndarray::{ArrayD, IxDyn};

use super::*;
use crate::engine::{Cancel, Session};
use crate::fixtures::{engine, sine};
use crate::network::observe::observe;

mod golden;
mod masks;
mod paths;
mod pooling;
mod pullback;
mod quantized;
mod reference;
mod strided;
mod sums;

/// A gradient model, loaded.
struct Probe {
    session: Box<dyn Session>,
    model: GradientModel,
    classes: usize,
}

/// What a gradient model says about pictures.
struct Answer {
    logits: ArrayD<f32>,
    gradients: Vec<ArrayD<f32>>,
    taps: Vec<ArrayD<f32>>,
}

/// Differentiates a model whose input `x` has this shape.
fn differentiated(model: &[u8], x: &[usize], wrt: &[&str], taps: &[&str]) -> Result<Probe, AutodiffError> {
    differentiated_as(model, x, wrt, taps, false, true)
}

/// The same, the gradients summed over the batch where `sum` asks for it, and with lensor's own operators or without.
fn differentiated_as(
    model: &[u8],
    x: &[usize],
    wrt: &[&str],
    taps: &[&str],
    sum: bool,
    operators: bool,
) -> Result<Probe, AutodiffError> {
    let model = Model::from_bytes(model.to_vec(), None)?;
    let mut single = x.to_vec();
    single[0] = 1;
    let observations = observe(&model, engine().as_ref(), "x", &single).unwrap();
    // A sigmoid at the end is an operator under test here.
    let output = &model.graph().outputs[0].name;
    let found = surgery::logits(&model, output);
    let stepped_back = found.stepped_back_over.is_some_and(|last| last.op == "Softmax");
    let logits = if stepped_back { found.name } else { output.clone() };
    let (activation, policy) = (Activation::Softmax, Policy::Gradient);
    let request = Request { logits: &logits, activation, wrt, taps, policy, sum, operators };
    let gradient = differentiate(&model, &observations, &request)?;
    let session = engine().load(&gradient.bytes, &gradient.beside, crate::engine::Effort::Full).unwrap();
    let classes = observations[&logits].shape[1..].iter().product();
    Ok(Probe { session, model: gradient, classes })
}

impl Probe {
    /// The gradients of Σ seed_logit·z + Σ seed_probability·softmax(z).
    fn ask(&mut self, x: &ArrayD<f32>, seed_logit: &ArrayD<f32>, seed_probability: &ArrayD<f32>) -> Answer {
        let values = [x.clone(), seed_logit.clone(), seed_probability.clone()].map(Value::F32);
        let model = &self.model;
        let inputs = [("x", &values[0]), (&model.seed_logit, &values[1]), (&model.seed_probability, &values[2])];
        let names = std::iter::once(&model.logits).chain(&model.gradients).chain(&model.taps);
        let outputs: Vec<&str> = names.map(String::as_str).collect();
        let values = self.session.run(&inputs, &outputs, &Cancel::new()).unwrap();
        let mut values = values.into_iter().map(|value| value.into_f32().unwrap());
        let logits = values.next().unwrap();
        let gradients = values.by_ref().take(self.model.gradients.len()).collect();
        Answer { logits, gradients, taps: values.collect() }
    }
}

/// One-hot seeds, the same class for every picture; all zeros where there is no such class.
fn one_hot(batch: usize, classes: usize, class: usize) -> ArrayD<f32> {
    ArrayD::from_shape_fn(IxDyn(&[batch, classes]), |index| if index[1] == class { 1.0 } else { 0.0 })
}
