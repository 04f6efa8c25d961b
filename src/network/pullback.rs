//! The gradient of what is inside: of any weighting of a layer's feature maps, at the input or at earlier layers.
//!
//! Owns the sessions, which end at the layer that is asked about. Must not know what the weights stand for.

use ndarray::{Array4, ArrayD, Axis};

use crate::autodiff::{self, Observations, Policy, Pullback};
use crate::engine::{Cancel, Effort, Engine, EngineError, Session, Value};
use crate::onnx::{Model, surgery};

use super::{At, Network, NetworkError, batch, observe, tensors};

/// Most sessions kept: each holds its own copy of the weights up to its layer.
const KEPT: usize = 3;

/// Where a score is taken from which the gradient goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The feature maps of a layer.
    Layer(usize),
    /// The logits: maps of one pixel, a class each.
    Logits,
}

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

/// What a session is for.
#[derive(Clone, PartialEq)]
struct Purpose {
    tensor: String,
    wrt: Vec<String>,
    policy: Policy,
    /// Height and width of the pictures.
    size: [usize; 2],
    effort: Effort,
}

struct PullbackSession {
    purpose: Purpose,
    session: Box<dyn Session>,
    seed: String,
    gradients: Vec<String>,
    /// Shape of the tensor for one picture, without the batch axis.
    shape: Vec<usize>,
}

impl PullbackSession {
    fn make(
        model: &Model,
        engine: &dyn Engine,
        observed: &Observations,
        purpose: Purpose,
    ) -> Result<Self, NetworkError> {
        let wrt: Vec<&str> = purpose.wrt.iter().map(String::as_str).collect();
        let request =
            Pullback { tensor: &purpose.tensor, wrt: &wrt, policy: purpose.policy, operators: engine.has_operators() };
        let made = autodiff::pull_back(model, observed, &request)?;
        let session = engine.load(&made.bytes, &made.beside, purpose.effort)?;
        let shape = observed.get(&purpose.tensor).map(|observed| observed.shape[1..].to_vec()).unwrap_or_default();
        Ok(Self { session, seed: made.seed, gradients: made.gradients, shape, purpose })
    }

    /// Channels, height and width.
    fn maps(&self) -> [usize; 3] {
        let mut sizes = self.shape.iter().copied().chain(std::iter::repeat(1));
        [(); 3].map(|()| sizes.next().unwrap_or(1))
    }
}

impl Network {
    /// Runs a batch `[batch, C, H, W]` up to a layer and back: the gradient of Σ `seed` ⊙ (the layer's feature maps), each
    /// picture with its own seed, `[batch, channels, height, width]` of the layer. A seed of one 1 is a single unit at one
    /// place; a channel of ones is the sum of its feature map. Layers that the layer is not made from are an error.
    ///
    /// Pictures may have another size than the network's input where everything up to the layer takes it
    /// ([`Network::maps_at`] tells).
    pub fn pull_back(
        &mut self,
        x: &Array4<f32>,
        place: Place,
        seed: &Array4<f32>,
        at: At<'_>,
        policy: Policy,
        cancel: &Cancel,
    ) -> Result<LayerGradients, NetworkError> {
        let (count, channels, height, width) = x.dim();
        let expected = [self.preprocess.shape()[0], height, width];
        if count == 0 || channels != expected[0] {
            return Err(NetworkError::Shape { given: x.shape().to_vec(), expected });
        }
        let input = self.input.name.clone();
        let part = self.part;
        let asked = self.pullback(place, [height, width], at, policy)?;
        if seed.shape()[1..] != asked.maps() || seed.dim().0 != count {
            return Err(NetworkError::Shape { given: seed.shape().to_vec(), expected: asked.maps() });
        }
        let PullbackSession { session, seed: seed_name, gradients, shape, purpose } = asked;
        let mut outputs = vec![purpose.tensor.as_str()];
        outputs.extend(gradients.iter().map(String::as_str));
        let run = |part: &Value, rows: &[usize]| {
            let shape: Vec<usize> = std::iter::once(rows.len()).chain(shape.iter().copied()).collect();
            let seed = seed.select(Axis(0), rows).into_shape_with_order(shape);
            let seed = Value::F32(seed.map_err(|error| EngineError::Value(error.to_string()))?);
            session.run(&[(&input, part), (seed_name, &seed)], &outputs, cancel)
        };
        let mut part = part;
        let values = batch::run(&mut part, x, run);
        self.part = part;
        let mut values = values?.into_iter().map(four_axes);
        let maps = values.next().unwrap_or_else(|| Ok(Array4::default((0, 0, 0, 0))))?;
        Ok(LayerGradients { maps, gradients: values.collect::<Result<_, _>>()? })
    }

