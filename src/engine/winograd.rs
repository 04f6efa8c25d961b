//! Convolutions 3×3 with a stride of one by minimal filtering: four places of a map from 16 products instead of 36.
//!
//! Each 2×2 places of the output come from a patch of 4×4 of the input. Patches and kernels are taken to 16 points each,
//! d = Bᵀ x B and u = G k Gᵀ, where the convolution is a product at each point; the sums over the channels are products of
//! matrices there, and Aᵀ (Σ u d) A leads back: F(2×2, 3×3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural
//! Networks", 2016. It rounds no more than nine products added up one after the other do.
//!
//! Maps lie in blocks of as many channels as a vector has values, place by place. Owns the order of sums, which is the same
//! whatever is computed together. Must not know about runtimes.

use std::cell::RefCell;

use pulp::{Arch, Simd, WithSimd};

/// Places of a side of what a patch gives, and of a patch.
const TILE: usize = 2;
const PATCH: usize = 4;

/// Places of a kernel, and points at which patches and kernels are multiplied.
const TAPS: usize = 9;
const POINTS: usize = PATCH * PATCH;

/// Patches that are multiplied by kernels at a time: as many as leave their sums in the registers.
const TOGETHER: usize = 6;

/// Blocks of the output that are computed together, at most.
const MOST_BLOCKS: usize = 4;

/// Patches that are worked on at a time: their points stay in the cache, and the kernels are gone through seldom.
const PATCHES: usize = 112;

/// Floats of a line of the cache.
const LINE: usize = 64 / size_of::<f32>();

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

/// Floats that begin with a line of the cache.
#[derive(Default)]
struct Floats(Vec<f32>);

impl Floats {
    /// The first ones, more of them if there are too few.
    fn first(&mut self, count: usize) -> &mut [f32] {
        if self.0.len() < count + LINE {
            self.0.resize(count + LINE, 0.0);
        }
        let skipped = self.skipped();
        &mut self.0[skipped..][..count]
    }

    fn all(&self) -> &[f32] {
        self.0.get(self.skipped()..).unwrap_or_default()
    }

    fn skipped(&self) -> usize {
        self.0.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE)
    }
}

/// Kernels at the points: `[outputs / block, 16, inputs, block]`.
pub struct Kernels {
    points: Floats,
    inputs: usize,
    outputs: usize,
}

impl Kernels {
    /// Of kernels as they lie for blocks, `[outputs / block, inputs / block, 3, 3, block, block]`, the outputs last; `None` where
    /// there are not as many, or channels do not fill blocks.
    pub fn of_blocks(kernels: &[f32], [outputs, inputs]: [usize; 2]) -> Option<Self> {
        let fill = |channels: usize| channels > 0 && channels.is_multiple_of(block());
        let fits = outputs.checked_mul(inputs)?.checked_mul(TAPS)? == kernels.len() && fill(outputs) && fill(inputs);
        fits.then(|| Arch::new().dispatch(ToPoints { kernels, inputs, outputs }))
    }
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

struct Work<'a, 'y> {
    convolution: &'a Convolution<'a>,
    part: &'a mut Part<'y>,
    scratch: &'a mut [Floats; 2],
}

impl WithSimd for Work<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { convolution, part: Part { block, strips }, scratch: [points, products] } = self;
        let (inputs, each) = (convolution.kernels.inputs, convolution.patches());
        let count = (strips.len() * each).next_multiple_of(TOGETHER);
        // A line apart, so that what is of one patch does not fall on the same places of the cache.
        let apart = count * inputs + LINE;
        let points = points.first(POINTS * apart);
        for (at, strip) in strips.iter().enumerate() {
            convolution.take(simd, strip, S::as_mut_simd_f32s(points).0, [at * each, apart / S::F32_LANES]);
        }
        let products = products.first(POINTS * (count * MOST_BLOCKS * S::F32_LANES + LINE));
        let products = S::as_mut_simd_f32s(products).0;
        let (blocks, most) =
            (strips.first().map_or(0, |strip| strip.maps.len()), if S::REGISTER_COUNT < 32 { 2 } else { MOST_BLOCKS });
        let mut done = 0;
        while done < blocks {
            let at = [*block, done];
            done += match most.min(blocks - done) {
                4.. => convolution.give::<S, 4>(simd, at, (points, [count, apart]), products, strips),
                2.. => convolution.give::<S, 2>(simd, at, (points, [count, apart]), products, strips),
                _ => convolution.give::<S, 1>(simd, at, (points, [count, apart]), products, strips),
            };
        }
    }
}

