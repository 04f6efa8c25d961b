//! The feature maps that a layer makes of a picture, and what can be said of each in a figure.
//!
//! Owns the figures, the orders in which maps are looked at, and when a channel is dead. Must not know how they are drawn.

use std::ops::Range;

use ndarray::{Array2, Array3, Array4, ArrayView2, Axis, Zip};
use serde::Serialize;

use crate::choice::choice;
use crate::engine::Cancel;
use crate::model::layers::{self, Layer};
use crate::network::{Network, NetworkError};

choice! {
    /// Order of feature maps.
    pub enum Order {
        /// As the layer has them.
        Index = "index",
        /// Highest mean first.
        Mean = "mean",
        /// Highest maximum first.
        Max = "max",
        /// Most zeros first.
        Zeros = "zeros",
        /// Most alike to one of them first, by the cosine of the angle between them.
        Similarity = "similarity",
    }
}

/// A feature map in figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Average over all positions.
    pub mean: f32,
    /// Highest value.
    pub max: f32,
    /// Lowest value.
    pub min: f32,
    /// Share of positions that are exactly zero, 0 to 1.
    pub zeros: f32,
    /// Row and column of the highest value; the first of equals.
    pub position: (usize, usize),
}

impl Figures {
    fn of(map: ArrayView2<'_, f32>) -> Self {
        let (mut sum, mut zeros) = (0.0, 0usize);
        let (mut max, mut min, mut position) = (f32::NEG_INFINITY, f32::INFINITY, (0, 0));
        for (place, value) in map.indexed_iter() {
            sum += f64::from(*value);
            zeros += usize::from(*value == 0.0);
            min = min.min(*value);
            if *value > max {
                (max, position) = (*value, place);
            }
        }
        let count = map.len().max(1);
        Self { mean: (sum / count as f64) as f32, max, min, zeros: zeros as f32 / count as f32, position }
    }

    /// Whether the channel said nothing at all: every position is zero.
    pub fn is_silent(&self) -> bool {
        self.max == 0.0 && self.min == 0.0
    }
}

/// The feature maps of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureMaps {
    /// `[channels, height, width]`.
    pub maps: Array3<f32>,
    /// Figures of each.
    pub figures: Vec<Figures>,
}

impl FeatureMaps {
    /// Feature maps with their figures.
    pub fn new(maps: Array3<f32>) -> Self {
        let figures = maps.outer_iter().map(Figures::of).collect();
        Self { maps, figures }
    }

    /// Number of maps.
    pub fn count(&self) -> usize {
        self.figures.len()
    }

    /// One of them, `[height, width]`.
    pub fn map(&self, channel: usize) -> ArrayView2<'_, f32> {
        self.maps.index_axis(Axis(0), channel)
    }

    /// Channels that said nothing.
    pub fn silent(&self) -> usize {
        self.figures.iter().filter(|figures| figures.is_silent()).count()
    }

    /// Lowest and highest value of all.
    pub fn range(&self) -> (f32, f32) {
        let fold = |(low, high): (f32, f32), figures: &Figures| (low.min(figures.min), high.max(figures.max));
        self.figures.iter().fold((f32::INFINITY, f32::NEG_INFINITY), fold)
    }

    /// Cosine of the angle between two maps, −1 to 1; 0 where one of them is all zero.
    pub fn similarity(&self, one: usize, other: usize) -> f32 {
        let sum = |sum: f64, a: &f32, b: &f32| sum + f64::from(*a) * f64::from(*b);
        let dot = |a: usize, b: usize| Zip::from(self.map(a)).and(self.map(b)).fold(0.0, sum);
        let lengths = (dot(one, one) * dot(other, other)).sqrt();
        if lengths > 0.0 { (dot(one, other) / lengths) as f32 } else { 0.0 }
    }

    /// All channels in an order; `beside` is the one that [`Order::Similarity`] compares with. Equals stay in the order of
    /// their indices.
    pub fn order(&self, order: Order, beside: usize) -> Vec<usize> {
        let mut channels: Vec<usize> = (0..self.count()).collect();
        let keys: Vec<f32> = match order {
            Order::Index => return channels,
            Order::Mean => self.figures.iter().map(|figures| figures.mean).collect(),
            Order::Max => self.figures.iter().map(|figures| figures.max).collect(),
            Order::Zeros => self.figures.iter().map(|figures| figures.zeros).collect(),
            Order::Similarity => {
                let beside = beside.min(self.count().saturating_sub(1));
                // A map is most alike to itself, also where it is all zero.
                let with = |channel| if channel == beside { f32::MAX } else { self.similarity(beside, channel) };
                channels.iter().map(|channel| with(*channel)).collect()
            }
        };
        channels.sort_by(|a, b| keys[*b].total_cmp(&keys[*a]));
        channels
    }
}

/// On which side of its activation a layer is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Before: also what the activation cuts off. The same as after where a layer has none.
    Before,
    /// After: what the next layer sees.
    #[default]
    After,
}

/// The feature maps that a layer makes of a prepared picture `[C, H, W]`.
pub fn of(
    network: &mut Network,
    input: &Array3<f32>,
    layer: usize,
    side: Side,
    cancel: &Cancel,
) -> Result<FeatureMaps, NetworkError> {
    let batch = input.view().insert_axis(Axis(0)).to_owned();
    let of = network.layers().get(layer).ok_or_else(|| layers::unknown(&layer.to_string(), network.layers()))?;
    let maps = match of.pre_activation.clone().filter(|_| side == Side::Before) {
        Some(tensor) => network.values(&batch, &[&tensor], cancel)?.pop(),
        None => network.forward(&batch, &[layer], cancel)?.activations.pop(),
    };
    let maps = maps.unwrap_or_else(|| Array4::default((1, 0, 0, 0)));
    Ok(FeatureMaps::new(maps.index_axis_move(Axis(0), 0)))
}

