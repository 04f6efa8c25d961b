//! What one operator between two convolutions does with the channels of a feature map.
//!
//! Owns telling which operators pass channels on one by one, and how. Must not know any values but the file's constants.

use std::sync::Arc;

use ndarray::{Array1, Array2};

use super::norm::Norm;
use super::wiring::Wiring;
use crate::autodiff;
use crate::engine::Value;
use crate::interpretation::filters;
use crate::onnx::{Node, OnnxError};

/// How a tensor is made from others, where each of its channels has channels of theirs behind it.
#[derive(Clone)]
pub(super) enum Passage<'a> {
    /// It is the other tensor.
    Same(&'a str),
    /// scale · x + shift, a channel each.
    Scaled { input: &'a str, scale: Array1<f32>, shift: Array1<f32> },
    /// f(x) value by value; `at_zero` is f(0).
    Activated { input: &'a str, at_zero: f32 },
    /// x and what is computed from x, which is held as it is for this picture (SiLU, squeeze and excitation, a mean).
    Gated { input: &'a str, by: &'a str, how: Gate },
    /// Less a mean and divided by a deviation, which are held as they are for this picture.
    Normalised { input: &'a str, norm: Arc<Norm> },
    /// The maximum or the average over windows.
    Pooled { input: &'a str, node: &'a Node },
    /// The average over space.
    Averaged(&'a str),
    /// A sum; `constant` is added to it.
    Added { inputs: Vec<&'a str>, constant: Vec<&'a str> },
    /// Channels side by side.
    Joined(Vec<&'a str>),
    /// Other channels, rows and columns of x.
    Moved { input: &'a str, from: Vec<Option<usize>>, rows: Steps, columns: Steps },
    /// Rows and columns weighed by matrices `[output, input]`; `None` leaves them as they are.
    Resized { input: &'a str, rows: Option<Arc<Array2<f32>>>, columns: Option<Arc<Array2<f32>>> },
}

/// What is done to x with what is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// x times it.
    Times,
    /// x divided by it.
    Over,
    /// x less it.
    Less,
}

/// Which row (or column) of the input each one of the output is: `start + step · i`; zero where there is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Steps {
    pub start: isize,
    pub step: usize,
}

impl Steps {
    pub const ALL: Self = Self { start: 0, step: 1 };

    /// The place in the input, which has `count`.
    pub fn place(self, at: usize, count: usize) -> Option<usize> {
        usize::try_from(self.start + (self.step * at) as isize).ok().filter(|place| *place < count)
    }
}

impl<'a> Passage<'a> {
    /// How `tensor` is made; `None` where its channels are no longer those of single channels before it.
    pub fn of(wiring: &Wiring<'a>, tensor: &str) -> Result<Option<Self>, OnnxError> {
        let Some(node) = wiring.graph.producer(tensor) else { return Ok(None) };
        let Some([channels, ..]) = wiring.shape(tensor) else { return Ok(None) };
        let moving =
            || node.inputs.iter().map(String::as_str).filter(|name| !name.is_empty() && !wiring.is_fixed(name));
        if node.op_type == "Reshape" && node.domain.is_empty() {
            // The ends of what was laid out in other axes.
            if let Some(found) = shuffle(wiring, node, tensor) {
                return Ok(Some(found));
            }
            if let Some((input, norm)) = Norm::of_groups(wiring, node, tensor)? {
                return Ok(Some(Self::Normalised { input, norm: Arc::new(norm) }));
            }
        }
        let Some(input) = moving().next().filter(|input| wiring.shape(input).is_some()) else { return Ok(None) };
        let several = moving().nth(1).is_some();
        Ok(match node.op_type.as_str() {
            _ if !node.domain.is_empty() => None,
            "Split" => split(wiring, node, tensor),
            _ if node.output() != tensor => None,
            "Concat" if matches!(node.attr_int("axis"), Some(1)) || wiring.axis_is_channels(node, tensor) => {
                let inputs: Vec<&str> = node.inputs.iter().map(String::as_str).collect();
                inputs.iter().all(|name| wiring.shape(name).is_some()).then_some(Self::Joined(inputs))
            }
            "Add" | "Sum" if several => {
                let same = |name: &str| wiring.shape(name) == wiring.shape(tensor);
                let constant = node.inputs.iter().map(String::as_str).filter(|name| wiring.is_fixed(name)).collect();
                moving().all(same).then(|| Self::Added { inputs: moving().collect(), constant })
            }
            "Mul" | "Div" | "Sub" if several => gated(wiring, node, tensor),
            _ if several => None,
            "Identity" | "Dropout" | "Cast" => Some(Self::Same(input)),
            "Neg" => Some(Self::Scaled { input, scale: -Array1::ones(channels), shift: Array1::zeros(channels) }),
            "BatchNormalization" | "Add" | "Sub" | "Mul" | "Div" => {
                let step = filters::step(wiring.graph, node, input, channels)?;
                step.map(|(scale, shift)| Self::Scaled { input, scale, shift })
            }
            "MaxPool" | "AveragePool" if node.attr_ints("kernel_shape").is_some_and(|kernel| kernel.len() == 2) => {
                Some(Self::Pooled { input, node })
            }
            "GlobalAveragePool" | "ReduceMean"
                if wiring.shape(tensor) == wiring.shape(input).map(|[c, ..]| [c, 1, 1]) =>
            {
                Some(Self::Averaged(input))
            }
            "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => {
                (wiring.shape(input) == wiring.shape(tensor)).then_some(Self::Same(input))
            }
            "InstanceNormalization" | "GroupNormalization" | "LayerNormalization" | "Transpose" => {
                Norm::of(wiring, node)?.map(|(input, norm)| Self::Normalised { input, norm: Arc::new(norm) })
            }
            "Resize" => resized(wiring, node, input, tensor),
            "Slice" => slice(wiring, node, input),
            "Pad" => pad(wiring, node, input, tensor),
            // Divided by what the channels around it say: that is held, as a gate is.
            "LRN" => Some(Self::Activated { input, at_zero: 0.0 }),
            // Quantised and back; zero is one of the steps.
            "DequantizeLinear" => {
                let quantised = wiring.graph.producer(input).filter(|node| node.op_type == "QuantizeLinear");
                let before = quantised.and_then(|node| node.input(0)).filter(|name| !wiring.is_fixed(name));
                before.map(|input| Self::Activated { input, at_zero: 0.0 })
            }
            _ => at_zero(wiring, node).map(|at_zero| Self::Activated { input, at_zero }),
        })
    }

    /// The tensors that it is made from.
    pub fn inputs(&self) -> Vec<&'a str> {
        match self {
            Self::Same(input)
            | Self::Averaged(input)
            | Self::Scaled { input, .. }
            | Self::Activated { input, .. }
            | Self::Gated { input, .. }
            | Self::Normalised { input, .. }
            | Self::Resized { input, .. }
            | Self::Pooled { input, .. }
            | Self::Moved { input, .. } => vec![*input],
            Self::Added { inputs, .. } | Self::Joined(inputs) => inputs.clone(),
        }
    }
}

/// f(0) of an activation; `None` for any other operator.
fn at_zero(wiring: &Wiring<'_>, node: &Node) -> Option<f32> {
    let alpha = |name: &str, default: f32| node.attr_float(name).unwrap_or(default);
    Some(match node.op_type.as_str() {
        "Relu" | "LeakyRelu" | "PRelu" | "Elu" | "Selu" | "Celu" | "Gelu" | "Mish" | "HardSwish" | "Tanh"
        | "ThresholdedRelu" | "Swish" => 0.0,
        "Sigmoid" => 0.5,
        "HardSigmoid" => alpha("beta", 0.5).clamp(0.0, 1.0),
        "Softplus" => std::f32::consts::LN_2,
        "Clip" => {
            let bound = |index: usize, name: &str, default: f32| match node.input(index) {
                Some(input) => wiring.numbers(input).and_then(|numbers| numbers.first().copied()),
                None => Some(alpha(name, default)),
            };
            0f32.max(bound(1, "min", f32::NEG_INFINITY)?).min(bound(2, "max", f32::INFINITY)?)
        }
        _ => return None,
    })
}

/// Two moving tensors, where one is computed from the other: a product; or a difference or quotient with a figure of it,
/// such as its mean, which has fewer values.
fn gated<'a>(wiring: &Wiring<'a>, node: &'a Node, tensor: &str) -> Option<Passage<'a>> {
    let (a, b) = (node.input(0)?, node.input(1)?);
    let how = match node.op_type.as_str() {
        "Mul" => Gate::Times,
        "Div" => Gate::Over,
        _ => Gate::Less,
    };
    let gate = |input, by| {
        let fits = wiring.shape(input) == wiring.shape(tensor) && wiring.shape(by).is_some();
        let fits = fits && (how == Gate::Times || wiring.shape(by) != wiring.shape(input));
        (fits && input != by && wiring.graph.depends_on(by, input)).then_some(Passage::Gated { input, by, how })
    };
    gate(a, b).or_else(|| if how == Gate::Times { gate(b, a) } else { None })
}

fn resized<'a>(wiring: &Wiring<'a>, node: &'a Node, input: &'a str, tensor: &str) -> Option<Passage<'a>> {
    let (from, to) = (&wiring.observed(input)?.shape, &wiring.observed(tensor)?.shape);
    let scales = match node.input(2) {
        Some(scales) => Some(wiring.numbers(scales)?),
        None => None,
    };
    let mut matrices = autodiff::resizing(node, from, to, scales.as_deref()).ok()?;
    let [columns, rows] = [matrices.pop()?, matrices.pop()?].map(|matrix| matrix.map(Arc::new));
    // Batch and channels as they are.
    matrices.iter().all(Option::is_none).then_some(Passage::Resized { input, rows, columns })
}

fn split<'a>(wiring: &Wiring<'a>, node: &'a Node, tensor: &str) -> Option<Passage<'a>> {
    let (input, [channels, ..]) = (node.input(0)?, wiring.shape(tensor)?);
    wiring.axis_is_channels(node, tensor).then_some(())?;
    let before = node.outputs.iter().take_while(|output| *output != tensor);
    let first: usize = before.map(|output| wiring.shape(output).map_or(0, |[channels, ..]| channels)).sum();
    let from = (first..first + channels).map(Some).collect();
    Some(Passage::Moved { input, from, rows: Steps::ALL, columns: Steps::ALL })
}

/// `[N, g, m, H, W]` transposed to `[N, m, g, H, W]` and flattened again.
fn shuffle<'a>(wiring: &Wiring<'a>, node: &'a Node, tensor: &str) -> Option<Passage<'a>> {
    let transposed = wiring.graph.producer(node.input(0)?).filter(|node| node.op_type == "Transpose")?;
    (transposed.attr_ints("perm") == Some(&[0, 2, 1, 3, 4])).then_some(())?;
    let apart = wiring.graph.producer(transposed.input(0)?).filter(|node| node.op_type == "Reshape")?;
    let &[_, groups, members, ..] = wiring.observed(apart.output())?.shape.as_slice() else { return None };
    let input = apart.input(0)?;
    (wiring.shape(input)? == wiring.shape(tensor)?).then_some(())?;
    let from = (0..groups * members).map(|at| Some(at % groups * members + at / groups)).collect();
    Some(Passage::Moved { input, from, rows: Steps::ALL, columns: Steps::ALL })
}

fn slice<'a>(wiring: &Wiring<'a>, node: &'a Node, input: &'a str) -> Option<Passage<'a>> {
    let list = |index: usize, name: &str| match node.input(index) {
        Some(input) => wiring.integers(input),
        None => node.attr_ints(name).map(<[i64]>::to_vec),
    };
    let (from, to) = (&wiring.observed(input)?.shape, &wiring.observed(node.output())?.shape);
    let starts = list(1, "starts")?;
    let axes = list(3, "axes").unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = list(4, "steps").unwrap_or_else(|| vec![1; starts.len()]);
    let mut along = vec![Steps::ALL; from.len()];
    for ((start, axis), step) in starts.iter().zip(&axes).zip(&steps) {
        let axis = usize::try_from(if *axis < 0 { axis + from.len() as i64 } else { *axis }).ok()?;
        let size = *from.get(axis)? as i64;
        let start = if *start < 0 { (start + size).max(0) } else { (*start).min(size) };
        along[axis] = Steps { start: start as isize, step: usize::try_from(*step).ok().filter(|step| *step > 0)? };
    }
    moved(input, &along, from, to)
}

