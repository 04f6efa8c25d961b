//! A feature map in three figures: its average, its highest value and where that is, in one pass over the map.
//!
//! Owns the order in which values are added up, which decides the last digit: it is the same whatever vectors the processor
//! has. Must not know about runtimes.

use pulp::{Arch, Scalar, Simd, WithSimd};

/// Average, highest value, and the place of the first highest value in the order of rows, as the bits of a `u32`.
pub type Figures = [f32; 3];

/// Parts in which a map that lies as a whole is looked at: one value after the other belongs to the next of them.
const PARTS: usize = 16;

/// Values of a part that are added up before their sum is added to others', so that rounding stays small.
const RUN: usize = 64;

/// What is known of several maps, or parts of one, at the same time: of as many as a vector has values.
struct Seen<S: Simd> {
    sum: S::f32s,
    /// Sum of the current row.
    run: S::f32s,
    high: S::f32s,
    at: S::u32s,
}

impl<S: Simd> Seen<S> {
    #[inline(always)]
    fn nothing(simd: S) -> Self {
        let zero = simd.splat_f32s(0.0);
        Self { sum: zero, run: zero, high: simd.splat_f32s(f32::NEG_INFINITY), at: simd.splat_u32s(0) }
    }

    #[inline(always)]
    fn take(&mut self, simd: S, values: S::f32s, at: S::u32s) {
        let higher = simd.greater_than_f32s(values, self.high);
        self.run = simd.add_f32s(self.run, values);
        self.high = simd.select_f32s(higher, values, self.high);
        self.at = simd.select_u32s(higher, at, self.at);
    }

    #[inline(always)]
    fn end_row(&mut self, simd: S) {
        self.sum = simd.add_f32s(self.sum, self.run);
        self.run = simd.splat_f32s(0.0);
    }

    /// Leaves it with that of other maps; it is the `part`th of so many.
    #[inline(always)]
    fn leave<const N: usize>(self, lanes: &mut Lanes<N>, part: usize) {
        let floats = [(&mut lanes.sum, self.sum), (&mut lanes.high, self.high)];
        floats.into_iter().for_each(|(to, from)| {
            S::as_mut_simd_f32s(to).0.get_mut(part).into_iter().for_each(|to| *to = from);
        });
        S::as_mut_simd_u32s(&mut lanes.at).0.get_mut(part).into_iter().for_each(|to| *to = self.at);
    }
}

/// What is known of `N` maps, or parts of one.
struct Lanes<const N: usize> {
    sum: [f32; N],
    high: [f32; N],
    at: [u32; N],
}

impl<const N: usize> Lanes<N> {
    #[inline(always)]
    fn new() -> Self {
        Self { sum: [0.0; N], high: [0.0; N], at: [0; N] }
    }

    /// Of `N` values at each place, `width` places a row.
    #[inline(always)]
    fn of<S: Simd>(simd: S, places: &[[f32; N]], width: usize) -> Self {
        let mut lanes = Self::new();
        let parts = N / S::F32_LANES;
        let vectors = S::as_simd_f32s(places.as_flattened()).0;
        for part in 0..parts {
            let (mut seen, mut at) = (Seen::nothing(simd), simd.splat_u32s(0));
            for row in vectors.chunks(width * parts) {
                for place in row.chunks_exact(parts) {
                    seen.take(simd, place[part], at);
                    at = simd.add_u32s(at, simd.splat_u32s(1));
                }
                seen.end_row(simd);
            }
            seen.leave(&mut lanes, part);
        }
        lanes
    }

    /// Where each is a map of `area` values.
    #[inline(always)]
    fn write(&self, area: usize, figures: &mut [Figures]) {
        for ((figures, sum), (high, at)) in figures.iter_mut().zip(self.sum).zip(self.high.into_iter().zip(self.at)) {
            *figures = [sum / area as f32, high, f32::from_bits(at)];
        }
    }
}

/// Runs it with the widest vectors that divide `N` values.
fn run<const N: usize, W: WithSimd>(work: W) -> W::Output {
    struct Fitting<const N: usize, W>(W);
    impl<const N: usize, W: WithSimd> WithSimd for Fitting<N, W> {
        type Output = W::Output;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            if N.is_multiple_of(S::F32_LANES) { self.0.with_simd(simd) } else { self.0.with_simd(Scalar) }
        }
    }
    Arch::new().dispatch(Fitting::<N, W>(work))
}

/// The figures of maps of `area` values, one after the other.
pub fn of_maps(maps: &[f32], area: usize, figures: &mut [Figures]) {
    run::<PARTS, _>(Maps { maps, area: area.max(1), figures });
}

struct Maps<'a> {
    maps: &'a [f32],
    area: usize,
    figures: &'a mut [Figures],
}

