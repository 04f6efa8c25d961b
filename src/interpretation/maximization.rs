//! Activation maximisation: which picture excites a unit most? Gradient ascent on the picture, watched while it climbs.
//!
//! Two ways, from the same seed: naive, plain ascent on the pixels, which ends in noise (the foil); and regularised, as
//! Lucid and Lucent do it (Olah, Mordvintsev, Schubert: Feature Visualization, Distill 2017): a Fourier parameterisation,
//! decorrelated colours, random shifts, scales and turns, Adam. Owns what is asked and the climb; [`ascent`] is one step.
//! Must not know about terminals or files.

use serde::Serialize;

use crate::choice::choice;
use crate::engine::{Cancel, EngineError};
use crate::network::{Network, NetworkError, Place};

mod ascent;
mod canvas;
mod colour;
mod diversity;
mod fourier;
pub mod icons;
mod normalization;
mod objective;
mod optimizer;
mod transform;

pub use ascent::Ascent;
pub use objective::Objective;

choice! {
    /// How the picture is held back from becoming noise.
    #[derive(Default)]
    pub enum Regularization {
        /// Fourier parameterisation, decorrelated colours, random transforms, Adam.
        #[default]
        Lucid = "lucid",
        /// Not at all: plain steps on the pixels.
        None = "none",
    }
}

/// Smallest and largest shorter side of a picture, pixels.
const SIZES: std::ops::RangeInclusive<usize> = 8..=1024;

/// Most steps: beyond it nobody waits, and the history of values is kept.
const MOST_STEPS: usize = 100_000;

/// How to climb.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Parameters {
    /// What keeps the picture from becoming noise.
    pub regularization: Regularization,
    /// Number of steps.
    pub steps: usize,
    /// Shorter side of the picture, pixels; the network's input where none is given. Smaller pictures are enlarged for the
    /// network; of larger ones it sees another part at each step.
    pub size: Option<usize>,
    /// Shorter side of what the network is shown, pixels, where it is not its usual input: what comes before a layer is
    /// often made of convolutions alone and takes any size.
    pub view: Option<usize>,
    /// Seed of the start and of the transforms.
    pub seed: u64,
    /// Adam's rate, or the size of a naive step (root mean square over the pixels, in colours 0 to 1); the usual one where
    /// none is given.
    pub rate: Option<f32>,
    /// Whether the network sees the picture shifted, scaled and turned, differently at each step (never naively).
    pub transforms: bool,
    /// Whether the colours are correlated as in photographs (never naively).
    pub decorrelate: bool,
    /// How strongly pictures of one unit are driven apart: the share of their value that it costs them to be all alike; 0 for
    /// pictures that have nothing to do with each other.
    pub diversity: f32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            regularization: Regularization::default(),
            steps: 512,
            size: None,
            view: None,
            seed: 0,
            rate: None,
            transforms: true,
            decorrelate: true,
            diversity: 0.0,
        }
    }
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum MaximizationError {
    /// The network could not answer.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Nothing to maximise, or not all in one place.
    #[error("pictures that are made together need objectives at one layer: ask for one layer after the other")]
    Places,
    /// A number of steps that makes no sense.
    #[error("{steps} steps are not possible: give 1 to {MOST_STEPS}")]
    Steps {
        /// Steps asked for.
        steps: usize,
    },
    /// A rate that makes no sense.
    #[error("a learning rate of {rate} is not possible: give a number above 0, such as 0.05")]
    Rate {
        /// Rate asked for.
        rate: f32,
    },
    /// A size that makes no sense.
    #[error("a picture of {size} pixels is not possible: give {} to {}", SIZES.start(), SIZES.end())]
    Size {
        /// Size asked for.
        size: usize,
    },
    /// A picture to start from that does not fit.
    #[error("a start of shape {given:?} does not fit pictures of {size:?} (height, width)")]
    Start {
        /// Its shape.
        given: Vec<usize>,
        /// Height and width of the pictures.
        size: [usize; 2],
    },
    /// What is to be excited is not there.
    #[error("{reason}; the feature maps of `{layer}` are {shape:?} (channels, height, width)")]
    Objective {
        /// What is wrong.
        reason: String,
        /// Name of the layer.
        layer: String,
        /// Channels, height, width.
        shape: [usize; 3],
    },
}

/// Climbs, a step of each ascent after the other, until all are done. `watch` sees them after every step. What is done when
/// `cancel` fires is kept: [`Ascent::done`] is then less than [`Ascent::total`].
pub fn climb(
    network: &mut Network,
    ascents: &mut [Ascent],
    cancel: &Cancel,
    watch: &mut dyn FnMut(&[Ascent]),
) -> Result<(), MaximizationError> {
    while ascents.iter().any(|ascent| ascent.done() < ascent.total()) {
        for ascent in ascents.iter_mut().filter(|ascent| ascent.done() < ascent.total()) {
            match ascent.step(network, cancel) {
                Ok(()) => {}
                Err(MaximizationError::Network(NetworkError::Engine(EngineError::Cancelled))) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        watch(ascents);
    }
    Ok(())
}

/// Number of colours of the pictures that are made for a network: 3 (red, green, blue) or 1 (grey).
pub fn colours(network: &Network) -> usize {
    normalization::Normalization::of(network.preprocess()).colours()
}

/// Where all objectives look, if the numbers make sense.
fn check(objectives: &[Objective], parameters: &Parameters) -> Result<Place, MaximizationError> {
    let place = objectives.first().ok_or(MaximizationError::Places)?.place();
    if objectives.iter().any(|objective| objective.place() != place) {
        return Err(MaximizationError::Places);
    }
    if !(1..=MOST_STEPS).contains(&parameters.steps) {
        return Err(MaximizationError::Steps { steps: parameters.steps });
    }
    if let Some(size) = [parameters.size, parameters.view].into_iter().flatten().find(|size| !SIZES.contains(size)) {
        return Err(MaximizationError::Size { size });
    }
    if let Some(rate) = parameters.rate.filter(|rate| !(rate.is_finite() && *rate > 0.0)) {
        return Err(MaximizationError::Rate { rate });
    }
    Ok(place)
}

/// Fails for an objective that feature maps of this shape (channels, height, width) do not have.
fn check_place(objective: &Objective, shape: [usize; 3], network: &Network) -> Result<(), MaximizationError> {
    if let Objective::Class(class) = objective {
        return Ok(network.check_class(*class)?);
    }
    let [channels, height, width] = shape;
    let reason = match objective {
        Objective::Channel(unit) | Objective::Neuron { unit, .. } if unit.channel >= channels => {
            Some(format!("there is no channel {}", unit.channel))
        }
        Objective::Neuron { at: Some([row, column]), .. } if *row >= height || *column >= width => {
            Some(format!("there is no place ({row}, {column})"))
        }
        Objective::Direction { direction, .. } if direction.len() != channels => {
            Some(format!("a direction of {} numbers does not fit", direction.len()))
        }
        Objective::Direction { direction, .. } if direction.iter().all(|value| *value == 0.0) => {
            Some("a direction of zeros points nowhere".to_owned())
        }
        Objective::Direction { direction, .. } if !direction.iter().all(|value| value.is_finite()) => {
            Some("a direction must be of finite numbers".to_owned())
        }
        _ => None,
    };
    match reason {
        Some(reason) => {
            let layer = objective.layer().and_then(|layer| network.layers().get(layer));
            let layer = layer.map_or_else(String::new, |layer| layer.name.clone());
            Err(MaximizationError::Objective { reason, layer, shape })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
