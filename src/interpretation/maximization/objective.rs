//! What a picture is to excite, as a number and as a gradient at the feature maps.
//!
//! Owns the formulas (Lucid's and Lucent's `objectives`, signs turned: everything is maximised). Must not know how the
//! feature maps are made.

use ndarray::{Array3, ArrayView1, ArrayView3, Axis};
use serde::Serialize;

use crate::model::unit::Unit;
use crate::network::Place;

/// What one picture is to excite.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// The mean of a channel's feature map: the texture that it looks for.
    Channel(Unit),
    /// One place of it, the middle one where none is given (of an even side the one after the middle): the thing that it
    /// looks for.
    Neuron {
        /// The channel.
        unit: Unit,
        /// Row and column in the feature map.
        at: Option<[usize; 2]>,
    },
    /// The logit of a class.
    Class(usize),
    /// The mean cosine between the channels at each place and a direction: what several channels say together.
    Direction {
        /// The layer.
        layer: usize,
        /// One number a channel, not all zero.
        direction: Vec<f32>,
    },
    /// The mean square of all feature maps of a layer: more of whatever it sees already (deep dream).
    Dream {
        /// The layer.
        layer: usize,
    },
}

/// Below this length a place of a layer points nowhere: its cosine counts as 0.
const NOWHERE: f32 = 1e-8;

impl Objective {
    /// The layer it looks at; `None` for the logits.
    pub fn layer(&self) -> Option<usize> {
        match self {
            Self::Channel(unit) | Self::Neuron { unit, .. } => Some(unit.layer),
            Self::Direction { layer, .. } | Self::Dream { layer } => Some(*layer),
            Self::Class(_) => None,
        }
    }

    /// Whether its gradient is the same whatever the feature maps are.
    pub(super) fn is_linear(&self) -> bool {
        !matches!(self, Self::Direction { .. } | Self::Dream { .. })
    }

    /// Where its feature maps are.
    pub(super) fn place(&self) -> Place {
        self.layer().map_or(Place::Logits, Place::Layer)
    }

    /// Its value for feature maps `[channels, height, width]`; logits are maps of one pixel.
    pub(super) fn value(&self, maps: ArrayView3<'_, f32>) -> f32 {
        let (_, height, width) = maps.dim();
        match self {
            Self::Channel(unit) => maps.index_axis(Axis(0), unit.channel).mean().unwrap_or(0.0),
            Self::Neuron { unit, at } => {
                let [row, column] = at.unwrap_or([height / 2, width / 2]);
                maps.get([unit.channel, row, column]).copied().unwrap_or(0.0)
            }
            Self::Direction { direction, .. } => {
                let direction = ArrayView1::from(direction.as_slice());
                let cosines = places(maps).map(|(_, place)| cosine(place, direction));
                cosines.sum::<f32>() / (height * width).max(1) as f32
            }
            Self::Dream { .. } => maps.iter().map(|value| value * value).sum::<f32>() / maps.len().max(1) as f32,
            Self::Class(class) => maps.get([*class, 0, 0]).copied().unwrap_or(0.0),
        }
    }

    /// Its gradient at feature maps, in their shape.
    pub(super) fn gradient(&self, maps: ArrayView3<'_, f32>) -> Array3<f32> {
        let (_, height, width) = maps.dim();
        let area = (height * width).max(1) as f32;
        let mut gradient = Array3::zeros(maps.dim());
        match self {
            Self::Channel(unit) => gradient.index_axis_mut(Axis(0), unit.channel).fill(1.0 / area),
            Self::Neuron { unit, at } => {
                let [row, column] = at.unwrap_or([height / 2, width / 2]);
                if let Some(gradient) = gradient.get_mut([unit.channel, row, column]) {
                    *gradient = 1.0;
                }
            }
            Self::Direction { direction, .. } => {
                let direction = ArrayView1::from(direction.as_slice());
                for ([row, column], place) in places(maps) {
                    let (length, cosine) = (norm(place), cosine(place, direction));
                    if length > NOWHERE {
                        let towards = &direction / norm(direction) - &place * (cosine / length);
                        let mut gradient = gradient.slice_mut(ndarray::s![.., row, column]);
                        gradient.assign(&(towards / (length * area)));
                    }
                }
            }
            Self::Dream { .. } => gradient.assign(&(&maps * (2.0 / maps.len().max(1) as f32))),
            Self::Class(class) => {
                if let Some(gradient) = gradient.get_mut([*class, 0, 0]) {
                    *gradient = 1.0;
                }
            }
        }
        gradient
    }
}

/// Each place of feature maps with what all channels say there.
fn places<'a>(maps: ArrayView3<'a, f32>) -> impl Iterator<Item = ([usize; 2], ArrayView1<'a, f32>)> {
    let (_, height, width) = maps.dim();
    (0..height * width).map(move |at| {
        let place = [at / width, at % width];
        (place, maps.slice_move(ndarray::s![.., place[0], place[1]]))
    })
}

fn norm(vector: ArrayView1<'_, f32>) -> f32 {
    vector.dot(&vector).sqrt()
}

fn cosine(a: ArrayView1<'_, f32>, b: ArrayView1<'_, f32>) -> f32 {
    let lengths = norm(a) * norm(b);
    if lengths > NOWHERE { a.dot(&b) / lengths } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::sine;

    fn all() -> Vec<Objective> {
        let unit = Unit { layer: 1, channel: 2 };
        vec![
            Objective::Channel(unit),
            Objective::Neuron { unit, at: None },
            Objective::Neuron { unit, at: Some([0, 4]) },
            Objective::Direction { layer: 1, direction: vec![0.5, -1.0, 2.0, 0.1] },
            Objective::Dream { layer: 1 },
            Objective::Class(3),
        ]
    }

    #[test]
    fn gradients_are_slopes() {
        let maps: Array3<f32> = sine((4, 3, 5), [1.0, 0.9, 0.3]);
        let direction: Array3<f32> = sine((4, 3, 5), [1.0, 2.1, 0.9]);
        for objective in all() {
            let value = |step: f32| f64::from(objective.value((&maps + &(&direction * step)).view()));
            let slope = (value(1e-2) - value(-1e-2)) / 2e-2;
            let expected = (&objective.gradient(maps.view()) * &direction).sum();
            approx::assert_relative_eq!(slope, f64::from(expected), max_relative = 5e-3, epsilon = 1e-5);
            let elsewhere = objective.gradient((&maps * 2.0 + 1.0).view());
            assert_eq!(objective.is_linear(), elsewhere == objective.gradient(maps.view()), "{objective:?}");
        }
    }

    #[test]
    fn the_middle_of_an_even_side_is_the_place_after_it() {
        let gradient = all()[1].gradient(Array3::zeros((4, 4, 6)).view());
        assert_eq!(gradient[[2, 2, 3]], 1.0);
    }

    #[test]
    fn a_place_without_activation_has_no_direction() {
        let (maps, direction) = (Array3::zeros((4, 2, 2)), &all()[3]);
        assert_eq!(direction.value(maps.view()), 0.0);
        assert!(direction.gradient(maps.view()).iter().all(|value| *value == 0.0));
    }
}