impl WithSimd for Maps<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (map, figures) in self.maps.chunks_exact(self.area).zip(self.figures) {
            let (places, rest) = map.as_chunks::<PARTS>();
            let lanes = Lanes::of(simd, places, RUN);
            let (mut sum, mut high, mut at) = (0.0, f32::NEG_INFINITY, 0);
            for (part, (value, highest)) in lanes.sum.into_iter().zip(lanes.high).enumerate() {
                sum += value;
                let place = lanes.at[part] * PARTS as u32 + part as u32;
                if highest > high || (highest == high && place < at) {
                    (high, at) = (highest, place);
                }
            }
            for (place, value) in (places.len() * PARTS..).zip(rest) {
                sum += value;
                if *value > high {
                    (high, at) = (*value, place as u32);
                }
            }
            *figures = [sum / map.len() as f32, high, f32::from_bits(at)];
        }
    }
}

/// The figures of maps `[height, width]` of which `N` lie together, place by place; those of the last ones may be missing.
pub fn of_blocks<const N: usize>(maps: &[f32], size: [usize; 2], figures: &mut [Figures]) {
    run::<N, _>(Blocks::<N> { maps: maps.as_chunks().0, size: size.map(|side| side.max(1)), figures });
}

struct Blocks<'a, const N: usize> {
    maps: &'a [[f32; N]],
    size: [usize; 2],
    figures: &'a mut [Figures],
}

impl<const N: usize> WithSimd for Blocks<'_, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let [height, width] = self.size;
        // The last ones first: what was written last is still in the cache.
        for (block, figures) in self.maps.chunks_exact(height * width).zip(self.figures.chunks_mut(N)).rev() {
            Lanes::of(simd, block, width).write(height * width, figures);
        }
    }
}

/// A sum of two tensors of maps `[height, width]` of which `N` lie together, and the figures of the summands and of the sum.
pub struct Sum<'a, const N: usize> {
    /// The first summand; `None` where `sum` holds it already.
    pub first: Option<&'a [f32]>,
    /// The second.
    pub second: &'a [f32],
    /// Takes the sum.
    pub sum: &'a mut [f32],
    /// Height and width of a map.
    pub size: [usize; 2],
    /// What is less becomes this.
    pub floor: f32,
    /// Take the figures of the summands and of the sum; what is empty is not wanted.
    pub figures: [&'a mut [Figures]; 3],
}

impl<const N: usize> Sum<'_, N> {
    /// Computes it.
    pub fn compute(self) {
        run::<N, _>(self);
    }

    /// Adds to a block, with or without the figures of what is added.
    #[inline(always)]
    fn block<S: Simd, const SECOND: bool>(
        simd: S,
        sum: &mut [f32],
        added: &[f32],
        [width, area]: [usize; 2],
        floor: f32,
        figures: [&mut [Figures]; 3],
    ) {
        let parts = N / S::F32_LANES;
        let (sum, added) = (S::as_mut_simd_f32s(sum).0, S::as_simd_f32s(added).0);
        let floor = simd.splat_f32s(floor);
        let mut lanes = [Lanes::<N>::new(), Lanes::new(), Lanes::new()];
        for part in 0..parts {
            let mut seen = [Seen::nothing(simd), Seen::nothing(simd), Seen::nothing(simd)];
            let mut at = simd.splat_u32s(0);
            for (sum, added) in sum.chunks_mut(width * parts).zip(added.chunks(width * parts)) {
                for (sum, added) in sum.chunks_exact_mut(parts).zip(added.chunks_exact(parts)) {
                    let (a, b) = (sum[part], added[part]);
                    let value = simd.add_f32s(a, b);
                    // What is no number stays none.
                    let value = simd.select_f32s(simd.less_than_f32s(value, floor), floor, value);
                    sum[part] = value;
                    seen[0].take(simd, a, at);
                    if SECOND {
                        seen[1].take(simd, b, at);
                    }
                    seen[2].take(simd, value, at);
                    at = simd.add_u32s(at, simd.splat_u32s(1));
                }
                seen.iter_mut().for_each(|seen| seen.end_row(simd));
            }
            seen.into_iter().zip(&mut lanes).for_each(|(seen, lanes)| seen.leave(lanes, part));
        }
        lanes.iter().zip(figures).for_each(|(lanes, figures)| lanes.write(area, figures));
    }
}

