//! The sliding window of convolutions and poolings, and the way back through it.
//!
//! Along one axis, output o takes input i by tap k where i = o·s + k·d − p (stride s, dilation d, padding p). Seen from
//! the input, all i of one phase i mod s take the same taps, at fixed distances from o = ⌊i / s⌋. So the gradient is a
//! stride-1 convolution for each of the s² [`Phases`], with no more taps than the forward pass has. To few channels it is one
//! convolution that makes the phases of several strides, [`block`] of them, as channels. ONNX Runtime is far faster at
//! this than at ConvTranspose.

use std::ops::Range;

use bytes::Bytes;
use ndarray::{ArrayView, Dimension};

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use super::super::phases::{Phases, deal};
use super::shape;
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

/// The weights of a convolution, as they lie in the file: a network has many, and they are only moved about.
pub(in super::super) struct Kernel {
    /// `[outputs, channels / group, height, width]`, or along other axes than two.
    pub shape: Vec<usize>,
    /// 32-bit floats in little-endian order.
    pub elements: Bytes,
}

impl<D: Dimension> From<ArrayView<'_, f32, D>> for Kernel {
    fn from(array: ArrayView<'_, f32, D>) -> Self {
        let elements = array.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { shape: array.shape().to_vec(), elements }
    }
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

/// The convolution that goes back along one axis, to some of the phases.
struct Back {
    taps: Vec<Tap>,
    kernel: usize,
    dilation: usize,
    /// Padding before and after; negative where elements are cut off instead.
    pads: [i64; 2],
    /// Phases that it makes.
    phases: usize,
}

impl Axis {
    /// Elements of each phase, where `block` strides' worth of the input are computed at each step.
    fn count(&self, block: usize) -> usize {
        self.input.div_ceil(self.stride * block)
    }

    /// The way back to the phases `wanted`, computing `block` strides' worth of the input at each step: so many times more
    /// phases. `None` if no tap reaches them.
    fn back(&self, block: usize, wanted: Range<usize>) -> Option<Back> {
        let (s, d) = (self.stride as i64, self.dilation as i64);
        let count = self.count(block);
        if self.stride * block == 1 {
            let reach = d * (self.kernel as i64 - 1);
            let taps = (0..self.kernel).map(|k| Tap { phase: 0, to: self.kernel - 1 - k, from: k }).collect();
            let before = reach - self.pad;
            let after = count as i64 - self.output as i64 - before + reach;
            return Some(Back { taps, kernel: self.kernel, dilation: self.dilation, pads: [before, after], phases: 1 });
        }
        let mut distances = Vec::new();
        for phase in wanted.clone() {
            for k in 0..self.kernel as i64 {
                let offset = phase as i64 + self.pad - k * d;
                if offset.rem_euclid(s) == 0 {
                    distances.push((phase - wanted.start, offset.div_euclid(s), k as usize));
                }
            }
        }
        let first = distances.iter().map(|(_, q, _)| *q).min()?;
        let last = distances.iter().map(|(_, q, _)| *q).max()?;
        let taps =
            distances.into_iter().map(|(phase, q, from)| Tap { phase, to: (q - first) as usize, from }).collect();
        let reach = last - first;
        let steps = (block * count.saturating_sub(1)) as i64;
        let after = steps + reach + 1 - self.output as i64 + first;
        Some(Back { taps, kernel: reach as usize + 1, dilation: 1, pads: [-first, after], phases: wanted.len() })
    }

    /// All phases at once.
    fn whole(&self, block: usize) -> Option<Back> {
        self.back(block, 0..self.stride * block)
    }

    /// Each phase alone.
    fn apart(&self) -> Vec<Option<Back>> {
        (0..self.stride).map(|phase| self.back(1, phase..phase + 1)).collect()
    }
}

/// How many strides' worth of the input to compute at each step. A convolution to few channels (the picture's three) wastes
/// most of a vector register; as more phases its channels fill one, though its kernel then covers some positions in vain.
fn block(axes: &[Axis; 2], channels: usize) -> usize {
    /// Channels below which ONNX Runtime's convolution costs no less: measured on the stem of ResNet-18.
    const FULL: usize = 32;
    let apart = axes.map(|axis| axis.apart().iter().flatten().map(|back| back.kernel).sum::<usize>());
    if axes.iter().any(|axis| axis.apart().iter().any(Option::is_none)) {
        // Some phases are all zeros: not worth computing.
        return 1;
    }
    let cost = |block: &usize| match (*block, axes.map(|axis| axis.whole(*block))) {
        (1, _) => channels.max(FULL) * apart[0] * apart[1] * 16,
        (block, [Some(h), Some(w)]) => {
            let outputs = (channels * h.phases * w.phases).max(FULL);
            (outputs * h.kernel * w.kernel * 16) / (block * block)
        }
        _ => usize::MAX,
    };
    [1, 2, 4].into_iter().min_by_key(cost).unwrap_or(1)
}

