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

/// Colours 0 to 1 of latent ones, `[batch, channels, height, width]`; three channels are correlated, others are not.
pub(super) fn colours(latent: &Array4<f32>) -> Array4<f32> {
    let mut colours = mixed(latent, correlation().view());
    colours.mapv_inplace(|value| 1.0 / (1.0 + (-value).exp()));
    colours
}

/// The gradient at the latent colours of what has this gradient at the colours.
pub(super) fn gradient(colours: &Array4<f32>, gradient: &Array4<f32>) -> Array4<f32> {
    let mut squeezed = gradient.clone();
    squeezed.zip_mut_with(colours, |gradient, colour| *gradient *= colour * (1.0 - colour));
    mixed(&squeezed, correlation().t())
}

/// Each pixel times the matrix, where there are as many channels as that has columns.
fn mixed(pixels: &Array4<f32>, matrix: ArrayView2<'_, f32>) -> Array4<f32> {
    if pixels.dim().1 == matrix.ncols() { weighed(pixels, matrix) } else { pixels.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::sine;

    #[test]
    fn the_gradient_is_the_slope() {
        for channels in [1, 3] {
            let latent: Array4<f32> = sine((2, channels, 3, 4), [1.0, 1.3, 0.2]);
            let weights: Array4<f32> = sine(latent.raw_dim(), [1.0, 0.7, 0.5]);
            let direction: Array4<f32> = sine(latent.raw_dim(), [1.0, 2.1, 0.9]);
            let score = |step: f32| f64::from((&colours(&(&latent + &(&direction * step))) * &weights).sum());
            let slope = (score(1e-2) - score(-1e-2)) / 2e-2;
            let expected = (&gradient(&colours(&latent), &weights) * &direction).sum();
            approx::assert_relative_eq!(slope, f64::from(expected), max_relative = 1e-3);
        }
    }
}
