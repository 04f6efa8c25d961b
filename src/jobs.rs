//! Work that takes long, away from the thread that answers keys.
//!
//! Owns the words between the program and its workers ([`Key`], [`Request`], [`Event`]), one engine thread
//! ([`worker`]), the painters ([`painter`]), what is remembered ([`cache`]). A request carries a generation and the
//! latest wins; what is done by the time of a cancel is kept. Must not know about keys or the screen's layout.

use std::sync::Arc;

use ndarray::{Array2, ArrayView1};

use crate::attribution::{Attribution, MethodId, Parameters, Target};
use crate::interpretation::circuits::{Circuit, Contributions, Place};
use crate::interpretation::feature_maps::{FeatureMaps, Side};
use crate::interpretation::filters::Filters;
use crate::interpretation::maximization::Objective;
use crate::interpretation::prototypes::By;
use crate::model::labels::Labels;
use crate::model::layers::Layer;
use crate::model::output::Activation;
use crate::model::picture::Picture;
use crate::model::preprocess::{Prepared, Preprocess};
use crate::model::settings::Listing;
use crate::model::unit::Unit;
use crate::network::Prediction;
use crate::network::prediction;

pub mod cache;
pub mod circuit;
pub mod climb;
pub mod examples;
pub mod explainer;
pub mod icons;
pub mod indexer;
mod inside;
pub mod painter;
pub mod progress;
pub mod row;
pub mod sheet;
pub mod subject;
pub mod worker;

use climb::Climb;
use examples::{Deaths, Gallery, Kinds};
use icons::Icons;
use progress::Progress;

/// Name of a question to the engine thread, and of its answer in the cache. Pictures are named by their place in the
/// list, which only grows.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    /// Find the runtime and open the model.
    Open,
    /// Prepare a picture and run the network forward.
    Predict {
        /// Which picture.
        picture: usize,
    },
    /// Attribute a score.
    Explain {
        /// Which picture.
        picture: usize,
        /// How.
        method: MethodId,
        /// At which layer, for methods that have one.
        layer: Option<usize>,
        /// Of which score.
        target: Target,
        /// With which parameters; the defaults for methods that have none.
        parameters: Parameters,
    },
    /// Grad-CAM at each of these layers, from one backward pass.
    Layers {
        /// Which picture.
        picture: usize,
        /// Of which score.
        target: Target,
        /// Which layers.
        layers: Vec<usize>,
    },
    /// Read the filters of a layer.
    Filters {
        /// Which layer.
        layer: usize,
    },
    /// The feature maps of a layer.
    Maps {
        /// Of which picture.
        picture: usize,
        /// Which layer.
        layer: usize,
        /// Before or after its activation.
        side: Side,
    },
    /// Climb to what excites a unit most.
    Climb {
        /// What is to be excited.
        objective: Objective,
        /// In so many steps.
        steps: usize,
        /// From which seed.
        seed: u64,
    },
    /// Small pictures of what the channels of a layer look for.
    Icons {
        /// Which layer.
        layer: usize,
        /// Whether those that are not kept from before are made.
        make: bool,
    },
    /// What feeds a channel.
    Circuit {
        /// Which.
        place: Place,
    },
    /// What each neighbour adds to a channel.
    Contributions {
        /// For which picture.
        picture: usize,
        /// Which.
        place: Place,
    },
    /// The tensor over which a layer's filters are slid.
    Source {
        /// For which picture.
        picture: usize,
        /// Which layer.
        layer: usize,
    },
    /// The channels of a layer, the most alike to one of them first.
    Alike {
        /// For which picture.
        picture: usize,
        /// Which layer.
        layer: usize,
        /// Before or after its activation.
        side: Side,
        /// Alike to which channel.
        channel: usize,
    },
    /// The gradient of a unit at the layers of a group (`interpretation::feature_maps::groups`).
    Pull {
        /// For which picture.
        picture: usize,
        /// Of which unit.
        unit: Unit,
        /// Which group of layers.
        group: usize,
    },
    /// One look at every layer.
    Census {
        /// For which picture.
        picture: usize,
    },
    /// Read a unit's top pictures from the index.
    Examples {
        /// Which unit.
        unit: Unit,
        /// What they are ranked by.
        by: By,
        /// How often the index had been written.
        written: usize,
    },
    /// Read the first few of a unit's top pictures from the index.
    Glimpse {
        /// Which unit.
        unit: Unit,
        /// What they are ranked by.
        by: By,
        /// How often the index had been written.
        written: usize,
    },
    /// Read from the index which channels are dead.
    Deaths {
        /// How often the index had been written.
        written: usize,
    },
    /// Group them by how the layer answers to them.
    Kinds {
        /// Which unit.
        unit: Unit,
        /// What they are ranked by.
        by: By,
        /// How often the index had been written.
        written: usize,
    },
}

