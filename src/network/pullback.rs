//! The gradient of what is inside: of any weighting of a layer's feature maps, at the input or at earlier layers.
//!
//! Owns the sessions, which end at the layer that is asked about. Must not know what the weights stand for.

use ndarray::{Array4, Axis};

use crate::autodiff::{self, Observations, Policy, Pullback};
use crate::engine::{Cancel, Effort, Engine, Session, Value};
use crate::onnx::Model;

use super::{At, Network, NetworkError, batch, tensors};

/// Most sessions kept: each holds its own copy of the weights up to its layer.
const KEPT: usize = 3;

/// The gradient of a layer.
#[derive(Clone, Debug)]
pub struct LayerGradients {
    /// The layer's feature maps, `[batch, channels, height, width]`.
    pub maps: Array4<f32>,
    /// The gradient at the input or at each layer asked for, in the shape of that tensor.
    pub gradients: Vec<Array4<f32>>,
}

/// The sessions, the one used last at the end.
#[derive(Default)]
pub(super) struct PullbackSessions(Vec<PullbackSession>);

struct PullbackSession {
    session: Box<dyn Session>,
    tensor: String,
    wrt: Vec<String>,
    policy: Policy,
    seed: String,
    gradients: Vec<String>,
}

impl PullbackSessions {
    fn get(
        &mut self,
        model: &Model,
        engine: &dyn Engine,
        observations: &Observations,
        request: &Pullback<'_>,
        effort: Effort,
    ) -> Result<&mut PullbackSession, NetworkError> {
        let serves = |each: &PullbackSession| {
            each.tensor == request.tensor && each.policy == request.policy && each.wrt.iter().eq(request.wrt)
        };
        let session = match self.0.iter().position(serves) {
            Some(at) => self.0.remove(at),
            None => {
                let made = autodiff::pull_back(model, observations, request)?;
                PullbackSession {
                    session: engine.load(&made.bytes, model.folder(), effort)?,
                    tensor: request.tensor.to_owned(),
                    wrt: request.wrt.iter().map(|tensor| (*tensor).to_owned()).collect(),
                    policy: request.policy,
                    seed: made.seed,
                    gradients: made.gradients,
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

impl Network {
    /// Runs a batch `[batch, C, H, W]` up to a layer and back: the gradient of Σ `seed` ⊙ (the layer's feature maps), each
    /// picture with its own seed, `[batch, channels, height, width]` of the layer. A seed of one 1 is a single unit at one
    /// place; a channel of ones is the sum of its feature map. Layers that the layer is not made from are an error.
    pub fn pull_back(
        &mut self,
        x: &Array4<f32>,
        layer: usize,
        seed: &Array4<f32>,
        at: At<'_>,
        policy: Policy,
        cancel: &Cancel,
    ) -> Result<LayerGradients, NetworkError> {
        self.check(x)?;
        self.observe()?;
        let tensor = tensors(&self.layers, &[layer])?[0];
        let of = &self.layers[layer];
        let expected = [of.channels, of.height, of.width];
        if seed.shape()[1..] != expected || seed.dim().0 != x.dim().0 {
            return Err(NetworkError::Shape { given: seed.shape().to_vec(), expected });
        }
        let (wrt, effort) = match at {
            // At every step of an ascent; at layers once a picture.
            At::Input => (vec![self.input.name.as_str()], Effort::Full),
            At::Layers(layers) => (tensors(&self.layers, layers)?, Effort::Light),
        };
        let observations = self.observations.get_or_insert_default();
        let request = Pullback { tensor, wrt: &wrt, policy };
        let asked = self.pullbacks.get(&self.model, &*self.engine, observations, &request, effort)?;
        let PullbackSession { session, seed: seed_name, gradients, .. } = asked;
        let mut outputs = vec![tensor];
        outputs.extend(gradients.iter().map(String::as_str));
        let run = |part: &Value, rows: &[usize]| {
            let seed = Value::from(seed.select(Axis(0), rows));
            session.run(&[(&self.input.name, part), (seed_name, &seed)], &outputs, cancel)
        };
        let mut values = batch::run(&mut self.part, x, run)?.into_iter().map(batch::maps);
        let maps = values.next().unwrap_or_else(|| Ok(Array4::default((0, 0, 0, 0))))?;
        Ok(LayerGradients { maps, gradients: values.collect::<Result<_, _>>()? })
    }

    /// The layers that a layer is made from, in the order in which they are computed: those at which its gradient can be
    /// asked for.
    pub fn sources(&self, layer: usize) -> Vec<usize> {
        let Some(tensor) = self.layers.get(layer).map(|layer| layer.tensor.as_str()) else { return Vec::new() };
        let feeds =
            |other: &usize| *other != layer && self.model.graph().depends_on(tensor, &self.layers[*other].tensor);
        (0..self.layers.len()).filter(feeds).collect()
    }
}
