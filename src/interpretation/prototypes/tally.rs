//! What is kept of all pictures for every unit.
//!
//! Sums are kept in fixed point, so that they are the same in whatever order pictures come: a float's sum is not.

use super::By;
use super::histogram::Histogram;
use super::ranking::{Entry, PictureKey, Ranking};
use crate::network::Scores;

/// Steps of a sum in 1: scores are rounded to 2⁻⁴⁰.
const STEPS: f64 = (1u64 << 40) as f64;

/// The scores of one kind that a unit gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The pictures with the highest.
    pub ranking: Ranking,
    /// How often which score.
    pub histogram: Histogram,
    /// Their sum, in steps of 2⁻⁴⁰.
    pub sum: i128,
    /// The lowest.
    pub low: f32,
    /// The highest.
    pub high: f32,
}

impl Default for Column {
    fn default() -> Self {
        let (low, high) = (f32::INFINITY, f32::NEG_INFINITY);
        Self { ranking: Ranking::default(), histogram: Histogram::default(), sum: 0, low, high }
    }
}

impl Column {
    fn count(&mut self, score: f32) {
        self.histogram.count(score);
        // Far beyond what a network gives, the conversion saturates.
        self.sum = self.sum.saturating_add((f64::from(score) * STEPS).round() as i128);
        (self.low, self.high) = (self.low.min(score), self.high.max(score));
    }

    fn merge(&mut self, other: &Self, most: usize) {
        self.ranking.merge(&other.ranking, most);
        self.histogram.merge(&other.histogram);
        self.sum = self.sum.saturating_add(other.sum);
        (self.low, self.high) = (self.low.min(other.low), self.high.max(other.high));
    }
}

/// What is kept for one unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnitTally {
    /// Averages of its feature maps.
    pub mean: Column,
    /// Highest values of them.
    pub max: Column,
    /// Pictures that it gave numbers for.
    pub pictures: u64,
    /// Pictures for which all its map was zero.
    pub silent: u64,
}

impl UnitTally {
    /// The column that pictures are ranked by.
    pub fn column(&self, by: By) -> &Column {
        match by {
            By::Mean | By::Sum => &self.mean,
            By::Max => &self.max,
        }
    }

    /// Whether it said nothing to any picture.
    pub fn is_dead(&self) -> bool {
        self.pictures > 0 && self.silent == self.pictures
    }

    /// Average over all pictures of a figure of its map; `None` without pictures.
    pub fn average(&self, by: By) -> Option<f64> {
        (self.pictures > 0).then(|| self.column(by).sum as f64 / STEPS / self.pictures as f64)
    }

    fn merge(&mut self, other: &Self, most: usize) {
        self.mean.merge(&other.mean, most);
        self.max.merge(&other.max, most);
        self.pictures += other.pictures;
        self.silent += other.silent;
    }
}

/// What is kept for all units of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Tally {
    /// How many pictures each ranking keeps.
    pub most: usize,
    /// Channels of each layer.
    channels: Vec<usize>,
    /// Of all layers, one after the other.
    units: Vec<UnitTally>,
}

impl Tally {
    /// Nothing yet, for layers with so many channels.
    pub fn new(channels: &[usize], most: usize) -> Self {
        Self { most, channels: channels.to_vec(), units: vec![UnitTally::default(); channels.iter().sum()] }
    }

    /// All units, layer after layer.
    pub fn units(&self) -> &[UnitTally] {
        &self.units
    }

    /// The same, to be filled.
    pub fn units_mut(&mut self) -> &mut [UnitTally] {
        &mut self.units
    }

    /// Place of a layer's first unit among all.
    pub fn first(&self, layer: usize) -> usize {
        self.channels.iter().take(layer).sum()
    }

    /// The channels of a layer whose rankings would take a picture in.
    pub fn takers(&self, layer: usize, scores: &Scores, picture: PictureKey) -> Vec<usize> {
        let units = &self.units[self.first(layer)..];
        let takes = |(unit, (mean, max)): (&UnitTally, (f32, f32))| {
            unit.mean.ranking.takes(mean, picture, self.most) || unit.max.ranking.takes(max, picture, self.most)
        };
        let each = units.iter().zip(scores.pairs()).enumerate();
        each.filter(|(_, pair)| takes(*pair)).map(|(channel, _)| channel).collect()
    }

