//! From logits to an order of classes.

use ndarray::ArrayView1;
use serde::Serialize;

use crate::attribution::{Of, Target};
use crate::model::output::Activation;

/// What the network says about one class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// Class index.
    pub class: usize,
    /// Its logit.
    pub logit: f32,
    /// Its probability, 0..1; `None` where the output is a number and no score of a class.
    pub probability: Option<f32>,
}

/// The class with the largest logit; the first of equals.
pub fn predicted(logits: ArrayView1<'_, f32>) -> usize {
    let larger = |best: usize, class: usize| if logits[class] > logits[best] { class } else { best };
    (0..logits.len()).reduce(larger).unwrap_or(0)
}

/// All classes, the best first; equals in the order of their indices.
pub fn ranked(logits: ArrayView1<'_, f32>, activation: Activation) -> Vec<Prediction> {
    let probabilities = activation.probabilities(logits);
    let probability = |class: usize| probabilities.as_ref().and_then(|all| all.get(class)).copied();
    let classes = logits.iter().enumerate();
    let mut all: Vec<Prediction> =
        classes.map(|(class, logit)| Prediction { class, logit: *logit, probability: probability(class) }).collect();
    all.sort_by(|a, b| b.logit.total_cmp(&a.logit));
    all
}

/// The score of a target: its logit or its probability. NaN where there is none.
pub fn score(logits: ArrayView1<'_, f32>, activation: Activation, target: Target) -> f32 {
    let value = match target.of {
        Of::Logit => logits.get(target.class).copied(),
        Of::Probability => activation.probabilities(logits).and_then(|all| all.get(target.class).copied()),
    };
    value.unwrap_or(f32::NAN)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_best_comes_first_and_ties_keep_their_order() {
        let logits = array![0.0, 2.0, -1.0, 2.0];
        let order: Vec<usize> = ranked(logits.view(), Activation::Softmax).iter().map(|p| p.class).collect();
        assert_eq!(order, [1, 3, 0, 2]);
        assert_eq!(predicted(logits.view()), 1);
    }

    #[test]
    fn numbers_have_no_probability() {
        let only = ranked(array![-3.5].view(), Activation::None)[0];
        assert_eq!((only.logit, only.probability), (-3.5, None));
        assert!(score(array![-3.5].view(), Activation::None, Target { class: 0, of: Of::Probability }).is_nan());
    }
}
