//! Gradient sessions: one for each set of tensors asked about, kept while they are of use.

use ndarray::{Array2, Axis};

use crate::autodiff::{self, Observations, Request};
use crate::engine::{Cancel, Effort, Engine, EngineError, Given, Session, Value};
use crate::onnx::{Model, surgery};

use super::NetworkError;

/// Most gradient sessions kept: each holds its own copy of the weights.
const KEPT: usize = 4;

/// The sessions, the one used last at the end.
#[derive(Default)]
pub(super) struct GradientSessions(Vec<GradientSession>);

/// A session that gives gradients.
pub(super) struct GradientSession {
    session: Box<dyn Session>,
    /// Names of the inputs that weigh logits and probabilities.
    seeds: [String; 2],
    logits: String,
    /// Whether it gives the sum over the pictures of a batch, which it makes itself along a path.
    sum: bool,
    /// Names of the inputs that say which path: where it starts, how it goes, and the places on it.
    pub(super) path: [String; 3],
    /// Whether a gradient passes quantisation by the straight-through estimate.
    pub(super) straight_through: bool,
    /// Tensors and the outputs with their gradients.
    gradients: Vec<(String, String)>,
    /// Tensors and the outputs with their values.
    taps: Vec<(String, String)>,
}

impl GradientSession {
    fn serves(&self, wrt: &[&str], taps: &[&str], sum: bool) -> bool {
        let known = |known: &[(String, String)], asked: &[&str]| asked.iter().all(|name| output(known, name).is_some());
        self.sum == sum && known(&self.gradients, wrt) && known(&self.taps, taps)
    }

    /// Runs some rows of a batch. The logits come first, then the gradients with respect to `wrt`, then `taps`.
    pub(super) fn run(
        &mut self,
        inputs: &[(&str, Given<'_>)],
        seeds: &[Array2<f32>; 2],
        rows: &[usize],
        wrt: &[&str],
        taps: &[&str],
        cancel: &Cancel,
    ) -> Result<Vec<Value>, EngineError> {
        let mut outputs = vec![self.logits.as_str()];
        outputs.extend(wrt.iter().filter_map(|name| output(&self.gradients, name)));
        outputs.extend(taps.iter().filter_map(|name| output(&self.taps, name)));
        let [logit, probability] = [0, 1].map(|which: usize| Value::from(seeds[which].select(Axis(0), rows)));
        let [logit, probability] = [Given::Value(&logit), Given::Value(&probability)];
        let seeds = [(self.seeds[0].as_str(), logit), (self.seeds[1].as_str(), probability)];
        Ok(self.session.run_held(&[inputs, &seeds].concat(), &outputs, &[], cancel)?.0)
    }
}

fn output<'a>(known: &'a [(String, String)], tensor: &str) -> Option<&'a str> {
    known.iter().find(|(name, _)| name == tensor).map(|(_, output)| output.as_str())
}

impl GradientSessions {
    /// A session that gives the gradients and taps of a request, made if there is none.
    pub(super) fn get(
        &mut self,
        model: &Model,
        engine: &dyn Engine,
        observations: &Observations,
        request: &Request<'_>,
    ) -> Result<&mut GradientSession, NetworkError> {
        let Request { wrt, taps, sum, .. } = *request;
        let session = match self.0.iter().position(|each| each.serves(wrt, taps, sum)) {
            Some(at) => self.0.remove(at),
            None => {
                let (made, path) = match (sum, wrt) {
                    (true, [input]) => {
                        let along = surgery::along(model, input)?;
                        let made = autodiff::differentiate(&along.model, observations, request)?;
                        (made, [along.start, along.change, along.places])
                    }
                    _ => (autodiff::differentiate(model, observations, request)?, Default::default()),
                };
                // The gradient at the input runs at every step of a path; that at layers once a picture.
                let effort = if taps.is_empty() { Effort::Utmost } else { Effort::Light };
                let session = engine.load(&made.bytes, &made.beside, effort)?;
                let pairs =
                    |names: &[&str], outputs: Vec<String>| names.iter().map(|n| (*n).to_owned()).zip(outputs).collect();
                GradientSession {
                    session,
                    seeds: [made.seed_logit, made.seed_probability],
                    logits: made.logits,
                    sum,
                    path,
                    straight_through: made.straight_through,
                    gradients: pairs(wrt, made.gradients),
                    taps: pairs(taps, made.taps),
                }
            }
        };
        if self.0.len() >= KEPT {
            self.0.remove(0);
        }
        self.0.push(session);
        let last = self.0.len() - 1;
        Ok(&mut self.0[last])
    }
}
