//! What each way brings to a tensor, taken through one operator after the other.
//!
//! Owns the shares: with values, those of all ways and the constant add up to the tensor. Must not know where ways begin.

use std::collections::HashMap;
use std::sync::Arc;

use ndarray::{Array2, Array3, ArrayView2, Axis, Zip};

use super::passage::{Gate, Passage, Steps};
use super::routes::{Leaf, words};
use super::window::Window;
use super::wiring::Wiring;
use crate::onnx::OnnxError;

/// A channel that has (a part of) its values from a channel of the leaf.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Link {
    /// Channel of the tensor.
    pub at: usize,
    /// Channel of the leaf.
    pub from: usize,
    /// What scales it on the way, activations taken as open.
    pub scale: f32,
}

/// A way from a leaf.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub leaf: Leaf,
    pub links: Arc<[Link]>,
    /// What lies on the way, from the leaf on.
    pub steps: Arc<[String]>,
    /// The block whose shortcut it took last.
    pub shortcut: Option<String>,
    /// `[links, height, width]`: what it brings to each channel.
    pub share: Option<Arc<Array3<f32>>>,
}

/// All ways that lead to a tensor. With values, the shares and the constant add up to the tensor.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    pub routes: Vec<Route>,
    /// `[channels, height, width]`, from shifts on the way; nothing where there are none.
    pub constant: Option<Arc<Array3<f32>>>,
}

/// Takes the ways to the inputs of one operator on to its output.
pub(super) fn follow(
    wiring: &Wiring<'_>,
    tensor: &str,
    passage: &Passage<'_>,
    mut inputs: Vec<Flow>,
    values: Option<&HashMap<&str, Array3<f32>>>,
) -> Result<Flow, OnnxError> {
    let step = words(wiring, tensor, passage);
    let [channels, height, width] = wiring.shape(tensor).unwrap_or_default();
    let mut flow = match passage {
        Passage::Joined(names) => return Ok(join(wiring, names, inputs, [channels, height, width])),
        Passage::Added { inputs: names, constant } => {
            let mut flow = add(wiring, tensor, names, inputs);
            if values.is_some() && !constant.is_empty() {
                let all = flow.constant.take().map_or_else(|| Array3::zeros((channels, height, width)), take);
                let sum = constant.iter().try_fold(all, |sum, name| {
                    let own = wiring.graph.weights(name)?;
                    let own =
                        own.broadcast((1, channels, height, width)).map(|own| own.index_axis(Axis(0), 0).to_owned());
                    Ok::<_, OnnxError>(own.map_or(sum.clone(), |own| sum + own))
                })?;
                flow.constant = Some(Arc::new(sum));
            }
            flow
        }
        _ => inputs.pop().unwrap_or_default(),
    };
    let value = |name: &str| values.and_then(|values| values.get(name));
    match passage {
        Passage::Scaled { scale, shift, .. } => {
            flow.each_share(&|channel, share| share * scale[channel]);
            for route in &mut flow.routes {
                let scaled = |link: &Link| Link { scale: link.scale * scale[link.at], ..*link };
                route.links = route.links.iter().map(scaled).collect();
            }
            if values.is_some() && shift.iter().any(|shift| *shift != 0.0) {
                flow.shift_by(&Array3::from_shape_fn((channels, height, width), |(channel, ..)| shift[channel]));
            }
        }
        Passage::Activated { input, at_zero } => {
            if let (Some(before), Some(after)) = (value(input), value(tensor)) {
                let slope = Zip::from(before).and(after).map_collect(|x, y| match *x {
                    0.0 => 0.0,
                    x => (f64::from(*y) - f64::from(*at_zero)) / f64::from(x),
                });
                flow.each_share(&|channel, share| {
                    let slope = slope.index_axis(Axis(0), channel);
                    Zip::from(&share).and(slope).map_collect(|share, slope| (f64::from(*share) * slope) as f32)
                });
                if *at_zero != 0.0 {
                    flow.shift_by(&Array3::from_elem((channels, height, width), *at_zero));
                }
            }
        }
        Passage::Gated { by, how, .. } => {
            if let Some(gate) = value(by).and_then(|gate| gate.broadcast((channels, height, width))) {
                let own = |channel: usize| gate.index_axis(Axis(0), channel);
                match how {
                    Gate::Times => flow.each_share(&|channel, share| share * own(channel)),
                    Gate::Over => flow.each_share(&|channel, share| share / own(channel)),
                    Gate::Less => flow.shift_by(&gate.mapv(|value| -value)),
                }
            }
        }
        Passage::Normalised { input, norm } => {
            for route in &mut flow.routes {
                let scaled = |link: &Link| Link { scale: link.scale * norm.gamma(link.at), ..*link };
                route.links = route.links.iter().map(scaled).collect();
            }
            if let Some(before) = value(input) {
                let (slope, shift) = norm.linear(before.view());
                flow.each_share(&|channel, share| share * slope.index_axis(Axis(0), channel));
                flow.shift_by(&shift);
            }
        }
        Passage::Resized { rows, columns, .. } => flow.each_share(&|_, share| {
            let share = rows.as_ref().map_or(share.clone(), |rows| rows.dot(&share));
            columns.as_ref().map_or(share.clone(), |columns| share.dot(&columns.t()))
        }),
        Passage::Pooled { input, node } => {
            if let Some(window) = wiring.shape(input).and_then(|from| Window::of(node, from, [channels, height, width]))
            {
                let maxima =
                    value(input).filter(|_| node.op_type == "MaxPool").map(|input| window.maxima(input.view()));
                flow.each_share(&|channel, share| match &maxima {
                    Some(maxima) => window.pick(share.view(), maxima.index_axis(Axis(0), channel)),
                    None => window.average(share.view()),
                });
            }
        }
        Passage::Averaged(_) => flow.each_share(&|_, share| {
            let mean = share.iter().map(|value| f64::from(*value)).sum::<f64>() / share.len().max(1) as f64;
            Array2::from_elem((1, 1), mean as f32)
        }),
        Passage::Moved { from, rows, columns, .. } => flow.move_to(from, *rows, *columns, [channels, height, width]),
        Passage::Same(_) | Passage::Added { .. } | Passage::Joined(_) => {}
    }
    if !matches!(passage, Passage::Same(_)) {
        for route in &mut flow.routes {
            route.steps = route.steps.iter().cloned().chain([step.clone()]).collect();
        }
    }
    Ok(flow)
}

