//! Class activation maps (Zhou et al. 2016): the linear layer after global average pooling, undone.

use ndarray::{Array1, Array2, ArrayView1, ArrayView3};

use crate::engine::Cancel;
use crate::model::head::Head;
use crate::model::output::Activation;
use crate::network::Network;
use crate::network::prediction::predicted;

use super::{Attribution, AttributionError, MethodId, Of, Question, Raw, Target, only, stacked};

/// M = Σ_k w_k A^k at the resolution of the pooled features, signed; its mean plus the bias is the logit. CAM explains
/// the logit, so [`Question::of`] makes no difference. With `cam_relu` each term is cut off at 0.
pub(super) fn explain(
    network: &mut Network,
    questions: &[Question<'_>],
    cancel: &Cancel,
) -> Result<Vec<Attribution>, AttributionError> {
    if let Head::Other { description } = network.head() {
        return Err(AttributionError::NoCam { head: description.clone() });
    }
    let layer = network.pooled_layer().ok_or(AttributionError::NoLayer)?;
    let answer = network.forward(&stacked(network, questions)?, &[layer], cancel)?;
    let features = only(answer.activations)?;
    let rows = features.outer_iter().zip(answer.logits.outer_iter());
    let one = |(question, (features, logits)): (&Question<'_>, (ArrayView3<'_, f32>, ArrayView1<'_, f32>))| {
        let target = Target { class: question.class.unwrap_or_else(|| predicted(logits)), of: Of::Logit };
        network.check_class(target.class)?;
        let activation = network.activation();
        let weights = weights(network.head(), target, logits, activation).ok_or(AttributionError::NoLayer)?;
        let map = match question.parameters.cam_relu {
            true => weighted(features, weights.view(), |term| term.max(0.0)),
            false => weighted(features, weights.view(), |term| term),
        };
        Ok(Attribution::new(MethodId::Cam, target, Some(layer), Raw::Layer(map), logits, activation))
    };
    questions.iter().zip(rows).map(one).collect()
}

/// ∂score/∂(mean of each pooled feature map): for a logit the class's row of the linear layer, for a probability p_c
/// the mixture p_c (w_c − Σ_j p_j w_j) with softmax and p_c (1 − p_c) w_c with sigmoid. `None` for a head that has no such
/// weights.
pub(super) fn weights(
    head: &Head,
    target: Target,
    logits: ArrayView1<'_, f32>,
    activation: Activation,
) -> Option<Array1<f32>> {
    let classes = logits.len();
    let one_hot = |class: usize| f32::from(u8::from(class == target.class));
    let seed = match target.of {
        Of::Logit => Array1::from_shape_fn(classes, one_hot),
        Of::Probability => {
            let p = activation.probabilities(logits)?;
            let own = p.get(target.class).copied()?;
            Array1::from_shape_fn(classes, |class| match activation {
                Activation::Sigmoid => own * (1.0 - own) * one_hot(class),
                _ => own * (one_hot(class) - p[class]),
            })
        }
    };
    match head {
        Head::GapLinear { weights, .. } if target.of == Of::Logit => {
            (target.class < classes).then(|| weights.row(target.class).to_owned())
        }
        Head::GapLinear { weights, .. } => Some(seed.dot(weights)),
        Head::ConvGap { .. } => Some(seed),
        Head::Other { .. } => None,
    }
}

/// Σ_k f(w_k A^k) of features `[channels, h, w]`, added up in 64 bits.
pub(super) fn weighted(
    features: ArrayView3<'_, f32>,
    weights: ArrayView1<'_, f32>,
    term: impl Fn(f64) -> f64,
) -> Array2<f32> {
    let (_, height, width) = features.dim();
    let mut map = Array2::<f64>::zeros((height, width));
    for (feature, weight) in features.outer_iter().zip(weights) {
        let weight = f64::from(*weight);
        map.zip_mut_with(&feature, |sum, value| *sum += term(weight * f64::from(*value)));
    }
    map.mapv(|value| value as f32)
}
