//! Methods that say which part of a picture a score comes from: questions in, arrays out.
//!
//! Owns the formulas, one method a file. Must not know about terminals, colours or files.

use std::sync::Arc;

use ndarray::{Array2, Array3, Array4};

/// What the score is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Of {
    /// The class's logit, before any softmax.
    #[default]
    Logit,
    /// The class's softmax probability. Its gradient vanishes where the network is sure.
    Probability,
}

/// The score that is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Class index.
    pub class: usize,
    /// Logit or probability of that class.
    pub of: Of,
}

/// A raw attribution, before any post-processing.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw {
    /// `[C, H, W]` in the network's preprocessed input space.
    Input(Array3<f32>),
    /// `[h, w]` at the resolution of a layer's feature maps.
    Layer(Array2<f32>),
}

/// Completeness of a path method: do the attributions add up to what they should?
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Completeness {
    /// Σ of the attributions.
    pub sum: f64,
    /// F(x) − F(x′): what the sum should be.
    pub difference: f64,
}

impl Completeness {
    /// Σ attributions − (F(x) − F(x′)), the residual (Captum's sign).
    pub fn residual(&self) -> f64 {
        self.sum - self.difference
    }
}

/// What Integrated Gradients saw on its way from the baseline to the picture.
#[derive(Clone, Debug)]
pub struct AlphaPath {
    /// α of each step, ascending, in `[0, 1]`.
    pub alphas: Vec<f32>,
    /// Quadrature weight of each step.
    pub weights: Vec<f32>,
    /// Score F(x′ + α(x − x′)) at each step.
    pub scores: Vec<f32>,
    /// Softmax probability of the target class at each step.
    pub probabilities: Vec<f32>,
    /// Gradient at each step, `[steps, C, H, W]`.
    pub gradients: Arc<Array4<f32>>,
    /// The picture x, `[C, H, W]`, preprocessed.
    pub input: Arc<Array3<f32>>,
    /// The baseline x′, `[C, H, W]`, preprocessed.
    pub baseline: Arc<Array3<f32>>,
}

impl AlphaPath {
    /// The interpolated picture x′ + α(x − x′) of a step, `[C, H, W]`, preprocessed.
    pub fn interpolated(&self, step: usize) -> Array3<f32> {
        let alpha = self.alphas.get(step).copied().unwrap_or(1.0);
        &*self.baseline + &((&*self.input - &*self.baseline) * alpha)
    }
}
