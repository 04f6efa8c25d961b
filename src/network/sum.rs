//! Sums of gradients: cheaper than the gradients, where only their sum is asked for.
//!
//! Must not know what is summed up.

use ndarray::{Array2, Array3, Array4, Axis};

use crate::attribution::Target;
use crate::autodiff::{Policy, Request};
use crate::engine::{Cancel, EngineError, Value};

use super::{At, Gradients, Network, NetworkError, batch};

/// The weighted sum of the gradients of a batch.
#[derive(Clone, Debug)]
pub struct GradientSum {
    /// `[batch, classes]`.
    pub logits: Array2<f32>,
    /// Σ weight · gradient at the input, `[C, H, W]`.
    pub sum: Array3<f32>,
    /// Whether the gradient passes quantisation by the straight-through estimate.
    pub straight_through: bool,
}

impl Network {
    /// Runs a batch `[batch, C, H, W]` and adds up the gradients at the input of one target a picture, each with its weight. What is
    /// linear on the way back is done once for the sum, so that this takes less time and memory than each gradient.
    pub fn gradient_sum(
        &mut self,
        x: &Array4<f32>,
        targets: &[Target],
        weights: &[f32],
        cancel: &Cancel,
    ) -> Result<GradientSum, NetworkError> {
        self.check(x)?;
        if targets.len() != x.dim().0 || weights.len() != targets.len() {
            return Err(NetworkError::Shape { given: vec![targets.len()], expected: self.preprocess.shape() });
        }
        if self.part.is_none() {
            match self.sum_at_once(x, targets, weights, cancel) {
                Err(NetworkError::Engine(error)) if !matches!(error, EngineError::Cancelled) => {
                    tracing::debug!(%error, "the gradients could not be summed in the graph");
                }
                answer => return answer,
            }
        }
        let Gradients { logits, gradients, straight_through, .. } = self.gradient(x, targets, At::Input, cancel)?;
        let mut sum = Array3::zeros(self.preprocess.shape());
        for (gradient, weight) in gradients.iter().flat_map(|all| all.outer_iter()).zip(weights) {
            sum.scaled_add(*weight, &gradient);
        }
        Ok(GradientSum { logits, sum, straight_through })
    }

    fn sum_at_once(
        &mut self,
        x: &Array4<f32>,
        targets: &[Target],
        weights: &[f32],
        cancel: &Cancel,
    ) -> Result<GradientSum, NetworkError> {
        let mut seeds = self.seeds(targets)?;
        for seeds in &mut seeds {
            seeds.outer_iter_mut().zip(weights).for_each(|(mut row, weight)| row *= *weight);
        }
        self.observe()?;
        let observations = self.observations.get_or_insert_default();
        let wrt = [self.input.name.as_str()];
        let (logits, activation, policy) = (self.logits.as_str(), self.activation, Policy::Gradient);
        let request = Request { logits, activation, wrt: &wrt, taps: &[], policy, sum: true };
        let session = self.gradients.get(&self.model, &*self.engine, observations, &request)?;
        let rows: Vec<usize> = (0..targets.len()).collect();
        let input = (self.input.name.as_str(), &Value::from(x.to_owned()));
        let straight_through = session.straight_through;
        let mut values = session.run(input, &seeds, &rows, &wrt, &[], cancel)?.into_iter();
        let logits = batch::rows(values.next().map(Value::into_f32).transpose()?, self.classes)?;
        let sum = values.next().map(Value::into_f32).transpose()?.unwrap_or_default();
        let sum = batch::maps(sum)?;
        if sum.dim().0 != 1 || logits.dim().0 != targets.len() {
            let error = format!("the sum of {} gradients has the shape {:?}", targets.len(), sum.shape());
            return Err(EngineError::Value(error).into());
        }
        let sum = sum.index_axis_move(Axis(0), 0);
        Ok(GradientSum { logits, sum, straight_through })
    }
}
