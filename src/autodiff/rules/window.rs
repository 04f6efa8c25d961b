//! The sliding window of convolutions and poolings, and the way back through it.
//!
//! Along one axis, output o takes input i by tap k where i = o·s + k·d − p (stride s, dilation d, padding p). Seen from
//! the input, all i of one phase i mod s take the same taps, at fixed distances from o = ⌊i / s⌋. So the gradient is one
//! stride-1 convolution that makes the s² phases as channels, and a shuffle of these phases into space; with phases of
//! several strides at once, [`block`] of them, the convolution has that stride. ONNX Runtime is far faster at this than at
//! ConvTranspose.

use ndarray::{Array4, ArrayView4};

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use super::shape::{self, Step};
use crate::onnx::Node;
use crate::onnx::build::Attr;

/// Largest kernel, stride, dilation and padding that is believed.
const LARGEST: usize = 1 << 16;

/// A window along one axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    /// Taps of the kernel.
    pub kernel: usize,
    pub stride: usize,
    pub dilation: usize,
    /// Padding before the first element.
    pub pad: i64,
    /// Elements of the input.
    pub input: usize,
    /// Elements of the output.
    pub output: usize,
}

/// Reads strides, dilations and padding of a two-dimensional window whose input and output shapes are known.
pub(super) fn of(
    backward: &Backward,
    node: &Node,
    input: &str,
    kernel: [usize; 2],
) -> Result<[Axis; 2], AutodiffError> {
    let shape = &backward.observed(input)?.shape;
    let axes = <[Axis; 2]>::try_from(axes(backward, node, input, &kernel)?);
    axes.map_err(|_| no_rule(node, format!("only two-dimensional windows have a rule, its input is {shape:?}")))
}

/// As [`of`], for a window along any number of axes; they are those of the input from the third on.
pub(super) fn axes(
    backward: &Backward,
    node: &Node,
    input: &str,
    kernel: &[usize],
) -> Result<Vec<Axis>, AutodiffError> {
    let (from, to) = (&backward.observed(input)?.shape, &backward.observed(node.output())?.shape);
    if from.len() != kernel.len() + 2 || to.len() != from.len() {
        return Err(no_rule(node, format!("its window {kernel:?} does not fit its input {from:?}")));
    }
    let list = |name: &str, axis: usize, default: i64| {
        node.attr_ints(name).and_then(|list| list.get(axis)).copied().unwrap_or(default)
    };
    let size = |name: &str, axis: usize| {
        let value = list(name, axis, 1);
        usize::try_from(value)
            .ok()
            .filter(|v| (1..=LARGEST).contains(v))
            .ok_or_else(|| no_rule(node, format!("{name} {value}")))
    };
    let axis = |(axis, kernel): (usize, &usize)| -> Result<Axis, AutodiffError> {
        let (kernel, input, output) = (*kernel, from[axis + 2], to[axis + 2]);
        let (stride, dilation) = (size("strides", axis)?, size("dilations", axis)?);
        let overhang =
            (output.saturating_sub(1) * stride + dilation * kernel.saturating_sub(1) + 1).saturating_sub(input) as i64;
        let pad: i64 = match node.attr_string("auto_pad") {
            Some("SAME_UPPER") => overhang / 2,
            Some("SAME_LOWER") => (overhang + 1) / 2,
            Some("VALID") => 0,
            _ => list("pads", axis, 0),
        };
        if pad.unsigned_abs() > LARGEST as u64 || kernel == 0 || kernel > LARGEST {
            return Err(no_rule(node, format!("its kernel {kernel} or padding {pad} is out of range")));
        }
        Ok(Axis { kernel, stride, dilation, pad, input, output })
    };
    kernel.iter().enumerate().map(axis).collect()
}

/// Where a tap of the kernel goes on the way back.
struct Tap {
    /// Phase of the input that it reaches.
    phase: usize,
    /// Position in the kernel of the way back.
    to: usize,
    /// Position in the kernel.
    from: usize,
}

/// The stride-1 convolution that goes back along one axis.
struct Back {
    taps: Vec<Tap>,
    kernel: usize,
    dilation: usize,
    /// Padding before and after; negative where elements are cut off instead.
    pads: [i64; 2],
    /// Elements of each phase.
    count: usize,
    /// Phases, which is how far apart the elements of one are.
    phases: usize,
}

impl Back {
    /// The phase that all taps are in, if they are all in one.
    fn only_phase(&self) -> Option<usize> {
        let first = self.taps.first()?.phase;
        self.taps.iter().all(|tap| tap.phase == first).then_some(first)
    }
}

