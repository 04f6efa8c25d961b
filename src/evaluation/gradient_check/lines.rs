//! Lines through a tensor: points on them, and what a score does from end to end.

use std::collections::HashMap;

use ndarray::{Array3, Axis, Zip, stack};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::Evaluate;
use crate::network::NetworkError;

/// Cells of the finest cutting. The coarser ones divide it, so that no point is asked about twice.
pub(super) const FINEST: usize = 405;

/// Straight lines of one length through one point.
pub(super) struct Lines<'a> {
    centre: &'a Array3<f32>,
    /// Standard deviation of the centre's elements: what lengths are measured by.
    spread: f64,
    /// Half the length.
    half: f64,
    directions: Vec<Array3<f32>>,
    /// Points at once.
    rows: usize,
    /// Score, and derivative along the line, by line and place (0 to [`FINEST`]).
    seen: HashMap<(usize, usize), (f64, f64)>,
}

impl<'a> Lines<'a> {
    pub fn new(centre: &'a Array3<f32>, count: usize, seed: u64, rows: usize) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut direction = |_| Array3::from_shape_simple_fn(centre.dim(), || StandardNormal.sample(&mut random));
        let directions = (0..count).map(&mut direction).collect();
        let spread = f64::from(centre.std(0.0));
        let spread = if spread > 0.0 && spread.is_finite() { spread } else { 1.0 };
        Self { centre, spread, half: spread, directions, rows: rows.max(1), seen: HashMap::new() }
    }

    /// Gives the lines another length: half of it is `step` standard deviations. What was seen is forgotten.
    pub fn stretch(&mut self, step: f64) {
        self.half = step * self.spread;
        self.seen.clear();
    }

    /// Half the length, in units of the tensor.
    pub fn half(&self) -> f64 {
        self.half
    }

    /// Evaluates the ends of all cells, so many a line; `cells` divides [`FINEST`].
    pub fn visit(&mut self, cells: usize, evaluate: &mut Evaluate<'_>) -> Result<(), NetworkError> {
        let places = (0..=FINEST).step_by(FINEST / cells);
        let all = (0..self.directions.len()).flat_map(|line| places.clone().map(move |place| (line, place)));
        let new: Vec<(usize, usize)> = all.filter(|at| !self.seen.contains_key(at)).collect();
        for together in new.chunks(self.rows) {
            let points: Vec<Array3<f32>> = together.iter().map(|at| self.point(*at)).collect();
            let views: Vec<_> = points.iter().map(|point| point.view()).collect();
            // Points of one shape can be stacked.
            let Ok(points) = stack(Axis(0), &views) else { continue };
            let values = evaluate(&points)?;
            for ((at, score), gradient) in together.iter().zip(values.scores).zip(values.gradients.outer_iter()) {
                let along = |sum: f64, g: &f32, v: &f32| sum + f64::from(*g) * f64::from(*v);
                let slope = Zip::from(gradient).and(&self.directions[at.0]).fold(0.0, along);
                self.seen.insert(*at, (f64::from(score), slope));
            }
        }
        Ok(())
    }

    fn point(&self, (line, place): (usize, usize)) -> Array3<f32> {
        let t = self.half * (2.0 * place as f64 / FINEST as f64 - 1.0);
        self.centre + &(&self.directions[line] * t as f32)
    }

    /// How much the score changes along each line. Its ends must have been visited.
    pub fn differences(&self) -> Differences {
        let score = |line: usize, place: usize| self.seen.get(&(line, place)).map_or(f64::NAN, |(score, _)| *score);
        let lines = 0..self.directions.len();
        let values = lines.map(|line| score(line, FINEST) - score(line, 0)).collect();
        let largest = self.seen.values().fold(0.0f64, |largest, (score, _)| largest.max(score.abs()));
        Differences { values, rounding: f64::from(f32::EPSILON) * largest }
    }

    /// The integral of the derivative along each line, by the trapezoid rule. The cells must have been visited.
    pub fn integrals(&self, cells: usize) -> Vec<f64> {
        let slope = |line: usize, place: usize| self.seen.get(&(line, place)).map_or(f64::NAN, |(_, slope)| *slope);
        let (width, stride) = (2.0 * self.half / cells as f64, FINEST / cells);
        let cell = |line: usize, at: usize| (slope(line, at * stride) + slope(line, (at + 1) * stride)) / 2.0;
        (0..self.directions.len()).map(|line| (0..cells).map(|at| cell(line, at)).sum::<f64>() * width).collect()
    }
}

/// Changes of a score along lines.
pub(super) struct Differences {
    values: Vec<f64>,
    /// What float32 leaves uncertain of each.
    rounding: f64,
}

impl Differences {
    /// Their L2 norm.
    pub fn norm(&self) -> f64 {
        norm(&self.values)
    }

    /// Whether they are less than `times` their rounding, on the whole. What is not finite is not lost.
    pub fn are_lost(&self, times: f64) -> bool {
        self.loses(times, &self.values)
    }

    /// Whether other changes of the score are less than `times` its rounding, on the whole.
    pub fn loses(&self, times: f64, others: &[f64]) -> bool {
        self.rounding.is_finite() && norm(others) <= times * self.rounding * (others.len() as f64).sqrt()
    }

    /// L2 distance from others, in units of the larger of both norms; 0 where both are zero.
    pub fn distance(&self, others: &[f64]) -> f64 {
        let apart: Vec<f64> = self.values.iter().zip(others).map(|(a, b)| a - b).collect();
        let apart = norm(&apart);
        if apart == 0.0 { 0.0 } else { apart / self.norm().max(norm(others)) }
    }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}
