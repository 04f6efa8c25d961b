//! Circuits: which channels excite and inhibit a channel, and by how much.
//!
//! A channel's value before its activation is a sum of branches (one convolution; the convolution and the shortcut of a
//! residual block), each a sum over the channels that enter it, plus a bias. Every one of these summands is a neighbour:
//! known by its kernel alone, and for a picture by its contribution, of which nothing is left over: Σ contributions + bias
//! is the value (Olah et al. 2020, "Zoom In: An Introduction to Circuits"). What enters is led back through normalisation,
//! activations, pools, concatenations and sums to the convolutions that it comes from.
//!
//! Owns taking a channel apart. Must not know how circuits are drawn.

use std::sync::Arc;

use ndarray::{Array2, Array3, ArrayView2, Axis};

use super::filters::{FiltersError, Folded};
use crate::model::unit::UnitError;
use crate::network::{Network, NetworkError};
use crate::onnx::OnnxError;

mod branches;
mod contributions;
mod flow;
mod norm;
mod passage;
mod place;
mod ranking;
mod routes;
mod window;
mod wiring;

pub use contributions::{BranchContributions, Contributions, Origin, contributions};
pub use place::{Place, parse};
pub use ranking::{By, Edge, Ranking, rank};

/// A channel and what feeds it.
#[derive(Clone, Debug)]
pub struct Circuit {
    /// What was asked for.
    pub asked: Place,
    /// The convolution's, block's or linear layer's channel that it is: the same, or the one behind a pool or a
    /// concatenation.
    pub of: Place,
    /// The addresses of both.
    pub addresses: [String; 2],
    /// What lies between the two, from [`Circuit::of`] on.
    pub through: Vec<String>,
    /// What is added up to its value.
    pub branches: Vec<Branch>,
    /// The tensor with the value before the activation.
    target: String,
    /// Its channel there.
    channel: usize,
}

/// One summand of a channel's value: a convolution, a linear layer, or a shortcut.
#[derive(Clone, Debug)]
pub struct Branch {
    /// Name of the convolution, or what the shortcut is.
    pub name: String,
    /// What is computed, such as `Conv 3×3`.
    pub op: String,
    /// Index of the convolution's layer; `None` for a shortcut that computes nothing, and for a linear layer.
    pub layer: Option<usize>,
    /// Whether it goes around the other branches.
    pub shortcut: bool,
    /// What has been multiplied into the weights.
    pub folded: Folded,
    /// What is added to the contributions of its neighbours.
    pub bias: f32,
    /// One for each channel that enters.
    pub neighbours: Vec<Neighbour>,
    /// How the kernels meet what enters.
    pub reach: Reach,
    /// `[neighbours, height, width]`: what multiplies what enters.
    kernels: Array3<f32>,
    /// The tensor that enters.
    input: String,
}

/// How kernels meet the feature maps that enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// They slide.
    Sliding {
        /// Rows and columns from one position to the next.
        strides: [usize; 2],
        /// Rows and columns from one weight to the next.
        dilations: [usize; 2],
    },
    /// Each value that enters is spread over them (a transposed convolution).
    Spreading {
        /// Rows and columns from where one value is spread to where the next is.
        strides: [usize; 2],
        /// Rows and columns from one weight to the next.
        dilations: [usize; 2],
    },
    /// One weight for the mean over space.
    Mean,
    /// A weight for each position, met once.
    Whole,
}

impl Reach {
    /// Whether a map comes of it, and not a single value.
    pub fn is_spatial(self) -> bool {
        matches!(self, Self::Sliding { .. } | Self::Spreading { .. })
    }
}

/// A channel that enters a branch.
#[derive(Clone, Debug)]
pub struct Neighbour {
    /// Channel of the tensor that enters.
    pub input: usize,
    /// The nearest convolution's or block's channel behind it.
    pub place: Place,
    /// Its address.
    pub address: String,
    /// What lies between that channel's convolution and this one, such as `BatchNorm`, `ReLU`, `MaxPool 2×2 /2`.
    pub between: Arc<[String]>,
    /// What scales the channel on the way (a normalisation in front of this convolution): folded into [`kernel`](Self::kernel).
    pub scale: f32,
    /// `[height, width]`, blue where it excites and red where it inhibits: the weights times the scale.
    pub kernel: Array2<f32>,
    /// Σ of the kernel: above zero it excites, below it inhibits.
    pub sum: f32,
    /// Square root of the sum of squares.
    pub norm: f32,
}

