//! The work on a part of the output, by the processor's vectors.
//!
//! Nothing on the way is a closure or a function of the library that takes one: they would not be compiled for the vectors.

use pulp::{Simd, WithSimd};

use super::floats::{Floats, LINE};
use super::{Convolution, MOST_BLOCKS, PATCH, POINTS, Part, Strip, TILE};

/// Patches that are multiplied by kernels at a time: as many as leave their sums in the registers.
const TOGETHER: usize = 6;

pub(super) struct Work<'a, 'y> {
    pub convolution: &'a Convolution<'a>,
    pub part: &'a mut Part<'y>,
    /// For the points of patches, and for products.
    pub scratch: &'a mut [Floats; 2],
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
