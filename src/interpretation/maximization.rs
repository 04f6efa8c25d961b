//! Activation maximisation: which picture excites a unit most? Gradient ascent on the picture, watched while it climbs.
//!
//! Two ways, from the same seed: naive, plain ascent on the pixels, which ends in noise (the foil); and regularised, as
//! Lucid and Lucent do it (Olah, Mordvintsev, Schubert: Feature Visualization, Distill 2017): a Fourier parameterisation,
//! decorrelated colours, random shifts, scales and turns, Adam. Owns the ascent. Must not know about terminals or files.

use ndarray::{Array4, ArrayD, Ix4, Ix5};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use serde::Serialize;

use crate::attribution::{Of, Target};
use crate::autodiff::Policy;
use crate::choice::choice;
use crate::engine::{Cancel, EngineError};
use crate::network::{At, Network, NetworkError};

mod colour;
mod diversity;
mod fourier;
mod normalization;
mod objective;
mod optimizer;
mod transform;

pub use objective::Objective;

use fourier::Fourier;
use normalization::Normalization;
use optimizer::{Adam, Optimizer, Plain};
use transform::Transform;

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

/// Steps at the start at which ReLUs that let nothing through pass what would wake them, as in Lucid.
const REDIRECTED: usize = 16;

/// Adam's rate, Lucid's and Lucent's.
const RATE: f32 = 0.05;

/// Standard deviation of the spectrum at the start, Lucid's and Lucent's.
const SPECTRUM: f32 = 0.01;

/// Size of a naive step, root mean square over the pixels, in colours 0 to 1.
const NAIVE_RATE: f32 = 0.01;

