//! What the scores of a network mean: how a logit becomes a probability, if it does.
//!
//! Owns the three readings and how one is recognised. Must not know how logits are computed.

use ndarray::{Array1, ArrayView1};

use crate::choice::choice;

choice! {
    /// What makes probabilities of a network's logits.
    #[derive(Default, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Activation {
        /// One class of several: the probabilities add up to 1.
        #[default]
        Softmax = "softmax",
        /// Each class for itself, yes or no: several may be there at once.
        Sigmoid = "sigmoid",
        /// Nothing: the outputs are numbers (regression), not scores of classes.
        None = "none",
    }
}

impl Activation {
    /// The activation that an operator at the end of a graph stands for.
    pub fn of_operator(op: &str) -> Option<Self> {
        match op {
            "Softmax" | "LogSoftmax" => Some(Self::Softmax),
            "Sigmoid" => Some(Self::Sigmoid),
            _ => None,
        }
    }

    /// The probabilities 0..1 of logits, one a class; `None` where the outputs are no logits.
    pub fn probabilities(self, logits: ArrayView1<'_, f32>) -> Option<Array1<f32>> {
        match self {
            Self::Softmax => Some(softmax(logits)),
            Self::Sigmoid => Some(logits.mapv(|logit| (1.0 / (1.0 + f64::from(-logit).exp())) as f32)),
            Self::None => None,
        }
    }
}

/// What a network gives for a picture.
#[derive(Clone, Copy, Debug)]
pub struct Scores {
    /// How many numbers.
    pub count: usize,
    /// What makes probabilities of them in the network, where it does.
    pub ends_in: Option<Activation>,
}

impl Scores {
    /// Number of classes: a single sigmoid is about two, no and yes.
    pub fn classes(self, activation: Activation) -> usize {
        if self.is_yes_or_no(activation) { 2 } else { self.count }
    }

    /// Whether the only score is that of yes, and the one of no is its negative.
    pub fn is_yes_or_no(self, activation: Activation) -> bool {
        self.count == 1 && activation == Activation::Sigmoid
    }
}

/// Softmax, computed in 64 bits and shifted by the largest logit so that it cannot overflow.
fn softmax(logits: ArrayView1<'_, f32>) -> Array1<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials = logits.mapv(|logit| f64::from(logit - largest).exp());
    let total: f64 = exponentials.sum();
    exponentials.mapv(|e| (e / total) as f32)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn softmax_neither_overflows_nor_loses_its_sum() {
        let p = Activation::Softmax.probabilities(array![1000.0, 999.0, -1000.0].view()).unwrap();
        assert!((p[0] - 0.731_058_6).abs() < 1e-6 && p[2] == 0.0);
        assert!((p.sum() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn sigmoid_looks_at_each_class_alone() {
        let p = Activation::Sigmoid.probabilities(array![0.0, 2.0, -1000.0, 1000.0].view()).unwrap();
        assert!((p[1] - 0.880_797).abs() < 1e-6);
        assert_eq!((p[0], p[2], p[3]), (0.5, 0.0, 1.0));
        assert_eq!(Activation::None.probabilities(array![0.5].view()), None);
    }
}
