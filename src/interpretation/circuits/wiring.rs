//! The graph as circuits see it: sizes of tensors, and which tensor is the output of which layer.

use std::collections::{HashMap, HashSet};

use crate::autodiff::Observed;
use crate::model::head::Linear;
use crate::model::layers::{CONVOLUTIONS, Kind, Layer};
use crate::network::Network;
use crate::onnx::{Graph, Node};

/// A look at a network that has been observed.
#[derive(Clone)]
pub(super) struct Wiring<'a> {
    pub network: &'a Network,
    pub graph: &'a Graph,
    pub layers: &'a [Layer],
    /// Layers by the tensor that they give on: convolutions and blocks.
    ends: HashMap<&'a str, &'a Layer>,
    /// Layers by the tensor that the operator itself makes.
    made: HashMap<&'a str, &'a Layer>,
}

impl<'a> Wiring<'a> {
    /// Looks at a network, which must have been observed.
    pub fn new(network: &'a Network) -> Self {
        let layers = network.layers();
        let own = |layer: &&Layer| matches!(layer.kind, Kind::Conv | Kind::Block);
        Self {
            network,
            graph: network.graph(),
            layers,
            ends: layers.iter().filter(own).map(|layer| (layer.tensor.as_str(), layer)).collect(),
            made: layers.iter().filter(own).map(|layer| (layer.made.as_str(), layer)).collect(),
        }
    }

    /// What was seen of a tensor.
    pub fn observed(&self, tensor: &str) -> Option<&'a Observed> {
        self.network.observed(tensor)
    }

    /// Channels, height and width for one picture; a vector has one row and column. `None` for other shapes.
    pub fn shape(&self, tensor: &str) -> Option<[usize; 3]> {
        match *self.observed(tensor)?.shape.as_slice() {
            [_, channels, height, width] => Some([channels, height, width]),
            [_, channels] => Some([channels, 1, 1]),
            _ => None,
        }
    }

    /// Whether no picture changes a tensor.
    pub fn is_fixed(&self, tensor: &str) -> bool {
        self.graph.is_constant(tensor) || self.observed(tensor).is_some_and(|observed| observed.value.is_some())
    }

    /// The convolution or block that gives a tensor on, or whose operator makes it.
    pub fn layer(&self, tensor: &str) -> Option<&'a Layer> {
        self.ends.get(tensor).or_else(|| self.made.get(tensor)).copied()
    }

    /// The linear layer that makes a tensor `[batch, outputs]` from another vector.
    pub fn linear(&self, tensor: &str) -> Option<(&'a Node, Linear<'a>)> {
        let node = self.graph.producer(tensor)?;
        let name = node.outputs.iter().find(|output| *output == tensor)?;
        let linear = Linear::of(self.graph, name).filter(|linear| linear.node.op_type != "Conv")?;
        let vector = |tensor: &str| self.observed(tensor).is_some_and(|observed| observed.shape.len() == 2);
        (vector(tensor) && vector(linear.input)).then_some((node, linear))
    }
}

impl Wiring<'_> {
    /// For each summand of a sum whether it goes around the others: it has no convolution that is its own alone, or a
    /// single one of 1×1 where another summand has more.
    pub fn shortcuts(&self, summands: &[&str]) -> Vec<bool> {
        let convolutions = |tensor: &str| -> HashSet<usize> {
            let (mut open, mut seen, mut found) = (vec![tensor], HashSet::new(), HashSet::new());
            while let Some(name) = open.pop() {
                let Some(node) = self.graph.producer(name).filter(|node| seen.insert(node.index)) else { continue };
                if CONVOLUTIONS.contains(&node.op_type.as_str()) {
                    found.insert(node.index);
                }
                open.extend(node.inputs.iter().map(String::as_str));
            }
            found
        };
        let all: Vec<HashSet<usize>> = summands.iter().map(|tensor| convolutions(tensor)).collect();
        let own = |at: usize| -> Vec<usize> {
            let others = |index: &usize| all.iter().enumerate().any(|(other, set)| other != at && set.contains(index));
            all[at].iter().copied().filter(|index| !others(index)).collect()
        };
        let own: Vec<Vec<usize>> = (0..all.len()).map(own).collect();
        let most = own.iter().map(Vec::len).max().unwrap_or(0);
        let pointwise = |index: &usize| self.graph.nodes[*index].attr_ints("kernel_shape") == Some(&[1, 1]);
        own.iter()
            .map(|own| match own.as_slice() {
                [] => most > 0,
                [only] => most > 1 && pointwise(only),
                _ => false,
            })
            .collect()
    }
}