    /// Takes in a picture's scores for a layer. `peaks` tells where its maps are highest, for the channels that
    /// [`Tally::takers`] names at least.
    pub fn record(
        &mut self,
        layer: usize,
        scores: &Scores,
        picture: PictureKey,
        peaks: impl Fn(usize) -> Option<(u32, u32)>,
    ) {
        let (first, most) = (self.first(layer), self.most);
        for (channel, (unit, (mean, max))) in self.units[first..].iter_mut().zip(scores.pairs()).enumerate() {
            if mean.is_nan() || max.is_nan() {
                continue;
            }
            unit.pictures += 1;
            // Nothing is above zero, and the average is zero: all of it is zero.
            unit.silent += u64::from(max == 0.0 && mean == 0.0);
            for (column, score) in [(&mut unit.mean, mean), (&mut unit.max, max)] {
                column.count(score);
                if column.ranking.takes(score, picture, most)
                    && let Some((row, at)) = peaks(channel)
                {
                    column.ranking.insert(Entry { score, picture, row, column: at }, most);
                }
            }
        }
    }

    /// Takes in all that another tally of the same network holds.
    pub fn merge(&mut self, other: &Self) {
        let most = self.most;
        self.units.iter_mut().zip(&other.units).for_each(|(unit, other)| unit.merge(other, most));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::sine;
    use crate::network::Peak;

    /// Scores of a picture for a layer of 3 channels of 2 × 2.
    fn scores(picture: u64) -> Scores {
        let maps = sine((3, 2, 2), [1.0, 1.7, picture as f64 * 0.9]).mapv(|value| value.max(0.0));
        let map = |channel: usize, row: usize, column: usize| maps[[channel, row, column]];
        Scores::new(
            (0..3).map(|c| (map(c, 0, 0) + map(c, 0, 1) + map(c, 1, 0) + map(c, 1, 1)) / 4.0).collect(),
            (0..6).map(|at| map(at / 2, at % 2, 0).max(map(at / 2, at % 2, 1))).collect(),
            (0..6).map(|at| map(at / 2, 0, at % 2).max(map(at / 2, 1, at % 2))).collect(),
        )
    }

    fn tally(pictures: impl Iterator<Item = u64>) -> Tally {
        let mut tally = Tally::new(&[3], 4);
        for picture in pictures {
            let scores = scores(picture);
            let takers = tally.takers(0, &scores, picture);
            let peak = |channel| match scores.peak(channel) {
                Peak::At(row, column) => takers.contains(&channel).then_some((row, column)),
                Peak::Unclear => Some((0, 0)),
            };
            tally.record(0, &scores, picture, peak);
        }
        tally
    }

    #[test]
    fn parts_put_together_are_the_whole_bit_for_bit() {
        let whole = tally(0..40);
        assert_eq!(tally((0..40).rev()), whole);
        let mut merged = tally((0..40).filter(|at| at % 3 == 0));
        merged.merge(&tally((0..40).filter(|at| at % 3 == 1)));
        merged.merge(&tally((0..40).filter(|at| at % 3 == 2)));
        assert_eq!(merged, whole);
        let unit = &whole.units()[1];
        assert_eq!(unit.pictures, 40);
        let exact = (0..40).map(|at| f64::from(scores(at).pairs().nth(1).unwrap().0)).sum::<f64>() / 40.0;
        approx::assert_abs_diff_eq!(unit.average(By::Mean).unwrap(), exact, epsilon = 1e-9);
        let best = (0..40).map(|at| scores(at).pairs().nth(1).unwrap().1).fold(0.0, f32::max);
        assert_eq!((unit.max.ranking.entries()[0].score, unit.max.high), (best, best));
    }

    #[test]
    fn a_unit_is_dead_when_it_says_nothing_to_any_picture() {
        let nothing = Scores::new(vec![0.0], vec![0.0], vec![0.0]);
        let something = Scores::new(vec![0.5], vec![0.5], vec![0.5]);
        let broken = Scores::new(vec![f32::NAN], vec![0.5], vec![0.5]);
        let mut tally = Tally::new(&[1], 4);
        let record = |tally: &mut Tally, scores, picture| tally.record(0, scores, picture, |_| Some((0, 0)));
        record(&mut tally, &nothing, 1);
        record(&mut tally, &broken, 2);
        assert!(tally.units()[0].is_dead() && tally.units()[0].pictures == 1);
        record(&mut tally, &something, 3);
        assert!(!tally.units()[0].is_dead());
        assert_eq!(tally.units()[0].mean.ranking.entries().len(), 2);
    }
}
