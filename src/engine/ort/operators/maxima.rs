//! Where the maxima of a pooling's windows are.

use std::ops::Range;

use ort::Error;
use ort::operator::KernelContext;

/// Largest kernel, stride, dilation and padding: a file may ask for any.
const LARGEST: usize = 1 << 16;

/// Where nothing is higher than the lowest number: the maximum of a window of such, or of none.
const NOWHERE: u32 = u32::MAX;

/// An attribute of a node that says two sizes, rows first.
pub(super) fn pair(node: &KernelContext<'_>, name: &str) -> Result<[usize; 2], Error> {
    let values: Vec<i64> = node.get(name).unwrap_or_default();
    let sizes = values.iter().filter_map(|value| usize::try_from(*value).ok().filter(|size| *size <= LARGEST));
    let sizes: Vec<usize> = sizes.collect();
    sizes.try_into().map_err(|_| Error::new(format!("{name} {values:?} is no pair of sizes")))
}

/// Height and width of a map.
#[derive(Clone, Copy)]
pub(super) struct Plane {
    pub height: usize,
    pub width: usize,
}

impl Plane {
    pub fn area(&self) -> usize {
        self.height * self.width
    }
}

/// A window along one axis: output o takes input o · stride + tap · dilation − pad.
#[derive(Clone, Copy)]
struct Axis {
    kernel: usize,
    stride: usize,
    dilation: usize,
    pad: usize,
}

impl Axis {
    /// The outputs that take an input of `size` by a tap, and the first such input.
    fn reached(&self, tap: usize, size: usize, outputs: usize) -> (Range<usize>, usize) {
        let reach = tap * self.dilation;
        let first = self.pad.saturating_sub(reach).div_ceil(self.stride).min(outputs);
        let end = (size + self.pad).saturating_sub(reach).div_ceil(self.stride).min(outputs);
        (first..end.max(first), (first * self.stride + reach).saturating_sub(self.pad))
    }
}

/// The window of a pooling.
#[derive(Clone, Copy)]
pub(super) struct Window([Axis; 2]);

impl Window {
    /// As the attributes `kernel`, `strides`, `dilations` and `pads` (before the first row and column) of a node say, rows
    /// first.
    pub fn of(node: &KernelContext<'_>) -> Result<Self, Error> {
        let [kernel, strides, dilations, pads] =
            [pair(node, "kernel")?, pair(node, "strides")?, pair(node, "dilations")?, pair(node, "pads")?];
        let axis = |axis: usize| Axis {
            kernel: kernel[axis],
            stride: strides[axis].max(1),
            dilation: dilations[axis],
            pad: pads[axis],
        };
        Ok(Self([axis(0), axis(1)]))
    }

    /// The rows of a map of so many that the windows of some rows of the output take.
    pub fn rows(&self, output: Range<usize>, height: usize) -> Range<usize> {
        let Self([axis, _]) = self;
        let first = (output.start * axis.stride).saturating_sub(axis.pad).min(height);
        let reach = axis.kernel.saturating_sub(1) * axis.dilation;
        let end = (output.end.saturating_sub(1) * axis.stride + reach + 1).saturating_sub(axis.pad).min(height);
        first..end.max(first)
    }
}

/// Finds the maxima of windows.
pub(super) struct Maxima {
    window: Window,
    best: Vec<f32>,
    places: Vec<u32>,
}

impl Maxima {
    /// For windows of which there are so many in a row.
    pub fn new(window: Window, columns: usize) -> Self {
        Self { window, best: vec![0.0; columns], places: vec![NOWHERE; columns] }
    }

    /// The places in the map `x` of the maxima of a row of windows; beyond it for a window of nothing. Of equal elements the
    /// first by row and column is the maximum, as in PyTorch.
    #[inline(always)]
    pub fn of_row(&mut self, row: usize, x: &[f32], input: Plane) -> &[u32] {
        let Self { window: Window([rows, columns]), best, places } = self;
        best.fill(f32::NEG_INFINITY);
        places.fill(NOWHERE);
        for tap in 0..rows.kernel {
            let line = row * rows.stride + tap * rows.dilation;
            let Some(line) = line.checked_sub(rows.pad).filter(|line| *line < input.height) else { continue };
            let start = line * input.width;
            let line = &x[start..start + input.width];
            for tap in 0..columns.kernel {
                let (reached, first) = columns.reached(tap, input.width, best.len());
                let (best, places) = (&mut best[reached.clone()], &mut places[reached]);
                match columns.stride {
                    1 => raise::<1>(&line[first.min(line.len())..], start + first, best, places),
                    2 => raise::<2>(&line[first.min(line.len())..], start + first, best, places),
                    stride => {
                        let from = line.iter().enumerate().skip(first).step_by(stride);
                        for ((at, value), (best, place)) in from.zip(best.iter_mut().zip(places)) {
                            if *value > *best {
                                (*best, *place) = (*value, (start + at) as u32);
                            }
                        }
                    }
                }
            }
        }
        places
    }
}

/// Keeps what is higher of `best` and every `STRIDE`-th element of a row, and its place; the first element is at `first`.
/// Without a branch on which is higher, which nobody could foresee.
#[inline(always)]
fn raise<const STRIDE: usize>(row: &[f32], first: usize, best: &mut [f32], places: &mut [u32]) {
    let count = best.len().min(places.len()).min(row.len().div_ceil(STRIDE));
    let (best, places, first) = (&mut best[..count], &mut places[..count], first as u32);
    let Some(row) = row.get(..(count.saturating_sub(1) * STRIDE + 1).min(row.len())) else { return };
    for at in 0..count {
        let value = row[at * STRIDE];
        let higher = value > best[at];
        best[at] = if higher { value } else { best[at] };
        places[at] = if higher { first + (at * STRIDE) as u32 } else { places[at] };
    }
}
