//! Where the backward pass starts: the gradient of Σ a·z + Σ b·p(z) with respect to the logits z, or a tensor that is
//! given.

use super::backward::Backward;
use super::{AutodiffError, rules};
use crate::model::output::Activation;
use crate::onnx::build::Attr;
use crate::onnx::{DataType, Dim};

/// Names of the seed inputs, each `[batch, classes]`.
pub(super) struct Seeds {
    /// Weights of the logits.
    pub logit: String,
    /// Weights of the probabilities.
    pub probability: String,
}

/// Declares the seeds as inputs and sends a + p′(z) b to the logits: p ⊙ (b − Σ b·p) for p = softmax(z), p (1 − p) b for
/// p = sigmoid(z), nothing where there are no probabilities.
pub(super) fn plant(backward: &mut Backward, logits: &str, activation: Activation) -> Result<Seeds, AutodiffError> {
    let observed = backward.observed(logits)?.clone();
    let Some(first) = observed.shape.first().copied() else {
        return Err(AutodiffError::NotLogits { tensor: logits.to_owned() });
    };
    let classes: usize = observed.shape.iter().skip(1).product();
    let batch = if observed.batch == Some(0) { backward.batch.clone() } else { Dim::Fixed(first) };
    let shape = [batch, Dim::Fixed(classes)];
    let builder = &mut backward.builder;
    let seeds = Seeds { logit: builder.fresh("seed_logit"), probability: builder.fresh("seed_probability") };
    builder.input(&seeds.logit, DataType::Float, &shape);
    builder.input(&seeds.probability, DataType::Float, &shape);
    let flat = backward.emit("Flatten", &[logits], &[("axis", Attr::Int(1))]);
    let through = match activation {
        Activation::Softmax => {
            let p = backward.emit("Softmax", &[&flat], &[("axis", Attr::Int(1))]);
            Some(rules::softmax::through_softmax(backward, &seeds.probability, &p, 1))
        }
        Activation::Sigmoid => {
            let p = backward.emit("Sigmoid", &[&flat], &[]);
            Some(rules::pointwise::through_sigmoid(backward, &seeds.probability, &p))
        }
        Activation::None => None,
    };
    let sum = match through {
        Some(through) => backward.emit("Add", &[&seeds.logit, &through], &[]),
        None => seeds.logit.clone(),
    };
    let gradient = if observed.shape.len() == 2 { sum } else { backward.reshape_like(&sum, logits)? };
    backward.send(logits, gradient);
    Ok(seeds)
}

/// Declares a seed shaped as `tensor` as an input, sends it there as the gradient of Σ seed ⊙ tensor, and returns its name.
pub(super) fn plant_whole(backward: &mut Backward, tensor: &str) -> Result<String, AutodiffError> {
    let observed = backward.observed(tensor)?;
    let mut shape: Vec<Dim> = observed.shape.iter().map(|size| Dim::Fixed(*size)).collect();
    if let Some(dim) = observed.batch.and_then(|axis| shape.get_mut(axis)) {
        *dim = backward.batch.clone();
    }
    let seed = backward.builder.fresh("seed");
    backward.builder.input(&seed, DataType::Float, &shape);
    backward.send(tensor, seed.clone());
    Ok(seed)
}
