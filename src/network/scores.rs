//! What is kept of a picture's feature maps: a few numbers a channel.
//!
//! Owns reading them. Must not know what they are kept for.

/// A picture's figures for the channels of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// `[channels]`: the average of each feature map.
    means: Vec<f32>,
    /// `[channels]`: the highest value of each.
    maxima: Vec<f32>,
    places: Places,
}

/// Where the maps are highest.
#[derive(Clone, Debug, PartialEq)]
enum Places {
    /// `[channels]`: the first place of each in the order of rows, and how wide a row is.
    Known(Vec<u32>, u32),
    /// `[channels, height]` and `[channels, width]`: the highest value in each row and in each column of each.
    Sides(Vec<f32>, Vec<f32>),
}

/// Where a feature map is highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peak {
    /// Row and column of the highest value, the first of equals.
    At(u32, u32),
    /// Several rows and several columns reach it, and not just four neighbours: only the map itself tells which is first.
    Unclear,
}

impl Scores {
    /// The scores of `[channels, 3]` figures, as [`surgery::FIGURES`](crate::onnx::surgery::FIGURES) gives them, of maps so wide.
    pub fn of_figures(figures: &[f32], width: usize) -> Self {
        let (figures, _) = figures.as_chunks::<3>();
        let of = |which: usize| figures.iter().map(move |figures| figures[which]);
        let places = of(2).map(f32::to_bits).collect();
        Self { means: of(0).collect(), maxima: of(1).collect(), places: Places::Known(places, width.max(1) as u32) }
    }

    /// The scores of `[channels]` averages, and the highest values in the `[channels, height]` rows and the `[channels,
    /// width]` columns of the maps.
    pub fn of_sides(means: Vec<f32>, rows: Vec<f32>, columns: Vec<f32>) -> Self {
        let count = means.len();
        let maxima = (0..count).map(|channel| highest(part(&rows, channel, count))).collect();
        Self { means, maxima, places: Places::Sides(rows, columns) }
    }

    /// Average and highest value of each channel's map.
    pub fn pairs(&self) -> impl Iterator<Item = (f32, f32)> + '_ {
        self.means.iter().copied().zip(self.maxima.iter().copied())
    }

    /// Where a channel's map is highest.
    pub fn peak(&self, channel: usize) -> Peak {
        let (rows, columns) = match &self.places {
            Places::Known(places, width) => {
                let place = places.get(channel).copied().unwrap_or_default();
                return Peak::At(place / width, place % width);
            }
            Places::Sides(rows, columns) => (rows, columns),
        };
        let count = self.means.len();
        let highest = self.maxima.get(channel).copied().unwrap_or_default();
        if highest == 0.0 && self.means.get(channel) == Some(&0.0) {
            // All of it is zero, as maps after a ReLU often are.
            return Peak::At(0, 0);
        }
        // The first two places that reach it, and how many do.
        let reach = |values: &[f32]| {
            let mut places = (0u32..).zip(values).filter(|(_, value)| **value == highest).map(|(at, _)| at);
            let first = places.next();
            let second = places.next();
            (first.unwrap_or(0), second, usize::from(first.is_some()) + usize::from(second.is_some()) + places.count())
        };
        let (row, next_row, rows) = reach(part(rows, channel, count));
        let (column, next_column, columns) = reach(part(columns, channel, count));
        match (rows, columns) {
            (0 | 1, _) | (_, 0 | 1) => Peak::At(row, column),
            // Windows of a pool overlap: four neighbours see the same value.
            (2, 2) if next_row == Some(row + 1) && next_column == Some(column + 1) => Peak::At(row, column),
            _ => Peak::Unclear,
        }
    }
}

/// The highest of some values, several at a time so that the processor's vectors are used.
fn highest(values: &[f32]) -> f32 {
    let higher = |a: f32, b: f32| if b > a { b } else { a };
    let (chunks, rest) = values.as_chunks::<16>();
    let mut best = [f32::NEG_INFINITY; 16];
    for chunk in chunks {
        best.iter_mut().zip(chunk).for_each(|(best, value)| *best = higher(*best, *value));
    }
    best.iter().chain(rest).copied().fold(f32::NEG_INFINITY, higher)
}

/// The values of one channel where each has as many.
fn part(values: &[f32], channel: usize, channels: usize) -> &[f32] {
    let each = values.len() / channels.max(1);
    values.get(channel * each..(channel + 1) * each).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_read_off_rows_and_columns_unless_both_are_tied() {
        // Maps of 2 × 3: one peak; two in a row; two in a column; two or more apart; four neighbours, as in a pool.
        let rows = vec![1.0, 5.0, 5.0, 2.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0];
        let columns = vec![0.0, 5.0, 1.0, 5.0, 1.0, 5.0, 5.0, 0.0, 0.0, 5.0, 0.0, 5.0, 0.0, 5.0, 5.0];
        let scores = Scores::of_sides(vec![0.5; 5], rows, columns);
        let peaks: Vec<Peak> = (0..5).map(|channel| scores.peak(channel)).collect();
        assert_eq!(peaks, [Peak::At(1, 1), Peak::At(0, 0), Peak::At(0, 0), Peak::Unclear, Peak::At(0, 1)]);
        assert_eq!(scores.pairs().nth(1), Some((0.5, 5.0)));
        let long: Vec<f32> = (0..50).map(|at| (at as f32 * 0.7).sin()).collect();
        assert_eq!(highest(&long), long.iter().copied().fold(f32::MIN, f32::max));
    }
}
