//! What is kept of all pictures for every unit.
//!
//! Sums are kept in fixed point, so that they are the same in whatever order pictures come: a float's sum is not.

use super::By;
use super::histogram::Histogram;
use super::ranking::{Entry, PictureKey, Ranking};

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
    fn count(&mut self, scores: impl Iterator<Item = f32>) {
        let (mut sum, mut low, mut high) = (self.sum, self.low, self.high);
        for score in scores {
            self.histogram.count(score);
            sum = sum.saturating_add(steps(score));
            (low, high) = (low.min(score), high.max(score));
        }
        (self.sum, self.low, self.high) = (sum, low, high);
    }

    fn rank(&mut self, entries: impl Iterator<Item = Entry>, most: usize) {
        entries.for_each(|entry| self.ranking.insert(entry, most));
    }

    fn merge(&mut self, other: &Self, most: usize) {
        self.ranking.merge(&other.ranking, most);
        self.histogram.merge(&other.histogram);
        self.sum = self.sum.saturating_add(other.sum);
        (self.low, self.high) = (self.low.min(other.low), self.high.max(other.high));
    }
}

/// A score in steps of a sum, the nearest one. Far beyond what a network gives, it saturates.
fn steps(score: f32) -> i128 {
    let steps = f64::from(score) * STEPS;
    // A 32-bit float has so few digits that adding a half is exact, or is rounded away. 64 bits are far quicker than 128.
    match steps.abs() < (1u64 << 62) as f64 {
        true => i128::from((steps + 0.5f64.copysign(steps)) as i64),
        false => steps as i128,
    }
}

/// What a picture's run gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// The picture.
    pub picture: PictureKey,
    /// Average and highest value of every unit's feature map.
    pub scores: Vec<(f32, f32)>,
    /// Units with row and column where their map is highest, in their order: those that [`Bounds::reached`] names at least.
    pub peaks: Vec<(usize, (u32, u32))>,
}

/// What a picture has to reach to be ranked: the average and the highest value, for every unit.
#[derive(Clone, Debug, Default)]
pub struct Bounds(Vec<[f32; 2]>);

impl Bounds {
    /// Whether a unit may rank a picture with this average and highest value.
    pub fn reached(&self, unit: usize, (mean, max): (f32, f32)) -> bool {
        self.0.get(unit).is_none_or(|[least_mean, least_max]| mean >= *least_mean || max >= *least_max)
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

    /// Takes in pictures that gave numbers.
    fn record(&mut self, seen: &[Seen], most: usize) {
        self.pictures += seen.len() as u64;
        // Nothing is above zero, and the average is zero: all of it is zero.
        self.silent += seen.iter().map(|seen| u64::from(seen.max == 0.0 && seen.mean == 0.0)).sum::<u64>();
        self.mean.count(seen.iter().map(|seen| seen.mean));
        self.mean.rank(seen.iter().filter_map(|seen| seen.entry(seen.mean)), most);
        self.max.count(seen.iter().map(|seen| seen.max));
        self.max.rank(seen.iter().filter_map(|seen| seen.entry(seen.max)), most);
    }

    fn merge(&mut self, other: &Self, most: usize) {
        self.mean.merge(&other.mean, most);
        self.max.merge(&other.max, most);
        self.pictures += other.pictures;
        self.silent += other.silent;
    }
}

/// What a picture gave one unit.
struct Seen {
    picture: PictureKey,
    mean: f32,
    max: f32,
    /// Row and column where its map is highest; `None` where it need not be ranked.
    peak: Option<(u32, u32)>,
}

impl Seen {
    fn entry(&self, score: f32) -> Option<Entry> {
        self.peak.map(|(row, column)| Entry { score, picture: self.picture, row, column })
    }
}

/// What is kept for all units of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Tally {
    /// How many pictures each ranking keeps.
    pub most: usize,
    /// Of all layers, one after the other.
    units: Vec<UnitTally>,
}

impl Tally {
    /// Nothing yet, for layers with so many channels.
    pub fn new(channels: &[usize], most: usize) -> Self {
        Self { most, units: vec![UnitTally::default(); channels.iter().sum()] }
    }

    /// All units, layer after layer.
    pub fn units(&self) -> &[UnitTally] {
        &self.units
    }

    /// The same, to be filled.
    pub fn units_mut(&mut self) -> &mut [UnitTally] {
        &mut self.units
    }

    /// What a picture has to reach to be ranked from now on.
    pub fn bounds(&self) -> Bounds {
        let bounds = |unit: &UnitTally| [&unit.mean, &unit.max].map(|column| column.ranking.bound(self.most));
        Bounds(self.units.iter().map(bounds).collect())
    }

