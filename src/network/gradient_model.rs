//! The gradient as a model of its own, for other programs.
//!
//! Must not know what they do with it.

use crate::autodiff::{self, GradientModel, Policy, Request};

use super::{At, Network, NetworkError};

impl Network {
    /// The model that gives gradients beside the forward pass, in ONNX's own operators; of layers their feature maps too.
    pub fn gradient_model(&mut self, at: At<'_>) -> Result<GradientModel, NetworkError> {
        self.observe()?;
        let observations = self.observations.get_or_insert_default();
        let (wrt, taps) = at.asked(&self.input, &self.layers)?;
        let (logits, activation, policy) = (self.logits.as_str(), self.activation, Policy::Gradient);
        let (sum, operators) = (false, false);
        let request = Request { logits, activation, wrt: &wrt, taps: &taps, policy, sum, operators };
        Ok(autodiff::differentiate(&self.model, observations, &request)?)
    }
}
