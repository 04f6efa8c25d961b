//! What each neighbour brings to a channel for one picture.
//!
//! Owns the contribution maps and splitting them by branch where sums lie on the way. Sums are taken in 64 bits.

use std::collections::HashMap;
use std::sync::Arc;

use ndarray::{Array2, Array3, ArrayD, ArrayView2, Axis, Zip};

use super::branches::place;
use super::routes::{Leaf, Region, Until};
use super::window;
use super::wiring::Wiring;
use super::{Branch, Circuit, CircuitsError, Reach};
use crate::engine::Cancel;
use crate::model::layers;
use crate::network::Network;

/// The contributions to a channel for a picture.
#[derive(Clone, Debug)]
pub struct Contributions {
    /// The channel before its activation, `[height, width]`, as the runtime computes it; a logit is a single value.
    pub value: Array2<f32>,
    /// Of each branch.
    pub branches: Vec<BranchContributions>,
    /// Largest difference between the value and Σ contributions + bias.
    pub deviation: f32,
}

/// The contributions of the neighbours of a branch.
#[derive(Clone, Debug)]
pub struct BranchContributions {
    /// What enters, `[neighbours, height, width]`.
    pub inputs: Array3<f32>,
    /// `[neighbours, height, width]`: what each adds to the value at each position; for a linear layer, what each
    /// position of what enters adds to the only value.
    pub maps: Array3<f32>,
    /// Σ over space of each map.
    pub totals: Vec<f32>,
    /// Whether the maps are to be added up over space for the value.
    pub spread: bool,
    /// The same split by where it comes from, where sums lie on the way; what the origins bring adds up to the maps.
    pub origins: Vec<Origin>,
}

/// One of the ways by which neighbours get parts of what they bring.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Name of the convolution that it begins at; of the picture, a tensor, or `shifts on the way` for constants.
    pub name: String,
    /// The block whose shortcut it takes last, if one.
    pub shortcut: Option<String>,
    /// What lies between, from that convolution on.
    pub between: Arc<[String]>,
    /// Which neighbours, by their place in the branch, with the address of the channel that the part comes from.
    pub parts: Vec<(usize, String)>,
    /// `[parts, height, width]`, as [`BranchContributions::maps`].
    pub maps: Array3<f32>,
}

/// Most bytes of maps of one branch.
const MOST: usize = 1 << 30;

/// Most bytes of what the ways bring; where it is more, contributions are not split.
const MOST_SPLIT: usize = 256 << 20;

/// The contributions to a circuit's channel for a prepared picture, `[C, H, W]`.
pub fn contributions(
    network: &mut Network,
    circuit: &Circuit,
    input: &Array3<f32>,
    cancel: &Cancel,
) -> Result<Contributions, CircuitsError> {
    network.observe()?;
    let mut tensors = vec![circuit.target.clone()];
    {
        let wiring = Wiring::new(network);
        for branch in &circuit.branches {
            check(&wiring, circuit, branch)?;
            tensors.push(branch.input.clone());
            if let Some(region) = split(&wiring, branch)? {
                tensors.extend(region.needs().into_iter().map(str::to_owned));
            }
        }
    }
    tensors.sort_unstable();
    tensors.dedup();
    let names: Vec<&str> = tensors.iter().map(String::as_str).collect();
    let batch = input.view().insert_axis(Axis(0)).to_owned();
    let values = network.arrays(&batch, &names, cancel)?.into_iter().map(of_one);
    let values: HashMap<&str, Array3<f32>> = names.iter().copied().zip(values).collect();
    let wiring = Wiring::new(network);
    let none = Array3::zeros((0, 0, 0));
    let target = values.get(circuit.target.as_str()).unwrap_or(&none);
    let value = target.axis_iter(Axis(0)).nth(circuit.channel).map(|map| map.to_owned()).unwrap_or_default();
    let branches = circuit.branches.iter().map(|branch| of_branch(&wiring, branch, value.dim(), &values));
    let branches = branches.collect::<Result<Vec<_>, _>>()?;
    let mut sum = Array2::<f64>::zeros(value.dim());
    for (branch, of) in branches.iter().zip(&circuit.branches) {
        sum += f64::from(of.bias);
        match branch.spread {
            true => sum += branch.maps.iter().map(|part| f64::from(*part)).sum::<f64>(),
            false => {
                branch.maps.outer_iter().for_each(|map| sum.zip_mut_with(&map, |sum, part| *sum += f64::from(*part)))
            }
        }
    }
    let distance = |largest: f64, sum: &f64, value: &f32| largest.max((sum - f64::from(*value)).abs());
    let deviation = Zip::from(&sum).and(&value).fold(0.0, distance) as f32;
    Ok(Contributions { value, branches, deviation })
}