// Nothing in these is a closure or a function of the library that takes one: they would not be compiled for the vectors.
impl Convolution<'_> {
    /// Takes the patches of a strip to their points, `[16, count, inputs]`, from the `first` patch on, the points so far apart.
    #[inline(always)]
    fn take<S: Simd>(&self, simd: S, strip: &Strip<'_>, points: &mut [S::f32s], [first, apart]: [usize; 2]) {
        let [height, width] = self.size;
        let blocks = self.kernels.inputs / S::F32_LANES;
        let maps = S::as_simd_f32s(self.x).0;
        for block in 0..blocks {
            let map = &maps[(strip.picture * blocks + block) * height * width..][..height * width];
            let mut rows: [&[S::f32s]; PATCH] = [&[]; PATCH];
            for (number, row) in rows.iter_mut().enumerate() {
                let number = (strip.row + number).wrapping_sub(self.pads[0]);
                if number < height {
                    *row = &map[number * width..][..width];
                }
            }
            let mut before = [self.column(simd, &rows, 0), self.column(simd, &rows, 1)];
            for patch in 0..self.patches() {
                let at = patch * TILE + TILE;
                let after = [self.column(simd, &rows, at), self.column(simd, &rows, at + 1)];
                for row in 0..PATCH {
                    let values = [before[0][row], before[1][row], after[0][row], after[1][row]];
                    for (column, value) in patch_points(simd, values).into_iter().enumerate() {
                        points[(row * PATCH + column) * apart + (first + patch) * blocks + block] = value;
                    }
                }
                before = after;
            }
        }
    }

    /// Four rows of a column, on the way to their points; zeros where there are none. Columns count from the first of the padding.
    #[inline(always)]
    fn column<S: Simd>(&self, simd: S, rows: &[&[S::f32s]; PATCH], at: usize) -> [S::f32s; PATCH] {
        let mut values = [simd.splat_f32s(0.0); PATCH];
        for (value, row) in values.iter_mut().zip(rows) {
            if let Some(found) = row.get(at.wrapping_sub(self.pads[1])) {
                *value = *found;
            }
        }
        patch_points(simd, values)
    }

    /// Computes `BLOCKS` blocks of a part that begins with a block, from one of its blocks on, from the points of patches; says
    /// how many that are.
    #[inline(always)]
    fn give<S: Simd, const BLOCKS: usize>(
        &self,
        simd: S,
        [first, at]: [usize; 2],
        (patches, [count, apart]): (&[f32], [usize; 2]),
        products: &mut [S::f32s],
        strips: &mut [Strip<'_>],
    ) -> usize {
        let inputs = self.kernels.inputs;
        let each = count * BLOCKS + LINE / S::F32_LANES;
        let all = S::as_simd_f32s(self.kernels.points.all()).0;
        for point in 0..POINTS {
            let mut kernels: [&[S::f32s]; BLOCKS] = [&[]; BLOCKS];
            for (number, kernels) in kernels.iter_mut().enumerate() {
                *kernels = &all[((first + at + number) * POINTS + point) * inputs..][..inputs];
            }
            let patches = patches[point * apart..][..count * inputs].chunks_exact(TOGETHER * inputs);
            let products = products[point * each..][..count * BLOCKS].as_chunks_mut::<BLOCKS>().0;
            for (patches, products) in patches.zip(products.as_chunks_mut::<TOGETHER>().0) {
                *products = multiplied(simd, patches, kernels);
            }
        }
        let [height, width] = self.out;
        let (bias, added) = (S::as_simd_f32s(self.bias).0, S::as_simd_f32s(self.added).0);
        let (floor, zero) = (simd.splat_f32s(self.floor), simd.splat_f32s(0.0));
        for (number, strip) in strips.iter_mut().enumerate() {
            for (part, rows) in strip.maps[at..][..BLOCKS].iter_mut().enumerate() {
                let map = strip.picture * self.kernels.outputs / S::F32_LANES + first + at + part;
                let added = added.get(map * height * width + strip.row * width..).unwrap_or_default();
                let bias = if let Some(bias) = bias.get(first + at + part) { *bias } else { zero };
                let rows = S::as_mut_simd_f32s(rows).0;
                for patch in 0..self.patches() {
                    let mut columns = [[zero; PATCH]; TILE];
                    for row in 0..PATCH {
                        let mut values = [zero; PATCH];
                        for (column, value) in values.iter_mut().enumerate() {
                            let point = (row * PATCH + column) * each;
                            *value = products[point + (number * self.patches() + patch) * BLOCKS + part];
                        }
                        for (column, value) in columns.iter_mut().zip(back(simd, values)) {
                            column[row] = value;
                        }
                    }
                    for (column, values) in columns.into_iter().take(width - patch * TILE).enumerate() {
                        for (row, value) in back(simd, values).into_iter().enumerate() {
                            let at = row * width + patch * TILE + column;
                            let Some(to) = rows.get_mut(at) else { continue };
                            let mut value = simd.add_f32s(value, bias);
                            if let Some(added) = added.get(at) {
                                value = simd.add_f32s(value, *added);
                            }
                            // What is no number stays none.
                            *to = simd.select_f32s(simd.less_than_f32s(value, floor), floor, value);
                        }
                    }
                }
            }
        }
        BLOCKS
    }
}

