//! What is added up to a channel's value, and which channels enter each summand.

use std::sync::Arc;

use ndarray::{Array2, Array3, s};

use super::flow::{Flow, Link, Route};
use super::passage::Passage;
use super::place::Place;
use super::routes::{Leaf, Region, Until};
use super::wiring::Wiring;
use super::{Branch, Circuit, CircuitsError, Neighbour, Reach};
use crate::interpretation::filters::{self, Folded};
use crate::model::layers::{Kind, Layer, describe};
use crate::model::unit::Unit;
use crate::onnx::Node;

/// What feeds a channel.
pub(super) fn circuit(wiring: &Wiring<'_>, asked: &Place) -> Result<Circuit, CircuitsError> {
    let (of, through) = resolve(wiring, asked)?;
    let (branches, target, channel) = match &of {
        Place::Unit(unit) => {
            let layer = &wiring.layers[unit.layer];
            match layer.kind {
                Kind::Block => (block(wiring, layer, unit.channel)?, layer.made.clone(), unit.channel),
                _ => {
                    let (branch, output) = convolution(wiring, layer, unit.channel)?;
                    (vec![branch], output, unit.channel)
                }
            }
        }
        Place::Linear { node, channel } => {
            let output = wiring.graph.nodes.get(*node).map_or("", |node| node.output());
            (vec![linear(wiring, output, *channel)?], output.to_owned(), *channel)
        }
        Place::Class { .. } | Place::Picture { .. } | Place::Tensor { .. } => {
            return Err(CircuitsError::TheEnd { place: of.address(wiring.network) });
        }
    };
    let addresses = [asked, &of].map(|place| place.address(wiring.network));
    Ok(Circuit { asked: asked.clone(), of, addresses, through, branches, target, channel })
}

/// The channel of a convolution, block or linear layer that a channel is made from alone, and what lies between.
fn resolve(wiring: &Wiring<'_>, asked: &Place) -> Result<(Place, Vec<String>), CircuitsError> {
    let (tensor, channel) = match asked {
        Place::Unit(unit) => {
            let unknown = || crate::model::layers::unknown(&unit.layer.to_string(), wiring.layers);
            let layer = wiring.layers.get(unit.layer).ok_or_else(|| crate::network::NetworkError::from(unknown()))?;
            Unit::new(unit.layer, unit.channel, wiring.layers)?;
            if matches!(layer.kind, Kind::Conv | Kind::Block) {
                return Ok((asked.clone(), Vec::new()));
            }
            (layer.tensor.as_str(), unit.channel)
        }
        Place::Linear { .. } => return Ok((asked.clone(), Vec::new())),
        Place::Class { class } => {
            wiring.network.check_class(*class)?;
            (wiring.network.logits(), *class)
        }
        Place::Tensor { tensor, channel } => (tensor.as_str(), *channel),
        Place::Picture { .. } => return Err(CircuitsError::TheEnd { place: asked.address(wiring.network) }),
    };
    let tensor =
        wiring.own_name(tensor).ok_or_else(|| CircuitsError::TheEnd { place: asked.address(wiring.network) })?;
    let flow = nearest(wiring, tensor)?;
    let found = flow.routes.iter().find_map(|route| Some((route, route.links.iter().find(|link| link.at == channel)?)));
    match found {
        Some((route, link)) if matches!(route.leaf, Leaf::Layer(_) | Leaf::Linear(_)) => {
            let mut steps = route.steps.to_vec();
            if link.scale != 1.0 {
                steps.push(format!("scaled by {}", link.scale));
            }
            Ok((place(&route.leaf, link.from), steps))
        }
        other => {
            let end = match other.map(|(route, _)| &route.leaf) {
                Some(Leaf::Tensor(end)) => wiring.graph.producer(end).map(describe),
                Some(Leaf::Picture) => Some("the picture".to_owned()),
                _ => None,
            };
            let op = end.unwrap_or_else(|| "constants".to_owned());
            Err(CircuitsError::NothingBefore { place: asked.address(wiring.network), op })
        }
    }
}

/// The nearest channel behind each channel of a tensor.
fn nearest<'a>(wiring: &Wiring<'a>, tensor: &'a str) -> Result<Flow, CircuitsError> {
    Ok(Region::new(wiring, tensor, Until::Nearest)?.flow(wiring, None)?)
}