/// The part of a value of a batch of one.
fn of_one(value: ArrayD<f32>) -> Array3<f32> {
    match *value.shape() {
        [1, channels] => value.into_shape_with_order((channels, 1, 1)).unwrap_or_default(),
        [1, channels, height, width] => value.into_shape_with_order((channels, height, width)).unwrap_or_default(),
        _ => Array3::default((0, 0, 0)),
    }
}

/// Fails where the maps of a branch would take more memory than is believed.
fn check(wiring: &Wiring<'_>, circuit: &Circuit, branch: &Branch) -> Result<(), CircuitsError> {
    let area = |tensor: &str| wiring.shape(tensor).map_or(0, |[_, height, width]| height * width);
    let each = area(&circuit.target).max(area(&branch.input)).saturating_mul(2 * size_of::<f32>());
    let bytes = each.saturating_mul(branch.neighbours.len());
    let place = || circuit.of.address(wiring.network);
    (bytes <= MOST).then_some(()).ok_or_else(|| CircuitsError::TooLarge { place: place(), bytes })
}

/// The way back from what enters a branch, where it leads through sums and their parts fit into memory.
fn split<'a>(wiring: &Wiring<'a>, branch: &Branch) -> Result<Option<Region<'a>>, CircuitsError> {
    let Some(input) = wiring.own_name(&branch.input) else { return Ok(None) };
    let region = Region::new(wiring, input, Until::Convolutions)?;
    if !region.adds() {
        return Ok(None);
    }
    let links: usize = region.flow(wiring, None)?.routes.iter().map(|route| route.links.len()).sum();
    let area = wiring.shape(input).map_or(0, |[_, height, width]| height * width);
    Ok((links.saturating_mul(area * size_of::<f32>()) <= MOST_SPLIT).then_some(region))
}

fn of_branch(
    wiring: &Wiring<'_>,
    branch: &Branch,
    to: (usize, usize),
    values: &HashMap<&str, Array3<f32>>,
) -> Result<BranchContributions, CircuitsError> {
    let none = Array3::zeros((0, 0, 0));
    let entering = values.get(branch.input.as_str()).unwrap_or(&none);
    let channels: Vec<usize> = branch.neighbours.iter().map(|neighbour| neighbour.input).collect();
    let inputs = entering.select(Axis(0), &channels);
    let meeting = Meeting::new(wiring, branch, entering, to);
    let maps = meeting.all(inputs.outer_iter().enumerate());
    let mut origins = Vec::new();
    if let Some(region) = split(wiring, branch)? {
        let at: HashMap<usize, usize> = channels.iter().enumerate().map(|(at, channel)| (*channel, at)).collect();
        let flow = region.flow(wiring, Some(values))?;
        for route in flow.routes {
            let Some(share) = &route.share else { continue };
            let reached = |(row, link): (usize, &super::flow::Link)| Some((row, *at.get(&link.at)?, link.from));
            let reached: Vec<(usize, usize, usize)> = route.links.iter().enumerate().filter_map(reached).collect();
            if reached.is_empty() {
                continue;
            }
            origins.push(Origin {
                name: name(wiring, &route.leaf),
                shortcut: route.shortcut.clone(),
                between: route.steps.clone(),
                parts: reached
                    .iter()
                    .map(|(_, at, from)| (*at, place(&route.leaf, *from).address(wiring.network)))
                    .collect(),
                maps: meeting.all(reached.iter().map(|(row, at, _)| (*at, share.index_axis(Axis(0), *row)))),
            });
        }
        if let Some(constant) = flow.constant {
            origins.push(Origin {
                name: "shifts on the way".to_owned(),
                shortcut: None,
                between: Arc::new([]),
                parts: (0..channels.len()).map(|at| (at, "shifts on the way".to_owned())).collect(),
                maps: meeting.all(channels.iter().map(|at| constant.index_axis(Axis(0), *at)).enumerate()),
            });
        }
    }
    let totals = totals(&maps);
    Ok(BranchContributions { inputs, maps, totals, spread: !branch.reach.is_spatial(), origins })
}

