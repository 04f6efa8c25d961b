//! The network behind the engine thread: answers each kind of question by asking [`crate::network`] and
//! [`crate::attribution`].
//!
//! Owns the network once it is open. Must not know which question comes next or how an answer is shown.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ndarray::Axis;

use super::icons::Store;
use super::worker::{Answer, Stopped, Tell};
use super::{Explained, Facts, Key, Outcome, Request, Seen, climb, examples, inside};
use crate::attribution::{self, Attribution, AttributionError, MethodId, Parameters, Question, Target, grad_cam};
use crate::config::paths;
use crate::engine::device::DeviceChoice;
use crate::engine::library::Search;
use crate::engine::{self, Cancel, EngineError};
use crate::index::shard::Shard;
use crate::index::{key, place};
use crate::model::head::Head;
use crate::model::picture::Picture;
use crate::model::settings::Overrides;
use crate::model::source::Source;
use crate::network::{Network, NetworkError};

/// Least time between two running sums: more cannot be seen.
const BETWEEN: Duration = Duration::from_millis(60);

/// What is needed to open a network.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Where the network comes from.
    pub source: Source,
    /// What the user has said about it.
    pub overrides: Overrides,
    /// Where to look for ONNX Runtime.
    pub search: Search,
    /// Where to run.
    pub device: DeviceChoice,
    /// Threads of one run; by default the cores there are.
    pub threads: Option<usize>,
}

/// Answers questions about one network.
pub struct Explainer {
    recipe: Recipe,
    network: Option<Network>,
    /// The folder whose index is looked into.
    folder: Option<PathBuf>,
    /// The file of that index, once it was asked for.
    index: Option<PathBuf>,
    /// Where its icons are kept.
    icons: Option<Store>,
}

impl Explainer {
    /// Nothing is opened before [`Key::Open`] asks for it.
    pub fn new(recipe: Recipe, folder: Option<PathBuf>) -> Self {
        Self { recipe, network: None, folder, index: None, icons: Store::of_user() }
    }

    /// The file of the index of the folder.
    fn index(&mut self) -> Result<PathBuf, Stopped> {
        if let Some(file) = &self.index {
            return Ok(file.clone());
        }
        let missing = || Stopped::Failed("the pictures lie in no folder that could be indexed".to_owned());
        let folder = self.folder.as_ref().and_then(|folder| folder.canonicalize().ok()).ok_or_else(missing)?;
        let model = key::of_model(&self.recipe.source.open().map_err(failed)?.model).map_err(failed)?;
        let network = self.network.as_ref().ok_or_else(missing)?;
        let preparation = key::of_preparation(network.preprocess());
        let file = place::of_folder(&model, &preparation, &folder, Shard::default()).map_err(failed)?;
        Ok(self.index.insert(file).clone())
    }

    fn open(&mut self, tell: Tell<'_>) -> Result<Outcome, Stopped> {
        let Recipe { source, overrides, search, device, threads } = &self.recipe;
        let mut progress = |note: &str, fraction: Option<f32>| {
            let thousandths = fraction.map_or((0, 0), |f| ((f * 1000.0) as usize, 1000));
            tell(Some(note.to_owned()), thousandths.0, thousandths.1, None);
        };
        let engine = engine::open(search, device, *threads, &mut progress).map_err(failed)?;
        progress("reading the network", None);
        let network = Network::load_remembering(source.open().map_err(failed)?, engine, overrides, paths::cache())?;
        let facts = facts(&network);
        self.network = Some(network);
        Ok(Outcome::Opened(Arc::new(facts)))
    }
}

/// What the screen needs to know about a network.
fn facts(network: &Network) -> Facts {
    let engine = network.engine();
    let cam = match network.head() {
        Head::Other { description } => Err(format!("CAM needs a pooled head; this one is {description}")),
        Head::GapLinear { .. } | Head::ConvGap { .. } => Ok(()),
    };
    Facts {
        name: network.card().name.clone(),
        labels: network.labels().clone(),
        layers: network.layers().to_vec(),
        default_layer: network.default_layer(),
        preprocess: network.preprocess().clone(),
        activation: network.activation(),
        settings: network.settings().clone(),
        notes: network.notes().to_vec(),
        cam,
        device: engine.device().to_owned(),
        runtime: engine.version().to_owned(),
        notice: engine.notice().map(str::to_owned),
    }
}