impl Axis {
    /// The way back, computing `block` strides' worth of the input at each step: so many times more phases.
    fn back(&self, block: usize) -> Back {
        let (s, d) = (self.stride as i64, self.dilation as i64);
        let phases = self.stride * block;
        let count = self.input.div_ceil(phases);
        if phases == 1 {
            let reach = d * (self.kernel as i64 - 1);
            let taps = (0..self.kernel).map(|k| Tap { phase: 0, to: self.kernel - 1 - k, from: k }).collect();
            let before = reach - self.pad;
            let after = count as i64 - self.output as i64 - before + reach;
            return Back { taps, kernel: self.kernel, dilation: self.dilation, pads: [before, after], count, phases };
        }
        let mut distances = Vec::new();
        for phase in 0..phases {
            for k in 0..self.kernel as i64 {
                let offset = phase as i64 + self.pad - k * d;
                if offset.rem_euclid(s) == 0 {
                    distances.push((phase, offset.div_euclid(s), k as usize));
                }
            }
        }
        let first = distances.iter().map(|(_, q, _)| *q).min().unwrap_or(0);
        let last = distances.iter().map(|(_, q, _)| *q).max().unwrap_or(0);
        let taps =
            distances.into_iter().map(|(phase, q, from)| Tap { phase, to: (q - first) as usize, from }).collect();
        let reach = last - first;
        let steps = (block * count.saturating_sub(1)) as i64;
        let after = steps + reach + 1 - self.output as i64 + first;
        Back { taps, kernel: reach as usize + 1, dilation: 1, pads: [-first, after], count, phases }
    }
}

/// How many strides' worth of the input to compute at each step. A convolution to few channels (the picture's three) wastes
/// most of a vector register; as more phases its channels fill one, though its kernel then covers some positions in vain.
fn block(axes: &[Axis; 2], channels: usize) -> usize {
    /// Channels below which ONNX Runtime's convolution costs no less: measured on the stem of ResNet-18.
    const FULL: usize = 32;
    let cost = |block: &usize| {
        let [h, w] = axes.map(|axis| axis.back(*block));
        let outputs = (channels * h.phases * w.phases).max(FULL);
        (outputs * h.kernel * w.kernel * 16) / (block * block)
    };
    [1, 2, 4].into_iter().min_by_key(cost).unwrap_or(1)
}

/// The gradient `[N, channels, H, W]` of the input of a convolution whose output has the gradient `gradient`. `kernel` is
/// the convolution's own, `[outputs, channels / group, kh, kw]`.
pub(super) fn input_gradient(
    backward: &mut Backward,
    gradient: &str,
    kernel: ArrayView4<f32>,
    group: usize,
    axes: [Axis; 2],
) -> String {
    let channels = kernel.dim().1 * group;
    let [mut h, mut w] = axes.map(|axis| axis.back(1));
    // Where all taps are in one phase (a pointwise kernel that skips pixels) the others are zeros: not worth computing.
    let only = h.only_phase().zip(w.only_phase()).filter(|_| [h.phases, w.phases] != [1, 1]);
    let block = if only.is_none() && group == 1 { block(&axes, channels) } else { 1 };
    if block > 1 {
        [h, w] = axes.map(|axis| axis.back(block));
    }
    let strides = [h.phases, w.phases];
    let phases = if only.is_some() { [1, 1] } else { strides };
    if only.is_some() {
        h.taps.iter_mut().chain(&mut w.taps).for_each(|tap| tap.phase = 0);
    }
    let inside = cut(backward, gradient, &axes, &h.pads, &w.pads);
    let pads = [h.pads[0], w.pads[0], h.pads[1], w.pads[1]].map(|pad| pad.max(0));
    let flipped = flip(kernel, group, &h, &w, phases);
    let flipped = backward.builder.floats(flipped.view());
    let attributes = [
        ("group", Attr::Int(group as i64)),
        ("pads", Attr::Ints(&pads)),
        ("strides", Attr::Ints(&[block as i64, block as i64])),
        ("dilations", Attr::Ints(&[h.dilation as i64, w.dilation as i64])),
    ];
    let phased = backward.emit("Conv", &[&inside, &flipped], &attributes);
    let spread = match only {
        Some((row, column)) => {
            let sizes = [-1, channels as i64, h.count as i64, w.count as i64];
            let step = |stride, phase| Step { stride, phase };
            shape::spread(
                backward,
                &phased,
                &sizes,
                &[Step::ONE, Step::ONE, step(strides[0], row), step(strides[1], column)],
            )
        }
        None => shuffle(backward, phased, channels, strides, [h.count, w.count]),
    };
    if [h.count * strides[0], w.count * strides[1]] == axes.map(|axis| axis.input) {
        return spread;
    }
    shape::crop(backward, &spread, &[2, 3], &[0, 0], &axes.map(|axis| axis.input as i64))
}