fn name(wiring: &Wiring<'_>, leaf: &Leaf) -> String {
    match leaf {
        Leaf::Layer(layer) => wiring.layers[*layer].name.clone(),
        Leaf::Linear(node) => {
            wiring.graph.nodes.get(*node).map_or_else(String::new, |node| layers::module(wiring.graph, node))
        }
        Leaf::Picture => "picture".to_owned(),
        Leaf::Tensor(tensor) => tensor.clone(),
    }
}

/// How the kernels of a branch meet feature maps of a size.
struct Meeting<'a> {
    branch: &'a Branch,
    pads: [usize; 2],
    to: (usize, usize),
}

impl<'a> Meeting<'a> {
    fn new(wiring: &Wiring<'_>, branch: &'a Branch, entering: &Array3<f32>, to: (usize, usize)) -> Self {
        let (_, height, width) = entering.dim();
        let (_, rows, columns) = branch.kernels.dim();
        let node = branch.layer.and_then(|layer| wiring.graph.producer(&wiring.layers[layer].made));
        let pads = match (branch.reach, node) {
            (Reach::Sliding { strides, dilations }, Some(node)) => {
                window::pads(node, [rows, columns], strides, dilations, [height, width], [to.0, to.1])
            }
            (Reach::Spreading { strides, dilations }, Some(node)) => {
                window::pads_of_transposed(node, [rows, columns], strides, dilations, [height, width], [to.0, to.1])
            }
            _ => [0, 0],
        };
        let to = if branch.reach.is_spatial() { to } else { (height, width) };
        Self { branch, pads, to }
    }

    /// The contributions of feature maps that enter as these neighbours.
    fn all<'m>(&self, entering: impl ExactSizeIterator<Item = (usize, ArrayView2<'m, f32>)>) -> Array3<f32> {
        let mut maps = Array3::zeros((entering.len(), self.to.0, self.to.1));
        for (mut map, (neighbour, entering)) in maps.outer_iter_mut().zip(entering) {
            let kernel = self.branch.weights(neighbour);
            match self.branch.reach {
                Reach::Sliding { strides, dilations } => {
                    map.assign(&slide(entering, kernel, strides, dilations, self.pads, self.to));
                }
                Reach::Spreading { strides, dilations } => {
                    map.assign(&spread(entering, kernel, strides, dilations, self.pads, self.to));
                }
                Reach::Mean => {
                    let weight = f64::from(kernel[[0, 0]]) / entering.len().max(1) as f64;
                    map.zip_mut_with(&entering, |map, value| *map = (f64::from(*value) * weight) as f32);
                }
                Reach::Whole => map.assign(&(&entering * &kernel)),
            }
        }
        maps
    }
}

/// One channel of a convolution.
fn slide(
    input: ArrayView2<'_, f32>,
    kernel: ArrayView2<'_, f32>,
    strides: [usize; 2],
    dilations: [usize; 2],
    pads: [usize; 2],
    (height, width): (usize, usize),
) -> Array2<f32> {
    let mut sum = Array2::<f64>::zeros((height, width));
    let (rows, columns) = input.dim();
    for ((tap_row, tap_column), weight) in kernel.indexed_iter() {
        let weight = f64::from(*weight);
        // The positions whose column under this weight is there.
        let offset = (tap_column * dilations[1]) as isize - pads[1] as isize;
        let step = strides[1] as isize;
        let first = usize::try_from((-offset).max(0)).unwrap_or(0).div_ceil(strides[1]);
        let end = (columns as isize - offset + step - 1).div_euclid(step).clamp(0, width as isize) as usize;
        for row in 0..height {
            let under = (row * strides[0] + tap_row * dilations[0]).checked_sub(pads[0]).filter(|under| *under < rows);
            let Some(under) = under else { continue };
            for column in first..end {
                let at = (column * strides[1]) as isize + offset;
                sum[[row, column]] += weight * f64::from(input[[under, at as usize]]);
            }
        }
    }
    sum.mapv(|sum| sum as f32)
}

