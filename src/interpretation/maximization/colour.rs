//! From latent colours to colours: the three channels are correlated as in photographs, and squeezed into 0 to 1.
//!
//! Owns both maps and their gradients. Must not know where the latent colours come from.

use ndarray::{Array2, Array4, ArrayView2, arr2};

use super::normalization::weighed;

/// Square root of the correlation of red, green and blue in ImageNet's photographs, divided by the norm of its longest
/// column (Lucid's and Lucent's `color_correlation_normalized`).
pub(super) fn correlation() -> Array2<f32> {
    let root: Array2<f32> = arr2(&[[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]]);
    let longest = root.columns().into_iter().map(|column| column.dot(&column).sqrt()).fold(0.0, f32::max);
    root / longest
}

/// The darkest and, from 1, the brightest colour that [`latent`] stands for.
const DARKEST: f32 = 0.004;

/// Colours 0 to 1 of latent ones, `[batch, channels, height, width]`; three channels are correlated if `decorrelate`, others
/// never.
pub(super) fn colours(latent: Array4<f32>, decorrelate: bool) -> Array4<f32> {
    let mut colours = if decorrelate { mixed(latent, correlation().view()) } else { latent };
    colours.mapv_inplace(|value| 1.0 / (1.0 + (-value).exp()));
    colours
}

/// The gradient at the latent colours of what has this gradient at the colours.
pub(super) fn gradient(colours: &Array4<f32>, mut gradient: Array4<f32>, decorrelate: bool) -> Array4<f32> {
    gradient.zip_mut_with(colours, |gradient, colour| *gradient *= colour * (1.0 - colour));
    if decorrelate { mixed(gradient, correlation().t()) } else { gradient }
}

/// The latent colours that make colours 0 to 1: the inverse of [`colours`].
pub(super) fn latent(colours: &Array4<f32>, decorrelate: bool) -> Array4<f32> {
    let logits = colours.mapv(|colour| {
        let colour = colour.clamp(DARKEST, 1.0 - DARKEST);
        (colour / (1.0 - colour)).ln()
    });
    if decorrelate { mixed(logits, inverse(&correlation()).view()) } else { logits }
}

/// The inverse of three by three numbers, by their cofactors.
fn inverse(m: &Array2<f32>) -> Array2<f32> {
    let cofactor = |row: usize, column: usize| {
        let at = |r: usize, c: usize| m[[(row + r) % 3, (column + c) % 3]];
        at(1, 1) * at(2, 2) - at(1, 2) * at(2, 1)
    };
    let determinant: f32 = (0..3).map(|column| m[[0, column]] * cofactor(0, column)).sum();
    Array2::from_shape_fn((3, 3), |(row, column)| cofactor(column, row) / determinant)
}

/// Each pixel times the matrix, where there are as many channels as that has columns.
fn mixed(pixels: Array4<f32>, matrix: ArrayView2<'_, f32>) -> Array4<f32> {
    if pixels.dim().1 == matrix.ncols() { weighed(&pixels, matrix) } else { pixels }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::sine;

    #[test]
    fn the_gradient_is_the_slope() {
        for (channels, decorrelate) in [(1, true), (3, true), (3, false)] {
            let latent: Array4<f32> = sine((2, channels, 3, 4), [1.0, 1.3, 0.2]);
            let weights: Array4<f32> = sine(latent.raw_dim(), [1.0, 0.7, 0.5]);
            let direction: Array4<f32> = sine(latent.raw_dim(), [1.0, 2.1, 0.9]);
            let score = |step: f32| f64::from((colours(&latent + &(&direction * step), decorrelate) * &weights).sum());
            let slope = (score(1e-2) - score(-1e-2)) / 2e-2;
            let expected =
                (&gradient(&colours(latent.clone(), decorrelate), weights.clone(), decorrelate) * &direction).sum();
            approx::assert_relative_eq!(slope, f64::from(expected), max_relative = 1e-3, epsilon = 1e-4);
        }
    }
}
