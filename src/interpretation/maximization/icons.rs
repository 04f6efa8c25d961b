//! Icons: small pictures of what every channel of a layer looks for, made many at a time.
//!
//! Owns how an icon is made and in which batches. Must not know where icons are kept or shown.

use ndarray::{Array3, ArrayView3};

use super::{Ascent, MaximizationError, Objective, Parameters, climb};
use crate::engine::Cancel;
use crate::model::unit::Unit;
use crate::network::{Network, Place};

/// Steps of an icon: what a unit looks for shows long before its picture is finished.
const STEPS: usize = 96;

/// Shorter side of an icon, pixels.
const SIDE: usize = 64;

/// Shorter side of what the network is shown, pixels, where the layer can be asked with less than its usual input.
const VIEW: usize = 96;

/// Bytes of pictures and feature maps that a batch may take, about.
const BATCH_BYTES: usize = 64 << 20;

/// Most icons in one batch: they appear a batch at a time.
const MOST: usize = 16;

/// An icon that is done.
#[derive(Clone, Debug)]
pub struct Icon {
    /// The channel.
    pub channel: usize,
    /// Colours 0 to 1, `[channels, height, width]`: red, green, blue, or grey.
    pub colours: Array3<f32>,
    /// The channel's mean activation at the last step.
    pub value: f32,
}

/// How icons of a layer are made: as regularised pictures are, in fewer steps, and on smaller inputs where everything up
/// to the layer takes those.
pub fn parameters(network: &mut Network, layer: usize) -> Parameters {
    let [_, height, width] = network.preprocess().shape();
    let scaled = |short: usize| [height, width].map(|side| (side * short).div_ceil(height.min(width).max(1)));
    let small = height.min(width) > VIEW && network.maps_at(Place::Layer(layer), scaled(VIEW)).is_ok();
    made(network, small)
}

/// All ways in which icons of a layer may be made, of which [`parameters`] is one. Needs no session.
pub fn all_parameters(network: &Network) -> Vec<Parameters> {
    let [_, height, width] = network.preprocess().shape();
    let small = (height.min(width) > VIEW).then(|| made(network, true));
    small.into_iter().chain([made(network, false)]).collect()
}

fn made(network: &Network, small: bool) -> Parameters {
    let [_, height, width] = network.preprocess().shape();
    let view = small.then_some(VIEW);
    let shown = view.unwrap_or(height.min(width));
    Parameters { steps: STEPS, view, size: Some(SIDE.min(shown).max(8)), ..Parameters::default() }
}

/// Icons of some channels of a layer, a batch at a time.
pub struct Batches {
    layer: usize,
    parameters: Parameters,
    channels: Vec<usize>,
    size: usize,
    done: usize,
}

impl Batches {
    /// Icons of these channels, in the order given.
    pub fn new(
        network: &mut Network,
        layer: usize,
        parameters: &Parameters,
        channels: Vec<usize>,
    ) -> Result<Self, MaximizationError> {
        let size = batch(network, layer, parameters)?;
        Ok(Self { layer, parameters: parameters.clone(), channels, size, done: 0 })
    }

    /// The share that is done, 0 to 1.
    pub fn share(&self) -> f64 {
        self.done as f64 / self.channels.len().max(1) as f64
    }

    /// Makes the next batch; `None` when all are done or `cancel` has fired. `progress` hears the share that is done.
    pub fn next(
        &mut self,
        network: &mut Network,
        cancel: &Cancel,
        progress: &mut dyn FnMut(f64),
    ) -> Result<Option<Vec<Icon>>, MaximizationError> {
        let some = &self.channels[self.done..(self.done + self.size).min(self.channels.len())];
        if some.is_empty() || cancel.is_cancelled() {
            return Ok(None);
        }
        let objective = |channel: &usize| Objective::Channel(Unit { layer: self.layer, channel: *channel });
        let objectives: Vec<Objective> = some.iter().map(objective).collect();
        let mut ascents = [Ascent::new(network, &objectives, &self.parameters, None)?];
        climb(network, &mut ascents, cancel, &mut |ascents| {
            let share = ascents[0].done() as f64 / ascents[0].total() as f64;
            progress((self.done as f64 + share * some.len() as f64) / self.channels.len() as f64);
        })?;
        let [ascent] = ascents;
        if ascent.done() < ascent.total() {
            return Ok(None);
        }
        let icons = icons(&ascent, some);
        self.done += some.len();
        Ok(Some(icons))
    }
}

fn icons(ascent: &Ascent, channels: &[usize]) -> Vec<Icon> {
    let rows = channels.iter().zip(ascent.pictures().outer_iter()).zip(ascent.history());
    let icon = |((channel, colours), history): ((&usize, ArrayView3<'_, f32>), &Vec<f32>)| Icon {
        channel: *channel,
        colours: colours.to_owned(),
        value: history.last().copied().unwrap_or(0.0),
    };
    rows.map(icon).collect()
}

/// How many icons fit one batch: the feature maps on the way to the layer take several times what its input and it do.
fn batch(network: &mut Network, layer: usize, parameters: &Parameters) -> Result<usize, MaximizationError> {
    let [channels, height, width] = network.preprocess().shape();
    let short = height.min(width).max(1);
    let view = [height, width].map(|side| parameters.view.map_or(side, |view| (side * view).div_ceil(short)));
    let maps = network.maps_at(Place::Layer(layer), view)?;
    let widest = network.layers()[..=layer].iter().map(|of| of.channels * of.height * of.width).max().unwrap_or(0);
    let inner = widest * view[0] * view[1] / (height * width).max(1);
    let numbers = channels * view[0] * view[1] + maps.iter().product::<usize>() + 4 * inner;
    Ok((BATCH_BYTES / (4 * numbers).max(1)).clamp(1, MOST))
}