/// Bytes of feature maps that are held at once while all layers are looked at.
const AT_ONCE: usize = 128 << 20;

/// Layers in groups that follow one another, each with feature maps of one picture that can be held at once.
pub fn groups(layers: &[Layer]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (index, layer) in layers.iter().enumerate() {
        let own = layer.channels * layer.height * layer.width * size_of::<f32>();
        bytes += own;
        match groups.last_mut().filter(|_| bytes <= AT_ONCE) {
            Some(group) => group.end = index + 1,
            None => {
                bytes = own;
                groups.push(index..index + 1);
            }
        }
    }
    groups
}

/// One look at every layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Census {
    /// For each layer, whether each of its channels said anything.
    pub alive: Vec<Vec<bool>>,
    /// For each layer, the mean over its channels, `[height, width]`: where it is busy.
    pub busy: Vec<Array2<f32>>,
    /// The feature maps themselves, where all layers have no more than can be held at once; otherwise none.
    pub maps: Vec<FeatureMaps>,
}

/// Looks at every layer for a prepared picture `[C, H, W]`; `tell` hears how many layers are done.
pub fn census(
    network: &mut Network,
    input: &Array3<f32>,
    cancel: &Cancel,
    tell: &mut dyn FnMut(usize),
) -> Result<Census, NetworkError> {
    let batch = input.view().insert_axis(Axis(0)).to_owned();
    let groups = groups(network.layers());
    let keep = groups.len() == 1;
    let mut census = Census { alive: Vec::new(), busy: Vec::new(), maps: Vec::new() };
    for group in groups {
        let layers: Vec<usize> = group.collect();
        for maps in network.forward(&batch, &layers, cancel)?.activations {
            let maps = FeatureMaps::new(maps.index_axis_move(Axis(0), 0));
            census.alive.push(maps.figures.iter().map(|figures| !figures.is_silent()).collect());
            census.busy.push(maps.maps.mean_axis(Axis(0)).unwrap_or_default());
            if keep {
                census.maps.push(maps);
            }
        }
        tell(census.busy.len());
    }
    Ok(census)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::fixtures::{network, sine, tiny_a};

    fn maps() -> FeatureMaps {
        FeatureMaps::new(array![
            [[0.0, 0.0], [0.0, 0.0]],
            [[1.0, 0.0], [0.0, 3.0]],
            [[2.0, 2.0], [2.0, 2.0]],
            [[2.0, 0.0], [0.0, 6.0]],
            [[-1.0, 0.0], [0.0, -3.0]]
        ])
    }

    #[test]
    fn figures_are_read_off_each_map() {
        let maps = maps();
        let expected = Figures { mean: 1.0, max: 3.0, min: 0.0, zeros: 0.5, position: (1, 1) };
        assert_eq!(maps.figures[1], expected);
        assert_eq!((maps.silent(), maps.range()), (1, (-3.0, 6.0)));
        assert!(maps.figures[0].is_silent() && !maps.figures[4].is_silent());
    }

    #[test]
    fn before_its_activation_a_layer_has_what_is_cut_off_after_it() {
        let mut network = network(tiny_a());
        let x = sine((3, 16, 16), [1.0, 0.37, 0.2]);
        let mut maps = |layer, side| of(&mut network, &x, layer, side, &Cancel::new()).unwrap();
        let (before, after) = (maps(2, Side::Before), maps(2, Side::After));
        assert!(before.range().0 < 0.0);
        assert_eq!(before.maps.mapv(|value| value.max(0.0)), after.maps);
        assert_eq!(maps(1, Side::Before), maps(1, Side::After), "a pool has no activation");
        let census = census(&mut network, &x, &Cancel::new(), &mut |_| {}).unwrap();
        assert_eq!(census.maps[2], after);
        let silent: Vec<bool> = after.figures.iter().map(|figures| !figures.is_silent()).collect();
        assert_eq!((census.alive.len(), &census.alive[2]), (3, &silent));
        approx::assert_abs_diff_eq!(
            census.busy[2][[3, 4]],
            after.maps.mean_axis(Axis(0)).unwrap()[[3, 4]],
            epsilon = 1e-6
        );
    }

    #[test]
    fn orders_keep_equals_by_index_and_likeness_is_of_direction() {
        let maps = maps();
        assert_eq!(maps.order(Order::Index, 3), [0, 1, 2, 3, 4]);
        assert_eq!(maps.order(Order::Mean, 0), [2, 3, 1, 0, 4]);
        assert_eq!(maps.order(Order::Max, 0), [3, 1, 2, 0, 4]);
        assert_eq!(maps.order(Order::Zeros, 0), [0, 1, 3, 4, 2]);
        approx::assert_abs_diff_eq!(maps.similarity(1, 3), 1.0, epsilon = 1e-6);
        approx::assert_abs_diff_eq!(maps.similarity(1, 4), -1.0, epsilon = 1e-6);
        approx::assert_abs_diff_eq!(maps.similarity(1, 2), 8.0 / (10f32.sqrt() * 4.0), epsilon = 1e-6);
        assert_eq!(maps.order(Order::Similarity, 1), [1, 3, 2, 0, 4]);
        assert_eq!(maps.order(Order::Similarity, 0)[0], 0);
    }
}