pub(super) fn place(leaf: &Leaf, channel: usize) -> Place {
    match leaf {
        Leaf::Layer(layer) => Place::Unit(Unit { layer: *layer, channel }),
        Leaf::Linear(node) => Place::Linear { node: *node, channel },
        Leaf::Picture => Place::Picture { channel },
        Leaf::Tensor(tensor) => Place::Tensor { tensor: tensor.clone(), channel },
    }
}

/// The neighbours by which some channels of a tensor enter, with a kernel each.
fn neighbours<'a>(
    wiring: &Wiring<'a>,
    input: &'a str,
    channels: impl Iterator<Item = usize>,
    kernels: &Array3<f32>,
) -> Result<Vec<Neighbour>, CircuitsError> {
    let flow = nearest(wiring, input)?;
    let count = wiring.shape(input).map_or(0, |[channels, ..]| channels);
    let mut behind: Vec<Option<(&Route, Link)>> = vec![None; count];
    for route in &flow.routes {
        for link in route.links.iter() {
            if let Some(slot) = behind.get_mut(link.at) {
                *slot = Some((route, *link));
            }
        }
    }
    let own = Leaf::Tensor(input.to_owned());
    let none: Arc<[String]> = Arc::new([]);
    let neighbour = |(channel, kernel): (usize, ndarray::ArrayView2<'_, f32>)| {
        let (place, between, scale) = match behind.get(channel).cloned().flatten() {
            Some((route, link)) => (place(&route.leaf, link.from), route.steps.clone(), link.scale),
            None => (place(&own, channel), none.clone(), 1.0),
        };
        let kernel: Array2<f32> = &kernel * scale;
        let wide = || kernel.iter().map(|weight| f64::from(*weight));
        let (sum, norm) = (wide().sum::<f64>() as f32, wide().map(|weight| weight * weight).sum::<f64>().sqrt() as f32);
        let address = place.address(wiring.network);
        Neighbour { input: channel, place, address, between, scale, kernel, sum, norm }
    };
    Ok(channels.zip(kernels.outer_iter()).map(neighbour).collect())
}

/// The summand that a convolution is, with its tensor.
fn convolution(wiring: &Wiring<'_>, layer: &Layer, channel: usize) -> Result<(Branch, String), CircuitsError> {
    let filters = filters::of(wiring.network, layer.index)?;
    let kernels = filters.filter(channel).to_owned();
    let first = filters.input_channel(channel, 0);
    let missing = || CircuitsError::TheEnd { place: layer.name.clone() };
    let input = wiring.own_name(&filters.input).ok_or_else(missing)?;
    let neighbours = neighbours(wiring, input, first..first + filters.inputs(), &kernels)?;
    let branch = Branch {
        name: layer.name.clone(),
        op: layer.op.clone(),
        layer: Some(layer.index),
        shortcut: false,
        bias: filters.bias.get(channel).copied().unwrap_or(0.0),
        neighbours,
        reach: match (filters.strides, filters.dilations) {
            (strides, dilations) if filters.transposed => Reach::Spreading { strides, dilations },
            (strides, dilations) => Reach::Sliding { strides, dilations },
        },
        kernels,
        input: filters.input,
        folded: filters.folded,
    };
    Ok((branch, filters.output))
}

/// The summands of a block.
fn block(wiring: &Wiring<'_>, layer: &Layer, channel: usize) -> Result<Vec<Branch>, CircuitsError> {
    let missing = || CircuitsError::TheEnd { place: layer.name.clone() };
    let Some(Passage::Added { inputs, constant }) = Passage::of(wiring, &layer.made)? else {
        let op = wiring.graph.producer(&layer.made).map_or_else(String::new, describe);
        return Err(CircuitsError::NothingBefore { place: format!("{}:{channel}", layer.name), op });
    };
    let shortcuts = wiring.shortcuts(&inputs);
    let mut branches = Vec::with_capacity(inputs.len());
    for (input, shortcut) in inputs.into_iter().zip(shortcuts) {
        let conv = wiring.layer(input).filter(|conv| conv.kind == Kind::Conv && conv.pre_activation.is_none());
        if let Some(conv) = conv {
            let (branch, output) = convolution(wiring, conv, channel)?;
            if output == input {
                branches.push(Branch { shortcut, ..branch });
                continue;
            }
        }
        let input = wiring.own_name(input).ok_or_else(missing)?;
        let kernels = Array3::ones((1, 1, 1));
        let neighbours = neighbours(wiring, input, channel..channel + 1, &kernels)?;
        branches.push(Branch {
            name: if shortcut { "shortcut".to_owned() } else { "as it is".to_owned() },
            op: "Identity".to_owned(),
            layer: None,
            shortcut,
            folded: Folded::Nothing,
            bias: 0.0,
            neighbours,
            reach: Reach::Sliding { strides: [1, 1], dilations: [1, 1] },
            kernels,
            input: input.to_owned(),
        });
    }
    for name in constant {
        let weights = wiring.graph.weights(name)?;
        let bias = match weights.len() {
            1 => weights.first().copied(),
            _ => weights.iter().nth(channel).copied().filter(|_| weights.len() == layer.channels),
        };
        let place = || format!("{}:{channel}", layer.name);
        let bias =
            bias.ok_or_else(|| CircuitsError::NothingBefore { place: place(), op: "a constant map".to_owned() })?;
        if let Some(branch) = branches.first_mut() {
            branch.bias += bias;
        }
    }
    Ok(branches)
}