impl Key {
    /// Whether it is about the network alone.
    pub fn needs_no_picture(&self) -> bool {
        let of_index = matches!(self, Self::Examples { .. } | Self::Kinds { .. } | Self::Glimpse { .. });
        let of_unit = matches!(self, Self::Climb { .. } | Self::Icons { .. } | Self::Circuit { .. });
        of_index || of_unit || matches!(self, Self::Open | Self::Filters { .. })
    }

    /// What the status line calls the work.
    pub fn title(&self) -> &'static str {
        match self {
            Self::Open => "opening",
            Self::Predict { .. } => "prediction",
            Self::Explain { method, .. } => method.title(),
            Self::Layers { .. } => "Grad-CAM by layer",
            Self::Filters { .. } => "filters",
            Self::Maps { .. } => "feature maps",
            Self::Climb { .. } => "climb",
            Self::Icons { .. } => "icons",
            Self::Circuit { .. } => "circuit",
            Self::Contributions { .. } => "contributions",
            Self::Source { .. } => "input of the filters",
            Self::Alike { .. } => "similarity",
            Self::Pull { .. } => "gradient of the unit",
            Self::Census { .. } => "all layers",
            Self::Examples { .. } | Self::Glimpse { .. } => "top pictures",
            Self::Deaths { .. } => "dead channels",
            Self::Kinds { .. } => "kinds of pictures",
        }
    }
}

/// A question to the engine thread.
#[derive(Clone, Debug)]
pub struct Request {
    /// What.
    pub key: Key,
    /// Tells this request from any other: higher is later.
    pub generation: u64,
    /// The picture that the key names, and its prediction where there is one.
    pub picture: Option<Arc<Picture>>,
    /// What [`Key::Predict`] answered for the picture.
    pub seen: Option<Arc<Seen>>,
}

/// What is known about an open model.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Its name.
    pub name: String,
    /// Names of the classes.
    pub labels: Labels,
    /// Layers that can be asked for, from input to output.
    pub layers: Vec<Layer>,
    /// The layer that Grad-CAM looks at unless another is chosen; `None` where there are no feature maps.
    pub default_layer: Option<usize>,
    /// How pictures are prepared.
    pub preprocess: Preprocess,
    /// What makes probabilities of logits.
    pub activation: Activation,
    /// What is settled about it, and where that came from.
    pub settings: Listing,
    /// What should be known about how it is run and what is assumed about it.
    pub notes: Vec<String>,
    /// Whether CAM works; if not, why.
    pub cam: Result<(), String>,
    /// What the engine runs on.
    pub device: String,
    /// Version of the runtime.
    pub runtime: String,
    /// What the user should know about model or device.
    pub notice: Option<String>,
}

/// A picture as the network saw it, and what it said.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The prepared picture.
    pub prepared: Prepared,
    /// Every class, the largest logit first.
    pub ranking: Vec<Prediction>,
}

impl Seen {
    /// Ranks the logits, one a class, of a prepared picture.
    pub fn new(prepared: Prepared, logits: ArrayView1<'_, f32>, activation: Activation) -> Self {
        Self { prepared, ranking: prediction::ranked(logits, activation) }
    }

    /// Place of a class in the ranking.
    pub fn rank(&self, class: usize) -> Option<usize> {
        self.ranking.iter().position(|prediction| prediction.class == class)
    }

    /// Bytes it holds, about.
    fn bytes(&self) -> usize {
        self.prepared.view.as_raw().len() + 4 * self.prepared.input.len() + size_of_val(self.ranking.as_slice())
    }
}

/// An attribution and what the screen needs of it that is too slow to work out while drawing.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The attribution.
    pub attribution: Arc<Attribution>,
    /// For each step of the path, Σ of what it adds to the attribution; their sum is the completeness sum.
    pub contributions: Arc<Vec<f64>>,
}

impl From<Attribution> for Explained {
    fn from(attribution: Attribution) -> Self {
        let contributions = attribution.path.as_ref().map_or_else(Vec::new, |path| {
            let way = &*path.input - &*path.baseline;
            let steps = path.gradients.outer_iter().zip(&path.weights);
            let sum = |g: ndarray::ArrayView3<'_, f32>| {
                g.iter().zip(&way).map(|(g, d)| f64::from(*g) * f64::from(*d)).sum::<f64>()
            };
            steps.map(|(gradient, weight)| sum(gradient) * f64::from(*weight)).collect()
        });
        Self { attribution: Arc::new(attribution), contributions: Arc::new(contributions) }
    }
}

