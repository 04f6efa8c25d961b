//! Sums of gradients along a straight path: cheaper than the gradients, where only their sum is asked for.
//!
//! The graph makes the pictures on the path itself and adds up their gradients; both ends of the path stay on the device,
//! so that little more than the sum crosses its border. Must not know what the sums are used for.

use ndarray::{Array2, Array3, Array4, ArrayD, Axis};

use crate::attribution::Target;
use crate::autodiff::{Policy, Request};
use crate::engine::{Cancel, EngineError, Given, Held, Value};

use super::{At, Gradients, Network, NetworkError, batch};

/// A straight path between two prepared pictures.
pub struct Path {
    /// Where it begins, `[C, H, W]`.
    start: Array3<f32>,
    /// From its beginning to its end, `[C, H, W]`.
    change: Array3<f32>,
    /// Both on the device, `[1, C, H, W]` each.
    held: [Held; 2],
}

impl Path {
    /// The pictures at some places, `[places, C, H, W]`.
    pub fn pictures(&self, places: &[f32]) -> Array4<f32> {
        let (channels, height, width) = self.start.dim();
        let mut pictures = Array4::zeros((places.len(), channels, height, width));
        for (mut picture, place) in pictures.outer_iter_mut().zip(places) {
            picture.assign(&self.start);
            picture.scaled_add(*place, &self.change);
        }
        pictures
    }
}

/// The weighted sum of gradients along a path.
#[derive(Clone, Debug)]
pub struct GradientSum {
    /// `[places, classes]`.
    pub logits: Array2<f32>,
    /// Σ weight · gradient at the input, `[C, H, W]`.
    pub sum: Array3<f32>,
    /// Whether the gradient passes quantisation by the straight-through estimate.
    pub straight_through: bool,
}

impl Network {
    /// The path from `start` to `start + change`, both `[C, H, W]`.
    pub fn path(&self, start: Array3<f32>, change: Array3<f32>) -> Result<Path, NetworkError> {
        let expected = self.preprocess.shape();
        if let Some(other) = [&start, &change].into_iter().find(|picture| picture.shape() != expected) {
            return Err(NetworkError::Shape { given: other.shape().to_vec(), expected });
        }
        let hold = |picture: &Array3<f32>| self.engine.hold(Value::from(picture.clone().insert_axis(Axis(0))));
        let held = [hold(&start)?, hold(&change)?];
        Ok(Path { start, change, held })
    }

    /// Runs the pictures at some places of a path, 0 being its beginning and 1 its end, and adds up the gradients of a target
    /// at the input, each with its weight. What is linear on the way back is done once for the sum, so that this takes less
    /// time and memory than each gradient.
    pub fn gradient_sum(
        &mut self,
        path: &Path,
        places: &[f32],
        weights: &[f32],
        target: Target,
        cancel: &Cancel,
    ) -> Result<GradientSum, NetworkError> {
        if weights.len() != places.len() || places.is_empty() {
            return Err(NetworkError::Shape { given: vec![places.len()], expected: self.preprocess.shape() });
        }
        let targets = vec![target; places.len()];
        if self.part.is_none() {
            match self.sum_at_once(path, places, weights, &targets, cancel) {
                Err(NetworkError::Engine(error)) if !matches!(error, EngineError::Cancelled) => {
                    tracing::debug!(%error, "the gradients could not be summed in the graph");
                }
                answer => return answer,
            }
        }
        let x = path.pictures(places);
        let Gradients { logits, gradients, straight_through, .. } = self.gradient(&x, &targets, At::Input, cancel)?;
        let mut sum = Array3::zeros(self.preprocess.shape());
        for (gradient, weight) in gradients.iter().flat_map(|all| all.outer_iter()).zip(weights) {
            sum.scaled_add(*weight, &gradient);
        }
        Ok(GradientSum { logits, sum, straight_through })
    }

    fn sum_at_once(
        &mut self,
        path: &Path,
        places: &[f32],
        weights: &[f32],
        targets: &[Target],
        cancel: &Cancel,
    ) -> Result<GradientSum, NetworkError> {
        let mut seeds = self.seeds(targets)?;
        for seeds in &mut seeds {
            seeds.outer_iter_mut().zip(weights).for_each(|(mut row, weight)| row *= *weight);
        }
        self.observe()?;
        let observations = self.observations.get_or_insert_default();
        let wrt = [self.input.name.as_str()];
        let (logits, activation, operators) = (self.logits.as_str(), self.activation, self.engine.has_operators());
        let policy = Policy::Gradient;
        let request = Request { logits, activation, wrt: &wrt, taps: &[], policy, sum: true, operators };
        let session = self.gradients.get(&self.model, &*self.engine, observations, &request)?;
        let shape = [places.len(), 1, 1, 1];
        let places = ArrayD::from_shape_vec(&shape[..], places.to_vec());
        let places = Value::F32(places.map_err(|error| EngineError::Value(error.to_string()))?);
        let [start, change] = path.held.each_ref().map(Given::Held);
        let names = session.path.clone();
        let inputs = [(names[0].as_str(), start), (&names[1], change), (&names[2], Given::Value(&places))];
        let rows: Vec<usize> = (0..shape[0]).collect();
        let straight_through = session.straight_through;
        let mut values = session.run(&inputs, &seeds, &rows, &wrt, &[], cancel)?.into_iter();
        let logits = batch::rows(values.next().map(Value::into_f32).transpose()?, self.classes)?;
        let sum = values.next().map(Value::into_f32).transpose()?.unwrap_or_default();
        let sum = batch::maps(sum)?;
        if sum.dim().0 != 1 || logits.dim().0 != targets.len() {
            let error = format!("the sum of {} gradients has the shape {:?}", targets.len(), sum.shape());
            return Err(EngineError::Value(error).into());
        }
        let sum = sum.index_axis_move(Axis(0), 0);
        Ok(GradientSum { logits, sum, straight_through })
    }
}
