//! Grad-CAM (Selvaraju et al. 2017), at one layer or at all of them with a single backward pass.

use ndarray::{Array1, Array2, Array3, ArrayView3, Axis};

use crate::engine::Cancel;
use crate::network::prediction::{predicted, score};
use crate::network::{At, Network};

use super::cam::{weighted, weights};
use super::{Attribution, AttributionError, MethodId, Question, Raw, Target, gradient, only};

/// ReLU(Σ_k mean_ij(G^k_ij) A^k) at the resolution of the layer.
pub(super) fn explain(
    network: &mut Network,
    question: &Question<'_>,
    cancel: &Cancel,
) -> Result<Attribution, AttributionError> {
    let layer = question.layer.or_else(|| network.default_layer()).ok_or(AttributionError::NoLayer)?;
    let (map, target, logits) = if network.pooled_layer() == Some(layer) {
        pooled(network, layer, question, cancel)?
    } else {
        let target = gradient::target(network, question, cancel)?;
        let (maps, logits) = signed(network, question.input, target, &[layer], cancel)?;
        (maps.into_iter().next().unwrap_or_default(), target, logits)
    };
    Ok(Attribution {
        method: MethodId::GradCam,
        target,
        layer: Some(layer),
        raw: Raw::Layer(relu(map)),
        score: score(logits.view(), target),
        logits: logits.to_vec(),
        completeness: None,
        path: None,
        done: 1,
        total: 1,
    })
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
    let x = input.view().insert_axis(Axis(0)).to_owned();
    let answer = network.gradient(&x, &[target], At::Layers(layers), cancel)?;
    let pairs = answer.gradients.iter().zip(&answer.activations);
    let maps = pairs.map(|(g, a)| combine(g.index_axis(Axis(0), 0), a.index_axis(Axis(0), 0))).collect();
    Ok((maps, answer.logits.row(0).to_owned()))
}

/// At the layer that the head pools the gradient is known without a backward pass: the weight of each feature map over
/// the number of its pixels.
fn pooled(
    network: &mut Network,
    layer: usize,
    question: &Question<'_>,
    cancel: &Cancel,
) -> Result<(Array2<f32>, Target, Array1<f32>), AttributionError> {
    let x = question.input.view().insert_axis(Axis(0)).to_owned();
    let answer = network.forward(&x, &[layer], cancel)?;
    let logits = answer.logits.row(0).to_owned();
    let target = Target { class: question.class.unwrap_or_else(|| predicted(logits.view())), of: question.of };
    network.check_class(target.class)?;
    let features = only(answer.activations)?;
    let weights = weights(network.head(), target, logits.view()).ok_or(AttributionError::NoLayer)?;
    let (_, height, width) = features.dim();
    let map = weighted(features.view(), (weights / (height * width) as f32).view(), |term| term);
    Ok((map, target, logits))
}

/// Σ_k w_k A^k with w_k the mean of G^k; both `[channels, h, w]`.
fn combine(gradient: ArrayView3<'_, f32>, activation: ArrayView3<'_, f32>) -> Array2<f32> {
    let mean = |map: ndarray::ArrayView2<'_, f32>| {
        (map.iter().map(|value| f64::from(*value)).sum::<f64>() / map.len() as f64) as f32
    };
    let weights: Array1<f32> = gradient.outer_iter().map(mean).collect();
    weighted(activation, weights.view(), |term| term)
}

fn relu(map: Array2<f32>) -> Array2<f32> {
    // NaN stays NaN, so that a broken network is not shown as a black map.
    map.mapv_into(|value| if value < 0.0 { 0.0 } else { value })
}
