//! The two ends of a circuit's edges: a channel of a layer, of a linear layer, of the picture, or of an inner tensor.

use super::CircuitsError;
use super::wiring::Wiring;
use crate::model::head::Linear;
use crate::model::layers::{self, UnknownLayer};
use crate::model::near::near;
use crate::model::unit::{self, Unit, UnitError};
use crate::network::Network;
use crate::onnx::Node;

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Of a layer with feature maps.
    Unit(Unit),
    /// Of a linear layer.
    Linear {
        /// Index of its node in the graph.
        node: usize,
        /// Index of its output.
        channel: usize,
    },
    /// The logit of a class.
    Class {
        /// Index of the class.
        class: usize,
    },
    /// Of the prepared picture.
    Picture {
        /// Which one.
        channel: usize,
    },
    /// Of a tensor that is taken apart no further.
    Tensor {
        /// Name of the tensor.
        tensor: String,
        /// Which one.
        channel: usize,
    },
}

impl Place {
    /// Its address: `layer3.1.conv2:14`, `fc:340`, `picture:red`.
    pub fn address(&self, network: &Network) -> String {
        match self {
            Self::Unit(unit) => unit.address(network.layers()),
            Self::Linear { node, channel } => {
                let graph = network.graph();
                let linear = graph.nodes.get(*node).and_then(|node| Linear::of(graph, node.output()));
                format!("{}:{channel}", linear.map(|linear| layers::module(graph, linear.node)).unwrap_or_default())
            }
            Self::Picture { channel } => {
                let colour = network.preprocess().colours().and_then(|rgb| rgb.iter().position(|at| at == channel));
                let colour = colour.and_then(|colour| ["red", "green", "blue"].get(colour));
                format!("picture:{}", colour.map_or_else(|| channel.to_string(), ToString::to_string))
            }
            Self::Class { class } => format!("{}:{class}", network.logits()),
            Self::Tensor { tensor, channel } => format!("{tensor}:{channel}"),
        }
    }

    /// Whether it has a circuit of its own to be asked for.
    pub fn leads_on(&self) -> bool {
        matches!(self, Self::Unit(_) | Self::Linear { .. } | Self::Class { .. })
    }

    /// The logit of a class.
    pub fn class(network: &Network, class: usize) -> Result<Self, CircuitsError> {
        network.check_class(class)?;
        Ok(Self::Class { class })
    }
}

/// The channel at an address: `LAYER:CHANNEL` of a layer with feature maps or of a linear layer, or its name alone and
/// `channel`. The network is observed first, the first time.
pub fn parse(network: &mut Network, address: &str, channel: Option<usize>) -> Result<Place, CircuitsError> {
    let unknown = match unit::split(address, network.layers()) {
        Ok((layer, within)) => {
            let none = || UnitError::NoChannel { address: address.to_owned(), example: address.to_owned() };
            let channel = within.or(channel).ok_or_else(none)?;
            return Ok(Place::Unit(Unit::new(layer, channel, network.layers())?));
        }
        Err(unknown) => unknown,
    };
    network.observe()?;
    let wiring = Wiring::new(network);
    let linear = |name: &str| linears(&wiring).find(|(known, ..)| known == name);
    let within = address.rsplit_once(':').and_then(|(name, channel)| Some((linear(name)?, channel.parse().ok()?)));
    let found = within.map(|(found, channel)| (found, Some(channel))).or_else(|| Some((linear(address)?, channel)));
    let Some(((name, node, channels), channel)) = found else {
        let names = linears(&wiring).map(|(name, ..)| name).collect::<Vec<_>>();
        let mut close = near(address, names.iter().map(String::as_str));
        close.extend(unknown.close.iter().cloned());
        return Err(UnitError::from(UnknownLayer { close, ..unknown }).into());
    };
    match channel {
        Some(channel) if channel < channels => Ok(Place::Linear { node, channel }),
        Some(channel) => Err(UnitError::Channel { layer: name, channel, channels }.into()),
        None => Err(UnitError::NoChannel { address: address.to_owned(), example: name }.into()),
    }
}

/// Name, node and number of outputs of each linear layer.
fn linears(wiring: &Wiring<'_>) -> impl Iterator<Item = (String, usize, usize)> {
    let graph = wiring.graph;
    graph.nodes.iter().filter_map(move |node| {
        let (_, linear) = wiring.linear(node.output())?;
        let [channels, ..] = wiring.shape(node.output())?;
        // A product whose bias is added next is half a layer.
        let half = graph.consumers(node.output()).iter().any(|user| {
            let user = graph.nodes.get(*user).map_or("", Node::output);
            wiring.linear(user).is_some_and(|(_, whole)| whole.node.index == linear.node.index)
        });
        (!half).then(|| (layers::module(graph, linear.node), node.index, channels))
    })
}
