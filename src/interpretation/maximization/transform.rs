//! What the network is shown of a picture: at each step a little shifted, scaled and turned, so that only what is robust to
//! that survives (Lucid's and Lucent's standard transforms).
//!
//! Their pad, jitter, scale, rotate, jitter and upsample are one affine map here and are sampled once, bilinearly: five
//! resamplings blur and cost more. Beside the picture lies its mirror image, where theirs is grey (Lucent's, after turns and
//! shifts, black): an edge excites units of early layers so much that their pictures grow a frame. Owns that map and its
//! adjoint. Must not know about networks.

use ndarray::Array4;
use rand::Rng;

/// Shifts of the picture before scaling and turning, pixels: from −`JITTER` to `JITTER` − 1, as Lucent's `jitter(8)`,
/// centred.
const JITTER: i32 = 4;

/// As [`JITTER`], after scaling and turning: Lucent's `jitter(4)`.
const JITTER_AFTER: i32 = 2;

/// Scales are 1 + i / 50 for i from −5 to 5.
const SCALES: i32 = 5;

/// Whole degrees of turning to both sides; no turn at all is more likely by [`UNTURNED`] further zeros.
const DEGREES: i32 = 10;

/// See [`DEGREES`].
const UNTURNED: i32 = 5;

/// Where each pixel of the network's input lies in the picture: q = `matrix` · p + `offset`, both as (row, column) from
/// the centre of the first pixel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Transform {
    matrix: [[f32; 2]; 2],
    offset: [f32; 2],
}

impl Transform {
    /// The picture in the middle of the input, neither shifted nor turned; one that is smaller is enlarged to fill it.
    pub fn plain(picture: [usize; 2], input: [usize; 2]) -> Self {
        Self::of(picture, input, 1.0, 0.0, [0.0; 2], [0.0; 2])
    }

    /// A random transform. Of a picture larger than the input another part is shown each time.
    pub fn random(picture: [usize; 2], input: [usize; 2], rng: &mut impl Rng) -> Self {
        let scale = 1.0 + rng.random_range(-SCALES..=SCALES) as f32 / 50.0;
        let turn = rng.random_range(-DEGREES..=DEGREES + UNTURNED);
        let degrees = if turn > DEGREES { 0 } else { turn };
        let mut jitter = |most: i32| [0, 1].map(|_| rng.random_range(-most..most) as f32);
        let (mut before, after) = (jitter(JITTER), jitter(JITTER_AFTER));
        for axis in 0..2 {
            let hidden = picture[axis].saturating_sub(input[axis]) as f32;
            before[axis] += (rng.random::<f32>() - 0.5) * hidden;
        }
        Self::of(picture, input, scale, (degrees as f32).to_radians(), before, after)
    }

    /// `scale` and `angle` (radians) about the centre, shifts in pixels of the picture `before` and of the input `after`.
    fn of(picture: [usize; 2], input: [usize; 2], scale: f32, angle: f32, before: [f32; 2], after: [f32; 2]) -> Self {
        let centre = |sides: [usize; 2]| sides.map(|side| (side as f32 - 1.0) / 2.0);
        let enlarged = (input[0] as f32 / picture[0] as f32).max(input[1] as f32 / picture[1] as f32).max(1.0);
        let (sin, cos) = angle.sin_cos();
        let step = 1.0 / (scale * enlarged);
        let matrix = [[cos * step, -sin * step], [sin * step, cos * step]];
        let (from, to) = (centre(input), centre(picture));
        let offset = [0, 1].map(|axis| {
            let turned: f32 = (0..2).map(|other| matrix[axis][other] * (from[other] + after[other])).sum();
            to[axis] - before[axis] - turned
        });
        Self { matrix, offset }
    }

    /// Where a pixel of the input lies in the picture.
    fn source(&self, row: usize, column: usize) -> [f32; 2] {
        let at = [row as f32, column as f32];
        [0, 1].map(|axis| self.matrix[axis][0] * at[0] + self.matrix[axis][1] * at[1] + self.offset[axis])
    }
}

/// The four pixels of a plane (row-major index) that make one pixel of the input, and how much each weighs.
type Taps = [(usize, f32); 4];

/// The taps of every pixel of the input, row by row.
fn taps(transform: &Transform, picture: [usize; 2], input: [usize; 2]) -> Vec<Taps> {
    let pixel = |at: usize| {
        let source = transform.source(at / input[1], at % input[1]);
        let low = source.map(f32::floor);
        let high = [0, 1].map(|axis| source[axis] - low[axis]);
        let tap = |steps: [usize; 2]| {
            let mut weight = 1.0;
            let mut index = 0;
            for axis in 0..2 {
                weight *= if steps[axis] == 0 { 1.0 - high[axis] } else { high[axis] };
                index = index * picture[axis] + mirrored(low[axis] as i64 + steps[axis] as i64, picture[axis]);
            }
            (index, weight)
        };
        [[0, 0], [0, 1], [1, 0], [1, 1]].map(tap)
    };
    (0..input[0] * input[1]).map(pixel).collect()
}

/// The pixel that lies at a place of a row of `side` pixels with its mirror images on both sides.
fn mirrored(at: i64, side: usize) -> usize {
    let side = side.max(1) as i64;
    let at = at.rem_euclid(2 * side);
    at.min(2 * side - 1 - at) as usize
}

