//! Pictures on their way up, one step at a time: show them, ask the network which way is up, move.
//!
//! Owns the state of an ascent. Must not know who watches it or where it ends up.

use ndarray::{Array4, ArrayD, ArrayView3};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::canvas::Canvas;
use super::fourier::Fourier;
use super::normalization::Normalization;
use super::optimizer::{Adam, Optimizer, Plain};
use super::transform::{self, Transform};
use super::{MaximizationError, Objective, Parameters, Regularization, check, check_place, diversity};
use crate::autodiff::Policy;
use crate::engine::Cancel;
use crate::network::{At, LayerGradients, Network, NetworkError, Place};

/// Adam's rate, Lucid's and Lucent's.
const RATE: f32 = 0.05;

/// Size of a naive step, root mean square over the pixels, in colours 0 to 1.
const NAIVE_RATE: f32 = 0.01;

/// Pictures on their way up.
pub struct Ascent {
    objectives: Vec<Objective>,
    parameters: Parameters,
    canvas: Canvas,
    /// What is optimised, as the canvas has it.
    values: ArrayD<f32>,
    optimizer: Box<dyn Optimizer>,
    chances: Vec<ChaCha8Rng>,
    normalization: Normalization,
    /// Height and width of what the network is shown.
    view: [usize; 2],
    /// Channels, height and width of the feature maps.
    maps: [usize; 3],
    /// What the values make now.
    pictures: Array4<f32>,
    history: Vec<Vec<f32>>,
}

impl Ascent {
    /// Pictures at the start: noise, or a picture `[channels, height, width]` of the size that [`Ascent::size_for`] tells,
    /// colours 0 to 1. All objectives look at the same layer, or all at the logits. Without diversity pictures start
    /// alike, so that a picture does not depend on which others are made with it.
    pub fn new(
        network: &mut Network,
        objectives: &[Objective],
        parameters: &Parameters,
        start: Option<ArrayView3<'_, f32>>,
    ) -> Result<Self, MaximizationError> {
        let place = check(objectives, parameters)?;
        let [_, height, width] = network.preprocess().shape();
        let view = scaled([height, width], parameters.view);
        let maps = network.maps_at(place, view)?;
        objectives.iter().try_for_each(|objective| check_place(objective, maps, network))?;
        let size = Self::size_for(network, parameters);
        let normalization = Normalization::of(network.preprocess());
        let colours = normalization.colours();
        let apart = parameters.diversity != 0.0;
        let stream = |row: usize| {
            let mut chance = ChaCha8Rng::seed_from_u64(parameters.seed);
            chance.set_stream(if apart { row as u64 } else { 0 });
            chance
        };
        let mut chances: Vec<ChaCha8Rng> = (0..objectives.len()).map(stream).collect();
        let canvas = match parameters.regularization {
            Regularization::Lucid => {
                Canvas::Spectrum { fourier: Fourier::new(size[0], size[1]), decorrelate: parameters.decorrelate }
            }
            Regularization::None => Canvas::Pixels,
        };
        let values = match start {
            Some(picture) if picture.dim() == (colours, size[0], size[1]) => canvas.of(picture, objectives.len()),
            Some(picture) => return Err(MaximizationError::Start { given: picture.shape().to_vec(), size }),
            None => canvas.noise(colours, size, &mut chances),
        };
        let optimizer: Box<dyn Optimizer> = match parameters.regularization {
            Regularization::Lucid => Box::new(Adam::new(parameters.rate.unwrap_or(RATE), values.shape())),
            Regularization::None => Box::new(Plain { rate: parameters.rate.unwrap_or(NAIVE_RATE) }),
        };
        Ok(Self {
            objectives: objectives.to_vec(),
            parameters: parameters.clone(),
            pictures: canvas.pictures(&values),
            canvas,
            values,
            optimizer,
            chances,
            normalization,
            view,
            maps,
            history: vec![Vec::new(); objectives.len()],
        })
    }

    /// Height and width of the pictures that are made with such parameters.
    pub fn size_for(network: &Network, parameters: &Parameters) -> [usize; 2] {
        let [_, height, width] = network.preprocess().shape();
        scaled(scaled([height, width], parameters.view), parameters.size)
    }

    /// What each picture is to excite.
    pub fn objectives(&self) -> &[Objective] {
        &self.objectives
    }

    /// How they climb.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
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
    pub fn pictures(&self) -> &Array4<f32> {
        &self.pictures
    }

    /// The value of each picture's objective where the network is shown the pictures as they are now.
    pub fn values(&self, network: &mut Network, cancel: &Cancel) -> Result<Vec<f32>, MaximizationError> {
        let (_, _, height, width) = self.pictures.dim();
        let plain = vec![Transform::plain([height, width], self.view); self.objectives.len()];
        let x = self.normalization.apply(&transform::apply(&self.pictures, &plain, self.view));
        let seed = Array4::zeros(self.shape());
        let maps = self.pull_back(network, &x, &seed, Policy::Gradient, cancel)?.maps;
        Ok(self.values_of(&maps))
    }