    /// Channels, height and width of a place's feature maps for pictures of this height and width. An error where the way
    /// there takes no pictures of that size.
    pub fn maps_at(&mut self, place: Place, size: [usize; 2]) -> Result<[usize; 3], NetworkError> {
        Ok(self.pullback(place, size, At::Input, Policy::Gradient)?.maps())
    }

    /// The session for a question, made if there is none.
    fn pullback(
        &mut self,
        place: Place,
        size: [usize; 2],
        at: At<'_>,
        policy: Policy,
    ) -> Result<&mut PullbackSession, NetworkError> {
        let tensor = match place {
            Place::Layer(layer) => tensors(&self.layers, &[layer])?[0].to_owned(),
            Place::Logits => self.logits.clone(),
        };
        let (wrt, effort) = match at {
            // At every step of an ascent; at layers once a picture.
            At::Input => (vec![self.input.name.as_str()], Effort::Utmost),
            At::Layers(layers) => (tensors(&self.layers, layers)?, Effort::Light),
        };
        let wrt = wrt.into_iter().map(str::to_owned).collect();
        let purpose = Purpose { tensor, wrt, policy, size, effort };
        let kept = self.pullbacks.0.iter().position(|each| each.purpose == purpose);
        let session = match kept.map(|at| self.pullbacks.0.remove(at)) {
            Some(session) => session,
            None => self.make_pullback(purpose)?,
        };
        let sessions = &mut self.pullbacks.0;
        if sessions.len() >= KEPT {
            sessions.remove(0);
        }
        sessions.push(session);
        let last = sessions.len() - 1;
        Ok(&mut sessions[last])
    }

    fn make_pullback(&mut self, purpose: Purpose) -> Result<PullbackSession, NetworkError> {
        let [channels, height, width] = self.preprocess.shape();
        if purpose.size == [height, width] {
            self.observe()?;
            let observed = self.observations.get_or_insert_default();
            return PullbackSession::make(&self.model, &*self.engine, observed, purpose);
        }
        let ([height, width], batch) = (purpose.size, self.part.unwrap_or(1));
        let cut = surgery::cut(&self.model, &[&purpose.tensor])?;
        let free = surgery::free_size(&cut, &self.input.name)?;
        let observed = observe::observe(&free, &*self.engine, &self.input.name, &[batch, channels, height, width])?;
        // A Reshape to fixed sizes can take some pictures for several smaller or larger ones.
        let rows = observed.get(&purpose.tensor).and_then(|observed| observed.shape.first());
        if rows != Some(&batch) {
            return Err(NetworkError::Shape {
                given: vec![batch, channels, height, width],
                expected: self.preprocess.shape(),
            });
        }
        PullbackSession::make(&free, &*self.engine, &observed, purpose)
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

/// `[batch, channels, height, width]` of what may lack the last axes, as logits do.
fn four_axes(mut value: ArrayD<f32>) -> Result<Array4<f32>, NetworkError> {
    while value.ndim() < 4 {
        value.insert_axis_inplace(Axis(value.ndim()));
    }
    batch::maps(value)
}
