//! Is the gradient right, on this network, this picture and this device? Asked of the network alone, with no second
//! implementation to compare with.
//!
//! Along a line through the picture the score changes by the integral of its directional derivative,
//! F(c + hv) − F(c − hv) = ∫ ∇F(c + tv)·v dt over −h ≤ t ≤ h. The central difference quotient is this with one derivative,
//! the one in the middle; but a step long enough to stand out of float32's rounding crosses so many kinks of ReLUs and
//! maxima that it is off by percents where nothing is wrong. Cut into cells (trapezoid rule), the line's error from kinks
//! falls with the width of the cells where the gradient is right, and stays where it is wrong.
//!
//! The directions v are Gaussian. As E (a·v)² = ‖a‖² for any a, the error over several directions, in units of the
//! differences, estimates ‖ĝ − g‖ / ‖g‖: a gradient that is wrong anywhere is wrong along almost every direction.
//!
//! Must not know what else the network is asked.

use ndarray::{Array3, Array4, Axis};
use serde::Serialize;

use crate::attribution::{self, Of, Parameters, Target};
use crate::engine::{Cancel, EngineError};
use crate::network::{At, Gradients, Network, NetworkError};

use lines::Lines;

mod lines;

/// Largest error of a gradient that counts as right.
pub const TOLERANCE: f64 = 0.01;

/// Directions that are looked along.
const DIRECTIONS: usize = 4;

/// Half lengths h of the lines, in standard deviations of the tensor. The shorter, the fewer kinks; the longer, the less
/// rounding: the first whose differences are clear is taken, and the one after it where that does not do.
const STEPS: [f64; 6] = [3e-4, 1.25e-3, 5e-3, 2e-2, 8e-2, 0.32];

/// How many steps are tried.
const TRIES: usize = 2;

/// How many times its rounding a difference has to be to count as clear.
const CLEAR: f64 = 300.0;

/// Cells of a line, finer until the error is small enough, or does not fall as it does from kinks. Odd, so that the tensor
/// itself lies in the middle of a cell: there, where equal values (the zeros of a ReLU, a plain background) make maxima tie,
/// the rule is exact all the same.
const CELLS: [usize; 5] = [5, 15, 45, 135, lines::FINEST];

/// How well a gradient agrees with differences of the score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Estimate of ‖ĝ − g‖ / ‖g‖; not a number where the score or the gradient is none.
    pub error: f64,
    /// Estimate of ‖g‖ by differences alone.
    pub slope: f64,
    /// Half length of the lines, in standard deviations of the tensor.
    pub step: f64,
    /// Cells that the lines were cut into.
    pub cells: usize,
    /// Lines that were looked along.
    pub directions: usize,
    /// Whether the score hardly depends on the tensor: difference and gradient are both lost in float32's rounding.
    pub flat: bool,
    /// Whether the gradient passes quantisation straight through: an estimate, which differences of a score that goes up in
    /// steps cannot prove.
    pub estimate: bool,
}

impl Agreement {
    /// Whether the gradient counts as right, or is all that there can be.
    pub fn holds(&self) -> bool {
        self.flat || self.error <= TOLERANCE || self.estimate && self.error.is_finite()
    }
}

/// Where a gradient was checked.
#[derive(Debug)]
pub struct Place {
    /// The layer; `None` for the input.
    pub layer: Option<usize>,
    /// What came out, or why there is no gradient.
    pub outcome: Result<Agreement, NetworkError>,
}

impl Place {
    /// Whether there is a gradient, and it counts as right.
    pub fn holds(&self) -> bool {
        self.outcome.as_ref().is_ok_and(Agreement::holds)
    }
}

