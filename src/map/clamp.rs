//! Quantiles, and clamping to them so that a few outliers do not own the colours.

use ndarray::Array2;

/// The quantile of finite `values` at `percent` (0 to 100), interpolated as numpy's `linear`: between the neighbours of
/// place q·(n − 1) in ascending order. Reorders `values`. `None` where there are none.
pub fn quantile(values: &mut [f32], percent: f32) -> Option<f32> {
    let last = values.len().checked_sub(1)?;
    let place = f64::from(percent.clamp(0.0, 100.0)) / 100.0 * last as f64;
    let below = (place.floor() as usize).min(last);
    let (_, &mut low, above) = values.select_nth_unstable_by(below, f32::total_cmp);
    let high = above.iter().copied().min_by(f32::total_cmp).unwrap_or(low);
    Some((f64::from(low) + (f64::from(high) - f64::from(low)) * place.fract()) as f32)
}

/// Clamps to the quantiles (`low`, `high`), in percent. NaN is not counted and stays.
pub fn clamp(values: &mut Array2<f32>, (low, high): (f32, f32)) {
    if low <= 0.0 && high >= 100.0 {
        return;
    }
    let mut finite: Vec<f32> = values.iter().copied().filter(|value| value.is_finite()).collect();
    if let (Some(low), Some(high)) = (quantile(&mut finite, low), quantile(&mut finite, high))
        && low <= high
    {
        values.mapv_inplace(|value| value.clamp(low, high));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.quantile([3, 1, 4, 1, 5, 9, 2, 6], [0, .01, .3, .5, .99, 1])`.
    #[test]
    fn quantiles_are_numpys_linear() {
        let expected = [(0.0, 1.0), (1.0, 1.0), (30.0, 2.1), (50.0, 3.5), (99.0, 8.79), (100.0, 9.0)];
        for (percent, value) in expected {
            let mut values = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0];
            approx::assert_relative_eq!(quantile(&mut values, percent).unwrap(), value, max_relative = 1e-6);
        }
        assert_eq!(quantile(&mut [7.0], 99.0), Some(7.0));
        assert_eq!(quantile(&mut [], 50.0), None);
    }

    #[test]
    fn nan_stays_and_does_not_count() {
        let mut values = ndarray::arr2(&[[0.0, f32::NAN, 10.0], [5.0, 2.0, 3.0]]);
        clamp(&mut values, (25.0, 75.0));
        assert!(values[[0, 1]].is_nan());
        assert_eq!((values[[0, 0]], values[[0, 2]]), (2.0, 5.0));
    }
}
