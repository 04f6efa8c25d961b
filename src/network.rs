//! A network that can be asked: what does it say to this picture, and how does that change with its input or its layers?
//!
//! Owns the engine, the model and the sessions that questions need, made when they are first needed and kept. Must not
//! know what the answers are used for.

use std::path::PathBuf;
use std::sync::Arc;

use ndarray::{Array2, Array4};

use crate::attribution::{Of, Target};
use crate::autodiff::{Observations, Observed, Policy, Request};
use crate::engine::{Cancel, Engine, Given, Session, Value};
use crate::model::card::Card;
use crate::model::head::Head;
use crate::model::input::ImageInput;
use crate::model::labels::Labels;
use crate::model::layers::{self, Layer};
use crate::model::output::Activation;
use crate::model::preprocess::Preprocess;
use crate::model::settings::Listing;
use crate::model::summary::Summary;
use crate::onnx::{Graph, Model};

mod batch;
mod branches;
pub mod digest;
mod error;
mod gradient_model;
mod halves;
mod memo;
pub mod observe;
mod open;
pub mod prediction;
mod pullback;
mod scores;
mod sessions;
mod sum;
mod tail;
mod values;

pub use digest::Digest;
pub use error::NetworkError;
pub use prediction::Prediction;
pub use pullback::{LayerGradients, Place};
pub use scores::{Peak, Scores};
pub use sum::{GradientSum, Path};
pub use tail::Tail;

use halves::Halves;
use pullback::PullbackSessions;
use sessions::GradientSessions;
use values::ValueSessions;

/// What the network says to a batch of pictures.
#[derive(Clone, Debug)]
pub struct Forward {
    /// `[batch, classes]`.
    pub logits: Array2<f32>,
    /// Feature maps of the layers asked for, each `[batch, channels, height, width]`.
    pub activations: Vec<Array4<f32>>,
}

/// With respect to what a gradient is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At<'a> {
    /// The preprocessed input.
    Input,
    /// The feature maps of these layers.
    Layers(&'a [usize]),
}

impl At<'_> {
    /// The tensors whose gradients, and those whose values are wanted.
    fn asked<'a>(
        self,
        input: &'a ImageInput,
        layers: &'a [Layer],
    ) -> Result<(Vec<&'a str>, Vec<&'a str>), NetworkError> {
        Ok(match self {
            At::Input => (vec![input.name.as_str()], Vec::new()),
            At::Layers(wanted) => (tensors(layers, wanted)?, tensors(layers, wanted)?),
        })
    }
}

/// The gradient of a score.
#[derive(Clone, Debug)]
pub struct Gradients {
    /// `[batch, classes]`.
    pub logits: Array2<f32>,
    /// The gradient at the input or at each layer asked for, in the shape of that tensor.
    pub gradients: Vec<Array4<f32>>,
    /// Feature maps of the layers asked for; empty for the input.
    pub activations: Vec<Array4<f32>>,
    /// Whether the gradient passes quantisation by the straight-through estimate.
    pub straight_through: bool,
}

/// A network on an engine.
pub struct Network {
    engine: Arc<dyn Engine>,
    model: Model,
    input: ImageInput,
    logits: String,
    classes: usize,
    card: Card,
    settings: Listing,
    notes: Vec<String>,
    labels: Labels,
    activation: Activation,
    preprocess: Preprocess,
    layers: Vec<Layer>,
    head: Head,
    /// Gives logits and feature maps, once a question needs them.
    forward: Option<Box<dyn Session>>,
    gradients: GradientSessions,
    halves: Halves,
    pullbacks: PullbackSessions,
    values: ValueSessions,
    observations: Option<Observations>,
    /// Where it is kept what a first look shows.
    memory: Option<PathBuf>,
    /// How many pictures a run takes where it cannot take any number.
    part: Option<usize>,
}

impl Network {
    /// The model, its batch axis set free where that can be done.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Shape and name of the input that takes the pictures.
    pub fn image_input(&self) -> &ImageInput {
        &self.input
    }

    /// Name of the tensor with the logits.
    pub fn logits(&self) -> &str {
        &self.logits
    }

    /// The card, found or made up.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// What is settled about it, and where that came from.
    pub fn settings(&self) -> &Listing {
        &self.settings
    }

    /// What people should know about how it is run and what is assumed about it, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The graph, with its batch axis free.
    pub fn graph(&self) -> &Graph {
        self.model.graph()
    }

    /// Name of the tensor that takes the pictures.
    pub fn input(&self) -> &str {
        &self.input.name
    }

    /// Names of the classes.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// What makes probabilities of its logits.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// The layers, in the order in which they are computed.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// How the last feature maps become logits.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How pictures are prepared.
    pub fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    /// What it runs on.
    pub fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// The layer called `name`, or with that index.
    pub fn layer(&self, name: &str) -> Result<usize, NetworkError> {
        Ok(layers::named(name, &self.layers)?)
    }

    /// The layer that Grad-CAM looks at unless told otherwise; `None` for a network without feature maps, and for a
    /// transformer.
    pub fn default_layer(&self) -> Option<usize> {
        let class_maps = if let Head::ConvGap { maps, .. } = &self.head { Some(maps.as_str()) } else { None };
        layers::default(self.model.graph(), &self.layers, &self.logits, class_maps)
    }

    /// The layer that the head pools, if it is a head that CAM knows.
    pub fn pooled_layer(&self) -> Option<usize> {
        let features = self.head.features()?;
        self.layers.iter().position(|layer| layer.tensor == features)
    }