/// Checks the gradient of a class's logit at a picture `[C, H, W]`, preprocessed: at the input, then at each of these
/// layers. `progress` hears the place that is next. Fails only where it is cancelled.
pub fn check(
    network: &mut Network,
    input: &Array3<f32>,
    class: usize,
    layers: &[usize],
    seed: u64,
    cancel: &Cancel,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Place>, NetworkError> {
    let places = std::iter::once(None).chain(layers.iter().copied().map(Some));
    let one = |(done, layer): (usize, Option<usize>)| {
        progress(done);
        let outcome = match layer {
            None => at_input(network, input, class, seed, cancel),
            Some(layer) => at_layer(network, input, class, layer, seed, cancel),
        };
        match outcome {
            Err(NetworkError::Engine(EngineError::Cancelled)) => Err(EngineError::Cancelled.into()),
            outcome => Ok(Place { layer, outcome }),
        }
    };
    places.enumerate().map(one).collect()
}

/// A score and its gradient as a function of a tensor: gives both at some points `[points, C, H, W]`.
pub type Evaluate<'a> = dyn FnMut(&Array4<f32>) -> Result<Values, NetworkError> + 'a;

/// What a score and its gradient are at some points.
pub struct Values {
    /// The score at each point.
    pub scores: Vec<f32>,
    /// The gradient at each point, `[points, C, H, W]`.
    pub gradients: Array4<f32>,
}

impl Values {
    fn of(answer: Gradients, class: usize) -> Self {
        let scores = answer.logits.column(class).to_vec();
        Self { scores, gradients: answer.gradients.into_iter().next().unwrap_or_default() }
    }
}

fn at_input(
    network: &mut Network,
    input: &Array3<f32>,
    class: usize,
    seed: u64,
    cancel: &Cancel,
) -> Result<Agreement, NetworkError> {
    let rows = attribution::batch(network, &Parameters::default());
    let mut estimate = false;
    let found = agreement(input, seed, rows, &mut |points| {
        let targets = vec![Target { class, of: Of::Logit }; points.len_of(Axis(0))];
        let answer = network.gradient(points, &targets, At::Input, cancel)?;
        estimate |= answer.straight_through;
        Ok(Values::of(answer, class))
    })?;
    Ok(Agreement { estimate, ..found })
}

/// The layer is fed instead of computed, to move it along lines; what its gradient is in the whole network has to be the
/// same.
fn at_layer(
    network: &mut Network,
    input: &Array3<f32>,
    class: usize,
    layer: usize,
    seed: u64,
    cancel: &Cancel,
) -> Result<Agreement, NetworkError> {
    let rows = attribution::batch(network, &Parameters::default());
    let target = Target { class, of: Of::Logit };
    let x = input.view().insert_axis(Axis(0)).to_owned();
    let whole = network.gradient(&x, &[target], At::Layers(&[layer]), cancel)?;
    let mut tail = network.tail(layer)?;
    let mut evaluate = |points: &Array4<f32>| {
        let count = points.len_of(Axis(0));
        let x = x.select(Axis(0), &vec![0; count]);
        Ok::<_, NetworkError>(Values::of(tail.gradient(&x, points, &vec![target; count], cancel)?, class))
    };
    let alone = evaluate(&whole.activations[0])?;
    let found = agreement(&whole.activations[0].index_axis(Axis(0), 0).to_owned(), seed, rows, &mut evaluate)?;
    let apart = distance(&whole.gradients[0], &alone.gradients);
    // `max` would pass over what is not a number.
    let error = if apart <= found.error { found.error } else { apart };
    Ok(Agreement { error, estimate: whole.straight_through, ..found })
}

/// ‖a − b‖ / ‖a‖; 0 where both are zero.
fn distance(a: &Array4<f32>, b: &Array4<f32>) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let apart = norm(&mut a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    if apart == 0.0 { 0.0 } else { apart / norm(&mut a.iter().map(|value| f64::from(*value))) }
}

/// How well a gradient agrees with differences of its score around `centre`, `[C, H, W]`. `evaluate` is asked about up to
/// `rows` points at once.
pub fn agreement(
    centre: &Array3<f32>,
    seed: u64,
    rows: usize,
    evaluate: &mut Evaluate<'_>,
) -> Result<Agreement, NetworkError> {
    let mut lines = Lines::new(centre, DIRECTIONS, seed, rows);
    let mut tried: Vec<Agreement> = Vec::with_capacity(TRIES);
    for (step, is_last) in STEPS.iter().zip((1..=STEPS.len()).map(|count| count == STEPS.len())) {
        lines.stretch(*step);
        lines.visit(1, evaluate)?;
        if is_last || !lines.differences().are_lost(CLEAR) {
            tried.push(refine(&mut lines, *step, evaluate)?);
        }
        if tried.len() == TRIES || tried.last().is_some_and(Agreement::holds) {
            break;
        }
    }
    // What is not a number comes last in this order.
    let best = tried.into_iter().min_by(|a, b| a.error.abs().total_cmp(&b.error.abs()));
    best.ok_or_else(|| EngineError::Value("no line was looked along".to_owned()).into())
}

/// Cuts lines, whose ends were visited, finer and finer until gradient and differences agree.
fn refine(lines: &mut Lines<'_>, step: f64, evaluate: &mut Evaluate<'_>) -> Result<Agreement, NetworkError> {
    let differences = lines.differences();
    let slope = differences.norm() / (2.0 * lines.half() * (DIRECTIONS as f64).sqrt());
    let mut found =
        Agreement { error: f64::NAN, slope, step, cells: 0, directions: DIRECTIONS, flat: false, estimate: false };
    let mut errors = Vec::with_capacity(CELLS.len());
    for cells in CELLS {
        lines.visit(cells, evaluate)?;
        let integrals = lines.integrals(cells);
        let flat = differences.are_lost(CLEAR) && differences.loses(CLEAR, &integrals);
        found = Agreement { error: differences.distance(&integrals), cells, flat, ..found };
        // In two cuttings an error from kinks falls to a ninth, give or take; one of a wrong gradient does not fall.
        let falls = errors.iter().nth_back(1).is_none_or(|before: &f64| found.error < before / 2.0);
        if found.holds() || !falls {
            break;
        }
        errors.push(found.error);
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