/// One channel of a transposed convolution: every value adds the kernel, weighed by it, around its place.
fn spread(
    input: ArrayView2<'_, f32>,
    kernel: ArrayView2<'_, f32>,
    strides: [usize; 2],
    dilations: [usize; 2],
    pads: [usize; 2],
    to: (usize, usize),
) -> Array2<f32> {
    let mut sum = Array2::<f64>::zeros(to);
    for ((row, column), value) in input.indexed_iter().filter(|(_, value)| **value != 0.0) {
        for ((tap_row, tap_column), weight) in kernel.indexed_iter() {
            let place = |at: usize, tap: usize, axis: usize| {
                (at * strides[axis] + tap * dilations[axis]).checked_sub(pads[axis])
            };
            let (Some(y), Some(x)) = (place(row, tap_row, 0), place(column, tap_column, 1)) else { continue };
            if let Some(sum) = sum.get_mut((y, x)) {
                *sum += f64::from(*value) * f64::from(*weight);
            }
        }
    }
    sum.mapv(|sum| sum as f32)
}

impl Contributions {
    /// Bytes they hold, about.
    pub fn bytes(&self) -> usize {
        let of = |branch: &BranchContributions| {
            let origins = branch.origins.iter().map(|origin| origin.maps.len()).sum::<usize>();
            branch.inputs.len() + branch.maps.len() + origins
        };
        4 * (self.value.len() + self.branches.iter().map(of).sum::<usize>())
    }

    /// Row and column of the highest value, the first of equals.
    pub fn peak(&self) -> (usize, usize) {
        let mut best = (f32::NEG_INFINITY, (0, 0));
        for (place, value) in self.value.indexed_iter() {
            if *value > best.0 {
                best = (*value, place);
            }
        }
        best.1
    }

    /// What a neighbour adds to the value at a position; to the only value where there is one.
    pub fn at(&self, branch: usize, neighbour: usize, position: (usize, usize)) -> f32 {
        self.branches.get(branch).map_or(0.0, |of| of.own(neighbour, position))
    }

    /// What a neighbour adds to the values of all positions together.
    pub fn total(&self, branch: usize, neighbour: usize) -> f32 {
        self.branches.get(branch).and_then(|of| of.totals.get(neighbour)).copied().unwrap_or(0.0)
    }

    /// Σ of the magnitudes at a position, of which shares are taken.
    pub fn magnitude(&self, position: (usize, usize)) -> f32 {
        let of = |branch: &BranchContributions| -> f64 {
            let count = branch.maps.len_of(Axis(0));
            (0..count).map(|neighbour| f64::from(branch.own(neighbour, position).abs())).sum()
        };
        self.branches.iter().map(of).sum::<f64>() as f32
    }
}

impl BranchContributions {
    /// What a neighbour adds to the value at a position; to the only value where there is one.
    fn own(&self, neighbour: usize, (row, column): (usize, usize)) -> f32 {
        let found = match self.spread {
            true => self.totals.get(neighbour),
            false => self.maps.get([neighbour, row, column]),
        };
        found.copied().unwrap_or(0.0)
    }

    /// What an origin adds to the value at a position by each of its parts.
    pub fn part(&self, origin: usize, part: usize, (row, column): (usize, usize)) -> f32 {
        let Some(origin) = self.origins.get(origin) else { return 0.0 };
        match self.spread {
            true => origin.maps.axis_iter(Axis(0)).nth(part).map_or(0.0, total),
            false => origin.maps.get([part, row, column]).copied().unwrap_or(0.0),
        }
    }
}

fn totals(maps: &Array3<f32>) -> Vec<f32> {
    maps.outer_iter().map(total).collect()
}

fn total(map: ArrayView2<'_, f32>) -> f32 {
    map.iter().map(|part| f64::from(*part)).sum::<f64>() as f32
}
