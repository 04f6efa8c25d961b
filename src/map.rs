//! From a raw attribution to one value per pixel of the network's input.
//!
//! Owns the order: aggregate the channels (or bring a layer map to the input's size), clamp to quantiles, blur. Must not
//! know about colours or terminals. Values keep their units to the end: only [`Map::position`] normalises.

use ndarray::{Array2, s};

use crate::attribution::Raw;
use crate::look::{Aggregate, Look};

pub mod clamp;
pub mod resample;

/// What must be said about a map before it is believed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MapState {
    /// It has contrast.
    Ok,
    /// Every raw value is zero: the method found nothing, or the gradient vanished.
    Zero,
    /// Every raw value is this.
    Constant(f32),
    /// So many raw values are NaN or infinite. They stay NaN in the map, are painted with no colour, and keep the map
    /// from being blurred, which would spread them.
    NotFinite {
        /// How many.
        count: usize,
    },
}

/// One value per pixel of the network's input.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// `[H, W]`, in the units of the attribution, after clamping and blurring.
    pub values: Array2<f32>,
    /// Lowest and highest finite value before clamping and blurring.
    pub raw_range: (f32, f32),
    /// Values at the two ends of the colours: lowest and highest, or −m and m where the map is signed.
    pub shown_range: (f32, f32),
    /// Whether values have a sign that means something; zero is then the middle of the colours.
    pub signed: bool,
    /// What must be said about it.
    pub state: MapState,
}

impl Map {
    /// Where a value lies between the ends of the colours: 0 to 1, with 0.5 for zero in a signed map. NaN stays NaN; a
    /// map without contrast is at the low end (signed: the middle).
    pub fn position(&self, value: f32) -> f32 {
        let (low, high) = self.shown_range;
        match (high > low, self.signed) {
            // In 64 bits the difference of any two values is a number.
            (true, _) => {
                let (value, low, high) = (f64::from(value), f64::from(low), f64::from(high));
                ((value - low) / (high - low)).clamp(0.0, 1.0) as f32
            }
            (false, signed) if value.is_finite() => f32::from(u8::from(signed)) * 0.5,
            (false, _) => f32::NAN,
        }
    }

    /// How far a position is from nothing: the position itself, or its distance from the middle in a signed map; 0 to 1.
    pub fn strength(&self, position: f32) -> f32 {
        if self.signed { (position - 0.5).abs() * 2.0 } else { position }
    }
}

/// Makes the map of a raw attribution for an input of `size` (height, width).
///
/// A layer map is signed if any of its values is negative.
pub fn make(raw: &Raw, look: &Look, size: (usize, usize)) -> Map {
    let (values, signed) = match raw {
        Raw::Input(attribution) => aggregate(attribution.view(), look.aggregate),
        Raw::Layer(map) => (resample::resize(map.view(), size, look.resample), map.iter().any(|value| *value < 0.0)),
    };
    finish(values, signed, look)
}

/// Collapses the channels of `[C, H, W]`; the flag says whether the result is signed. A channel that is not there counts
/// as the last one (a grey network has one).
fn aggregate(attribution: ndarray::ArrayView3<'_, f32>, how: Aggregate) -> (Array2<f32>, bool) {
    let (channels, height, width) = attribution.dim();
    let fold = |step: fn(f32, f32) -> f32| {
        let mut sum = Array2::zeros((height, width));
        attribution.outer_iter().for_each(|channel| sum.zip_mut_with(&channel, |sum, value| *sum = step(*sum, *value)));
        sum
    };
    let channel = |index: usize| match channels {
        0 => Array2::zeros((height, width)),
        _ => attribution.slice(s![index.min(channels - 1), .., ..]).to_owned(),
    };
    match how {
        // Not `f32::max`, which would lose a NaN.
        Aggregate::AbsMax => (fold(|max, value| if value.abs() <= max { max } else { value.abs() + 0.0 * max }), false),
        Aggregate::AbsSum => (fold(|sum, value| sum + value.abs()), false),
        Aggregate::SumAbs => (fold(|sum, value| sum + value).mapv_into(f32::abs), false),
        Aggregate::Sum => (fold(|sum, value| sum + value), true),
        Aggregate::Red => (channel(0), true),
        Aggregate::Green => (channel(1), true),
        Aggregate::Blue => (channel(2), true),
    }
}

/// Clamps, blurs and says what the range is.
fn finish(mut values: Array2<f32>, signed: bool, look: &Look) -> Map {
    let count = values.iter().filter(|value| !value.is_finite()).count();
    if count > 0 {
        values.mapv_inplace(|value| if value.is_finite() { value } else { f32::NAN });
    }
    let raw_range = range(&values);
    let state = match raw_range {
        _ if count > 0 => MapState::NotFinite { count },
        (0.0, 0.0) => MapState::Zero,
        (low, high) if low == high => MapState::Constant(low),
        _ => MapState::Ok,
    };
    if state == MapState::Ok || count > 0 {
        clamp::clamp(&mut values, look.clamp);
    }
    if state == MapState::Ok && look.sigma > 0.0 {
        values = crate::blur::gaussian(values.view(), look.sigma);
    }
    let (low, high) = range(&values);
    let bound = low.abs().max(high.abs());
    let shown_range = if signed { (-bound, bound) } else { (low, high) };
    Map { values, raw_range, shown_range, signed, state }
}

/// Lowest and highest finite value; zeros where there is none.
fn range(values: &Array2<f32>) -> (f32, f32) {
    let (low, high) =
        values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
    if low <= high { (low, high) } else { (0.0, 0.0) }
}

#[cfg(test)]
mod tests;
