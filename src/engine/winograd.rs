//! Convolutions 3×3 with a stride of one by minimal filtering: four places of a map from 16 products instead of 36.
//!
//! Each 2×2 places of the output come from a patch of 4×4 of the input. Patches and kernels are taken to 16 points each,
//! d = Bᵀ x B and u = G k Gᵀ, where the convolution is a product at each point; the sums over the channels are products of
//! matrices there, and Aᵀ (Σ u d) A leads back: F(2×2, 3×3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural
//! Networks", 2016. Its rounding is no larger than that of products added up one after the other: 2e-7 of the output beside
//! 3e-7, for 64 channels.
//!
//! Maps lie in blocks of as many channels as a vector has values, place by place. Owns the order of sums, which is the same
//! whatever is computed together. Must not know about runtimes.

use std::cell::RefCell;

use pulp::{Arch, Simd, WithSimd};

mod floats;
mod kernels;
mod work;

pub use kernels::Kernels;

use floats::Floats;
use work::Work;

/// Places of a side of what a patch gives, and of a patch.
const TILE: usize = 2;
const PATCH: usize = 4;

/// Places of a kernel, and points at which patches and kernels are multiplied.
const TAPS: usize = 9;
const POINTS: usize = PATCH * PATCH;

/// Blocks of the output that are computed together, at most.
const MOST_BLOCKS: usize = 4;

/// Patches that are worked on at a time: their points stay in the cache, and the kernels are gone through seldom.
const PATCHES: usize = 112;

/// The channels that lie together: one for each value of this processor's vectors.
pub fn block() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    Arch::new().dispatch(Lanes)
}

/// A convolution of maps `[pictures, inputs, height, width]` in blocks.
pub struct Convolution<'a> {
    kernels: &'a Kernels,
    /// What is convolved.
    x: &'a [f32],
    /// Its height and width, zeros before its first row and column, and height and width of the output.
    size: [usize; 2],
    pads: [usize; 2],
    out: [usize; 2],
    /// Added to each channel of the output; empty for nothing.
    bias: &'a [f32],
    /// Added to the output, of its shape; empty for nothing.
    added: &'a [f32],
    /// What is less becomes this.
    floor: f32,
}

/// What is computed at a time: some blocks of channels of some rows of the output.
pub struct Part<'y> {
    /// The first block.
    block: usize,
    strips: Vec<Strip<'y>>,
}

/// Two rows of a picture's output.
struct Strip<'y> {
    picture: usize,
    row: usize,
    /// A block each.
    maps: Vec<&'y mut [f32]>,
}

impl<'a> Convolution<'a> {
    /// Of pictures of a size with zeros around them: before the first row and column, and behind the last. `None` where the maps
    /// do not belong to the kernels.
    pub fn new(kernels: &'a Kernels, x: &'a [f32], size: [usize; 2], pads: [usize; 4]) -> Option<Self> {
        let out = |axis: usize| {
            let padded = size[axis].checked_add(pads[axis])?.checked_add(pads[axis + 2])?;
            padded.checked_sub(2).filter(|out| *out > 0)
        };
        let of_picture = size[0].checked_mul(size[1])?.checked_mul(kernels.inputs)?;
        let out = [out(0)?, out(1)?];
        let fits = of_picture > 0 && x.len().is_multiple_of(of_picture);
        let all =
            Self { kernels, x, size, pads: [pads[0], pads[1]], out, bias: &[], added: &[], floor: f32::NEG_INFINITY };
        fits.then_some(all)
    }

    /// Shape of the output.
    pub fn shape(&self) -> [usize; 4] {
        let [height, width] = self.size;
        let pictures = self.x.len() / (self.kernels.inputs * height * width);
        [pictures, self.kernels.outputs, self.out[0], self.out[1]]
    }

    /// With a bias `[outputs]`.
    pub fn and_bias(self, bias: &'a [f32]) -> Option<Self> {
        (bias.len() == self.kernels.outputs).then_some(Self { bias, ..self })
    }

    /// With something of the output's shape that is added to it.
    pub fn and(self, added: &'a [f32]) -> Option<Self> {
        (self.shape().iter().product::<usize>() == added.len()).then_some(Self { added, ..self })
    }

    /// With a ReLU behind it.
    pub fn and_relu(self) -> Self {
        Self { floor: 0.0, ..self }
    }

    /// Patches of a strip.
    fn patches(&self) -> usize {
        self.out[1].div_ceil(TILE)
    }

    /// The output in parts, so that all of so many threads have work.
    pub fn parts<'y>(&self, y: &'y mut [f32], threads: usize) -> Vec<Part<'y>> {
        let mut strips = self.strips(y);
        let (threads, blocks) = (threads.max(1), self.kernels.outputs / block());
        let fewest = (strips.len() * self.patches()).div_ceil(PATCHES).max(1);
        let groups = if fewest < threads { fewest } else { fewest.next_multiple_of(threads) };
        // Patches are taken to their points once more for each share.
        let share = blocks.div_ceil(threads.div_ceil(groups)).next_multiple_of(MOST_BLOCKS);
        let each = strips.len().div_ceil(groups).max(1);
        let of_share = |block: usize, strips: &mut [Strip<'y>]| {
            let strip = |Strip { picture, row, maps }: &mut Strip<'y>| Strip {
                picture: *picture,
                row: *row,
                maps: maps.drain(..share.min(maps.len())).collect(),
            };
            Part { block, strips: strips.iter_mut().map(strip).collect() }
        };
        let of_group = |strips: &mut [Strip<'y>]| -> Vec<_> {
            (0..blocks).step_by(share).map(|block| of_share(block, strips)).collect()
        };
        strips.chunks_mut(each).flat_map(of_group).collect()
    }

    fn strips<'y>(&self, y: &'y mut [f32]) -> Vec<Strip<'y>> {
        let row = self.out[1] * block();
        let of_picture = |(picture, y): (usize, &'y mut [f32])| {
            let strip = |row| Strip { picture, row, maps: Vec::with_capacity(self.kernels.outputs / block()) };
            let mut strips: Vec<Strip> = (0..self.out[0]).step_by(TILE).map(strip).collect();
            for map in y.chunks_exact_mut(self.out[0] * row) {
                strips.iter_mut().zip(map.chunks_mut(TILE * row)).for_each(|(strip, rows)| strip.maps.push(rows));
            }
            strips
        };
        let pictures = y.chunks_exact_mut(self.out[0] * self.out[1] * self.kernels.outputs);
        pictures.enumerate().flat_map(of_picture).collect()
    }

    /// Computes a part of the output.
    pub fn compute(&self, part: &mut Part<'_>) {
        thread_local! {
            /// Points of patches, and products: kept, as memory that is new at every step takes time.
            static SCRATCH: RefCell<[Floats; 2]> = RefCell::default();
        }
        SCRATCH.with_borrow_mut(|scratch| Arch::new().dispatch(Work { convolution: self, part, scratch }));
    }
}

#[cfg(test)]
mod tests;
