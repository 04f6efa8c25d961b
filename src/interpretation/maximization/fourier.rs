//! A picture as its spectrum: what is optimised are the frequencies, each weighed so that an ascent moves coarse and fine
//! structure alike (Olah et al., Feature Visualization, 2017; `fft_image` of Lucid and Lucent).
//!
//! Owns the inverse real FFT and its adjoint. Must not know about colours or networks.

use std::sync::Arc;

use ndarray::{Array2, Array4, Array5, ArrayView2, ArrayView3, ArrayView5, ArrayViewMut2, ArrayViewMut3, Axis};
use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::{Fft, FftPlanner};

/// Lucid's divisor of the picture: increasing it makes the sigmoid that follows saturate less.
const DAMPING: f32 = 4.0;

/// The linear map from spectra to pictures of one size.
pub(super) struct Fourier {
    height: usize,
    width: usize,
    /// Weight of each frequency, `[width / 2 + 1, height]`: 1 / max(|f|, 1 / longer side), f in cycles a pixel, with what
    /// makes the transform orthonormal.
    weights: Array2<f32>,
    rows: Arc<dyn ComplexToReal<f32>>,
    rows_adjoint: Arc<dyn RealToComplex<f32>>,
    columns: Arc<dyn Fft<f32>>,
    columns_adjoint: Arc<dyn Fft<f32>>,
}

impl Fourier {
    /// Plans the transforms for pictures of this size; both sides are at least 1.
    pub fn new(height: usize, width: usize) -> Self {
        let (height, width) = (height.max(1), width.max(1));
        let lowest = 1.0 / height.max(width) as f32;
        let norm = 1.0 / ((height * width) as f32).sqrt() / DAMPING;
        let weights = Array2::from_shape_fn((width / 2 + 1, height), |(column, row)| {
            // numpy's fftfreq: the upper half of the rows are the negative frequencies.
            let y = if row < height.div_ceil(2) { row as f32 } else { row as f32 - height as f32 } / height as f32;
            let x = column as f32 / width as f32;
            norm / x.hypot(y).max(lowest)
        });
        let (mut real, mut complex) = (RealFftPlanner::new(), FftPlanner::new());
        Self {
            height,
            width,
            weights,
            rows: real.plan_fft_inverse(width),
            rows_adjoint: real.plan_fft_forward(width),
            columns: complex.plan_fft_inverse(height),
            columns_adjoint: complex.plan_fft_forward(height),
        }
    }

    /// Number of frequencies along a row.
    pub fn frequencies(&self) -> usize {
        self.width / 2 + 1
    }

    /// `[batch, channels, height, width]` of spectra `[batch, channels, height, frequencies, 2]`, the last axis being real
    /// and imaginary parts.
    pub fn pictures(&self, spectra: &ArrayView5<'_, f32>) -> Array4<f32> {
        let (batch, channels, ..) = spectra.dim();
        let mut pictures = Array4::zeros((batch, channels, self.height, self.width));
        for (mut pictures, spectra) in pictures.outer_iter_mut().zip(spectra.outer_iter()) {
            for (picture, spectrum) in pictures.outer_iter_mut().zip(spectra.outer_iter()) {
                self.picture(spectrum, picture);
            }
        }
        pictures
    }

    /// The adjoint of [`Fourier::pictures`]: the gradient at the spectra of what has this gradient at the pictures.
    pub fn adjoint(&self, gradients: &Array4<f32>) -> Array5<f32> {
        let (batch, channels, ..) = gradients.dim();
        let mut spectra = Array5::zeros((batch, channels, self.height, self.frequencies(), 2));
        for (mut spectra, gradients) in spectra.outer_iter_mut().zip(gradients.outer_iter()) {
            for (spectrum, gradient) in spectra.outer_iter_mut().zip(gradients.outer_iter()) {
                self.spectrum(gradient, spectrum);
            }
        }
        spectra
    }

    /// The spectra that make pictures: the inverse of [`Fourier::pictures`]. The transform is orthonormal, so that it is the
    /// adjoint divided by the squares of the weights.
    pub fn spectra(&self, pictures: &Array4<f32>) -> Array5<f32> {
        let mut spectra = self.adjoint(pictures);
        let (height, width) = (self.height as f32, self.width as f32);
        let unpaired: Vec<usize> = self.unpaired().collect();
        for mut spectra in spectra.outer_iter_mut().flat_map(|each| each.into_outer_iter_mut()) {
            for ((row, column, _), value) in spectra.indexed_iter_mut() {
                let times = if unpaired.contains(&column) { 1.0 } else { 2.0 };
                *value /= times * height * width * self.weights[[column, row]].powi(2);
            }
        }
        spectra
    }