/// The input `[batch, channels, height, width]` that pictures of colours make, each by its own transform.
pub(super) fn apply(pictures: &Array4<f32>, transforms: &[Transform], input: [usize; 2]) -> Array4<f32> {
    let (batch, channels, height, width) = pictures.dim();
    let mut shown = Array4::zeros((batch, channels, input[0], input[1]));
    for ((mut shown, picture), transform) in shown.outer_iter_mut().zip(pictures.outer_iter()).zip(transforms) {
        let taps = taps(transform, [height, width], input);
        for (mut shown, plane) in shown.outer_iter_mut().zip(picture.outer_iter()) {
            let plane = plane.as_standard_layout();
            let Some(plane) = plane.as_slice() else { continue };
            let colour = |taps: &Taps| taps.iter().map(|(at, weight)| weight * plane[*at]).sum();
            shown.iter_mut().zip(&taps).for_each(|(shown, taps)| *shown = colour(taps));
        }
    }
    shown
}

/// The adjoint of [`apply`]: the gradient at pictures of this size of what has this gradient at the input.
pub(super) fn adjoint(gradients: &Array4<f32>, transforms: &[Transform], picture: [usize; 2]) -> Array4<f32> {
    let (batch, channels, height, width) = gradients.dim();
    let mut spread = Array4::zeros((batch, channels, picture[0], picture[1]));
    for ((mut spread, gradient), transform) in spread.outer_iter_mut().zip(gradients.outer_iter()).zip(transforms) {
        let taps = taps(transform, picture, [height, width]);
        for (mut spread, gradient) in spread.outer_iter_mut().zip(gradient.outer_iter()) {
            let Some(plane) = spread.as_slice_mut() else { continue };
            for (taps, gradient) in taps.iter().zip(gradient) {
                taps.iter().for_each(|(at, weight)| plane[*at] += weight * gradient);
            }
        }
    }
    spread
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::fixtures::sine;

    #[test]
    fn the_plain_transform_of_a_picture_of_the_inputs_size_changes_nothing() {
        let pictures: Array4<f32> = sine((2, 3, 5, 8), [0.4, 0.9, 0.3]);
        let shown = apply(&pictures, &[Transform::plain([5, 8], [5, 8]); 2], [5, 8]);
        assert!((shown - pictures).iter().all(|difference| difference.abs() < 1e-6));
    }

    #[test]
    fn whole_shifts_move_pixels_and_bring_the_mirror_image_in() {
        let pictures: Array4<f32> = sine((1, 1, 4, 4), [0.4, 0.9, 0.3]);
        let shifted = Transform::of([4, 4], [4, 4], 1.0, 0.0, [1.0, 0.0], [0.0, -2.0]);
        let shown = apply(&pictures, &[shifted], [4, 4]);
        for (row, from_row) in [0, 0, 1, 2].into_iter().enumerate() {
            for (column, from_column) in [2, 3, 3, 2].into_iter().enumerate() {
                let expected = pictures[[0, 0, from_row, from_column]];
                approx::assert_abs_diff_eq!(shown[[0, 0, row, column]], expected, epsilon = 1e-5);
            }
        }
        let places: Vec<usize> = (-5..7).map(|at| mirrored(at, 3)).collect();
        assert_eq!(places, [1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]);
    }

    #[test]
    fn a_quarter_turn_is_numpys_rot90() {
        let picture: Array4<f32> = sine((1, 1, 4, 4), [0.4, 0.9, 0.3]);
        let turned = Transform::of([4, 4], [4, 4], 1.0, std::f32::consts::FRAC_PI_2, [0.0; 2], [0.0; 2]);
        let shown = apply(&picture, &[turned], [4, 4]);
        for row in 0..4 {
            for column in 0..4 {
                let expected = picture[[0, 0, 3 - column, row]];
                approx::assert_abs_diff_eq!(shown[[0, 0, row, column]], expected, epsilon = 1e-4);
            }
        }
    }

    #[test]
    fn small_pictures_are_enlarged_and_of_large_ones_another_part_is_seen_each_time() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let small = Array4::from_elem((1, 1, 4, 4), 1.0f32);
        let shown = apply(&small, &[Transform::plain([4, 4], [8, 8])], [8, 8]);
        assert!(shown.iter().all(|colour| (*colour - 1.0).abs() < 1e-6));
        let corners: Vec<[f32; 2]> =
            (0..40).map(|_| Transform::random([64, 64], [8, 8], &mut rng).source(4, 4)).collect();
        let spread = |axis: usize| corners.iter().map(|corner| corner[axis]).fold(f32::MIN, f32::max);
        assert!(spread(0) > 45.0 && spread(1) > 45.0);
        assert!(corners.iter().flatten().all(|at| (-8.0..72.0).contains(at)));
    }

    #[test]
    fn the_adjoint_is_one() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for (picture, input) in [([9, 7], [6, 8]), ([5, 5], [12, 12]), ([30, 30], [8, 8])] {
            let transforms = [0, 1].map(|_| Transform::random(picture, input, &mut rng));
            let pictures: Array4<f32> = sine((2, 3, picture[0], picture[1]), [1.0, 1.3, 0.2]);
            let gradients: Array4<f32> = sine((2, 3, input[0], input[1]), [1.0, 0.7, 0.5]);
            let there = (&apply(&pictures, &transforms, input) * &gradients).sum();
            let back = (&pictures * &adjoint(&gradients, &transforms, picture)).sum();
            approx::assert_relative_eq!(there, back, max_relative = 1e-4, epsilon = 1e-4);
        }
    }
}
