//! The ways by which channels of earlier convolutions reach a tensor without another convolution in between.
//!
//! Owns walking back to the nearest convolutions (or blocks), and the words for what lies between. Must not know what the
//! tensor is used for.

use std::collections::HashMap;
use std::sync::Arc;

use ndarray::Array3;

use super::flow::{Flow, Link, Route, follow};
use super::passage::{Gate, Passage};
use super::wiring::Wiring;
use crate::interpretation::filters;
use crate::model::layers::{CONVOLUTIONS, Kind, Layer};
use crate::onnx::OnnxError;

/// Where a way begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Leaf {
    /// A convolution or a block, by the index of its layer.
    Layer(usize),
    /// A linear layer, by the index of its node.
    Linear(usize),
    /// The prepared picture.
    Picture,
    /// A tensor that is taken apart no further.
    Tensor(String),
}

/// How far to walk back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// To the nearest convolution or block: each channel has one channel behind it.
    Nearest,
    /// Through sums, to convolutions alone.
    Convolutions,
}

/// A tensor on the way back.
#[derive(Clone)]
enum Spot<'a> {
    Leaf(Leaf),
    Way(Passage<'a>),
}

/// The part of a graph between a tensor and its leaves, in the order in which it is computed.
#[derive(Clone)]
pub(super) struct Region<'a>(Vec<(&'a str, Spot<'a>)>);

/// Most ways that are told apart; where more are added up, the sum itself is a leaf.
const MOST: usize = 64;

impl<'a> Region<'a> {
    /// Walks back from a tensor.
    pub fn new(wiring: &Wiring<'a>, tensor: &'a str, until: Until) -> Result<Self, OnnxError> {
        let (mut open, mut spots) = (vec![tensor], HashMap::new());
        while let Some(tensor) = open.pop() {
            if spots.contains_key(tensor) {
                continue;
            }
            let spot = spot(wiring, tensor, until)?;
            if let Spot::Way(passage) = &spot {
                open.extend(passage.inputs().into_iter().filter(|input| !wiring.is_fixed(input)));
            }
            spots.insert(tensor, spot);
        }
        let made = |tensor: &str| wiring.graph.producer(tensor).map_or(0, |node| node.index + 1);
        let mut spots: Vec<(&str, Spot)> = spots.into_iter().collect();
        // Outputs of one node (Split) do not lead to each other.
        spots.sort_by_key(|(tensor, _)| (made(tensor), *tensor));
        Ok(Self(spots))
    }

    /// Whether it leads through a sum.
    pub fn adds(&self) -> bool {
        self.0.iter().any(|(_, spot)| matches!(spot, Spot::Way(Passage::Added { .. })))
    }

    /// The tensors whose values say how much each way brings.
    pub fn needs(&self) -> Vec<&'a str> {
        let mut needs = Vec::new();
        for (tensor, spot) in &self.0 {
            match spot {
                Spot::Leaf(_) => needs.push(*tensor),
                Spot::Way(Passage::Activated { input, .. }) => needs.extend([*input, *tensor]),
                Spot::Way(Passage::Gated { by, .. }) => needs.push(*by),
                Spot::Way(Passage::Normalised { input, .. }) => needs.push(*input),
                Spot::Way(Passage::Pooled { input, node }) if node.op_type == "MaxPool" => needs.push(*input),
                Spot::Way(_) => {}
            }
        }
        needs.sort_unstable();
        needs.dedup();
        needs
    }

    /// Follows the ways to the last tensor. `values` are `[channels, height, width]` of all that [`Region::needs`].
    pub fn flow(&self, wiring: &Wiring<'a>, values: Option<&HashMap<&str, Array3<f32>>>) -> Result<Flow, OnnxError> {
        let mut uses = HashMap::<&str, usize>::new();
        for (_, spot) in &self.0 {
            if let Spot::Way(passage) = spot {
                passage.inputs().into_iter().for_each(|input| *uses.entry(input).or_default() += 1);
            }
        }
        let mut flows = HashMap::<&str, Flow>::new();
        let mut last = Flow::default();
        for (tensor, spot) in &self.0 {
            let flow = match spot {
                Spot::Leaf(leaf) => begin(wiring, leaf, tensor, values)?,
                Spot::Way(passage) => {
                    let mut take = |input: &'a str| {
                        let left = uses.entry(input).or_default();
                        *left = left.saturating_sub(1);
                        let flow = if *left == 0 { flows.remove(input) } else { flows.get(input).cloned() };
                        flow.unwrap_or_default()
                    };
                    let inputs: Vec<Flow> = passage.inputs().into_iter().map(&mut take).collect();
                    follow(wiring, tensor, passage, inputs, values)?
                }
            };
            let lumped = flow.routes.len() > MOST && matches!(spot, Spot::Way(Passage::Added { .. }));
            last = match lumped {
                true if values.is_none_or(|values| values.contains_key(tensor)) => {
                    begin(wiring, &leaf_of(wiring, tensor), tensor, values)?
                }
                _ => flow,
            };
            flows.insert(tensor, last.clone());
        }
        Ok(last)
    }
}

