//! Grad-CAM (Selvaraju et al. 2017), at one layer or at all of them with a single backward pass.

use ndarray::{Array1, Array2, Array3, Array4, ArrayView1, ArrayView2, ArrayView3};

use crate::engine::Cancel;
use crate::network::prediction::predicted;
use crate::network::{At, Network};

use super::cam::{weighted, weights};
use super::{Attribution, AttributionError, MethodId, Question, Raw, Target, gradient, only, stacked};

/// ReLU(Σ_k mean_ij(G^k_ij) A^k) at the resolution of the layer, which is the same for all `questions`.
pub(super) fn explain(
    network: &mut Network,
    questions: &[Question<'_>],
    cancel: &Cancel,
) -> Result<Vec<Attribution>, AttributionError> {
    let chosen = questions.first().and_then(|question| question.layer);
    let layer = chosen.or_else(|| network.default_layer()).ok_or(AttributionError::NoLayer)?;
    if network.pooled_layer() == Some(layer) {
        let x = stacked(network, questions)?;
        return pooled(network, layer, &x, questions, cancel);
    }
    let (targets, answer) = gradient::ask(network, questions, At::Layers(&[layer]), cancel)?;
    let (gradients, activations) = (only(answer.gradients)?, only(answer.activations)?);
    let rows = gradients.outer_iter().zip(activations.outer_iter()).zip(answer.logits.outer_iter());
    let answers = targets.into_iter().zip(rows).map(|(target, ((gradient, activation), logits))| {
        let raw = Raw::Layer(relu(combine(gradient, activation)));
        let answered = Attribution::new(MethodId::GradCam, target, Some(layer), raw, logits, network.activation());
        answered.resting_on(answer.straight_through)
    });
    Ok(answers.collect())
}

/// The maps of several layers from one forward and one backward pass, in the order of `layers`.
pub fn at_layers(
    network: &mut Network,
    input: &Array3<f32>,
    target: Target,
    layers: &[usize],
    cancel: &Cancel,
) -> Result<Vec<Array2<f32>>, AttributionError> {
    let (maps, _) = signed(network, input, target, layers, cancel)?;
    Ok(maps.into_iter().map(relu).collect())
}

/// As [`at_layers`] before the ReLU, with the logits: what Captum calls `LayerGradCam`.
pub fn signed(
    network: &mut Network,
    input: &Array3<f32>,
    target: Target,
    layers: &[usize],
    cancel: &Cancel,
) -> Result<(Vec<Array2<f32>>, Array1<f32>), AttributionError> {
    Ok(network.combine_at_layers(input, target, layers, combine, cancel)?)
}

/// At the layer that the head pools the gradient is known without a backward pass: the weight of each feature map over
/// the number of its pixels.
fn pooled(
    network: &mut Network,
    layer: usize,
    x: &Array4<f32>,
    questions: &[Question<'_>],
    cancel: &Cancel,
) -> Result<Vec<Attribution>, AttributionError> {
    let answer = network.forward(x, &[layer], cancel)?;
    let features = only(answer.activations)?;
    let rows = features.outer_iter().zip(answer.logits.outer_iter());
    let one = |(question, (features, logits)): (&Question<'_>, (ArrayView3<'_, f32>, ArrayView1<'_, f32>))| {
        let target = Target { class: question.class.unwrap_or_else(|| predicted(logits)), of: question.of };
        network.check_class(target.class)?;
        let activation = network.activation();
        let weights = weights(network.head(), target, logits, activation).ok_or(AttributionError::NoLayer)?;
        let (_, height, width) = features.dim();
        let map = weighted(features, (weights / (height * width) as f32).view(), |term| term);
        Ok(Attribution::new(MethodId::GradCam, target, Some(layer), Raw::Layer(relu(map)), logits, activation))
    };
    questions.iter().zip(rows).map(one).collect()
}

/// Σ_k w_k A^k with w_k the mean of G^k; both `[channels, h, w]`.
fn combine(gradient: ArrayView3<'_, f32>, activation: ArrayView3<'_, f32>) -> Array2<f32> {
    let weights: Array1<f32> = gradient.outer_iter().map(mean).collect();
    weighted(activation, weights.view(), |term| term)
}

/// The mean, added up in 64 bits.
fn mean(map: ArrayView2<'_, f32>) -> f32 {
    /// Sums at a time: a single one would wait for each of its additions.
    const SUMS: usize = 8;
    let map = map.as_standard_layout();
    let (groups, rest) = map.as_slice().unwrap_or_default().as_chunks::<SUMS>();
    let mut sums = [0.0; SUMS];
    for group in groups {
        sums.iter_mut().zip(group).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    let sum: f64 = sums.into_iter().chain(rest.iter().map(|value| f64::from(*value))).sum();
    (sum / map.len() as f64) as f32
}

fn relu(map: Array2<f32>) -> Array2<f32> {
    // NaN stays NaN, so that a broken network is not shown as a black map.
    map.mapv_into(|value| if value < 0.0 { 0.0 } else { value })
}
