//! Opening a network: which tensors it is asked by, what its scores mean, and one run on nothing to learn the sizes.
//!
//! Must not know what is asked of it then.

use std::collections::HashMap;
use std::sync::Arc;

use ndarray::Array4;

use super::pullback::PullbackSessions;
use super::sessions::GradientSessions;
use super::values::ValueSessions;
use super::{Network, NetworkError};
use crate::engine::{Cancel, Effort, Engine, Session, Value};
use crate::model::head;
use crate::model::layers::{self, Layer};
use crate::model::output::Activation;
use crate::model::preprocess::Preprocess;
use crate::model::settings::{self, ImageInput, Overrides, Scores, SettingsError};
use crate::model::source::{Opened, Source};
use crate::onnx::surgery::{self, LogitsTensor};
use crate::onnx::{Model, tap};

impl Network {
    /// Opens a network: reads it, loads it and runs it once on nothing to learn the sizes of its layers.
    pub fn open(source: &Source, engine: Arc<dyn Engine>, overrides: &Overrides) -> Result<Self, NetworkError> {
        Self::load(source.open()?, engine, overrides)
    }

    /// As [`Network::open`], for a network that was read already.
    pub fn load(opened: Opened, engine: Arc<dyn Engine>, overrides: &Overrides) -> Result<Self, NetworkError> {
        let input = ImageInput::find(opened.model.graph())?;
        let mut model = surgery::free_batch(&opened.model)?.unwrap_or_else(|| opened.model.clone());
        let LogitsTensor { name: mut logits, stepped_back_over: last } = logits(&opened, &model)?;
        let pooled = head::pooled(model.graph(), &logits);
        let found = layers::find(model.graph(), &input.name, &logits, pooled);

        let mut forward = load(&model, &logits, &found, &*engine)?;
        let [height, width] = input.size(opened.card.as_ref().map(|(card, _)| card));
        let shapes = shapes(&mut *forward, &input, [height, width], &logits, &found)?;
        let shape = |tensor: &str| shapes.get(tensor).cloned();
        let count = scores(shape(&logits).unwrap_or_default(), &logits)?;
        let scores = Scores { count, ends_in: last.and_then(|last| Activation::of_operator(&last.op)) };
        let settled = settings::settle(&opened, &input, scores, overrides)?;
        let mut head = head::find(model.graph(), &logits, shape)?;
        let layers = layers::measured(found, shape);
        if scores.is_yes_or_no(settled.activation) {
            (model, logits) = surgery::both_classes(&model, &logits)?;
            forward = load(&model, &logits, &layers, &*engine)?;
            head = head.for_both_classes();
        }
        Ok(Self {
            engine,
            model,
            input,
            logits,
            classes: scores.classes(settled.activation),
            preprocess: Preprocess::from(&settled.card),
            card: settled.card,
            origins: settled.origins,
            labels: settled.labels,
            activation: settled.activation,
            layers,
            head,
            forward,
            gradients: GradientSessions::default(),
            pullbacks: PullbackSessions::default(),
            values: ValueSessions::default(),
            observations: None,
            one_by_one: false,
        })
    }
}

/// The tensor with the classes' scores before any softmax or sigmoid: the one the card names, or the first output's.
fn logits(opened: &Opened, model: &Model) -> Result<LogitsTensor, NetworkError> {
    let graph = model.graph();
    let named = opened.card.as_ref().and_then(|(card, _)| card.output.logits.as_deref());
    match (named, graph.outputs.first()) {
        (Some(name), _) if graph.contains(name) => Ok(surgery::logits(model, name)),
        (Some(name), _) => Err(NetworkError::NoSuchTensor { name: name.to_owned() }),
        (None, Some(output)) => Ok(surgery::logits(model, &output.name)),
        (None, None) => Err(NetworkError::NoClasses { output: "none".to_owned(), shape: Vec::new() }),
    }
}

/// A session that gives the logits and all feature maps.
fn load(model: &Model, logits: &str, layers: &[Layer], engine: &dyn Engine) -> Result<Box<dyn Session>, NetworkError> {
    let exposed = exposed(logits, layers);
    Ok(engine.load(&tap::expose(model, &exposed), model.folder(), Effort::Light)?)
}

fn exposed<'a>(logits: &'a str, layers: &'a [Layer]) -> Vec<&'a str> {
    std::iter::once(logits).chain(layers.iter().map(|layer| layer.tensor.as_str())).collect()
}

/// The shapes of logits and feature maps for a batch of one.
fn shapes(
    forward: &mut dyn Session,
    input: &ImageInput,
    [height, width]: [usize; 2],
    logits: &str,
    layers: &[Layer],
) -> Result<HashMap<String, Vec<usize>>, NetworkError> {
    let exposed = exposed(logits, layers);
    let zeros = Value::from(Array4::<f32>::zeros((1, input.channels, height, width)));
    let values =
        forward.run(&[(&input.name, &zeros)], &exposed, &Cancel::new()).map_err(|error| match input.batch {
            Some(batch) if batch > 1 => NetworkError::from(SettingsError::FixedBatch { batch }),
            _ => error.into(),
        })?;
    Ok(exposed.into_iter().map(str::to_owned).zip(values.iter().map(|value| value.shape().to_vec())).collect())
}

/// How many scores a picture gets, given the shape of their tensor for a batch of one.
fn scores(shape: Vec<usize>, output: &str) -> Result<usize, NetworkError> {
    let count = shape.iter().skip(1).product();
    let vector = shape.first() == Some(&1) && shape.iter().skip(2).all(|side| *side == 1) && count > 0;
    if vector { Ok(count) } else { Err(NetworkError::NoClasses { output: output.to_owned(), shape }) }
}
