//! Pooling windows, to take apart what a pool makes.

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis};

use crate::onnx::Node;

/// Windows over rows and columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    pub kernel: [usize; 2],
    pub strides: [usize; 2],
    pub dilations: [usize; 2],
    /// Rows above and columns to the left that are not there.
    pub pads: [usize; 2],
    /// Height and width of what is pooled.
    from: [usize; 2],
    /// Height and width of what comes of it.
    to: [usize; 2],
    /// Padding below and to the right that counts as values of 0, where padding counts at all.
    counted: Option<[usize; 2]>,
}

/// Padding before the first row and column of a sliding window, also where it follows from the sizes (`SAME_UPPER`).
pub(super) fn pads(
    node: &Node,
    kernel: [usize; 2],
    strides: [usize; 2],
    dilations: [usize; 2],
    from: [usize; 2],
    to: [usize; 2],
) -> [usize; 2] {
    let overhang = |axis: usize| {
        let reach = to[axis].saturating_sub(1) * strides[axis] + dilations[axis] * kernel[axis].saturating_sub(1) + 1;
        reach.saturating_sub(from[axis])
    };
    automatic(node, overhang).unwrap_or_else(|| pair(node, "pads", 0))
}

/// Rows and columns of a transposed convolution that are cut off at the top and on the left, also where they follow from the
/// sizes (`output_shape`, `SAME_UPPER`).
pub(super) fn pads_of_transposed(
    node: &Node,
    kernel: [usize; 2],
    strides: [usize; 2],
    dilations: [usize; 2],
    from: [usize; 2],
    to: [usize; 2],
) -> [usize; 2] {
    let more = pair(node, "output_padding", 0);
    let overhang = |axis: usize| {
        let whole = from[axis].saturating_sub(1) * strides[axis] + dilations[axis] * kernel[axis].saturating_sub(1) + 1;
        (whole + more[axis]).saturating_sub(to[axis])
    };
    automatic(node, overhang).unwrap_or_else(|| match node.attr_ints("output_shape") {
        Some(_) => [0, 1].map(|axis| overhang(axis).div_ceil(2)),
        None => pair(node, "pads", 0),
    })
}

/// What `auto_pad` makes of the whole overhang of each axis before the first row and column; `None` where it says nothing.
fn automatic(node: &Node, overhang: impl Fn(usize) -> usize) -> Option<[usize; 2]> {
    match node.attr_string("auto_pad")? {
        "SAME_UPPER" => Some([0, 1].map(|axis| overhang(axis) / 2)),
        "SAME_LOWER" => Some([0, 1].map(|axis| overhang(axis).div_ceil(2))),
        "VALID" => Some([0, 0]),
        _ => None,
    }
}

/// The first two of a list of sizes.
fn pair(node: &Node, name: &str, otherwise: usize) -> [usize; 2] {
    let given = node.attr_ints(name).unwrap_or_default();
    [0, 1].map(|axis| given.get(axis).and_then(|value| usize::try_from(*value).ok()).unwrap_or(otherwise))
}

impl Window {
    /// The windows of a MaxPool or AveragePool from `[channels, height, width]` to another such shape; `None` where it has
    /// none.
    pub fn of(node: &Node, from: [usize; 3], to: [usize; 3]) -> Option<Self> {
        let (from, to) = ([from[1], from[2]], [to[1], to[2]]);
        let (kernel, strides, dilations) =
            (pair(node, "kernel_shape", 0), pair(node, "strides", 1), pair(node, "dilations", 1));
        let believed = |sizes: [usize; 2]| sizes.iter().all(|size| (1..=1 << 16).contains(size));
        (believed(kernel) && believed(strides) && believed(dilations)).then_some(())?;
        let pads = pads(node, kernel, strides, dilations, from, to);
        let counts = node.attr_int("count_include_pad") == Some(1);
        let given = node.attr_ints("pads").unwrap_or_default();
        let after = [2, 3].map(|axis| given.get(axis).and_then(|value| usize::try_from(*value).ok()).unwrap_or(0));
        Some(Self { kernel, strides, dilations, pads, from, to, counted: counts.then_some(after) })
    }

    /// The places of a window that are there.
    fn places(&self, row: usize, column: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let along = move |axis: usize, at: usize| {
            (0..self.kernel[axis])
                .filter_map(move |tap| {
                    (at * self.strides[axis] + tap * self.dilations[axis]).checked_sub(self.pads[axis])
                })
                .filter(move |place| *place < self.from[axis])
        };
        along(0, row).flat_map(move |y| along(1, column).map(move |x| (y, x)))
    }

    /// For each channel and window the place of its maximum, row-major: the first of equals, as in PyTorch.
    pub fn maxima(&self, values: ArrayView3<'_, f32>) -> Array3<usize> {
        let mut maxima = Array3::zeros((values.len_of(Axis(0)), self.to[0], self.to[1]));
        for (mut maxima, map) in maxima.outer_iter_mut().zip(values.outer_iter()) {
            for ((row, column), best) in maxima.indexed_iter_mut() {
                let mut highest = f32::NEG_INFINITY;
                for (place, (y, x)) in self.places(row, column).enumerate() {
                    if place == 0 || map[[y, x]] > highest {
                        (highest, *best) = (map[[y, x]], y * self.from[1] + x);
                    }
                }
            }
        }
        maxima
    }

    /// The values at these places.
    pub fn pick(&self, values: ArrayView2<'_, f32>, places: ArrayView2<'_, usize>) -> Array2<f32> {
        places.mapv(|place| {
            values.get([place / self.from[1].max(1), place % self.from[1].max(1)]).copied().unwrap_or(0.0)
        })
    }

    /// The average of each window.
    pub fn average(&self, values: ArrayView2<'_, f32>) -> Array2<f32> {
        Array2::from_shape_fn((self.to[0], self.to[1]), |(row, column)| {
            let (mut sum, mut there) = (0.0, 0usize);
            for place in self.places(row, column) {
                sum += f64::from(values[place]);
                there += 1;
            }
            let count = self.counted.map_or(there, |after| {
                // Padding counts, but not what a rounded-up size reaches over beyond it.
                let along = |axis: usize, at: usize| {
                    let end = self.pads[axis] + self.from[axis] + after[axis];
                    let start = at * self.strides[axis];
                    (0..self.kernel[axis]).filter(|tap| start + tap * self.dilations[axis] < end).count()
                };
                along(0, row) * along(1, column)
            });
            (sum / count.max(1) as f64) as f32
        })
    }
}
