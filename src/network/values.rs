//! Inner tensors by name, from sessions that compute no more than them.
//!
//! Must not know what the tensors mean.

use ndarray::{Array4, ArrayD};

use crate::engine::{Cancel, Effort, Session, Value};
use crate::onnx::surgery;

use super::{Network, NetworkError, batch};

/// Most sessions kept: each holds its own copy of what is no kernel up to its tensors.
const KEPT: usize = 3;

/// The sessions by the tensors they give, the one used last at the end.
#[derive(Default)]
pub(super) struct ValueSessions(Vec<(Vec<String>, Box<dyn Session>)>);

impl Network {
    /// The values of inner tensors for a batch `[batch, C, H, W]` of prepared pictures, each `[batch, channels, height,
    /// width]`. Only what they are made from is computed.
    pub fn values(
        &mut self,
        x: &Array4<f32>,
        tensors: &[&str],
        cancel: &Cancel,
    ) -> Result<Vec<Array4<f32>>, NetworkError> {
        self.arrays(x, tensors, cancel)?.into_iter().map(batch::maps).collect()
    }

    /// As [`Network::values`], of any shape `[batch, …]`.
    pub fn arrays(
        &mut self,
        x: &Array4<f32>,
        tensors: &[&str],
        cancel: &Cancel,
    ) -> Result<Vec<ArrayD<f32>>, NetworkError> {
        self.check(x)?;
        let input = self.input.name.as_str();
        let inner: Vec<&str> = tensors.iter().copied().filter(|tensor| *tensor != input).collect();
        let mut values = Vec::new().into_iter();
        if !inner.is_empty() {
            let sessions = &mut self.values.0;
            let at = sessions.iter().position(|(known, _)| known.iter().eq(&inner));
            let mut session = match at.map(|at| sessions.remove(at)) {
                Some((_, session)) => session,
                None => {
                    let cut = surgery::cut(&self.model, &inner)?;
                    self.engine.load(cut.bytes(), self.model.beside(), Effort::Light)?
                }
            };
            let run = |part: &Value, _: &[usize]| session.run(&[(input, part)], &inner, cancel);
            let result = batch::run(&mut self.part, x, run);
            if sessions.len() >= KEPT {
                sessions.remove(0);
            }
            sessions.push((inner.iter().map(|tensor| (*tensor).to_owned()).collect(), session));
            values = result?.into_iter();
        }
        let value = |tensor: &&str| match *tensor == input {
            true => x.clone().into_dyn(),
            false => values.next().unwrap_or_default(),
        };
        Ok(tensors.iter().map(value).collect())
    }
}
