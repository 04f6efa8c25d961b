//! Gradient and gradient × input.

use ndarray::Axis;

use crate::engine::Cancel;
use crate::network::prediction::{predicted, score};
use crate::network::{At, Network};

use super::{Attribution, AttributionError, MethodId, Question, Raw, Target, only};

/// The gradient of the score, signed, at every channel and pixel; for [`MethodId::GradientInput`] times the input.
pub(super) fn explain(
    network: &mut Network,
    method: MethodId,
    question: &Question<'_>,
    cancel: &Cancel,
) -> Result<Attribution, AttributionError> {
    let x = question.input.view().insert_axis(Axis(0)).to_owned();
    let target = target(network, question, cancel)?;
    let answer = network.gradient(&x, &[target], At::Input, cancel)?;
    let mut raw = only(answer.gradients)?;
    if method == MethodId::GradientInput {
        raw *= question.input;
    }
    let logits = answer.logits.row(0);
    Ok(Attribution {
        method,
        target,
        layer: None,
        raw: Raw::Input(raw),
        score: score(logits, target),
        logits: logits.to_vec(),
        completeness: None,
        path: None,
        done: 1,
        total: 1,
    })
}

/// The target that is asked about: the class given, or the one the network predicts.
pub(super) fn target(
    network: &mut Network,
    question: &Question<'_>,
    cancel: &Cancel,
) -> Result<Target, AttributionError> {
    let class = match question.class {
        Some(class) => class,
        None => {
            let x = question.input.view().insert_axis(Axis(0)).to_owned();
            predicted(network.forward(&x, &[], cancel)?.logits.row(0))
        }
    };
    Ok(Target { class, of: question.of })
}