impl<const N: usize> WithSimd for Sum<'_, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let [height, width] = self.size.map(|side| side.max(1));
        let area = height * width;
        let wants_second = !self.figures[1].is_empty();
        let mut rest = self.figures;
        let blocks = self.sum.chunks_exact_mut(area * N).zip(self.second.chunks_exact(area * N));
        // The last ones first: what was written last is still in the cache, and what is read next then is, too.
        for (block, (sum, second)) in blocks.enumerate().rev() {
            let figures = rest.each_mut().map(|rest| {
                let before = rest.len().min(block * N);
                let (others, these) = std::mem::take(rest).split_at_mut(before);
                *rest = others;
                these
            });
            let first = self.first.and_then(|first| first.get(block * area * N..)?.get(..area * N));
            if let Some(first) = first {
                sum.copy_from_slice(first);
            }
            match wants_second {
                false => Self::block::<S, false>(simd, sum, second, [width, area], self.floor, figures),
                true => Self::block::<S, true>(simd, sum, second, [width, area], self.floor, figures),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::sine;

    /// As they are defined, one value after the other.
    fn figures(map: &[f32]) -> (f32, f32, usize) {
        let sum: f64 = map.iter().copied().map(f64::from).sum();
        let best = (0..map.len()).fold(0, |best, at| if map[at] > map[best] { at } else { best });
        ((sum / map.len() as f64) as f32, map[best], best)
    }

    /// Maps of which some values are equal, as after a pool, and with what a ReLU makes zero.
    fn maps(channels: usize, area: usize) -> Vec<f32> {
        let values = sine((channels, 1, area), [1.0, 0.37, 0.2]);
        values.iter().map(|value| ((value * 9.0).round() / 9.0).max(-0.6)).collect()
    }

    fn check(found: &[Figures], maps: &[f32], area: usize) {
        for (at, (found, map)) in found.iter().zip(maps.chunks(area)).enumerate() {
            let (mean, high, place) = figures(map);
            approx::assert_abs_diff_eq!(found[0], mean, epsilon = 1e-6);
            assert_eq!((found[1], found[2].to_bits() as usize), (high, place), "map {at} of {area}");
        }
    }

    /// Laid out place by place, `N` maps together, zeros where there are no more.
    fn blocked<const N: usize>(maps: &[f32], area: usize) -> Vec<f32> {
        let channels = (maps.len() / area).next_multiple_of(N);
        let value = |at: usize| {
            let (block, place, lane) = (at / (N * area), at / N % area, at % N);
            maps.get((block * N + lane) * area + place).copied().unwrap_or(0.0)
        };
        (0..channels * area).map(value).collect()
    }

    fn in_blocks<const N: usize>() {
        for ([height, width], channels) in [([1, 1], 3), ([7, 5], 40), ([13, 30], 16)] {
            let area = height * width;
            let (a, b) =
                (maps(channels, area), sine((channels, 1, area), [0.7, 0.11, 0.5]).into_raw_vec_and_offset().0);
            let mut found = vec![[9.0; 3]; channels];
            of_blocks::<N>(&blocked::<N>(&a, area), [height, width], &mut found);
            check(&found, &a, area);
            let sums: Vec<f32> = a.iter().zip(&b).map(|(a, b)| (a + b).max(0.0)).collect();
            let mut taken = vec![f32::NAN; channels.next_multiple_of(N) * area];
            for (both, in_place) in [(false, true), (true, false), (true, true)] {
                let mut of = [channels, if both { channels } else { 0 }, channels].map(|count| vec![[9.0; 3]; count]);
                let first = blocked::<N>(&a, area);
                if in_place {
                    taken.copy_from_slice(&first);
                }
                let sum = Sum::<N> {
                    first: (!in_place).then_some(&first),
                    second: &blocked::<N>(&b, area),
                    sum: &mut taken,
                    size: [height, width],
                    floor: 0.0,
                    figures: of.each_mut().map(Vec::as_mut_slice),
                };
                sum.compute();
                assert_eq!(taken, blocked::<N>(&sums, area));
                for (found, maps) in of.iter().zip([&a, &b, &sums]) {
                    check(found, maps, area);
                }
            }
        }
    }

    #[test]
    fn figures_are_those_of_the_map() {
        for area in [1, 9, 16, 35, 49, 3000] {
            let maps = maps(5, area);
            let mut found = vec![[9.0; 3]; 5];
            of_maps(&maps, area, &mut found);
            check(&found, &maps, area);
        }
        in_blocks::<8>();
        in_blocks::<16>();
    }

    #[test]
    fn what_is_no_number_is_never_the_highest() {
        let mut map = vec![f32::NEG_INFINITY; 40];
        let mut found = [[9.0; 3]];
        of_maps(&map, 40, &mut found);
        assert_eq!(found[0], [f32::NEG_INFINITY, f32::NEG_INFINITY, 0.0]);
        (map[3], map[20], map[33]) = (f32::NAN, 2.0, 2.0);
        of_maps(&map, 40, &mut found);
        assert!(found[0][0].is_nan() && found[0][1] == 2.0 && found[0][2].to_bits() == 20);
    }
}
