//! Which methods work on a network, found by trying them.
//!
//! Must not know which operators or heads a method needs: the method says so itself.

use ndarray::Array3;
use serde::Serialize;

use crate::attribution::{self, Attribution, AttributionError, MethodId, Of, Parameters, Question, Raw};
use crate::engine::Cancel;
use crate::network::Network;

/// Steps that a path method is tried with: enough to see that it works.
const STEPS: usize = 4;

/// What became of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// A map.
    Works,
    /// A map of zeros, on this picture.
    Zero,
    /// Something in the map is not a number, or infinite.
    NotFinite,
}

/// A method that was tried.
#[derive(Debug)]
pub struct Trial {
    /// The method.
    pub method: MethodId,
    /// What it gave, or why it gave nothing.
    pub outcome: Result<Answer, AttributionError>,
}

/// Tries every method on a picture `[C, H, W]`, preprocessed. Fails only where it is cancelled.
pub fn try_all(
    network: &mut Network,
    input: &Array3<f32>,
    class: usize,
    cancel: &Cancel,
) -> Result<Vec<Trial>, AttributionError> {
    let parameters = Parameters { steps: STEPS, ..Parameters::default() };
    let question =
        Question { input, class: Some(class), of: Of::Logit, layer: network.default_layer(), parameters: &parameters };
    let one = |method: &MethodId| match attribution::explain(network, *method, &question, cancel, &mut |_| ()) {
        Err(error) if error.is_cancelled() => Err(error),
        outcome => Ok(Trial { method: *method, outcome: outcome.map(|attribution| answer(&attribution)) }),
    };
    MethodId::ALL.iter().map(one).collect()
}

fn answer(attribution: &Attribution) -> Answer {
    let values: &mut dyn Iterator<Item = &f32> = match &attribution.raw {
        Raw::Input(raw) => &mut raw.iter(),
        Raw::Layer(raw) => &mut raw.iter(),
    };
    let mut zero = true;
    for value in values {
        if !value.is_finite() {
            return Answer::NotFinite;
        }
        zero &= *value == 0.0;
    }
    if zero { Answer::Zero } else { Answer::Works }
}
