//! Integrated Gradients (Sundararajan et al. 2017): the gradients along a straight path from a baseline to the picture.

use std::sync::Arc;

use ndarray::{Array3, Array4, ArrayView1, Axis, Slice, stack};

use crate::engine::{Cancel, EngineError};
use crate::model::output::Activation;
use crate::network::prediction::{predicted, score};
use crate::network::{At, Gradients, Network, NetworkError};

use super::quadrature::Node;
use super::{
    AlphaPath, Attribution, AttributionError, Completeness, MethodId, Partial, Progress, Question, Raw, Target, batch,
};

/// Most memory that the gradients of all steps may take, in bytes: they are kept to be looked at.
const PATH_MEMORY: usize = 1 << 30;

/// (x − x′) ⊙ Σ_i w_i ∂F(x′ + α_i (x − x′))/∂x, step by step in batches; `progress` gets the running sum after each.
/// When it is cancelled after some steps, the sum of those is returned with `done` < `total`.
pub(super) fn explain(
    network: &mut Network,
    question: &Question<'_>,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<Attribution, AttributionError> {
    let parameters = question.parameters;
    let input = question.input;
    let most = PATH_MEMORY / (size_of::<f32>() * input.len().max(1));
    if parameters.steps == 0 || parameters.steps > most {
        return Err(AttributionError::Steps { steps: parameters.steps, most });
    }
    let baseline = parameters.baseline.make(input, network.preprocess(), parameters.seed);
    let name = || AttributionError::BaselineShape { name: parameters.baseline.name().to_owned() };
    let baseline = baseline.ok_or_else(name)?;

    let ends = stack(Axis(0), &[input.view(), baseline.view()]).map_err(|_| name())?;
    let ends = network.forward(&ends, &[], cancel)?.logits;
    let target = Target { class: question.class.unwrap_or_else(|| predicted(ends.row(0))), of: question.of };
    let activation = network.activation();
    let [of_input, of_baseline] = [0, 1].map(|end| f64::from(score(ends.row(end), activation, target)));
    let difference = of_input - of_baseline;

    let nodes = parameters.quadrature.nodes(parameters.steps);
    let mut sum = RunningSum::new(input, &baseline, (target, activation), difference, nodes.len());
    let batch = batch(network, parameters);
    for nodes in nodes.chunks(batch) {
        let x = sum.interpolated(nodes);
        match network.gradient(&x, &vec![target; nodes.len()], At::Input, cancel) {
            Err(NetworkError::Engine(EngineError::Cancelled)) if sum.done > 0 => break,
            answer => sum.add(nodes, &answer?),
        }
        progress(Progress { done: sum.done, total: parameters.steps, partial: Some(sum.partial()) });
    }
    Ok(sum.finish(parameters.steps, ends.row(0)))
}

struct RunningSum {
    target: Target,
    activation: Activation,
    difference: f64,
    input: Arc<Array3<f32>>,
    baseline: Arc<Array3<f32>>,
    /// x − x′.
    direction: Array3<f32>,
    /// Σ w g so far.
    weighted: Array3<f64>,
    gradients: Array4<f32>,
    nodes: Vec<Node>,
    scores: Vec<f32>,
    probabilities: Vec<f32>,
    straight_through: bool,
    done: usize,
}

impl RunningSum {
    fn new(
        input: &Array3<f32>,
        baseline: &Array3<f32>,
        (target, activation): (Target, Activation),
        difference: f64,
        steps: usize,
    ) -> Self {
        let (channels, height, width) = input.dim();
        Self {
            target,
            activation,
            difference,
            direction: input - baseline,
            input: Arc::new(input.clone()),
            baseline: Arc::new(baseline.clone()),
            weighted: Array3::zeros(input.dim()),
            gradients: Array4::zeros((steps, channels, height, width)),
            nodes: Vec::with_capacity(steps),
            scores: Vec::with_capacity(steps),
            probabilities: Vec::with_capacity(steps),
            straight_through: false,
            done: 0,
        }
    }

    /// The pictures at some places on the path, `[places, C, H, W]`.
    fn interpolated(&self, nodes: &[Node]) -> Array4<f32> {
        let (channels, height, width) = self.input.dim();
        let mut pictures = Array4::zeros((nodes.len(), channels, height, width));
        for (mut picture, node) in pictures.outer_iter_mut().zip(nodes) {
            picture.assign(&self.baseline);
            picture.scaled_add(node.alpha as f32, &self.direction);
        }
        pictures
    }

    fn add(&mut self, nodes: &[Node], answer: &Gradients) {
        let Some(gradients) = answer.gradients.first() else { return };
        for ((gradient, logits), node) in gradients.outer_iter().zip(answer.logits.outer_iter()).zip(nodes) {
            self.weighted.zip_mut_with(&gradient, |sum, value| *sum += node.weight * f64::from(*value));
            self.scores.push(score(logits, self.activation, self.target));
            let probabilities = self.activation.probabilities(logits);
            self.probabilities.extend(probabilities.and_then(|all| all.get(self.target.class).copied()));
            self.nodes.push(*node);
        }
        let rows = Slice::from(self.done..self.done + nodes.len());
        self.gradients.slice_axis_mut(Axis(0), rows).assign(gradients);
        self.done += nodes.len();
        self.straight_through |= answer.straight_through;
    }

    fn partial(&self) -> Partial {
        let mut raw = self.direction.clone();
        let mut sum = 0.0;
        raw.zip_mut_with(&self.weighted, |value, weighted| {
            let product = f64::from(*value) * weighted;
            sum += product;
            *value = product as f32;
        });
        Partial { raw: Raw::Input(raw), completeness: Completeness { sum, difference: self.difference } }
    }

    fn finish(mut self, total: usize, logits: ArrayView1<'_, f32>) -> Attribution {
        let Partial { raw, completeness } = self.partial();
        self.gradients.slice_axis_inplace(Axis(0), Slice::from(..self.done));
        let path = AlphaPath {
            alphas: self.nodes.iter().map(|node| node.alpha as f32).collect(),
            weights: self.nodes.iter().map(|node| node.weight as f32).collect(),
            scores: self.scores,
            probabilities: self.probabilities,
            gradients: Arc::new(self.gradients),
            input: self.input,
            baseline: self.baseline,
        };
        let method = MethodId::IntegratedGradients;
        Attribution {
            straight_through: self.straight_through,
            completeness: Some(completeness),
            path: Some(path),
            done: self.done,
            total,
            ..Attribution::new(method, self.target, None, raw, logits, self.activation)
        }
    }
}
