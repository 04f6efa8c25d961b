//! Opening a network: which tensors it is asked by, what its scores mean, and one run on nothing to learn the sizes.
//!
//! Must not know what is asked of it then.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ndarray::Array4;

use super::halves::Halves;
use super::pullback::PullbackSessions;
use super::sessions::GradientSessions;
use super::values::ValueSessions;
use super::{Network, NetworkError, branches, memo, observe};
use crate::autodiff::Observations;
use crate::engine::{Effort, Engine, EngineError, Given, Session, Value};
use crate::model::head;
use crate::model::input::{ImageInput, Layout};
use crate::model::layers::{self, Layer};
use crate::model::near::near;
use crate::model::output::{Activation, Scores};
use crate::model::preprocess::Preprocess;
use crate::model::settings::{Listing, Origin, Overrides, SettingsError, Sources};
use crate::model::source::{Opened, Source};
use crate::onnx::surgery::{self, Last, LogitsTensor};
use crate::onnx::{Dim, Graph, Model, OnnxError, ValueInfo, tap};

mod notes;
mod patience;

use patience::Patience;

/// Most numbers that a network may want at once: 1 GiB.
const MOST_NUMBERS: usize = 1 << 28;

impl Network {
    /// Opens a network: reads it, loads it and runs it once on nothing to learn the sizes of its layers.
    pub fn open(source: &Source, engine: Arc<dyn Engine>, overrides: &Overrides) -> Result<Self, NetworkError> {
        Self::load(source.open()?, engine, overrides)
    }

    /// As [`Network::open`], for a network that was read already.
    pub fn load(opened: Opened, engine: Arc<dyn Engine>, overrides: &Overrides) -> Result<Self, NetworkError> {
        Self::load_remembering(opened, engine, overrides, None)
    }

    /// As [`Network::load`], with a folder where it is kept what a look at a network shows: one that is known there is not
    /// loaded and run for that again.
    pub fn load_remembering(
        opened: Opened,
        engine: Arc<dyn Engine>,
        overrides: &Overrides,
        memory: Option<PathBuf>,
    ) -> Result<Self, NetworkError> {
        let declared = ImageInput::find(opened.model.graph()).map_err(SettingsError::from)?;
        let sources = Sources::gather(&opened, &declared, overrides)?;
        let (output, of_output) = output(&opened.model, &sources)?;
        let wide = surgery::in_float32(&opened.model)?;
        let model = wide.as_ref().unwrap_or(&opened.model);
        let looking = Looking { declared: &declared, sources: &sources, output: &output, memory: memory.as_deref() };
        let Look { mut model, input, mut logits, last, layers, shapes, mut observations, part } =
            looking.look(model, &*engine)?;

        let shape = |tensor: &str| shapes.get(tensor).cloned();
        let given = shape(&logits).unwrap_or_default();
        if let (([height, width], Origin::Default), Some(2..)) = (sources.size(), given.first()) {
            let reason = format!("the output `{output}` has shape {given:?} for one picture");
            return Err(NetworkError::Size { height, width, reason });
        }
        let count = scores(model.graph(), given, &output)?;
        let ends_in = last.as_ref().and_then(|last| Activation::of_operator(&last.op));
        let scores = Scores { count, ends_in };
        let settled = sources.settle(&opened, scores)?;
        let mut head = head::find(model.graph(), &logits, shape)?;
        let layers = layers::measured(layers, shape);
        let outputs = model.graph().outputs.len();
        let several = (of_output == Origin::Outputs)
            .then(|| format!("it has {outputs} outputs, and {output} is explained: choose another with --output"));
        let explained = match &last {
            Some(last) => format!("{output}, stepped back over its {} to {logits}", last.op),
            None => output,
        };
        let settings = Listing::new(&settled, &declared, (explained, of_output));
        let mut notes = notes::of(&declared, &settled, &model, wide.is_some(), part);
        notes.extend(several);
        if scores.is_yes_or_no(settled.activation) {
            (model, logits) = surgery::both_classes(&model, &logits)?;
            observations = None;
            head = head.for_both_classes();
        }
        Ok(Self {
            engine,
            model,
            input: ImageInput { name: input, ..declared },
            logits,
            classes: scores.classes(settled.activation),
            preprocess: Preprocess::from(&settled.card),
            card: settled.card,
            settings,
            notes,
            labels: settled.labels,
            activation: settled.activation,
            layers,
            head,
            forward: None,
            gradients: GradientSessions::default(),
            halves: Halves::default(),
            pullbacks: PullbackSessions::default(),
            values: ValueSessions::default(),
            observations,
            memory,
            part,
        })
    }
}

