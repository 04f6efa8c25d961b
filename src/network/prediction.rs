//! From logits to probabilities and an order of classes.

use ndarray::{Array1, ArrayView1};
use serde::Serialize;

use crate::attribution::{Of, Target};

/// What the network says about one class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// Class index.
    pub class: usize,
    /// Its logit.
    pub logit: f32,
    /// Its softmax probability, 0..1.
    pub probability: f32,
}

/// Softmax, computed in 64 bits and shifted by the largest logit so that it cannot overflow.
pub fn softmax(logits: ArrayView1<'_, f32>) -> Array1<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials = logits.mapv(|logit| f64::from(logit - largest).exp());
    let total: f64 = exponentials.sum();
    exponentials.mapv(|e| (e / total) as f32)
}

/// The class with the largest logit; the first of equals.
pub fn predicted(logits: ArrayView1<'_, f32>) -> usize {
    let larger = |best: usize, class: usize| if logits[class] > logits[best] { class } else { best };
    (0..logits.len()).reduce(larger).unwrap_or(0)
}

/// All classes, the best first; equals in the order of their indices.
pub fn ranked(logits: ArrayView1<'_, f32>) -> Vec<Prediction> {
    let classes = logits.iter().zip(softmax(logits)).enumerate();
    let mut all: Vec<Prediction> =
        classes.map(|(class, (logit, probability))| Prediction { class, logit: *logit, probability }).collect();
    all.sort_by(|a, b| b.logit.total_cmp(&a.logit));
    all
}

/// The score of a target: its logit or its probability.
pub fn score(logits: ArrayView1<'_, f32>, target: Target) -> f32 {
    let value = match target.of {
        Of::Logit => logits.get(target.class).copied(),
        Of::Probability => softmax(logits).get(target.class).copied(),
    };
    value.unwrap_or(f32::NAN)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn softmax_neither_overflows_nor_loses_its_sum() {
        let p = softmax(array![1000.0, 999.0, -1000.0].view());
        assert!((p[0] - 0.731_058_6).abs() < 1e-6 && p[2] == 0.0);
        assert!((p.sum() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_best_comes_first_and_ties_keep_their_order() {
        let logits = array![0.0, 2.0, -1.0, 2.0];
        let order: Vec<usize> = ranked(logits.view()).iter().map(|p| p.class).collect();
        assert_eq!(order, [1, 3, 0, 2]);
        assert_eq!(predicted(logits.view()), 1);
    }
}