/// Bᵀ x.
#[inline(always)]
fn patch_points<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; PATCH]) -> [S::f32s; PATCH] {
    [simd.sub_f32s(a, c), simd.add_f32s(b, c), simd.sub_f32s(c, b), simd.sub_f32s(b, d)]
}

/// G k.
#[inline(always)]
fn kernel_points<S: Simd>(simd: S, [a, b, c]: [S::f32s; 3]) -> [S::f32s; PATCH] {
    let (half, ends) = (simd.splat_f32s(0.5), simd.add_f32s(a, c));
    [a, simd.mul_f32s(half, simd.add_f32s(ends, b)), simd.mul_f32s(half, simd.sub_f32s(ends, b)), c]
}

/// Aᵀ y.
#[inline(always)]
fn back<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; PATCH]) -> [S::f32s; TILE] {
    [simd.add_f32s(simd.add_f32s(a, b), c), simd.sub_f32s(simd.sub_f32s(b, c), d)]
}

/// The sums over the inputs of patches `[6, inputs]` times kernels.
#[inline(always)]
fn multiplied<S: Simd, const BLOCKS: usize>(
    simd: S,
    patches: &[f32],
    kernels: [&[S::f32s]; BLOCKS],
) -> [[S::f32s; BLOCKS]; TOGETHER] {
    let inputs = kernels[0].len();
    let mut rows: [&[f32]; TOGETHER] = [&[]; TOGETHER];
    for (patch, row) in rows.iter_mut().enumerate() {
        *row = &patches[patch * inputs..][..inputs];
    }
    let mut sums = [[simd.splat_f32s(0.0); BLOCKS]; TOGETHER];
    for input in 0..inputs {
        let mut weights = [simd.splat_f32s(0.0); BLOCKS];
        for (weight, kernels) in weights.iter_mut().zip(&kernels) {
            *weight = kernels[input];
        }
        for (sums, row) in sums.iter_mut().zip(&rows) {
            let value = simd.splat_f32s(row[input]);
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = simd.mul_add_f32s(value, weight, *sum);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::sine;

    /// Channels lie in blocks.
    fn blocked(maps: &[f32], channels: usize, area: usize) -> Vec<f32> {
        let block = block();
        let value = |at: usize| {
            let (picture, at) = (at / (channels * area), at % (channels * area));
            let (group, place, lane) = (at / (block * area), at / block % area, at % block);
            maps[(picture * channels + group * block + lane) * area + place]
        };
        (0..maps.len()).map(value).collect()
    }

    /// Kernels `[outputs, inputs, 3, 3]` as they lie for blocks.
    fn kernels_in_blocks(kernels: &[f32], inputs: usize) -> Vec<f32> {
        let block = block();
        let value = |at: usize| {
            let (output, at) = (at % block, at / block);
            let (input, at) = (at % block, at / block);
            let (tap, at) = (at % TAPS, at / TAPS);
            let (input, output) = (at % (inputs / block) * block + input, at / (inputs / block) * block + output);
            kernels[(output * inputs + input) * TAPS + tap]
        };
        (0..kernels.len()).map(value).collect()
    }

    /// As a convolution is defined, of one picture.
    fn defined(
        x: &[f32],
        [height, width]: [usize; 2],
        kernel: &[f32],
        pads: [usize; 4],
        [row, column]: [usize; 2],
    ) -> f64 {
        let mut sum = 0.0;
        for (map, taps) in x.chunks(height * width).zip(kernel.chunks(TAPS)) {
            for (tap, weight) in taps.iter().enumerate() {
                let (y, x) = ((row + tap / 3).wrapping_sub(pads[0]), (column + tap % 3).wrapping_sub(pads[1]));
                if y < height && x < width {
                    sum += f64::from(map[y * width + x]) * f64::from(*weight);
                }
            }
        }
        sum
    }

    #[test]
    fn it_is_the_convolution() {
        let block = block();
        for (size, pads, pictures, inputs, outputs) in [
            ([7, 7], [1, 1, 1, 1], 2, 2 * block, 7 * block),
            ([6, 9], [0, 2, 1, 1], 1, block, 3 * block),
            ([3, 4], [0, 0, 0, 0], 3, 3 * block, block),
            ([1, 1], [1, 1, 1, 1], 1, block, block),
        ] {
            let [height, width] = size;
            let x = sine((pictures, inputs, height * width), [1.0, 0.37, 0.2]).into_raw_vec_and_offset().0;
            let weights = sine((outputs, inputs, TAPS), [0.3, 0.9, 0.41]).into_raw_vec_and_offset().0;
            let bias = sine((1, 1, outputs), [0.1, 0.5, 0.8]).into_raw_vec_and_offset().0;
            let out = [height + pads[0] + pads[2] - 2, width + pads[1] + pads[3] - 2];
            let area = out[0] * out[1];
            let added = sine((pictures, outputs, area), [0.2, 0.3, 0.7]).into_raw_vec_and_offset().0;
            let kernels = Kernels::of_blocks(&kernels_in_blocks(&weights, inputs), [outputs, inputs]).unwrap();
            let (of_x, of_added) = (blocked(&x, inputs, height * width), blocked(&added, outputs, area));
            let convolution = || Convolution::new(&kernels, &of_x, size, pads).unwrap();
            assert_eq!(convolution().shape(), [pictures, outputs, out[0], out[1]]);
            let computed = |convolution: Convolution<'_>, threads: usize| {
                let mut y = vec![f32::NAN; pictures * outputs * area];
                convolution.parts(&mut y, threads).iter_mut().for_each(|part| convolution.compute(part));
                y
            };
            let whole = |x| computed(convolution().and_bias(&bias).unwrap().and(x).unwrap().and_relu(), 1);
            let (plain, all) = (computed(convolution(), 1), whole(&of_added));
            for threads in [2, 5, 64] {
                assert_eq!(computed(convolution(), threads), plain, "the same, whatever is computed together");
            }
            let mut expected = Vec::new();
            for (picture, x) in x.chunks(inputs * height * width).enumerate() {
                for (output, kernel) in weights.chunks(inputs * TAPS).enumerate() {
                    for at in 0..area {
                        let value = defined(x, size, kernel, pads, [at / out[1], at % out[1]]);
                        let added = f64::from(added[(picture * outputs + output) * area + at]);
                        expected.push((value, (value + f64::from(bias[output]) + added).max(0.0)));
                    }
                }
            }
            let (first, second): (Vec<f32>, Vec<f32>) = expected.iter().map(|(a, b)| (*a as f32, *b as f32)).unzip();
            for (found, expected) in [(plain, first), (all, second)] {
                for (found, expected) in found.iter().zip(blocked(&expected, outputs, area)) {
                    approx::assert_abs_diff_eq!(*found, expected, epsilon = 2e-5);
                }
            }
        }
    }

    #[test]
    fn what_does_not_belong_together_is_none() {
        let block = block();
        let weights = vec![0.0; block * block * TAPS];
        assert!(Kernels::of_blocks(&weights[1..], [block, block]).is_none());
        assert!(Kernels::of_blocks(&weights, [block, 0]).is_none());
        assert!(Kernels::of_blocks(&weights, [usize::MAX, block]).is_none());
        let kernels = Kernels::of_blocks(&weights, [block, block]).unwrap();
        let x = vec![0.0; block * 12];
        let new = |size, pads| Convolution::new(&kernels, &x, size, pads);
        assert!(new([3, 4], [0; 4]).is_some());
        assert!(new([3, 5], [0; 4]).is_none());
        assert!(new([12, 1], [0; 4]).is_none(), "narrower than the kernel");
        assert!(new([0, 0], [1; 4]).is_none());
        assert!(new([3, 4], [usize::MAX; 4]).is_none());
        assert!(new([3, 4], [0; 4]).unwrap().and_bias(&[0.0]).is_none());
        assert!(new([3, 4], [0; 4]).unwrap().and(&x).is_none());
    }
}