    /// Fails for a class that the network does not have.
    pub fn check_class(&self, class: usize) -> Result<(), NetworkError> {
        let classes = self.classes;
        (class < classes).then_some(()).ok_or(NetworkError::NoSuchClass { class, classes })
    }

    /// Fails for a probability of a network that gives none.
    pub fn check_score(&self, of: Of) -> Result<(), NetworkError> {
        let none = of == Of::Probability && self.activation == Activation::None;
        if none { Err(NetworkError::NoProbability) } else { Ok(()) }
    }

    /// Runs a batch `[batch, C, H, W]` of prepared pictures and keeps the feature maps of some layers.
    pub fn forward(&mut self, x: &Array4<f32>, layers: &[usize], cancel: &Cancel) -> Result<Forward, NetworkError> {
        self.check(x)?;
        let mut wanted = vec![self.logits.as_str()];
        wanted.extend(tensors(&self.layers, layers)?);
        let session = match &mut self.forward {
            Some(session) => session,
            none => none.insert(open::load(&self.model, &self.logits, &self.layers, &*self.engine)?),
        };
        let input = &self.input.name;
        let run = |part: &Value, _: &[usize]| session.run(&[(input, part)], &wanted, cancel);
        let mut values = batch::run(&mut self.part, x, run)?.into_iter();
        let logits = batch::rows(values.next(), self.classes)?;
        let activations = values.map(batch::maps).collect::<Result<_, _>>()?;
        Ok(Forward { logits, activations })
    }

    /// Runs a batch `[batch, C, H, W]` and the gradient of one target a picture.
    pub fn gradient(
        &mut self,
        x: &Array4<f32>,
        targets: &[Target],
        at: At<'_>,
        cancel: &Cancel,
    ) -> Result<Gradients, NetworkError> {
        self.check(x)?;
        if targets.len() != x.dim().0 {
            return Err(NetworkError::Shape { given: vec![targets.len()], expected: self.preprocess.shape() });
        }
        let seeds = self.seeds(targets)?;
        self.observe()?;
        let observations = self.observations.get_or_insert_default();
        let (wrt, taps) = at.asked(&self.input, &self.layers)?;
        let (logits, activation, operators) = (self.logits.as_str(), self.activation, self.engine.has_operators());
        let policy = Policy::Gradient;
        let request = Request { logits, activation, wrt: &wrt, taps: &taps, policy, sum: false, operators };
        let session = self.gradients.get(&self.model, &*self.engine, observations, &request)?;
        let straight_through = session.straight_through;
        let run = |part: &Value, rows: &[usize]| {
            session.run(&[(&self.input.name, Given::Value(part))], &seeds, rows, &wrt, &taps, cancel)
        };
        let mut values = batch::run(&mut self.part, x, run)?.into_iter();
        let logits = batch::rows(values.next(), self.classes)?;
        let mut gradients = values.map(batch::maps).collect::<Result<Vec<_>, _>>()?;
        let activations = gradients.split_off(wrt.len());
        Ok(Gradients { logits, gradients, activations, straight_through })
    }

    /// The model in figures.
    pub fn summary(&mut self) -> Result<Summary, NetworkError> {
        self.observe()?;
        let observations = self.observations.get_or_insert_default();
        Ok(Summary::of(self.model.graph(), |tensor| observations.get(tensor).map(|observed| observed.shape.clone())))
    }

    /// What was seen of a tensor; nothing before [`Network::observe`].
    pub(crate) fn observed(&self, tensor: &str) -> Option<&Observed> {
        self.observations.as_ref()?.get(tensor)
    }

    /// Looks at the sizes of all tensors, the first time that a question needs them.
    pub(crate) fn observe(&mut self) -> Result<(), NetworkError> {
        if self.observations.is_none() {
            let [channels, height, width] = self.preprocess.shape();
            let shape = [self.part.unwrap_or(1), channels, height, width];
            let (model, engine, input) = (&self.model, &*self.engine, self.input.name.as_str());
            let look = || match observe::infer(model, engine, input, &shape, &Cancel::new())? {
                Some(known) => Ok(Some(known)),
                None => Ok(Some(observe::observe(model, engine, input, &shape)?)),
            };
            let seen = memo::recall::<NetworkError>(self.memory.as_deref(), model, &shape, engine.version(), look)?;
            self.observations = seen;
        }
        Ok(())
    }

    fn check(&self, x: &Array4<f32>) -> Result<(), NetworkError> {
        let expected = self.preprocess.shape();
        let fits = x.shape()[1..] == expected && x.dim().0 > 0;
        fits.then_some(()).ok_or_else(|| NetworkError::Shape { given: x.shape().to_vec(), expected })
    }

    /// What starts the backward pass, for logits and for probabilities, each `[batch, classes]`.
    fn seeds(&self, targets: &[Target]) -> Result<[Array2<f32>; 2], NetworkError> {
        let mut seeds = [0, 1].map(|_| Array2::zeros((targets.len(), self.classes)));
        for (row, target) in targets.iter().enumerate() {
            self.check_class(target.class)?;
            self.check_score(target.of)?;
            seeds[usize::from(target.of == Of::Probability)][[row, target.class]] = 1.0;
        }
        Ok(seeds)
    }
}

/// The tensors of some layers.
fn tensors<'a>(all: &'a [Layer], wanted: &[usize]) -> Result<Vec<&'a str>, NetworkError> {
    let tensor = |index: &usize| {
        let layer = all.get(*index).ok_or_else(|| layers::unknown(&index.to_string(), all))?;
        Ok(layer.tensor.as_str())
    };
    wanted.iter().map(tensor).collect()
}

#[cfg(test)]
mod tests;
