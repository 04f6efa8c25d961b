//! Gradient and gradient × input.

use ndarray::Array4;

use crate::engine::Cancel;
use crate::network::prediction::predicted;
use crate::network::{At, Gradients, Network};

use super::{Attribution, AttributionError, MethodId, Question, Raw, Target, only, stacked};

/// The gradients of the scores, signed, at every channel and pixel; for [`MethodId::GradientInput`] times the input.
pub(super) fn explain(
    network: &mut Network,
    method: MethodId,
    questions: &[Question<'_>],
    cancel: &Cancel,
) -> Result<Vec<Attribution>, AttributionError> {
    let (targets, answer) = ask(network, questions, At::Input, cancel)?;
    let gradients = only(answer.gradients)?;
    let rows = gradients.outer_iter().zip(answer.logits.outer_iter());
    let answers = questions.iter().zip(targets).zip(rows).map(|((question, target), (gradient, logits))| {
        let mut raw = gradient.to_owned();
        if method == MethodId::GradientInput {
            raw *= question.input;
        }
        let answered = Attribution::new(method, target, None, Raw::Input(raw), logits, network.activation());
        answered.resting_on(answer.straight_through)
    });
    Ok(answers.collect())
}

/// The gradients of what is asked about, and what that is: the classes given, and the predicted one where none is.
pub(super) fn ask(
    network: &mut Network,
    questions: &[Question<'_>],
    at: At<'_>,
    cancel: &Cancel,
) -> Result<(Vec<Target>, Gradients), AttributionError> {
    if let [question] = questions {
        let Question { input, class, of, .. } = *question;
        let answer = network.gradient_of_one(input, (class, of), at, cancel)?;
        let class = class.unwrap_or_else(|| predicted(answer.logits.row(0)));
        return Ok((vec![Target { class, of }], answer));
    }
    let x = stacked(network, questions)?;
    let targets = targets(network, &x, questions, cancel)?;
    let answer = network.gradient(&x, &targets, at, cancel)?;
    Ok((targets, answer))
}

fn targets(
    network: &mut Network,
    x: &Array4<f32>,
    questions: &[Question<'_>],
    cancel: &Cancel,
) -> Result<Vec<Target>, AttributionError> {
    let given: Option<Vec<usize>> = questions.iter().map(|question| question.class).collect();
    let classes = match given {
        Some(classes) => classes,
        None => {
            let logits = network.forward(x, &[], cancel)?.logits;
            let rows = questions.iter().zip(logits.outer_iter());
            rows.map(|(question, logits)| question.class.unwrap_or_else(|| predicted(logits))).collect()
        }
    };
    Ok(questions.iter().zip(classes).map(|(question, class)| Target { class, of: question.of }).collect())
}