/// Why a channel cannot be taken apart.
#[derive(Debug, thiserror::Error)]
pub enum CircuitsError {
    /// There is no convolution in front of it.
    #[error(
        "`{place}` is made by {op}, with no convolution, block or linear layer that its channels could be led back to: \
         choose one of those (`lensor layers` lists them), or a class with --target"
    )]
    NothingBefore {
        /// Its address.
        place: String,
        /// The operator in the way.
        op: String,
    },
    /// It is the picture, or an inner tensor.
    #[error(
        "`{place}` is where the way back ends: choose a channel of a layer (`lensor layers`), or a class with --target"
    )]
    TheEnd {
        /// Its address.
        place: String,
    },
    /// There is no such channel.
    #[error(transparent)]
    Unit(#[from] UnitError),
    /// The weights of a linear layer do not fit what enters.
    #[error("the weights of `{layer}` have the shape {shape:?}, which does not fit the {inputs} values that enter")]
    Shape {
        /// Name of the layer.
        layer: String,
        /// Shape of the weights.
        shape: [usize; 2],
        /// Number of values.
        inputs: usize,
    },
    /// Its contributions do not fit into memory.
    #[error(
        "the contributions to `{place}` take {bytes} bytes, more than 1 GiB: give the network smaller pictures (--size), \
         or ask without a picture"
    )]
    TooLarge {
        /// Its address.
        place: String,
        /// How many.
        bytes: usize,
    },
    /// The weights of its convolution.
    #[error(transparent)]
    Filters(#[from] FiltersError),
    /// The network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The graph.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
}

/// What feeds a channel, from the weights alone.
pub fn of(network: &mut Network, place: &Place) -> Result<Circuit, CircuitsError> {
    network.observe()?;
    branches::circuit(&wiring::Wiring::new(network), place)
}

impl Circuit {
    /// Address of the channel that is taken apart.
    pub fn address(&self) -> &str {
        &self.addresses[1]
    }

    /// Bytes it holds, about.
    pub fn bytes(&self) -> usize {
        let of = |branch: &Branch| 8 * branch.kernels.len() + 256 * branch.neighbours.len();
        self.branches.iter().map(of).sum()
    }

    /// Index of each neighbour, branch by branch.
    pub fn neighbours(&self) -> impl Iterator<Item = (usize, usize, &Neighbour)> {
        self.branches.iter().enumerate().flat_map(|(branch, of)| {
            of.neighbours.iter().enumerate().map(move |(at, neighbour)| (branch, at, neighbour))
        })
    }
}

impl Branch {
    /// `[neighbours, height, width]`: the kernels, with what scales their channels on the way.
    pub fn kernels(&self) -> Array3<f32> {
        let mut kernels = self.kernels.clone();
        kernels.outer_iter_mut().zip(&self.neighbours).for_each(|(mut kernel, of)| kernel *= of.scale);
        kernels
    }

    /// What multiplies the channel that enters, `[height, width]`, without what scales it on the way.
    pub fn weights(&self, neighbour: usize) -> ArrayView2<'_, f32> {
        self.kernels.index_axis(Axis(0), neighbour)
    }
}

/// A circuit of made-up numbers with what each neighbour adds, for tests of what is drawn.
#[cfg(test)]
pub(crate) fn made_up(
    place: Place,
    address: &str,
    inputs: Vec<(Place, String)>,
    side: usize,
) -> (Circuit, Contributions) {
    let wave = |(k, y, x): (usize, usize, usize)| ((k * 5 + y * 3 + x * 2) as f32 * 0.8).sin();
    let kernels = Array3::from_shape_fn((inputs.len(), 3, 3), wave);
    let neighbour = |(input, ((place, address), kernel)): (usize, ((Place, String), ArrayView2<'_, f32>))| Neighbour {
        input,
        place,
        address,
        between: Arc::new(["BatchNorm".to_owned(), "ReLU".to_owned()]),
        scale: 1.0,
        sum: kernel.sum(),
        norm: kernel.mapv(|weight| weight * weight).sum().sqrt(),
        kernel: kernel.to_owned(),
    };
    let count = inputs.len();
    let neighbours = inputs.into_iter().zip(kernels.outer_iter()).enumerate().map(neighbour).collect();
    let maps = Array3::from_shape_fn((count, side, side), |(k, y, x)| wave((k + 1, y, x)) / (k + 1) as f32);
    let branch = Branch {
        name: "conv".to_owned(),
        op: "Conv 3×3".to_owned(),
        layer: None,
        shortcut: false,
        folded: Folded::Nothing,
        bias: 0.25,
        neighbours,
        reach: Reach::Sliding { strides: [1, 1], dilations: [1, 1] },
        kernels,
        input: "x".to_owned(),
    };
    let value = maps.sum_axis(Axis(0)) + 0.25;
    let inputs = maps.mapv(f32::abs);
    let totals = maps.outer_iter().map(|map| map.sum()).collect();
    let of = BranchContributions { inputs, maps, totals, spread: false, origins: Vec::new() };
    let circuit = Circuit {
        asked: place.clone(),
        of: place,
        addresses: [address.to_owned(), address.to_owned()],
        through: Vec::new(),
        branches: vec![branch],
        target: "y".to_owned(),
        channel: 0,
    };
    (circuit, Contributions { value, branches: vec![of], deviation: 1e-7 })
}

#[cfg(test)]
mod tests;
