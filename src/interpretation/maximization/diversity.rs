//! How alike the pictures of one unit are, so that they can be driven apart (Olah et al., Feature Visualization, 2017;
//! Lucid's and Lucent's `diversity`).

use ndarray::{Array2, Array4, ArrayView3, Axis};

/// Which channels fire together, `[channels, channels]`, of length 1, and its length before.
fn gram(maps: ArrayView3<'_, f32>) -> (Array2<f32>, f32) {
    let flat = flat(maps);
    let gram = flat.dot(&flat.t());
    let length = gram.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    (gram / length, length)
}

/// `[channels, places]`.
fn flat(maps: ArrayView3<'_, f32>) -> Array2<f32> {
    let (channels, height, width) = maps.dim();
    Array2::from_shape_fn((channels, height * width), |(channel, at)| maps[[channel, at / width, at % width]])
}

/// Σ over pairs i ≠ j of ⟨Ĝᵢ, Ĝⱼ⟩, the cosine of the pictures' Gram matrices, and its gradient at the feature maps
/// `[batch, channels, height, width]`. 0 for one picture, batch · (batch − 1) where all are alike.
pub(super) fn similarity(maps: &Array4<f32>) -> (f32, Array4<f32>) {
    let grams: Vec<(Array2<f32>, f32)> = maps.outer_iter().map(gram).collect();
    let mut gradient = Array4::zeros(maps.dim());
    let mut total = 0.0;
    for (index, (gram, length)) in grams.iter().enumerate() {
        let others = grams.iter().enumerate().filter(|(other, _)| *other != index);
        let others = others.fold(Array2::zeros(gram.dim()), |sum: Array2<f32>, (_, (other, _))| sum + other);
        let alike = (gram * &others).sum();
        total += alike;
        // Each pair is counted twice, and G = A Aᵀ passes its symmetric gradient S on as 2 S A.
        let at_gram = (others - &(gram * alike)) * (4.0 / length);
        let maps = maps.index_axis(Axis(0), index);
        let passed = at_gram.dot(&flat(maps));
        let (_, _, width) = maps.dim();
        let mut gradient = gradient.index_axis_mut(Axis(0), index);
        gradient.indexed_iter_mut().for_each(|((channel, row, column), value)| {
            *value = passed[[channel, row * width + column]];
        });
    }
    (total, gradient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::sine;

    #[test]
    fn equal_pictures_are_wholly_alike_and_one_alone_is_not() {
        let one: Array4<f32> = sine((1, 4, 3, 5), [1.0, 0.9, 0.3]);
        assert_eq!(similarity(&one).0, 0.0);
        let thrice = ndarray::concatenate(Axis(0), &[one.view(), one.view(), one.view()]).unwrap();
        let (total, gradient) = similarity(&thrice);
        approx::assert_relative_eq!(total, 6.0, epsilon = 1e-5);
        assert!(gradient.iter().all(|slope| slope.abs() < 1e-5), "a maximum");
    }

    #[test]
    fn the_gradient_is_the_slope() {
        let maps: Array4<f32> = sine((3, 4, 3, 5), [1.0, 0.9, 0.3]);
        let direction: Array4<f32> = sine(maps.raw_dim(), [1.0, 2.1, 0.9]);
        let score = |step: f32| f64::from(similarity(&(&maps + &(&direction * step))).0);
        let slope = (score(1e-2) - score(-1e-2)) / 2e-2;
        let expected = (&similarity(&maps).1 * &direction).sum();
        approx::assert_relative_eq!(slope, f64::from(expected), max_relative = 1e-2);
    }
}