    fn picture(&self, spectrum: ArrayView3<'_, f32>, mut picture: ArrayViewMut2<'_, f32>) {
        // Columns lie one after the other, as the transform along them wants.
        let mut columns = Array2::from_shape_fn(self.weights.dim(), |(column, row)| {
            let [real, imaginary] = [0, 1].map(|part| spectrum[[row, column, part]]);
            Complex::new(real, imaginary) * self.weights[[column, row]]
        });
        for mut column in columns.outer_iter_mut() {
            if let Some(column) = column.as_slice_mut() {
                self.columns.process(column);
            }
        }
        let (mut line, mut pixels) = (self.rows.make_input_vec(), self.rows.make_output_vec());
        for (row, mut target) in picture.outer_iter_mut().enumerate() {
            line.iter_mut().zip(columns.column(row)).for_each(|(to, from)| *to = *from);
            // These two have no imaginary part in the spectrum of anything real: what they hold counts for nothing.
            for end in self.unpaired() {
                line[end].im = 0.0;
            }
            // It fails only for buffers of another length, or imaginary parts at the ends.
            let _ = self.rows.process(&mut line, &mut pixels);
            target.iter_mut().zip(&pixels).for_each(|(to, from)| *to = *from);
        }
    }

    fn spectrum(&self, gradient: ArrayView2<'_, f32>, mut spectrum: ArrayViewMut3<'_, f32>) {
        let mut columns = Array2::from_elem(self.weights.dim(), Complex::default());
        let (mut pixels, mut line) = (self.rows_adjoint.make_input_vec(), self.rows_adjoint.make_output_vec());
        for (row, source) in gradient.outer_iter().enumerate() {
            pixels.iter_mut().zip(source).for_each(|(to, from)| *to = *from);
            // It fails only for buffers of another length.
            let _ = self.rows_adjoint.process(&mut pixels, &mut line);
            columns.column_mut(row).iter_mut().zip(&line).for_each(|(to, from)| *to = *from);
        }
        let unpaired: Vec<usize> = self.unpaired().collect();
        for (index, mut column) in columns.axis_iter_mut(Axis(0)).enumerate() {
            if let Some(column) = column.as_slice_mut() {
                self.columns_adjoint.process(column);
            }
            // Every other frequency stands for its mirror image too.
            let times = if unpaired.contains(&index) { 1.0 } else { 2.0 };
            for (row, value) in column.iter().enumerate() {
                let weighed = value * (times * self.weights[[index, row]]);
                spectrum[[row, index, 0]] = weighed.re;
                spectrum[[row, index, 1]] = weighed.im;
            }
        }
    }

    /// The frequencies along a row that are their own mirror images: 0, and the highest of an even width.
    fn unpaired(&self) -> impl Iterator<Item = usize> {
        let highest = self.width.is_multiple_of(2).then_some(self.width / 2).filter(|at| *at > 0);
        std::iter::once(0).chain(highest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::sine;

    #[test]
    fn pictures_come_back_from_their_spectra() {
        for (height, width) in [(6, 8), (7, 5), (5, 6), (1, 1), (2, 3)] {
            let fourier = Fourier::new(height, width);
            let pictures: Array4<f32> = sine((2, 3, height, width), [1.0, 0.7, 0.5]);
            let back = fourier.pictures(&fourier.spectra(&pictures).view());
            assert!((back - pictures).iter().all(|difference| difference.abs() < 1e-4));
        }
    }

    #[test]
    fn the_adjoint_is_one() {
        for (height, width) in [(6, 8), (7, 5), (5, 6), (1, 1), (2, 3)] {
            let fourier = Fourier::new(height, width);
            let spectra: Array5<f32> = sine((2, 3, height, fourier.frequencies(), 2), [1.0, 1.3, 0.2]);
            let gradients: Array4<f32> = sine((2, 3, height, width), [1.0, 0.7, 0.5]);
            let there: f32 = (&fourier.pictures(&spectra.view()) * &gradients).sum();
            let back: f32 = (&spectra * &fourier.adjoint(&gradients)).sum();
            approx::assert_relative_eq!(there, back, max_relative = 1e-4, epsilon = 1e-4);
        }
    }
}