fn pad<'a>(wiring: &Wiring<'a>, node: &'a Node, input: &'a str, tensor: &str) -> Option<Passage<'a>> {
    let (from, to) = (&wiring.observed(input)?.shape, &wiring.observed(tensor)?.shape);
    matches!(node.attr_string("mode"), None | Some("constant")).then_some(())?;
    let value = match node.input(2) {
        Some(input) => wiring.numbers(input)?.first().copied()?,
        None => node.attr_float("value").unwrap_or(0.0),
    };
    (value == 0.0).then_some(())?;
    let pads = match node.input(1) {
        Some(input) => wiring.integers(input)?,
        None => node.attr_ints("pads")?.to_vec(),
    };
    let axes = match node.input(3) {
        Some(input) => wiring.integers(input)?,
        None => (0..from.len() as i64).collect(),
    };
    let mut along = vec![Steps::ALL; from.len()];
    for (axis, before) in axes.iter().zip(&pads) {
        let axis = usize::try_from(if *axis < 0 { axis + from.len() as i64 } else { *axis }).ok()?;
        *along.get_mut(axis)? = Steps { start: isize::try_from(-before).ok()?, step: 1 };
    }
    moved(input, &along, from, to)
}

fn moved<'a>(input: &'a str, along: &[Steps], from: &[usize], to: &[usize]) -> Option<Passage<'a>> {
    let (&[batch, channels, rows, columns], &[Steps { start: 0, step: 1 }, ..]) = (along, along) else { return None };
    let _ = batch;
    let from = (0..*to.get(1)?).map(|at| channels.place(at, from[1])).collect();
    Some(Passage::Moved { input, from, rows, columns })
}

impl Wiring<'_> {
    /// Whether a Concat or Split works along the channels.
    fn axis_is_channels(&self, node: &Node, tensor: &str) -> bool {
        let rank = self.observed(tensor).map_or(0, |observed| observed.shape.len() as i64);
        matches!(node.attr_int("axis"), Some(axis) if axis == 1 || axis + rank == 1)
    }

    /// Integers that no picture changes.
    fn integers(&self, tensor: &str) -> Option<Vec<i64>> {
        if self.graph.is_constant(tensor) {
            return self.graph.integers(tensor).ok();
        }
        match self.observed(tensor)?.value.as_ref()? {
            Value::I64(values) => Some(values.iter().copied().collect()),
            Value::I32(values) => Some(values.iter().map(|value| i64::from(*value)).collect()),
            _ => None,
        }
    }

    /// Numbers that no picture changes.
    pub(super) fn numbers(&self, tensor: &str) -> Option<Vec<f32>> {
        if self.graph.is_constant(tensor) {
            return self.graph.weights(tensor).ok().map(|values| values.into_iter().collect());
        }
        match self.observed(tensor)?.value.as_ref()? {
            Value::F32(values) => Some(values.iter().copied().collect()),
            _ => None,
        }
    }
}