/// As [`input_gradient`] along any number of axes: a sequence, a volume. Rare in image classifiers, so that ConvTranspose
/// is fast enough. `kernel` is the name of the convolution's own.
pub(super) fn transposed(backward: &mut Backward, gradient: &str, kernel: &str, group: usize, axes: &[Axis]) -> String {
    let (mut pads, mut ends, mut missed) = (Vec::new(), Vec::new(), Vec::new());
    for axis in axes {
        let reach = (axis.output.saturating_sub(1) * axis.stride + axis.dilation * (axis.kernel - 1) + 1) as i64;
        let overhang = reach - axis.input as i64 - axis.pad;
        pads.push(axis.pad);
        ends.push(overhang.max(0));
        missed.push((-overhang).max(0));
    }
    pads.append(&mut ends);
    let sizes = |of: fn(&Axis) -> usize| axes.iter().map(|axis| of(axis) as i64).collect::<Vec<_>>();
    let attributes = [
        ("group", Attr::Int(group as i64)),
        ("strides", Attr::Ints(&sizes(|axis| axis.stride))),
        ("dilations", Attr::Ints(&sizes(|axis| axis.dilation))),
        ("pads", Attr::Ints(&pads)),
        ("output_padding", Attr::Ints(&missed)),
    ];
    backward.emit("ConvTranspose", &[gradient, kernel], &attributes)
}

/// The kernel of the way back, `[channels · phases, outputs / group, h, w]`, phases innermost.
fn flip(kernel: ArrayView4<f32>, group: usize, h: &Back, w: &Back, phases: [usize; 2]) -> Array4<f32> {
    let (outputs, per_group, rows, columns) = kernel.dim();
    let (channels, outputs_per_group) = (per_group * group, outputs / group);
    let mut flipped = Array4::<f32>::zeros((channels * phases[0] * phases[1], outputs_per_group, h.kernel, w.kernel));
    let area = h.kernel * w.kernel;
    let kernel = kernel.as_standard_layout();
    let (Some(from), Some(to)) = (kernel.as_slice(), flipped.as_slice_mut()) else { return flipped };
    for row in &h.taps {
        for column in &w.taps {
            let tap = row.from * columns + column.from;
            let place = row.to * w.kernel + column.to;
            for channel in 0..channels {
                let target = (channel * phases[0] + row.phase) * phases[1] + column.phase;
                let first = channel / per_group * outputs_per_group;
                for output in 0..outputs_per_group {
                    to[(target * outputs_per_group + output) * area + place] =
                        from[((first + output) * per_group + channel % per_group) * rows * columns + tap];
                }
            }
        }
    }
    flipped
}

/// Drops the rows and columns that negative padding asks to cut off.
fn cut(backward: &mut Backward, gradient: &str, axes: &[Axis; 2], h: &[i64; 2], w: &[i64; 2]) -> String {
    if [h, w].iter().all(|pads| pads.iter().all(|pad| *pad >= 0)) {
        return gradient.to_owned();
    }
    let starts = [h[0], w[0]].map(|pad| (-pad).max(0));
    let ends = [(axes[0].output, h[1]), (axes[1].output, w[1])].map(|(size, pad)| size as i64 + pad.min(0));
    shape::crop(backward, gradient, &[2, 3], &starts, &ends)
}

/// Moves the phases from channels, `[N, C·sh·sw, h, w]`, into space, `[N, C, h·sh, w·sw]`.
fn shuffle(
    backward: &mut Backward,
    phased: String,
    channels: usize,
    strides: [usize; 2],
    counts: [usize; 2],
) -> String {
    match strides {
        [1, 1] => phased,
        [h, w] if h == w => backward.emit(
            "DepthToSpace",
            &[&phased],
            &[("blocksize", Attr::Int(h as i64)), ("mode", Attr::Text("CRD"))],
        ),
        [sh, sw] => {
            let size = |list: &[usize]| std::iter::once(0).chain(list.iter().map(|v| *v as i64)).collect::<Vec<_>>();
            let apart = backward.builder.ints(&size(&[channels, sh, sw, counts[0], counts[1]]));
            let together = backward.builder.ints(&size(&[channels, counts[0] * sh, counts[1] * sw]));
            let apart = backward.emit("Reshape", &[&phased, &apart], &[]);
            let mixed = backward.emit("Transpose", &[&apart], &[("perm", Attr::Ints(&[0, 1, 4, 2, 5, 3]))]);
            backward.emit("Reshape", &[&mixed, &together], &[])
        }
    }
}
