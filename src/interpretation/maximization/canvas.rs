//! What is optimised: the pixels themselves, or the spectrum that makes them.
//!
//! Owns the way from the optimised values to colours, its gradient, and where it starts. Must not know about networks.

use ndarray::{Array4, ArrayD, ArrayView3, Ix4, Ix5};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

use super::colour;
use super::fourier::Fourier;

/// Standard deviation of the spectrum at the start, Lucid's and Lucent's.
const SPECTRUM: f32 = 0.01;

/// Standard deviation of naive pixels at the start, around grey.
const NOISE: f32 = 0.05;

/// What the optimised values mean.
pub(super) enum Canvas {
    /// Spectra `[pictures, channels, height, frequencies, 2]`.
    Spectrum {
        /// From spectra to pictures.
        fourier: Fourier,
        /// Whether colours are correlated as in photographs.
        decorrelate: bool,
    },
    /// Colours `[pictures, channels, height, width]`.
    Pixels,
}

impl Canvas {
    /// Noise to start from, a picture for each source of chance.
    pub fn noise(&self, channels: usize, [height, width]: [usize; 2], chances: &mut [ChaCha8Rng]) -> ArrayD<f32> {
        let mut shape = vec![chances.len(), channels, height];
        let (mean, deviation) = match self {
            Self::Spectrum { fourier, .. } => {
                shape.extend([fourier.frequencies(), 2]);
                (0.0, SPECTRUM)
            }
            Self::Pixels => {
                shape.push(width);
                (0.5, NOISE)
            }
        };
        let mut values = ArrayD::zeros(shape);
        // A finite deviation is always a distribution.
        if let Ok(noise) = Normal::new(mean, deviation) {
            for (mut values, chance) in values.outer_iter_mut().zip(chances) {
                values.mapv_inplace(|_: f32| noise.sample(chance));
            }
        }
        values
    }

    /// What stands for so many copies of a picture, colours 0 to 1. Black and white are brought in a little: nothing
    /// finite stands for them.
    pub fn of(&self, picture: ArrayView3<'_, f32>, count: usize) -> ArrayD<f32> {
        let (channels, height, width) = picture.dim();
        let pictures = Array4::from_shape_fn((count, channels, height, width), |(_, c, y, x)| picture[[c, y, x]]);
        match self {
            Self::Spectrum { fourier, decorrelate } => {
                fourier.spectra(&colour::latent(&pictures, *decorrelate)).into_dyn()
            }
            Self::Pixels => pictures.into_dyn(),
        }
    }

    /// Colours 0 to 1, `[pictures, channels, height, width]`.
    pub fn pictures(&self, values: &ArrayD<f32>) -> Array4<f32> {
        match self {
            Self::Spectrum { fourier, decorrelate } => match values.view().into_dimensionality::<Ix5>() {
                Ok(spectra) => colour::colours(fourier.pictures(&spectra), *decorrelate),
                Err(_) => Array4::default((0, 0, 0, 0)),
            },
            Self::Pixels => values.clone().into_dimensionality::<Ix4>().unwrap_or_default(),
        }
    }

    /// The gradient at the values of what has this gradient at the pictures.
    pub fn gradient(&self, pictures: &Array4<f32>, at_pictures: Array4<f32>) -> ArrayD<f32> {
        match self {
            Self::Spectrum { fourier, decorrelate } => {
                fourier.adjoint(&colour::gradient(pictures, at_pictures, *decorrelate)).into_dyn()
            }
            Self::Pixels => at_pictures.into_dyn(),
        }
    }

    /// Brings values back to where they mean something.
    pub fn clamp(&self, values: &mut ArrayD<f32>) {
        if let Self::Pixels = self {
            values.mapv_inplace(|colour| colour.clamp(0.0, 1.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::sine;

    #[test]
    fn a_picture_is_found_again_in_what_stands_for_it() {
        for (height, width) in [(8, 6), (7, 5)] {
            let picture = sine((3, height, width), [0.4, 1.3, 0.2]).mapv(|value: f32| value + 0.5);
            for decorrelate in [true, false] {
                let spectrum = Canvas::Spectrum { fourier: Fourier::new(height, width), decorrelate };
                for canvas in [spectrum, Canvas::Pixels] {
                    let pictures = canvas.pictures(&canvas.of(picture.view(), 2));
                    assert_eq!(pictures.dim(), (2, 3, height, width));
                    assert!(pictures.outer_iter().all(|p| (&p - &picture).iter().all(|d| d.abs() < 1e-4)));
                }
            }
        }
    }
}