/// The gradient `[N, channels, H, W]` of the input of a convolution whose output has the gradient `gradient`. `kernel` is
/// the convolution's own, of four axes.
pub(super) fn input_gradient(
    backward: &mut Backward,
    gradient: &str,
    kernel: &Kernel,
    group: usize,
    axes: [Axis; 2],
) -> Phases {
    let channels = kernel.shape.get(1).copied().unwrap_or(0) * group;
    let size = axes.map(|axis| axis.input);
    let mut go_back = |h: &Back, w: &Back, block: usize| {
        let inside = cut(backward, gradient, &axes, &h.pads, &w.pads);
        let pads = [h.pads[0], w.pads[0], h.pads[1], w.pads[1]].map(|pad| pad.max(0));
        let flipped = flip(backward, kernel, group, h, w);
        let attributes = [
            ("group", Attr::Int(group as i64)),
            ("pads", Attr::Ints(&pads)),
            ("strides", Attr::Ints(&[block as i64, block as i64])),
            ("dilations", Attr::Ints(&[h.dilation as i64, w.dilation as i64])),
        ];
        backward.emit("Conv", &[&inside, &flipped], &attributes)
    };
    let block = if group == 1 { block(&axes, channels) } else { 1 };
    if block > 1
        && let [Some(h), Some(w)] = axes.map(|axis| axis.whole(block))
    {
        let phased = go_back(&h, &w, block);
        let counts = axes.map(|axis| axis.count(block));
        let whole = deal(backward, phased, channels, [h.phases, w.phases], counts, size);
        return Phases { channels, strides: [1, 1], counts: size, size, maps: vec![Some(whole)] };
    }
    let [rows, columns] = axes.map(|axis| axis.apart());
    let pairs = rows.iter().flat_map(|row| columns.iter().map(move |column| row.as_ref().zip(column.as_ref())));
    let maps = pairs.map(|pair| pair.map(|(h, w)| go_back(h, w, 1))).collect();
    Phases { channels, strides: axes.map(|axis| axis.stride), counts: axes.map(|axis| axis.count(1)), size, maps }
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

/// Rows and columns of the matrix of outputs and channels that are turned at a time, so that they stay in the cache.
const TILE: usize = 16;

/// The kernel of the way back, `[phases · channels, outputs / group, h, w]`; several phases only without groups.
fn flip(backward: &mut Backward, kernel: &Kernel, group: usize, h: &Back, w: &Back) -> String {
    let mut sizes = kernel.shape.iter().copied();
    let [outputs, per_group, rows, columns] = [(); 4].map(|()| sizes.next().unwrap_or(1));
    let outputs_per_group = outputs / group;
    let (taps, area) = (rows * columns, h.kernel * w.kernel);
    let elements = kernel.elements.clone();
    let moves = |phase: usize| -> Vec<(usize, usize)> {
        let rows = h.taps.iter().filter(|row| row.phase == phase / w.phases);
        let pairs = rows.flat_map(|row| w.taps.iter().map(move |column| (row, column)));
        let pairs = pairs.filter(|(_, column)| column.phase == phase % w.phases);
        pairs.map(|(row, column)| (row.from * columns + column.from, row.to * w.kernel + column.to)).collect()
    };
    let moves: Vec<_> = (0..h.phases * w.phases).map(moves).collect();
    let turned = |moves: &Vec<_>| moves.iter().map(|(from, to)| from + to + 1).eq(vec![taps; area]);
    let is_turned = moves.len() == 1 && taps == area && moves.iter().all(turned);
    // Some channels of a phase and a group, from the first on.
    let write = move |(phase, group, first): (usize, usize, usize), to: &mut [[u8; 4]]| {
        let from = elements.as_chunks::<4>().0;
        let first_of_group = group * outputs_per_group * per_group + first;
        match taps {
            1 if is_turned => return turn::<1>(from, first_of_group, per_group, to, outputs_per_group),
            9 if is_turned => return turn::<9>(from, first_of_group, per_group, to, outputs_per_group),
            _ => {}
        }
        for tile in (0..outputs_per_group).step_by(TILE) {
            for (channel, to) in to.chunks_mut(outputs_per_group * area).enumerate() {
                for output in tile..outputs_per_group.min(tile + TILE) {
                    let from =
                        &from[((group * outputs_per_group + output) * per_group + first + channel) * taps..][..taps];
                    let to = &mut to[output * area..][..area];
                    moves[phase].iter().for_each(|(tap, place)| to[*place] = from[*tap]);
                }
            }
        }
    };
    let shape = [h.phases * w.phases * per_group * group, outputs_per_group, h.kernel, w.kernel];
    backward.builder.written(&shape, move |to| {
        let of_channel = outputs_per_group * area;
        for (at, to) in to.chunks_mut((per_group * of_channel).max(1)).enumerate() {
            for (block, to) in to.chunks_mut((TILE * of_channel).max(1)).enumerate() {
                write((at / group, at % group, block * TILE), to);
            }
        }
    })
}

/// The kernels of some channels with their taps in the opposite order: `from` has so many channels for each output, and the
/// first of them at `first`; `to` has all outputs for each channel.
fn turn<const TAPS: usize>(from: &[[u8; 4]], first: usize, channels: usize, to: &mut [[u8; 4]], outputs: usize) {
    let (from, to) = (from.as_chunks::<TAPS>().0, to.as_chunks_mut::<TAPS>().0);
    for tile in (0..outputs).step_by(TILE) {
        for (channel, to) in to.chunks_mut(outputs).enumerate() {
            let from = from.iter().skip(first + channel + tile * channels).step_by(channels);
            for (to, from) in to.iter_mut().skip(tile).take(TILE).zip(from) {
                *to = *from;
                to.reverse();
            }
        }
    }
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
