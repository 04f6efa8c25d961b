//! Normalisation by the figures of the picture itself: instance, group and layer normalisation.
//!
//! Mean and deviation depend on all channels of a group and are held as they are for this picture; what is left is linear, a
//! scale and a shift for each value. Must not know what flows through it.

use ndarray::{Array3, ArrayD, ArrayView3, Axis};

use super::wiring::Wiring;
use crate::onnx::{Node, OnnxError};

/// A normalisation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Norm {
    /// What it is called.
    pub name: &'static str,
    /// Groups of channels with figures of their own.
    groups: usize,
    /// Whether each position has figures of its own.
    apart: bool,
    epsilon: f64,
    /// γ and β, each broadcast to `[channels, height, width]`.
    scale: Array3<f32>,
    shift: Array3<f32>,
}

impl Norm {
    /// The normalisation that a node is, or ends: a layer normalisation over channels that were brought to the last axis and
    /// back.
    pub fn of<'a>(wiring: &Wiring<'a>, node: &'a Node) -> Result<Option<(&'a str, Self)>, OnnxError> {
        let Some(channels) = wiring.shape(node.output()).map(|[channels, ..]| channels) else { return Ok(None) };
        match node.op_type.as_str() {
            "InstanceNormalization" => Self::read(wiring, node, ("InstanceNorm", channels, false), node.input(0)),
            "GroupNormalization" => {
                let groups = node.attr_int("num_groups").and_then(|groups| usize::try_from(groups).ok()).unwrap_or(0);
                Self::read(wiring, node, ("GroupNorm", groups, false), node.input(0))
            }
            "LayerNormalization" => {
                let rank = node.input(0).and_then(|input| wiring.observed(input)).map_or(0, |of| of.shape.len() as i64);
                let axis = node.attr_int("axis").unwrap_or(-1);
                let axis = if axis < 0 { axis + rank } else { axis };
                // Over all of a picture; over the last axis alone only where that is the channels.
                if axis != 1 { Ok(None) } else { Self::read(wiring, node, ("LayerNorm", 1, false), node.input(0)) }
            }
            "Transpose" if node.attr_ints("perm") == Some(&[0, 3, 1, 2]) => {
                let made = |tensor: Option<&str>, op: &str| {
                    tensor.and_then(|tensor| wiring.graph.producer(tensor)).filter(|node| node.op_type == op)
                };
                let Some(norm) = made(node.input(0), "LayerNormalization") else { return Ok(None) };
                let back = made(norm.input(0), "Transpose");
                let Some(back) = back.filter(|node| node.attr_ints("perm") == Some(&[0, 2, 3, 1])) else {
                    return Ok(None);
                };
                let last = matches!(norm.attr_int("axis"), None | Some(-1 | 3));
                if last { Self::read(wiring, norm, ("LayerNorm", 1, true), back.input(0)) } else { Ok(None) }
            }
            _ => Ok(None),
        }
    }

    /// As exporters write group normalisation: `[N, C, H, W]` reshaped to `[N, groups, rest]`, normalised, and reshaped back.
    pub fn of_groups<'a>(wiring: &Wiring<'a>, node: &Node, tensor: &str) -> Result<Option<(&'a str, Self)>, OnnxError> {
        let made = |tensor: Option<&str>, op: &str| {
            tensor.and_then(|tensor| wiring.graph.producer(tensor)).filter(|node| node.op_type == op)
        };
        let Some(norm) = made(node.input(0), "InstanceNormalization") else { return Ok(None) };
        let Some(apart) = made(norm.input(0), "Reshape") else { return Ok(None) };
        let groups = match wiring.observed(apart.output()).map(|observed| observed.shape.as_slice()) {
            Some(&[_, groups, _]) => groups,
            _ => return Ok(None),
        };
        let input = apart.input(0).filter(|input| wiring.shape(input).is_some());
        if input.and_then(|input| wiring.shape(input)) != wiring.shape(tensor) {
            return Ok(None);
        }
        Self::read(wiring, norm, ("GroupNorm", groups, false), input)
    }

    fn read<'a>(
        wiring: &Wiring<'a>,
        node: &Node,
        (name, groups, apart): (&'static str, usize, bool),
        input: Option<&'a str>,
    ) -> Result<Option<(&'a str, Self)>, OnnxError> {
        let Some((input, shape)) = input.and_then(|input| Some((input, wiring.shape(input)?))) else { return Ok(None) };
        if groups == 0 || !shape[0].is_multiple_of(groups) || !shape.iter().all(|side| *side > 0) {
            return Ok(None);
        }
        let part = |index: usize, otherwise: f32| -> Result<Option<Array3<f32>>, OnnxError> {
            let Some(name) = node.input(index) else { return Ok(Some(Array3::from_elem((1, 1, 1), otherwise))) };
            if !wiring.graph.is_constant(name) {
                return Ok(None);
            }
            Ok(broadcastable(wiring.graph.weights(name)?, shape, groups))
        };
        let (Some(scale), Some(shift)) = (part(1, 1.0)?, part(2, 0.0)?) else { return Ok(None) };
        let epsilon = f64::from(node.attr_float("epsilon").unwrap_or(1e-5));
        Ok(Some((input, Self { name, groups, apart, epsilon, scale, shift })))
    }

    /// What it is called, and that its figures are held.
    pub fn words(&self) -> String {
        let groups = if self.name == "GroupNorm" { format!(", {} groups", self.groups) } else { String::new() };
        format!("{}{groups} (its statistics held)", self.name)
    }

    /// γ of a channel, the mean over positions.
    pub fn gamma(&self, channel: usize) -> f32 {
        let of = self.scale.index_axis(Axis(0), channel.min(self.scale.len_of(Axis(0)) - 1));
        of.mean().unwrap_or(1.0)
    }

    /// What multiplies each value of `x`, and what is then added, for these values of `x`: both `[channels, height, width]`.
    pub fn linear(&self, x: ArrayView3<'_, f32>) -> (Array3<f32>, Array3<f32>) {
        let (channels, height, width) = x.dim();
        let each = channels / self.groups.max(1);
        let (mut slope, mut shift) = (Array3::zeros(x.dim()), Array3::zeros(x.dim()));
        let places: Vec<(std::ops::Range<usize>, std::ops::Range<usize>)> = match self.apart {
            false => vec![(0..height, 0..width)],
            true => (0..height).flat_map(|y| (0..width).map(move |x| (y..y + 1, x..x + 1))).collect(),
        };
        for (group, (rows, columns)) in
            (0..self.groups).flat_map(|group| places.iter().map(move |place| (group, place)))
        {
            let part = ndarray::s![group * each..(group + 1) * each, rows.clone(), columns.clone()];
            let values = x.slice(part);
            let count = values.len().max(1) as f64;
            let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
            let variance = values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / count;
            let over = 1.0 / (variance + self.epsilon).sqrt();
            slope.slice_mut(part).fill(over);
            shift.slice_mut(part).fill(-mean * over);
        }
        let by = |values: Array3<f64>, add: bool| {
            let scale = self.scale.broadcast(x.dim());
            let own = self.shift.broadcast(x.dim()).filter(|_| add);
            Array3::from_shape_fn(x.dim(), |at| {
                let scale = scale.as_ref().map_or(1.0, |scale| f64::from(scale[at]));
                (values[at] * scale + own.as_ref().map_or(0.0, |own| f64::from(own[at]))) as f32
            })
        };
        (by(slope, false), by(shift, true))
    }
}

/// γ or β as `[channels or 1, height or 1, width or 1]`: one for all, one a channel, one a group, or one for each value.
fn broadcastable(values: ArrayD<f32>, [channels, height, width]: [usize; 3], groups: usize) -> Option<Array3<f32>> {
    let all: Vec<f32> = values.iter().copied().collect();
    match all.len() {
        1 => Some(Array3::from_elem((1, 1, 1), all[0])),
        count if count == channels => Array3::from_shape_vec((channels, 1, 1), all).ok(),
        count if count == groups => {
            let each = channels / groups;
            Some(Array3::from_shape_fn((channels, 1, 1), |(channel, ..)| all[channel / each]))
        }
        count if count == channels * height * width => Array3::from_shape_vec((channels, height, width), all).ok(),
        _ => None,
    }
}