/// Standard deviation of the naive start around grey.
const NAIVE_NOISE: f32 = 0.05;

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
    /// Seed of the start and of the transforms.
    pub seed: u64,
    /// How strongly pictures of one unit are driven apart; 0 for pictures that have nothing to do with each other.
    pub diversity: f32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { regularization: Regularization::default(), steps: 512, size: None, seed: 0, diversity: 0.0 }
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
    /// A size that makes no sense.
    #[error("a picture of {size} pixels is not possible: give {} to {}", SIZES.start(), SIZES.end())]
    Size {
        /// Size asked for.
        size: usize,
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

/// Pictures on their way up.
pub struct Ascent {
    objectives: Vec<Objective>,
    parameters: Parameters,
    canvas: Canvas,
    /// What is optimised: pixels `[batch, channels, height, width]` or spectra with two further numbers.
    values: ArrayD<f32>,
    optimizer: Box<dyn Optimizer>,
    chances: Vec<ChaCha8Rng>,
    /// Whether each step sees the pictures shifted, scaled and turned.
    robust: bool,
    normalization: Normalization,
    /// Height and width of a picture.
    size: [usize; 2],
    /// Height and width of the network's input.
    input: [usize; 2],
    history: Vec<Vec<f32>>,
}

/// What the parameters mean.
enum Canvas {
    Spectrum(Fourier),
    Pixels,
}

impl Ascent {
    /// Pictures at the start. All objectives look at the same layer, or all at the logits. Without diversity pictures start
    /// alike, so that a picture does not depend on which others are made with it.
    fn new(network: &Network, objectives: &[Objective], parameters: &Parameters) -> Result<Self, MaximizationError> {
        check(network, objectives, parameters)?;
        let [_, height, width] = network.preprocess().shape();
        let normalization = Normalization::of(network.preprocess());
        let short = height.min(width);
        let side = |side: usize| parameters.size.map_or(side, |size| (side * size).div_ceil(short));
        let (input, size) = ([height, width], [side(height), side(width)]);
        let (batch, channels) = (objectives.len(), normalization.colours());
        let start = |row: usize| {
            let mut chance = ChaCha8Rng::seed_from_u64(parameters.seed);
            chance.set_stream(if parameters.diversity == 0.0 { 0 } else { row as u64 });
            chance
        };
        let mut chances: Vec<ChaCha8Rng> = (0..batch).map(start).collect();
        let (canvas, shape, mean, deviation) = match parameters.regularization {
            Regularization::Lucid => {
                let fourier = Fourier::new(size[0], size[1]);
                let shape = vec![batch, channels, size[0], fourier.frequencies(), 2];
                (Canvas::Spectrum(fourier), shape, 0.0, SPECTRUM)
            }
            Regularization::None => (Canvas::Pixels, vec![batch, channels, size[0], size[1]], 0.5, NAIVE_NOISE),
        };
        let mut values = ArrayD::zeros(shape.as_slice());
        // A finite deviation is always a distribution.
        if let Ok(noise) = Normal::new(mean, deviation) {
            for (mut values, chance) in values.outer_iter_mut().zip(&mut chances) {
                values.mapv_inplace(|_: f32| noise.sample(chance));
            }
        }
        let optimizer: Box<dyn Optimizer> = match canvas {
            Canvas::Spectrum(_) => Box::new(Adam::new(RATE, &shape)),
            Canvas::Pixels => Box::new(Plain { rate: NAIVE_RATE }),
        };
        Ok(Self {
            objectives: objectives.to_vec(),
            parameters: parameters.clone(),
            canvas,
            values,
            optimizer,
            chances,
            robust: parameters.regularization == Regularization::Lucid,
            normalization,
            size,
            input,
            history: vec![Vec::with_capacity(parameters.steps); batch],
        })
    }

    /// What each picture is to excite.
    pub fn objectives(&self) -> &[Objective] {
        &self.objectives
    }

    /// Steps done.
    pub fn done(&self) -> usize {
        self.history.first().map_or(0, Vec::len)
    }

    /// Steps asked for.
    pub fn total(&self) -> usize {
        self.parameters.steps
    }

    /// The value of each picture's objective at each step so far, as the network was shown the picture then.
    pub fn history(&self) -> &[Vec<f32>] {
        &self.history
    }

    /// The pictures now, `[pictures, channels, height, width]`, colours 0 to 1: red, green, blue, or grey.
    pub fn pictures(&self) -> Array4<f32> {
        match &self.canvas {
            Canvas::Spectrum(fourier) => match self.values.view().into_dimensionality::<Ix5>() {
                Ok(spectra) => colour::colours(&fourier.pictures(&spectra)),
                Err(_) => Array4::default((0, 0, 0, 0)),
            },
            Canvas::Pixels => self.values.clone().into_dimensionality::<Ix4>().unwrap_or_default(),
        }
    }

    /// One step up.
    fn step(&mut self, network: &mut Network, cancel: &Cancel) -> Result<(), MaximizationError> {
        let pictures = self.pictures();
        let (size, input) = (self.size, self.input);
        let robust = self.robust;
        let transform = |chance: &mut ChaCha8Rng| match robust {
            true => Transform::random(size, input, chance),
            false => Transform::plain(size, input),
        };
        let transforms: Vec<Transform> = self.chances.iter_mut().map(transform).collect();
        let x = self.normalization.apply(&transform::apply(&pictures, &transforms, input));
        let (values, gradient) = self.slope(network, &x, cancel)?;
        let at_pictures = transform::adjoint(&self.normalization.adjoint(&gradient), &transforms, size);
        let gradient = match &self.canvas {
            Canvas::Spectrum(fourier) => fourier.adjoint(&colour::gradient(&pictures, &at_pictures)).into_dyn(),
            Canvas::Pixels => at_pictures.into_dyn(),
        };
        self.optimizer.climb(&mut self.values, &gradient);
        if let Canvas::Pixels = self.canvas {
            self.values.mapv_inplace(|colour| colour.clamp(0.0, 1.0));
        }
        self.history.iter_mut().zip(values).for_each(|(history, value)| history.push(value));
        Ok(())
    }

    /// The value of each picture's objective and the gradient at the network's input.
    fn slope(
        &self,
        network: &mut Network,
        x: &Array4<f32>,
        cancel: &Cancel,
    ) -> Result<(Vec<f32>, Array4<f32>), NetworkError> {
        let Some(layer) = self.objectives.first().and_then(Objective::layer) else {
            return self.slope_of_classes(network, x, cancel);
        };
        let apart = self.parameters.diversity != 0.0 && self.objectives.len() > 1;
        let linear = !apart && self.objectives.iter().all(Objective::is_linear);
        // The seed of an objective that is not linear depends on the feature maps: one more run forward.
        let maps = match network.layers().get(layer) {
            Some(of) if linear => Array4::zeros((x.dim().0, of.channels, of.height, of.width)),
            _ => network.forward(x, &[layer], cancel)?.activations.into_iter().next().unwrap_or_default(),
        };
        let mut seed = Array4::zeros(maps.dim());
        for ((mut seed, maps), objective) in seed.outer_iter_mut().zip(maps.outer_iter()).zip(&self.objectives) {
            seed.assign(&objective.gradient(maps));
        }
        if apart {
            seed.scaled_add(-self.parameters.diversity, &diversity::similarity(&maps).1);
        }
        let answer = network.pull_back(x, layer, &seed, At::Input, Policy::Gradient, cancel)?;
        let values = self.objectives.iter().zip(answer.maps.outer_iter());
        let values = values.map(|(objective, maps)| objective.value(maps)).collect();
        let mut gradient = answer.gradients.into_iter().next().unwrap_or_default();
        let blocked = |gradient: &Array4<f32>| gradient.outer_iter().any(|row| row.iter().all(|slope| *slope == 0.0));
        let wakes = self.parameters.regularization == Regularization::Lucid && self.done() < REDIRECTED;
        if wakes && blocked(&gradient) {
            // Where anything gets through the policy is the gradient itself: for the other pictures nothing changes.
            let redirected = network.pull_back(x, layer, &seed, At::Input, Policy::Redirected, cancel)?;
            let redirected = redirected.gradients.into_iter().next().unwrap_or_default();
            for (mut row, redirected) in gradient.outer_iter_mut().zip(redirected.outer_iter()) {
                if row.iter().all(|slope| *slope == 0.0) {
                    row.assign(&redirected);
                }
            }
        }
        Ok((values, gradient))
    }

    fn slope_of_classes(
        &self,
        network: &mut Network,
        x: &Array4<f32>,
        cancel: &Cancel,
    ) -> Result<(Vec<f32>, Array4<f32>), NetworkError> {
        let class = |objective: &Objective| if let Objective::Class(class) = objective { *class } else { 0 };
        let classes: Vec<usize> = self.objectives.iter().map(class).collect();
        let targets: Vec<Target> = classes.iter().map(|class| Target { class: *class, of: Of::Logit }).collect();
        let answer = network.gradient(x, &targets, At::Input, cancel)?;
        let values = classes.iter().zip(answer.logits.outer_iter()).map(|(class, logits)| logits[*class]).collect();
        Ok((values, answer.gradients.into_iter().next().unwrap_or_default()))
    }
}

/// Climbs. `watch` sees the pictures after every step. What is done when `cancel` fires is kept: [`Ascent::done`] is then
/// less than [`Ascent::total`].
pub fn maximize(
    network: &mut Network,
    objectives: &[Objective],
    parameters: &Parameters,
    cancel: &Cancel,
    watch: &mut dyn FnMut(&Ascent),
) -> Result<Ascent, MaximizationError> {
    let mut ascent = Ascent::new(network, objectives, parameters)?;
    while ascent.done() < ascent.total() {
        match ascent.step(network, cancel) {
            Ok(()) => watch(&ascent),
            Err(MaximizationError::Network(NetworkError::Engine(EngineError::Cancelled))) if ascent.done() > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(ascent)
}

fn check(network: &Network, objectives: &[Objective], parameters: &Parameters) -> Result<(), MaximizationError> {
    let layer = objectives.first().ok_or(MaximizationError::Places)?.layer();
    if objectives.iter().any(|objective| objective.layer() != layer) {
        return Err(MaximizationError::Places);
    }
    if !(1..=MOST_STEPS).contains(&parameters.steps) {
        return Err(MaximizationError::Steps { steps: parameters.steps });
    }
    if let Some(size) = parameters.size.filter(|size| !SIZES.contains(size)) {
        return Err(MaximizationError::Size { size });
    }
    objectives.iter().try_for_each(|objective| check_objective(network, objective))
}

fn check_objective(network: &Network, objective: &Objective) -> Result<(), MaximizationError> {
    if let Objective::Class(class) = objective {
        return Ok(network.check_class(*class)?);
    }
    let Some(layer) = objective.layer().and_then(|layer| network.layers().get(layer)) else {
        return Err(MaximizationError::Places);
    };
    let shape = [layer.channels, layer.height, layer.width];
    let reason = match objective {
        Objective::Channel(unit) | Objective::Neuron { unit, .. } if unit.channel >= layer.channels => {
            Some(format!("there is no channel {}", unit.channel))
        }
        Objective::Neuron { at: Some([row, column]), .. } if *row >= layer.height || *column >= layer.width => {
            Some(format!("there is no place ({row}, {column})"))
        }
        Objective::Direction { direction, .. } if direction.len() != layer.channels => {
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
        Some(reason) => Err(MaximizationError::Objective { reason, layer: layer.name.clone(), shape }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