/// An answer of the engine thread.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// To [`Key::Open`].
    Opened(Arc<Facts>),
    /// To [`Key::Predict`].
    Predicted(Arc<Seen>),
    /// To [`Key::Explain`].
    Explained(Explained),
    /// To [`Key::Layers`]: one map per layer asked for, each at its own resolution.
    Layers(Arc<Vec<Array2<f32>>>),
    /// To [`Key::Filters`].
    Filters(Arc<Filters>),
    /// To [`Key::Maps`] and [`Key::Source`].
    Maps(Arc<FeatureMaps>),
    /// To [`Key::Climb`].
    Climbed(Arc<Climb>),
    /// To [`Key::Icons`].
    Icons(Arc<Icons>),
    /// To [`Key::Circuit`].
    Circuit(Arc<Circuit>),
    /// To [`Key::Contributions`].
    Contributions(Arc<Contributions>),
    /// To [`Key::Alike`].
    Order(Arc<Vec<usize>>),
    /// To [`Key::Pull`].
    Pulled(Arc<Pulled>),
    /// To [`Key::Census`].
    Census {
        /// For each layer, whether each of its channels said anything.
        alive: Arc<Vec<Vec<bool>>>,
        /// For each layer, the mean over its channels.
        busy: Arc<Vec<Array2<f32>>>,
        /// The feature maps of all layers, where they are not too large; otherwise none.
        maps: Vec<Arc<FeatureMaps>>,
    },
    /// To [`Key::Examples`] and [`Key::Glimpse`].
    Examples(Arc<Gallery>),
    /// To [`Key::Deaths`].
    Deaths(Arc<Deaths>),
    /// To [`Key::Kinds`].
    Kinds(Arc<Kinds>),
}

/// The gradient of a unit.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// At the layers of the group that the unit is made from, by their index, as maps of that layer.
    pub layers: Vec<(usize, Arc<FeatureMaps>)>,
    /// At the input, with the first group.
    pub input: Option<Arc<FeatureMaps>>,
}

impl Outcome {
    /// Bytes it holds, about; what the cache counts.
    pub fn bytes(&self) -> usize {
        use crate::attribution::Raw;
        let of_maps = |maps: &Arc<FeatureMaps>| 4 * maps.maps.len() + size_of_val(maps.figures.as_slice());
        match self {
            Self::Opened(_) => 0,
            Self::Predicted(seen) => seen.bytes(),
            Self::Explained(Explained { attribution: a, .. }) => {
                let raw = match &a.raw {
                    Raw::Input(values) => values.len(),
                    Raw::Layer(values) => values.len(),
                };
                let path = a.path.as_ref().map_or(0, |p| p.gradients.len() + p.input.len() + p.baseline.len());
                4 * (raw + path + a.logits.len())
            }
            Self::Layers(maps) => maps.iter().map(|map| 4 * map.len()).sum(),
            Self::Filters(filters) => 4 * filters.weights.len(),
            Self::Climbed(climb) => climb.bytes(),
            Self::Icons(icons) => icons.bytes(),
            Self::Circuit(circuit) => circuit.bytes(),
            Self::Contributions(found) => found.bytes(),
            Self::Maps(maps) => of_maps(maps),
            Self::Order(order) => size_of_val(order.as_slice()),
            Self::Pulled(pulled) => pulled.layers.iter().map(|(_, maps)| maps).chain(&pulled.input).map(of_maps).sum(),
            Self::Census { alive, busy, maps } => {
                let busy = busy.iter().map(|map| 4 * map.len());
                alive.iter().map(Vec::len).chain(busy).chain(maps.iter().map(of_maps)).sum()
            }
            Self::Examples(gallery) => gallery.bytes(),
            Self::Deaths(deaths) => deaths.alive.iter().map(Vec::len).sum(),
            Self::Kinds(kinds) => size_of_val(kinds.of.as_slice()),
        }
    }
}

/// News from the engine thread. `generation` is the request's.
#[derive(Clone, Debug)]
pub enum Event {
    /// How far it is.
    Progress {
        /// Which request.
        generation: u64,
        /// What is being done, where there is more to say than the key's title.
        note: Option<String>,
        /// Steps, and the time so far.
        progress: Progress,
    },
    /// What there is already.
    Partial {
        /// Which request.
        generation: u64,
        /// The running sum so far.
        outcome: Outcome,
    },
    /// It is done.
    Done {
        /// Which request.
        generation: u64,
        /// The answer.
        outcome: Outcome,
        /// How long it took.
        seconds: f64,
    },
    /// It stopped because it was asked to.
    Cancelled {
        /// Which request.
        generation: u64,
        /// What was done by then.
        kept: Option<Outcome>,
    },
    /// It failed.
    Failed {
        /// Which request.
        generation: u64,
        /// Why, and what to do next.
        message: String,
    },
}
