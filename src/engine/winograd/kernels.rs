//! Kernels, taken to their points once.

use pulp::{Arch, Simd, WithSimd};

use super::floats::Floats;
use super::{PATCH, POINTS, TAPS, block};

/// Kernels at the points: `[outputs / block, 16, inputs, block]`.
pub struct Kernels {
    pub(super) points: Floats,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
}

impl Kernels {
    /// Of kernels as they lie for blocks, `[outputs / block, inputs / block, 3, 3, block, block]`, the outputs last; `None` where
    /// there are not as many, or channels do not fill blocks.
    pub fn of_blocks(kernels: &[f32], [outputs, inputs]: [usize; 2]) -> Option<Self> {
        fit(kernels.len(), [outputs, inputs])?.then(|| Arch::new().dispatch(ToPoints { kernels, inputs, outputs }))
    }

    /// As [`Kernels::of_blocks`], of kernels `[outputs, inputs, 3, 3]` whose floats are in little-endian order.
    pub fn of_bytes(kernels: &[u8], [outputs, inputs]: [usize; 2]) -> Option<Self> {
        let ((kernels, _), block) = (kernels.as_chunks(), block());
        if !fit(kernels.len(), [outputs, inputs])? {
            return None;
        }
        let mut blocks = vec![0.0; kernels.len()];
        for (group, to) in blocks.chunks_exact_mut(block).enumerate() {
            let (input, group) = (group % block, group / block);
            let (tap, group) = (group % TAPS, group / TAPS);
            let (input, output) = (group % (inputs / block) * block + input, group / (inputs / block) * block);
            let from = kernels[(output * inputs + input) * TAPS + tap..].iter().step_by(inputs * TAPS);
            to.iter_mut().zip(from).for_each(|(to, from)| *to = f32::from_le_bytes(*from));
        }
        Self::of_blocks(&blocks, [outputs, inputs])
    }
}

/// Whether there are as many floats as such kernels have, and channels fill blocks.
fn fit(count: usize, [outputs, inputs]: [usize; 2]) -> Option<bool> {
    let fill = |channels: usize| channels > 0 && channels.is_multiple_of(block());
    Some(outputs.checked_mul(inputs)?.checked_mul(TAPS)? == count && fill(outputs) && fill(inputs))
}

struct ToPoints<'a> {
    kernels: &'a [f32],
    inputs: usize,
    outputs: usize,
}

impl WithSimd for ToPoints<'_> {
    type Output = Kernels;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Kernels {
        let Self { kernels, inputs, outputs } = self;
        let (block, mut points) = (S::F32_LANES, Floats::default());
        let kernels = S::as_simd_f32s(kernels).0;
        let to = S::as_mut_simd_f32s(points.first(outputs * inputs * POINTS)).0;
        for (kernels, to) in kernels.chunks_exact(TAPS * inputs).zip(to.chunks_exact_mut(POINTS * inputs)) {
            for input in 0..inputs {
                let kernel = &kernels[input / block * TAPS * block..][..TAPS * block];
                let mut rows = [[simd.splat_f32s(0.0); PATCH]; 3];
                for (column, points) in rows.iter_mut().enumerate() {
                    let tap = |row: usize| kernel[(row * 3 + column) * block + input % block];
                    *points = kernel_points(simd, [tap(0), tap(1), tap(2)]);
                }
                for row in 0..PATCH {
                    let values = kernel_points(simd, [rows[0][row], rows[1][row], rows[2][row]]);
                    for (column, value) in values.into_iter().enumerate() {
                        to[(row * PATCH + column) * inputs + input] = value;
                    }
                }
            }
        }
        Kernels { points, inputs, outputs }
    }
}

/// G k.
#[inline(always)]
fn kernel_points<S: Simd>(simd: S, [a, b, c]: [S::f32s; 3]) -> [S::f32s; PATCH] {
    let (half, ends) = (simd.splat_f32s(0.5), simd.add_f32s(a, c));
    [a, simd.mul_f32s(half, simd.add_f32s(ends, b)), simd.mul_f32s(half, simd.sub_f32s(ends, b)), c]
}