/// The summand that a linear layer is.
fn linear(wiring: &Wiring<'_>, output: &str, channel: usize) -> Result<Branch, CircuitsError> {
    let end = || CircuitsError::TheEnd { place: output.to_owned() };
    let (_, linear) = wiring.linear(output).ok_or_else(end)?;
    let name = crate::model::layers::module(wiring.graph, linear.node);
    let (weights, bias) = linear.read(wiring.graph)?;
    let (input, reach) = entering(wiring, linear.input);
    let [channels, height, width] = wiring.shape(input).ok_or_else(end)?;
    let (rows, columns) = if reach == Reach::Whole { (height, width) } else { (1, 1) };
    let shape = [weights.nrows(), weights.ncols()];
    let fits = shape[1] == channels * rows * columns && channel < shape[0];
    let row = weights.slice_move(s![channel.min(shape[0].saturating_sub(1))..(channel + 1).min(shape[0]), ..]);
    let kernels = row.into_shape_with_order((channels, rows, columns)).ok().filter(|_| fits);
    let kernels =
        kernels.ok_or(CircuitsError::Shape { layer: name.clone(), shape, inputs: channels * rows * columns })?;
    Ok(Branch {
        name,
        op: describe(linear.node),
        layer: None,
        shortcut: false,
        folded: Folded::Nothing,
        bias: bias.get(channel).copied().unwrap_or(0.0),
        neighbours: neighbours(wiring, input, 0..channels, &kernels)?,
        reach,
        kernels,
        input: input.to_owned(),
    })
}

/// The feature maps that a vector is made of, and how: their means, or all their values in a row.
fn entering<'a>(wiring: &Wiring<'a>, vector: &'a str) -> (&'a str, Reach) {
    let mut tensor = vector;
    let maps = |tensor: &str| wiring.observed(tensor).is_some_and(|observed| observed.shape.len() == 4);
    while let Some(node) = wiring.graph.producer(tensor)
        && let Some(input) = node.input(0)
    {
        match node.op_type.as_str() {
            "Flatten" | "Reshape" | "Squeeze" if maps(input) => {
                let whole = wiring.shape(input).is_some_and(|[_, height, width]| height * width > 1);
                if whole {
                    return (input, Reach::Whole);
                }
                tensor = input;
            }
            "Dropout" | "Identity" | "Flatten" | "Reshape" => tensor = input,
            "GlobalAveragePool" if maps(input) => return (input, Reach::Mean),
            "ReduceMean" | "AveragePool" if maps(input) && averages(wiring, node, input, tensor) => {
                return (input, Reach::Mean);
            }
            _ => break,
        }
    }
    // A single position is met once, and its mean is itself.
    if wiring.shape(tensor).is_some() { (tensor, Reach::Mean) } else { (vector, Reach::Mean) }
}

/// Whether a node averages each channel over all of space.
fn averages(wiring: &Wiring<'_>, node: &Node, input: &str, output: &str) -> bool {
    let (Some([channels, height, width]), Some(output)) = (wiring.shape(input), wiring.shape(output)) else {
        return false;
    };
    let covers = node.attr_ints("kernel_shape").is_none_or(|kernel| kernel == [height as i64, width as i64]);
    let padded = node.attr_ints("pads").is_some_and(|pads| pads.iter().any(|pad| *pad != 0));
    output == [channels, 1, 1] && covers && !padded
}

impl<'a> Wiring<'a> {
    /// A tensor's name as the graph holds it.
    pub(super) fn own_name(&self, tensor: &str) -> Option<&'a str> {
        let made = self.graph.producer(tensor).and_then(|node| node.outputs.iter().find(|name| *name == tensor));
        made.map(String::as_str).or_else(|| (tensor == self.network.input()).then(|| self.network.input()))
    }
}