fn spot<'a>(wiring: &Wiring<'a>, tensor: &'a str, until: Until) -> Result<Spot<'a>, OnnxError> {
    if tensor == wiring.network.input() {
        return Ok(Spot::Leaf(Leaf::Picture));
    }
    let stops = |layer: &&Layer| layer.kind == Kind::Conv || until == Until::Nearest;
    let convolves = wiring.graph.producer(tensor).is_some_and(|node| CONVOLUTIONS.contains(&node.op_type.as_str()));
    if wiring.layer(tensor).filter(stops).is_some() || convolves || wiring.linear(tensor).is_some() {
        return Ok(Spot::Leaf(leaf_of(wiring, tensor)));
    }
    Ok(match Passage::of(wiring, tensor)? {
        Some(Passage::Added { .. }) if until == Until::Nearest => Spot::Leaf(Leaf::Tensor(tensor.to_owned())),
        Some(passage) => Spot::Way(passage),
        None if filters::is_picture(wiring.graph, tensor, wiring.network.input()) => Spot::Leaf(Leaf::Picture),
        None => Spot::Leaf(Leaf::Tensor(tensor.to_owned())),
    })
}

fn leaf_of(wiring: &Wiring<'_>, tensor: &str) -> Leaf {
    match (wiring.layer(tensor), wiring.linear(tensor)) {
        (Some(layer), _) => Leaf::Layer(layer.index),
        (None, Some((node, _))) => Leaf::Linear(node.index),
        (None, None) => Leaf::Tensor(tensor.to_owned()),
    }
}

/// The way that begins at a leaf.
fn begin(
    wiring: &Wiring<'_>,
    leaf: &Leaf,
    tensor: &str,
    values: Option<&HashMap<&str, Array3<f32>>>,
) -> Result<Flow, OnnxError> {
    let channels = wiring.shape(tensor).map_or(0, |[channels, ..]| channels);
    let links = (0..channels).map(|channel| Link { at: channel, from: channel, scale: 1.0 }).collect();
    let own =
        if let Leaf::Layer(layer) = leaf { own_steps(wiring, &wiring.layers[*layer], tensor)? } else { Vec::new() };
    let share = values.map(|values| Arc::new(values.get(tensor).cloned().unwrap_or_default()));
    let route = Route { leaf: leaf.clone(), links, steps: own.into(), shortcut: None, share };
    Ok(Flow { routes: vec![route], constant: None })
}

/// What a layer does to its values itself, up to `tensor`.
fn own_steps(wiring: &Wiring<'_>, layer: &Layer, tensor: &str) -> Result<Vec<String>, OnnxError> {
    let (mut steps, mut at) = (Vec::new(), tensor);
    while at != layer.made
        && let Some(passage) = Passage::of(wiring, at)?
        && let [input] = passage.inputs().as_slice()
    {
        steps.push(words(wiring, at, &passage));
        at = input;
    }
    steps.reverse();
    Ok(steps)
}

/// A step in words, as people call it.
pub(super) fn words(wiring: &Wiring<'_>, tensor: &str, passage: &Passage<'_>) -> String {
    let Some(node) = wiring.graph.producer(tensor) else { return String::new() };
    match passage {
        Passage::Added { .. } => match wiring.layer(tensor) {
            Some(layer) => format!("Add of {}", layer.name),
            None => node.op_type.clone(),
        },
        Passage::Gated { by, how, .. } => {
            let spatial = wiring.shape(by).is_some_and(|[_, height, width]| height * width > 1);
            let name = wiring.graph.producer(by).map_or("a gate", |gate| gate.op_type.as_str());
            match how {
                Gate::Times if spatial => format!("times its {name}"),
                Gate::Times => format!("times its channel's {name}"),
                Gate::Over => format!("over its {name} (held)"),
                Gate::Less => format!("less its {name} (held)"),
            }
        }
        Passage::Normalised { norm, .. } => norm.words(),
        Passage::Resized { .. } => format!("Resize, {}", node.attr_string("mode").unwrap_or("nearest")),
        Passage::Moved { .. } if node.op_type == "Reshape" => "channel shuffle".to_owned(),
        _ => match node.op_type.as_str() {
            "Relu" => "ReLU".to_owned(),
            "BatchNormalization" => "BatchNorm".to_owned(),
            "DequantizeLinear" => "quantisation".to_owned(),
            _ => crate::model::layers::describe(node),
        },
    }
}
