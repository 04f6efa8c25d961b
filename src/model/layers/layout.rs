//! Where the channels of feature maps are: second, as convolutions make them, or last, as attention and linear layers use
//! them inside some networks (Swin, what TensorFlow exports).
//!
//! Must not know which tensors are layers.

use std::collections::HashMap;

use crate::onnx::{Graph, Node};

/// Where the channels of a tensor with four axes are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Channels {
    Second,
    Last,
}

/// What is known about the tensors met so far.
pub(super) struct Layouts<'a>(HashMap<&'a str, Channels>);

impl<'a> Layouts<'a> {
    /// The picture has its channels second. What a linear layer or a normalisation of channels takes has them last, unless
    /// it is made otherwise.
    pub fn begin(graph: &'a Graph, picture: &'a str) -> Self {
        let linear = |node: &Node| node.op_type == "MatMul" && node.input(1).is_some_and(|by| graph.is_constant(by));
        let taking = graph.nodes.iter().filter(|node| linear(node) || normalises_last(node));
        let mut known: HashMap<&str, _> = taking.filter_map(|node| Some((node.input(0)?, Channels::Last))).collect();
        known.insert(picture, Channels::Second);
        Self(known)
    }

    /// Whether the channels of a tensor are known to be last.
    pub fn is_last(&self, tensor: &str) -> bool {
        self.0.get(tensor) == Some(&Channels::Last)
    }

    /// Whether the channels of a tensor are known to be second.
    pub fn is_second(&self, tensor: &str) -> bool {
        self.0.get(tensor) == Some(&Channels::Second)
    }

    /// Learns what a node makes; those before it have been followed.
    pub fn follow(&mut self, node: &'a Node) {
        let channels = match node.op_type.as_str() {
            "Conv"
            | "ConvTranspose"
            | "MaxPool"
            | "AveragePool"
            | "BatchNormalization"
            | "InstanceNormalization"
            | "GroupNormalization"
            | "LRN"
            | "DepthToSpace"
            | "SpaceToDepth" => Some(Channels::Second),
            "MatMul" => Some(Channels::Last),
            "LayerNormalization" if normalises_last(node) => Some(Channels::Last),
            "Transpose" => match node.attr_ints("perm") {
                Some([0, 3, 1, 2]) => Some(Channels::Second),
                Some([0, 2, 3, 1]) => Some(Channels::Last),
                _ => None,
            },
            // What becomes of the axes is not followed, or there are none.
            "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Einsum" | "Shape" | "Size" => None,
            // Their other inputs are sizes and places.
            "Pad" | "Slice" | "Resize" | "Expand" | "Tile" => node.input(0).and_then(|data| self.0.get(data).copied()),
            // A weighting of channels may come from a Reshape: what is known of any input counts.
            _ => {
                let known = || node.inputs.iter().filter_map(|input| self.0.get(input.as_str()).copied());
                known().find(|channels| *channels == Channels::Second).or_else(|| known().next())
            }
        };
        if let Some(channels) = channels {
            self.0.extend(node.outputs.iter().map(|output| (output.as_str(), channels)));
        }
    }
}

/// Whether a node normalises along the last axis.
fn normalises_last(node: &Node) -> bool {
    node.op_type == "LayerNormalization" && matches!(node.attr_int("axis"), None | Some(-1 | 3))
}
