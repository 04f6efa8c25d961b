//! How often a unit gave which score.
//!
//! The bins are fixed, four to a doubling, so that histograms made apart can be added up exactly. Scores nearer to zero
//! than 2⁻²⁴ share one bin, and those beyond 2²⁴ the outermost one on their side.

/// Bins in a doubling.
const STEPS: i32 = 4;

/// Doublings below and above 1 that are told apart.
const DOUBLINGS: i32 = 24;

/// The outermost bin.
const LAST: i32 = 2 * DOUBLINGS * STEPS;

/// Counts by bin. Bin 0 is around zero, positive bins hold positive scores that grow with the bin, negative bins mirror
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// The bin of the first count.
    first: i32,
    counts: Vec<u32>,
}

/// The bin of a score.
fn bin(score: f32) -> i32 {
    let bits = score.abs().to_bits();
    // Exponent and the first two bits behind the point: four steps in each doubling.
    let step = (bits >> 21) as i32 - (127 - DOUBLINGS) * STEPS + 1;
    let size = step.clamp(0, LAST);
    if score < 0.0 { -size } else { size }
}

/// The smallest size of a score in the bins of this size.
fn edge(size: i32) -> f32 {
    match size {
        ..=0 => 0.0,
        size => f32::from_bits(((size - 1 + (127 - DOUBLINGS) * STEPS) as u32) << 21),
    }
}

impl Histogram {
    /// Counts a score; NaN is not counted.
    pub fn count(&mut self, score: f32) {
        if !score.is_nan() {
            self.add(bin(score), 1);
        }
    }

    fn add(&mut self, bin: i32, count: u32) {
        // Mostly there is a place for it.
        if let Some(counted) = self.counts.get_mut(bin.wrapping_sub(self.first) as usize) {
            *counted = counted.saturating_add(count);
            return;
        }
        if self.counts.is_empty() {
            self.first = bin;
        }
        if bin < self.first {
            let missing = (self.first - bin) as usize;
            self.counts.splice(..0, std::iter::repeat_n(0, missing));
            self.first = bin;
        }
        let at = (bin - self.first) as usize;
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] = self.counts[at].saturating_add(count);
    }

    /// Adds another histogram's counts.
    pub fn merge(&mut self, other: &Self) {
        other.filled().for_each(|(bin, count)| self.add(bin, count));
    }

    fn filled(&self) -> impl Iterator<Item = (i32, u32)> + '_ {
        let counts = self.counts.iter().enumerate().map(|(at, count)| (self.first + at as i32, *count));
        counts.filter(|(_, count)| *count > 0)
    }

    /// The bins with anything in them: lower edge, upper edge, count; from the lowest to the highest score.
    pub fn bins(&self) -> Vec<(f32, f32, u32)> {
        let edges = |bin: i32| match bin {
            0 => (-edge(1), edge(1)),
            bin if bin < 0 => (-edge(1 - bin), -edge(-bin)),
            bin => (edge(bin), edge(bin + 1)),
        };
        self.filled().map(|(bin, count)| (edges(bin).0, edges(bin).1, count)).collect()
    }

    /// The counts spread over so many bins of one width between two scores, for drawing: a count lies where its bin's
    /// middle lies.
    pub fn spread(&self, bins: usize, low: f32, high: f32) -> Vec<u32> {
        let mut spread = vec![0u32; bins];
        for (from, to, count) in self.bins() {
            let middle = ((from + to) / 2.0).clamp(low, high);
            let place = if high > low { (middle - low) / (high - low) } else { 0.0 };
            let at = (place * bins as f32) as usize;
            if let Some(slot) = spread.get_mut(at.min(bins.saturating_sub(1))) {
                *slot = slot.saturating_add(count);
            }
        }
        spread
    }

    /// As bytes: the first bin (int32), then the count of it and of each that follows (uint32), little-endian. Equal
    /// histograms give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.first.to_le_bytes().to_vec();
        bytes.extend(self.counts.iter().flat_map(|count| count.to_le_bytes()));
        bytes
    }

    /// Undoes [`Histogram::to_bytes`]; `None` for bytes that it did not make.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (first, counts) = bytes.split_first_chunk::<4>()?;
        let first = i32::from_le_bytes(*first);
        let counts = counts.chunks(4).map(|count| count.try_into().ok().map(u32::from_le_bytes));
        let counts = counts.collect::<Option<Vec<u32>>>()?;
        let fits = i32::try_from(counts.len()).is_ok_and(|length| first >= -LAST && first + length <= LAST + 1);
        fits.then_some(Self { first, counts })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(scores: &[f32]) -> Histogram {
        let mut histogram = Histogram::default();
        scores.iter().for_each(|score| histogram.count(*score));
        histogram
    }

    #[test]
    fn scores_lie_between_the_edges_of_their_bin() {
        for score in [1.0, 1.25, 1.3, 0.01, 250.0, -3.0, -0.7, 1e-9, -1e-9] {
            let [(low, high, 1)] = of(&[score]).bins()[..] else { unreachable!() };
            assert!(low <= score && score <= high, "{low} {score} {high}");
            assert!(score.abs() < 1e-6 || high.abs().max(low.abs()) / high.abs().min(low.abs()) <= 1.2501);
        }
        assert_eq!(of(&[0.0, -0.0, 1e-30]).bins().len(), 1);
        assert_eq!(of(&[f32::INFINITY, 1e30]).bins()[0].2, 2);
        assert!(of(&[f32::NAN]).bins().is_empty());
    }

    #[test]
    fn counts_are_spread_over_bars_of_one_width() {
        assert_eq!(of(&[0.0, 0.0, 1.0, 2.0]).spread(2, 0.0, 2.0), [2, 2]);
        assert_eq!(of(&[5.0]).spread(3, 5.0, 5.0), [1, 0, 0]);
    }

    proptest! {
        #[test]
        fn histograms_add_up_in_any_order(scores in prop::collection::vec(-40f32..40.0, 1..60), cut in 0usize..60) {
            let whole = of(&scores);
            let (left, right) = scores.split_at(cut.min(scores.len()));
            let (mut forth, mut back) = (of(left), of(right));
            forth.merge(&of(right));
            back.merge(&of(left));
            prop_assert_eq!(&forth, &whole);
            prop_assert_eq!(&back, &whole);
            prop_assert_eq!(Histogram::from_bytes(&whole.to_bytes()), Some(whole));
        }
    }
}
