//! From a layer's resolution to the input's.

use ndarray::{Array2, ArrayView2};

use crate::look::Resample;

/// Resizes `[h, w]` to `size` (height, width) with half-pixel centres and clamped edges, without antialiasing.
pub fn resize(values: ArrayView2<'_, f32>, size: (usize, usize), how: Resample) -> Array2<f32> {
    if values.is_empty() {
        return Array2::zeros(size);
    }
    let (rows, columns) = (taps(values.nrows(), size.0, how), taps(values.ncols(), size.1, how));
    Array2::from_shape_fn(size, |(y, x)| {
        let (row, column) = (&rows[y], &columns[x]);
        let across = |y: usize| column.mix(values[[y, column.low]], values[[y, column.high]]);
        row.mix(across(row.low), across(row.high))
    })
}

/// The two cells that a place lies between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tap {
    /// The nearer one to the origin.
    pub low: usize,
    /// The next one, or the same at an edge.
    pub high: usize,
    /// How far towards `high`, 0 to 1.
    pub towards: f32,
}

impl Tap {
    /// The cells around `place`, in cells with the first one's centre at 0.5.
    pub fn at(place: f32, cells: usize, how: Resample) -> Self {
        let last = cells.saturating_sub(1);
        match how {
            Resample::Nearest => {
                let cell = (place.max(0.0) as usize).min(last);
                Self { low: cell, high: cell, towards: 0.0 }
            }
            Resample::Bilinear => {
                let place = (place - 0.5).clamp(0.0, last as f32);
                let low = place as usize;
                Self { low, high: (low + 1).min(last), towards: place - low as f32 }
            }
        }
    }

    /// The value between those of the two cells.
    pub fn mix(&self, low: f32, high: f32) -> f32 {
        // The first form keeps a NaN in `high` out of places that do not touch it.
        if self.towards == 0.0 { low } else { low + (high - low) * self.towards }
    }
}

fn taps(from: usize, to: usize, how: Resample) -> Vec<Tap> {
    let scale = from as f32 / to as f32;
    (0..to).map(|at| Tap::at((at as f32 + 0.5) * scale, from, how)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `torch.nn.functional.interpolate(a, (3, 5), mode="bilinear", align_corners=False)` of [[0, 1], [2, 4]].
    #[test]
    fn bilinear_is_pytorchs() {
        let small = ndarray::arr2(&[[0.0, 1.0], [2.0, 4.0]]);
        let large = resize(small.view(), (3, 5), Resample::Bilinear);
        let expected = [0.0, 0.1, 0.5, 0.9, 1.0, 1.0, 1.15, 1.75, 2.35, 2.5, 2.0, 2.2, 3.0, 3.8, 4.0];
        for (value, expected) in large.iter().zip(expected) {
            approx::assert_abs_diff_eq!(*value, expected, epsilon = 1e-6);
        }
    }

    #[test]
    fn nearest_repeats_cells_and_the_same_size_changes_nothing() {
        let small = ndarray::arr2(&[[1.0, 2.0]]);
        assert_eq!(resize(small.view(), (2, 4), Resample::Nearest), ndarray::arr2(&[[1.0, 1.0, 2.0, 2.0]; 2]));
        assert_eq!(resize(small.view(), (1, 2), Resample::Bilinear), small);
        assert_eq!(resize(Array2::zeros((0, 3)).view(), (1, 1), Resample::Bilinear), Array2::<f32>::zeros((1, 1)));
    }
}