    /// Takes in pictures. Several at once are quicker: what is kept of a unit is then fetched from memory once for all.
    pub fn record(&mut self, sightings: &[Sighting]) {
        let most = self.most;
        let mut peaks: Vec<_> = sightings.iter().map(|sighting| sighting.peaks.iter().peekable()).collect();
        let mut seen = Vec::with_capacity(sightings.len());
        for (at, unit) in self.units.iter_mut().enumerate() {
            seen.clear();
            for (sighting, peaks) in sightings.iter().zip(&mut peaks) {
                let peak = peaks.next_if(|(unit, _)| *unit == at).map(|(_, peak)| *peak);
                match sighting.scores.get(at) {
                    Some((mean, max)) if !mean.is_nan() && !max.is_nan() => {
                        seen.push(Seen { picture: sighting.picture, mean: *mean, max: *max, peak });
                    }
                    _ => {}
                }
            }
            unit.record(&seen, most);
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

    /// A picture of a network with three units of 2 × 2.
    fn sighting(picture: u64) -> Sighting {
        let maps = sine((3, 2, 2), [1.0, 1.7, picture as f64 * 0.9]).mapv(|value| value.max(0.0));
        let scores: Vec<_> =
            maps.outer_iter().map(|map| (map.mean().unwrap(), map.fold(0.0, |a, b| b.max(a)))).collect();
        Sighting { picture, scores, peaks: (0..3).map(|unit| (unit, (unit as u32, picture as u32))).collect() }
    }

    /// Pictures taken in so many at once, with no more peaks than are needed.
    fn tally(pictures: impl Iterator<Item = u64>, together: usize) -> Tally {
        let mut tally = Tally::new(&[1, 2], 4);
        let all: Vec<_> = pictures.map(sighting).collect();
        for some in all.chunks(together) {
            let bounds = tally.bounds();
            let mut some = some.to_vec();
            some.iter_mut().for_each(|Sighting { scores, peaks, .. }| {
                peaks.retain(|(unit, _)| bounds.reached(*unit, scores[*unit]));
            });
            tally.record(&some);
        }
        tally
    }

    #[test]
    fn parts_put_together_are_the_whole_bit_for_bit() {
        let whole = tally(0..40, 1);
        assert_eq!(tally((0..40).rev(), 7), whole);
        let mut merged = tally((0..40).filter(|at| at % 3 == 0), 2);
        merged.merge(&tally((0..40).filter(|at| at % 3 == 1), 3));
        merged.merge(&tally((0..40).filter(|at| at % 3 == 2), 50));
        assert_eq!(merged, whole);
        let unit = &whole.units()[1];
        assert_eq!(unit.pictures, 40);
        let exact = (0..40).map(|at| f64::from(sighting(at).scores[1].0)).sum::<f64>() / 40.0;
        approx::assert_abs_diff_eq!(unit.average(By::Mean).unwrap(), exact, epsilon = 1e-9);
        let best = (0..40).map(|at| sighting(at).scores[1].1).fold(0.0, f32::max);
        let first = unit.max.ranking.entries()[0];
        assert_eq!(
            (first.score, unit.max.high, (first.row, u64::from(first.column))),
            (best, best, (1, first.picture))
        );
        assert!(unit.mean.ranking.entries().len() == 4 && unit.max.ranking.entries().len() == 4);
    }

    #[test]
    fn sums_are_in_whole_steps() {
        let half = 2f32.powi(-41);
        for score in [0.0, 1.0, -1.0, 0.1, -0.3, 1e-12, -1e-12, half, -3.0 * half, 1e5, 3.9e6, 1e20, -7e30] {
            assert_eq!(steps(score), (f64::from(score) * STEPS).round() as i128, "{score}");
        }
    }

    #[test]
    fn a_unit_is_dead_when_it_says_nothing_to_any_picture() {
        let mut tally = Tally::new(&[1], 4);
        let record = |tally: &mut Tally, scores, picture| {
            tally.record(&[Sighting { picture, scores: vec![scores], peaks: vec![(0, (0, 0))] }]);
        };
        record(&mut tally, (0.0, 0.0), 1);
        record(&mut tally, (f32::NAN, 0.5), 2);
        assert!(tally.units()[0].is_dead() && tally.units()[0].pictures == 1);
        record(&mut tally, (0.5, 0.5), 3);
        assert!(!tally.units()[0].is_dead());
        assert_eq!(tally.units()[0].mean.ranking.entries().len(), 2);
    }
}