fn take(array: Arc<Array3<f32>>) -> Array3<f32> {
    Arc::unwrap_or_clone(array)
}

impl Flow {
    /// Changes what each way and the constant bring to each channel.
    fn each_share(&mut self, change: &dyn Fn(usize, Array2<f32>) -> Array2<f32>) {
        let all = |share: &Array3<f32>, channel: &dyn Fn(usize) -> usize| {
            let maps: Vec<Array2<f32>> =
                share.outer_iter().enumerate().map(|(row, map)| change(channel(row), map.to_owned())).collect();
            let views: Vec<ArrayView2<'_, f32>> = maps.iter().map(|map| map.view()).collect();
            Arc::new(ndarray::stack(Axis(0), &views).unwrap_or_default())
        };
        for route in &mut self.routes {
            let links = route.links.clone();
            route.share = route.share.take().map(|share| all(&share, &|row| links[row].at));
        }
        // Without the shift, which only the whole has.
        self.constant = self.constant.take().map(|constant| all(&constant, &|row| row));
    }

    /// Adds to what no way brings.
    fn shift_by(&mut self, shift: &Array3<f32>) {
        let all = self.constant.take().map_or_else(|| Array3::zeros(shift.dim()), take);
        self.constant = Some(Arc::new(all + shift));
    }