/// The output that is explained, and why that one: the one that is named, the only one, or the one that looks most like
/// scores of classes by its shape, its name, and whether probabilities are made for it.
fn output(model: &Model, sources: &Sources) -> Result<(String, Origin), NetworkError> {
    let graph = model.graph();
    if let Some((name, origin)) = sources.output() {
        let close = || near(&name, graph.outputs.iter().map(|output| output.name.as_str()));
        return match graph.contains(&name) {
            true => Ok((name, origin)),
            false => Err(NetworkError::NoSuchTensor { origin: origin.to_string(), close: close(), name }),
        };
    }
    // Auxiliary classifiers are for training; then what outputs of classifiers are called by or end in.
    let unlike = |output: &ValueInfo| {
        let name = output.name.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        let last = surgery::logits(model, &output.name).stepped_back_over;
        let sure = has(&["logit"]) || last.is_some_and(|last| Activation::of_operator(&last.op).is_some());
        (has(&["aux"]), !sure, !has(&["class", "label", "score", "prob", "pred", "output"]), has(&["embed", "feature"]))
    };
    let vector = |output: &ValueInfo| match output.shape.as_slice() {
        [] | [_] | [_, _] => true,
        [_, _, rest @ ..] => rest.iter().all(|dim| *dim == Dim::Fixed(1)),
    };
    let best = graph.outputs.iter().min_by_key(|output| (!vector(output), unlike(output)));
    let origin = if graph.outputs.len() == 1 { Origin::Only } else { Origin::Outputs };
    best.map(|output| (output.name.clone(), origin)).ok_or(NetworkError::NoOutputs)
}

/// What a first look shows.
struct Look {
    /// The model that takes pictures as floats with channels first.
    model: Model,
    /// Its input.
    input: String,
    logits: String,
    /// The operator after the logits.
    last: Option<Last>,
    layers: Vec<Layer>,
    /// What is known of all tensors, from an earlier start or without a run.
    observations: Option<Observations>,
    /// Shapes of logits and feature maps for a batch of one.
    shapes: HashMap<String, Vec<usize>>,
    /// How many pictures a run takes where it cannot take any number.
    part: Option<usize>,
}

/// What a look needs to know.
struct Looking<'a> {
    declared: &'a ImageInput,
    sources: &'a Sources,
    output: &'a str,
    memory: Option<&'a Path>,
}

