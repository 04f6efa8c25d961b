//! Gaussian blur as `scipy.ndimage.gaussian_filter` does it: radius ⌊4σ + ½⌋, normalised, mode `reflect` (d c b a | a b c
//! d | d c b a).

use ndarray::{Array2, ArrayView2, Axis};

/// Widest blur that is honoured, in pixels: beyond it a map is flat anyway.
const WIDEST: f32 = 256.0;

/// Blurs `[H, W]` with standard deviation `sigma` in pixels.
pub fn gaussian(values: ArrayView2<'_, f32>, sigma: f32) -> Array2<f32> {
    let kernel = kernel(sigma.clamp(0.0, WIDEST));
    let down = along_columns(values, &kernel);
    along_columns(down.t(), &kernel).reversed_axes().as_standard_layout().into_owned()
}

/// The weights from the centre outwards; with its mirror image they add up to 1.
fn kernel(sigma: f32) -> Vec<f32> {
    let sigma = f64::from(sigma);
    let radius = (4.0 * sigma + 0.5) as usize;
    let half: Vec<f64> =
        (0..=radius).map(|x| if x == 0 { 1.0 } else { (-0.5 * (x as f64 / sigma).powi(2)).exp() }).collect();
    let total = 2.0 * half.iter().sum::<f64>() - 1.0;
    half.iter().map(|weight| (weight / total) as f32).collect()
}

/// Blurs along the first axis: whole rows are added up, which the compiler vectorises.
fn along_columns(values: ArrayView2<'_, f32>, kernel: &[f32]) -> Array2<f32> {
    let values = values.as_standard_layout();
    let height = values.nrows();
    let mut blurred = Array2::zeros(values.dim());
    for (y, mut out) in blurred.axis_iter_mut(Axis(0)).enumerate() {
        for (distance, weight) in kernel.iter().enumerate() {
            let (above, below) =
                (reflect(y as isize - distance as isize, height), reflect((y + distance) as isize, height));
            out.scaled_add(*weight, &values.row(above));
            if distance > 0 {
                out.scaled_add(*weight, &values.row(below));
            }
        }
    }
    blurred
}

/// The index inside `0..len` that `index` reflects to, the edge counted twice.
fn reflect(index: isize, len: usize) -> usize {
    let period = 2 * len as isize;
    let index = index.rem_euclid(period);
    index.min(period - 1 - index) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `gaussian_filter` of a 3 × 4 ramp 0..12 with an outlier, σ = 2: the radius is larger than the picture.
    #[test]
    fn equals_scipy_where_the_kernel_is_wider_than_the_picture() {
        let mut values = Array2::from_shape_fn((3, 4), |(y, x)| (4 * y + x) as f32);
        values[[1, 2]] = 100.0;
        let expected = [
            10.79266, 12.09815, 13.78643, 14.86655, 11.24154, 12.54747, 14.23631, 15.31678, 11.68524, 12.99073,
            14.67901, 15.75913,
        ];
        let blurred = gaussian(values.view(), 2.0);
        for (blurred, expected) in blurred.iter().zip(expected) {
            approx::assert_relative_eq!(*blurred, expected, max_relative = 1e-5);
        }
    }

    #[test]
    fn a_constant_stays_and_sigma_zero_changes_nothing() {
        let constant = Array2::from_elem((5, 7), 3.0);
        approx::assert_relative_eq!(gaussian(constant.view(), 1.5).mean().unwrap(), 3.0, max_relative = 1e-6);
        let ramp = Array2::from_shape_fn((5, 7), |(y, x)| (y * x) as f32);
        assert_eq!(gaussian(ramp.view(), 0.0), ramp);
    }
}