impl Answer for Explainer {
    fn answer(&mut self, request: &Request, cancel: &Cancel, tell: Tell<'_>) -> Result<Outcome, Stopped> {
        if request.key == Key::Open {
            return self.open(tell);
        }
        let index = match request.key {
            Key::Examples { .. } | Key::Kinds { .. } | Key::Glimpse { .. } => self.index()?,
            // Without a folder there is no index, which is no failure of what is asked.
            Key::Deaths { .. } => self.index().unwrap_or_default(),
            _ => PathBuf::new(),
        };
        let missing = || Stopped::Failed("this was asked before the network was open or the picture read".to_owned());
        let network = self.network.as_mut().ok_or_else(missing)?;
        let seen = || request.seen.as_deref().ok_or_else(missing);
        match &request.key {
            Key::Open | Key::Predict { .. } => {
                predict(network, request.picture.as_deref().ok_or_else(missing)?, cancel)
            }
            Key::Explain { method, layer, target, parameters, .. } => {
                explain(network, seen()?, (*method, *layer, *target, parameters), cancel, tell)
            }
            Key::Layers { target, layers, .. } => {
                let maps = grad_cam::at_layers(network, &seen()?.prepared.input, *target, layers, cancel)?;
                Ok(Outcome::Layers(Arc::new(maps)))
            }
            Key::Filters { layer } => inside::filters(network, *layer),
            Key::Maps { layer, side, .. } => inside::maps(network, seen()?, (*layer, *side), cancel),
            Key::Climb { objective, steps, seed } => climb::climb(network, (objective, *steps, *seed), cancel, tell),
            Key::Icons { layer, make } => climb::icons(network, self.icons.as_ref(), (*layer, *make), cancel, tell),
            Key::Circuit { place } => inside::circuit(network, place),
            Key::Contributions { place, .. } => inside::contributions(network, seen()?, place, cancel),
            Key::Source { layer, .. } => inside::source(network, seen()?, *layer, cancel),
            Key::Alike { layer, side, channel, .. } => {
                inside::alike(network, seen()?, (*layer, *side, *channel), cancel)
            }
            Key::Pull { unit, group, .. } => inside::pull(network, seen()?, (*unit, *group), cancel),
            Key::Census { .. } => inside::census(network, seen()?, cancel, tell),
            Key::Examples { unit, by, .. } => examples::gallery(&index, *unit, *by, usize::MAX),
            Key::Glimpse { unit, by, .. } => examples::gallery(&index, *unit, *by, examples::GLIMPSE),
            Key::Deaths { .. } => examples::deaths(&index),
            Key::Kinds { unit, by, .. } => examples::kinds(network, &index, *unit, *by, cancel),
        }
    }
}

fn predict(network: &mut Network, picture: &Picture, cancel: &Cancel) -> Result<Outcome, Stopped> {
    let prepared = network.preprocess().prepare(picture).map_err(failed)?;
    let batch = prepared.input.view().insert_axis(Axis(0)).to_owned();
    let forward = network.forward(&batch, &[], cancel)?;
    Ok(Outcome::Predicted(Arc::new(Seen::new(prepared, forward.logits.row(0), network.activation()))))
}

fn explain(
    network: &mut Network,
    seen: &Seen,
    (method, layer, target, parameters): (MethodId, Option<usize>, Target, &Parameters),
    cancel: &Cancel,
    tell: Tell<'_>,
) -> Result<Outcome, Stopped> {
    let Target { class, of } = target;
    let question = Question { input: &seen.prepared.input, class: Some(class), of, layer, parameters };
    let mut sent = Instant::now();
    let mut progress = |progress: attribution::Progress| {
        let (done, total) = (progress.done, progress.total);
        let due = progress.partial.filter(|_| sent.elapsed() >= BETWEEN);
        let partial = due.map(|partial| {
            sent = Instant::now();
            let so_far = Attribution {
                method,
                target,
                layer,
                raw: partial.raw,
                logits: Vec::new(),
                score: 0.0,
                straight_through: false,
                completeness: Some(partial.completeness),
                path: None,
                done,
                total,
            };
            Outcome::Explained(Explained::from(so_far))
        });
        tell(None, done, total, partial);
    };
    let attribution = attribution::explain(network, method, &question, cancel, &mut progress)?;
    let (done, total) = (attribution.done, attribution.total);
    let outcome = Outcome::Explained(Explained::from(attribution));
    if done < total { Err(Stopped::Cancelled(Some(outcome))) } else { Ok(outcome) }
}

pub(super) fn failed(error: impl std::error::Error) -> Stopped {
    Stopped::Failed(error.to_string())
}

impl From<NetworkError> for Stopped {
    fn from(error: NetworkError) -> Self {
        match error {
            NetworkError::Engine(EngineError::Cancelled) => Self::Cancelled(None),
            error => failed(error),
        }
    }
}

impl From<AttributionError> for Stopped {
    fn from(error: AttributionError) -> Self {
        if error.is_cancelled() { Self::Cancelled(None) } else { failed(error) }
    }
}