impl Looking<'_> {
    /// Runs a model once with its batch axis free, or as large as it insists on.
    fn look(&self, model: &Model, engine: &dyn Engine) -> Result<Look, NetworkError> {
        let freed = surgery::free_batch(model)?;
        match (freed, self.declared.batch) {
            (Some(freed), Some(batch)) => self.look_once(&freed, None, engine).or_else(|error| match error {
                NetworkError::Endless { .. }
                | NetworkError::TooMuchMemory { .. }
                | NetworkError::Onnx(OnnxError::Absurd { .. })
                | NetworkError::Engine(EngineError::TooLarge { .. }) => Err(error),
                _ => self.look_once(model, Some(batch), engine),
            }),
            _ => self.look_once(model, None, engine),
        }
    }

    fn look_once(&self, model: &Model, part: Option<usize>, engine: &dyn Engine) -> Result<Look, NetworkError> {
        let channels_last = self.declared.layout == Layout::ChannelsLast;
        let (model, input) = surgery::float_picture(model, &self.declared.name, channels_last)?;
        let ([height, width], of_size) = self.sources.size();
        let batch = part.unwrap_or(1);
        let pictures = [batch, self.sources.channels().0.count(), height, width];
        if pictures.iter().try_fold(1usize, |all, size| all.checked_mul(*size)).is_none_or(|all| all > MOST_NUMBERS) {
            return Err(NetworkError::TooLarge { shape: pictures });
        }
        let patience = Patience::begin(&model, pictures.iter().product());
        let decides = model.graph().nodes.iter().any(|node| node.op_type == "If");
        let _bound = decides.then(|| patience.bound());
        let model = branches::taken(model, engine, &input, &pictures, &patience.cancel)
            .map_err(|error| patience.reason(error))?;
        let LogitsTensor { name: logits, stepped_back_over: last } = surgery::logits(&model, self.output);
        let pooled = head::pooled(model.graph(), &logits);
        let layers = layers::find(model.graph(), &input, &logits, pooled);
        let exposed = exposed(&logits, &layers);
        let for_one = |shape: &[usize]| {
            let mut shape = shape.to_vec();
            shape.iter_mut().take(1).filter(|size| **size == batch).for_each(|size| *size = 1);
            shape
        };
        let infer = || observe::infer(&model, engine, &input, &pictures, &patience.cancel);
        let known =
            memo::recall(self.memory, &model, &pictures, engine.version(), infer).map_err(|error| match error {
                NetworkError::Engine(error) => patience.reason(error),
                error => error,
            })?;
        let known = known.filter(|known| exposed.iter().all(|tensor| known.contains_key(*tensor)));
        let shapes = match &known {
            Some(known) => exposed.iter().map(|tensor| for_one(&known[*tensor].shape)).collect::<Vec<_>>(),
            None => {
                let _bound = patience.bound();
                // With no effort: what the runtime computes while it loads a model cannot be stopped.
                let bytes = tap::expose(&model, &exposed);
                let mut session = engine.load(&bytes, model.beside(), Effort::None)?;
                let zeros = Value::from(Array4::<f32>::zeros(pictures));
                let inputs = [(input.as_str(), Given::Value(&zeros))];
                let made = session.run_held(&inputs, &[], &exposed, &patience.cancel).map_err(|error| match error {
                    EngineError::Run { reason } if of_size == Origin::Default => {
                        NetworkError::Size { height, width, reason }
                    }
                    error => patience.reason(error),
                })?;
                made.1.iter().map(|tensor| for_one(tensor.shape())).collect()
            }
        };
        let shapes = exposed.iter().map(|name| (*name).to_owned()).zip(shapes).collect();
        Ok(Look { model, input, logits, last, layers, observations: known, shapes, part })
    }
}

/// A session that gives the logits and all feature maps.
pub(super) fn load(
    model: &Model,
    logits: &str,
    layers: &[Layer],
    engine: &dyn Engine,
) -> Result<Box<dyn Session>, NetworkError> {
    let exposed = exposed(logits, layers);
    Ok(engine.load(&tap::expose(model, &exposed), model.beside(), Effort::Light)?)
}

fn exposed<'a>(logits: &'a str, layers: &'a [Layer]) -> Vec<&'a str> {
    std::iter::once(logits).chain(layers.iter().map(|layer| layer.tensor.as_str())).collect()
}

/// How many scores a picture gets, given the shape of their tensor for a batch of one.
fn scores(graph: &Graph, shape: Vec<usize>, output: &str) -> Result<usize, NetworkError> {
    let count = shape.iter().skip(1).product();
    let vector = shape.first() == Some(&1) && shape.iter().skip(2).all(|side| *side == 1) && count > 0;
    if vector {
        return Ok(count);
    }
    let one = |side: &Dim| !matches!(side, Dim::Fixed(size) if *size != 1);
    let may_be =
        |other: &&ValueInfo| other.shape.len() != 1 && other.shape.iter().skip(2).all(one) && other.name != output;
    let others = graph.outputs.iter().filter(may_be).map(|other| other.name.clone()).collect();
    Err(NetworkError::NoClasses { output: output.to_owned(), shape, others })
}