    /// One step up.
    pub(super) fn step(&mut self, network: &mut Network, cancel: &Cancel) -> Result<(), MaximizationError> {
        let (_, _, height, width) = self.pictures.dim();
        let (size, view) = ([height, width], self.view);
        let robust = self.parameters.transforms && self.parameters.regularization == Regularization::Lucid;
        let transform = |chance: &mut ChaCha8Rng| match robust {
            true => Transform::random(size, view, chance),
            false => Transform::plain(size, view),
        };
        let transforms: Vec<Transform> = self.chances.iter_mut().map(transform).collect();
        let x = self.normalization.apply(&transform::apply(&self.pictures, &transforms, view));
        let (values, gradient) = self.slope(network, &x, cancel)?;
        let at_pictures = transform::adjoint(&self.normalization.adjoint(&gradient), &transforms, size);
        let gradient = self.canvas.gradient(&self.pictures, at_pictures);
        self.optimizer.climb(&mut self.values, &gradient);
        self.canvas.clamp(&mut self.values);
        self.pictures = self.canvas.pictures(&self.values);
        self.history.iter_mut().zip(values).for_each(|(history, value)| history.push(value));
        Ok(())
    }

    /// Starts from other values.
    #[cfg(test)]
    pub(super) fn begin_at(&mut self, values: ArrayD<f32>) {
        self.pictures = self.canvas.pictures(&values);
        self.values = values;
    }

    /// Shape of the feature maps of all pictures.
    fn shape(&self) -> [usize; 4] {
        let [channels, height, width] = self.maps;
        [self.objectives.len(), channels, height, width]
    }

    fn values_of(&self, maps: &Array4<f32>) -> Vec<f32> {
        self.objectives.iter().zip(maps.outer_iter()).map(|(objective, maps)| objective.value(maps)).collect()
    }

    /// The value of each picture's objective and the gradient at the network's input.
    fn slope(
        &self,
        network: &mut Network,
        x: &Array4<f32>,
        cancel: &Cancel,
    ) -> Result<(Vec<f32>, Array4<f32>), NetworkError> {
        let apart = self.parameters.diversity != 0.0 && self.objectives.len() > 1;
        let linear = !apart && self.objectives.iter().all(Objective::is_linear);
        let mut seed = Array4::zeros(self.shape());
        // The seed of an objective that is not linear depends on the feature maps: one more run.
        let maps = match linear {
            true => seed.clone(),
            false => self.pull_back(network, x, &seed, Policy::Gradient, cancel)?.maps,
        };
        for ((mut seed, maps), objective) in seed.outer_iter_mut().zip(maps.outer_iter()).zip(&self.objectives) {
            seed.assign(&objective.gradient(maps));
        }
        if apart {
            // In units of what is climbed: pictures that are all alike cost `diversity` times their value.
            let values = self.values_of(&maps);
            let value = values.iter().map(|value| value.abs()).sum::<f32>() / values.len() as f32;
            let weight = self.parameters.diversity * value / (values.len() - 1) as f32;
            seed.scaled_add(-weight, &diversity::similarity(&maps).1);
        }
        let answer = self.pull_back(network, x, &seed, Policy::Gradient, cancel)?;
        let values = self.values_of(&answer.maps);
        let mut gradient = answer.gradients.into_iter().next().unwrap_or_default();
        let blocked = |row: &ArrayView3<'_, f32>| row.iter().all(|slope| *slope == 0.0);
        // A step along nothing is lost: where nothing gets through, ReLUs pass what would wake them. (Lucid does so at the
        // first 16 steps, which do not wake every unit.)
        let wakes = self.parameters.regularization == Regularization::Lucid;
        if wakes && gradient.outer_iter().any(|row| blocked(&row)) {
            let redirected = self.pull_back(network, x, &seed, Policy::Redirected, cancel)?;
            let redirected = redirected.gradients.into_iter().next().unwrap_or_default();
            for (mut row, redirected) in gradient.outer_iter_mut().zip(redirected.outer_iter()) {
                if blocked(&row.view()) {
                    row.assign(&redirected);
                }
            }
        }
        Ok((values, gradient))
    }

    fn pull_back(
        &self,
        network: &mut Network,
        x: &Array4<f32>,
        seed: &Array4<f32>,
        policy: Policy,
        cancel: &Cancel,
    ) -> Result<LayerGradients, NetworkError> {
        let place = self.objectives.first().map_or(Place::Logits, Objective::place);
        network.pull_back(x, place, seed, At::Input, policy, cancel)
    }
}

/// Height and width with a shorter side of `short`, where one is asked for.
fn scaled(size: [usize; 2], short: Option<usize>) -> [usize; 2] {
    let shorter = size[0].min(size[1]).max(1);
    size.map(|side| short.map_or(side, |short| (side * short).div_ceil(shorter)))
}