    /// Brings channels, rows and columns to other places.
    fn move_to(&mut self, from: &[Option<usize>], rows: Steps, columns: Steps, [channels, height, width]: [usize; 3]) {
        let place = |map: ArrayView2<'_, f32>| {
            let (all_rows, all_columns) = map.dim();
            Array2::from_shape_fn((height, width), |(row, column)| {
                let place = (rows.place(row, all_rows), columns.place(column, all_columns));
                if let (Some(row), Some(column)) = place { map[[row, column]] } else { 0.0 }
            })
        };
        let mut to = HashMap::<usize, Vec<usize>>::new();
        from.iter().enumerate().for_each(|(at, from)| {
            from.iter().for_each(|from| to.entry(*from).or_default().push(at));
        });
        for route in &mut self.routes {
            let (mut links, mut kept) = (Vec::new(), Vec::new());
            for (row, link) in route.links.iter().enumerate() {
                for at in to.get(&link.at).into_iter().flatten() {
                    links.push(Link { at: *at, ..*link });
                    kept.push(row);
                }
            }
            route.links = links.into();
            route.share = route.share.take().map(|share| {
                let mut moved = Array3::zeros((kept.len(), height, width));
                let rows = moved.outer_iter_mut().zip(&kept);
                rows.for_each(|(mut map, row)| map.assign(&place(share.index_axis(Axis(0), *row))));
                Arc::new(moved)
            });
        }
        self.routes.retain(|route| !route.links.is_empty());
        self.constant = self.constant.take().map(|constant| {
            let mut moved = Array3::zeros((channels, height, width));
            for (mut map, from) in moved.outer_iter_mut().zip(from) {
                if let Some(from) = from {
                    map.assign(&place(constant.index_axis(Axis(0), *from)));
                }
            }
            Arc::new(moved)
        });
    }
}

/// Puts the ways to tensors side by side.
fn join(wiring: &Wiring<'_>, names: &[&str], inputs: Vec<Flow>, [channels, height, width]: [usize; 3]) -> Flow {
    let (mut joined, mut first) = (Flow::default(), 0);
    let mut constant: Option<Array3<f32>> = None;
    for (name, flow) in names.iter().zip(inputs) {
        for mut route in flow.routes {
            route.links = route.links.iter().map(|link| Link { at: link.at + first, ..*link }).collect();
            route.steps = route.steps.iter().cloned().chain(["Concat".to_owned()]).collect();
            joined.routes.push(route);
        }
        let count = wiring.shape(name).map_or(0, |[channels, ..]| channels);
        if let Some(own) = flow.constant {
            let all = constant.get_or_insert_with(|| Array3::zeros((channels, height, width)));
            all.slice_mut(ndarray::s![first..first + count, .., ..]).assign(&own);
        }
        first += count;
    }
    joined.constant = constant.map(Arc::new);
    joined
}

/// Adds the ways to the summands up; what comes from the same channels by several of them is one way.
fn add(wiring: &Wiring<'_>, tensor: &str, names: &[&str], inputs: Vec<Flow>) -> Flow {
    let shortcuts = wiring.shortcuts(names);
    let block = wiring.layer(tensor).map_or_else(|| "a sum".to_owned(), |layer| layer.name.clone());
    let mut sum = Flow::default();
    for (flow, shortcut) in inputs.into_iter().zip(shortcuts) {
        for mut route in flow.routes {
            if shortcut {
                route.shortcut = Some(block.clone());
            }
            let same = |other: &&mut Route| {
                let links = other.links.iter().zip(route.links.iter());
                other.leaf == route.leaf
                    && other.links.len() == route.links.len()
                    && links.into_iter().all(|(a, b)| (a.at, a.from) == (b.at, b.from))
            };
            let Some(known) = sum.routes.iter_mut().find(same) else {
                sum.routes.push(route);
                continue;
            };
            let links = known.links.iter().zip(route.links.iter());
            known.links = links.map(|(a, b)| Link { scale: a.scale + b.scale, ..*a }).collect();
            known.share = match (known.share.take(), route.share) {
                (Some(a), Some(b)) => Some(Arc::new(take(a) + &*b)),
                _ => None,
            };
        }
        sum.constant = match (sum.constant.take(), flow.constant) {
            (Some(a), Some(b)) => Some(Arc::new(take(a) + &*b)),
            (a, b) => a.or(b),
        };
    }
    sum
}
