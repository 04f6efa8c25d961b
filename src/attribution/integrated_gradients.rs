//! Integrated Gradients (Sundararajan et al. 2017): the gradients along a straight path from a baseline to the picture.

use std::sync::Arc;

use ndarray::{Array3, Array4, ArrayView1, Axis, Slice, stack};

use crate::engine::{Cancel, EngineError};
use crate::model::output::Activation;
use crate::network::prediction::{predicted, score};
use crate::network::{At, GradientSum, Gradients, Network, NetworkError};

use super::quadrature::Node;
use super::{
    AlphaPath, Attribution, AttributionError, Completeness, MEMORY, MethodId, Partial, Progress, Question, Raw, Target,
    batch,
};

/// Most steps: more have no use, and are a slip of the finger.
const MOST_STEPS: usize = 1 << 20;

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
    let most = match parameters.path {
        true => parameters.memory.unwrap_or(MEMORY) / (size_of::<f32>() * input.len().max(1)),
        false => MOST_STEPS,
    };
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
    let direction = input - &baseline;
    let path = network.path(baseline.clone(), direction.clone())?;
    let mut sum = RunningSum::new(input, baseline, direction, (target, activation), difference);
    if parameters.path {
        sum.steps = Some(Steps::new(input, nodes.len()));
    }
    let batch = batch(network, parameters);
    for nodes in nodes.chunks(batch) {
        let places: Vec<f32> = nodes.iter().map(|node| node.alpha as f32).collect();
        let answer = match parameters.path {
            true => {
                let targets = vec![target; nodes.len()];
                let answer = network.gradient(&path.pictures(&places), &targets, At::Input, cancel);
                answer.map(|answer| sum.add(nodes, &answer))
            }
            false => {
                let weights: Vec<f32> = nodes.iter().map(|node| node.weight as f32).collect();
                let answer = network.gradient_sum(&path, &places, &weights, target, cancel);
                answer.map(|answer| sum.add_sum(nodes.len(), &answer))
            }
        };
        match answer {
            Err(NetworkError::Engine(EngineError::Cancelled)) if sum.done > 0 => break,
            answer => answer?,
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
    steps: Option<Steps>,
    straight_through: bool,
    done: usize,
}

/// What is kept of each step.
struct Steps {
    gradients: Array4<f32>,
    nodes: Vec<Node>,
    scores: Vec<f32>,
    probabilities: Vec<f32>,
}

impl Steps {
    fn new(input: &Array3<f32>, steps: usize) -> Self {
        let (channels, height, width) = input.dim();
        Self {
            gradients: Array4::zeros((steps, channels, height, width)),
            nodes: Vec::with_capacity(steps),
            scores: Vec::with_capacity(steps),
            probabilities: Vec::with_capacity(steps),
        }
    }
}

impl RunningSum {
    fn new(
        input: &Array3<f32>,
        baseline: Array3<f32>,
        direction: Array3<f32>,
        (target, activation): (Target, Activation),
        difference: f64,
    ) -> Self {
        Self {
            target,
            activation,
            difference,
            direction,
            input: Arc::new(input.clone()),
            baseline: Arc::new(baseline),
            weighted: Array3::zeros(input.dim()),
            steps: None,
            straight_through: false,
            done: 0,
        }
    }

    fn add(&mut self, nodes: &[Node], answer: &Gradients) {
        let Some(gradients) = answer.gradients.first() else { return };
        for (gradient, node) in gradients.outer_iter().zip(nodes) {
            self.weighted.zip_mut_with(&gradient, |sum, value| *sum += node.weight * f64::from(*value));
        }
        if let Some(steps) = &mut self.steps {
            for logits in answer.logits.outer_iter() {
                steps.scores.push(score(logits, self.activation, self.target));
                let probabilities = self.activation.probabilities(logits);
                steps.probabilities.extend(probabilities.and_then(|all| all.get(self.target.class).copied()));
            }
            steps.nodes.extend(nodes);
            let rows = Slice::from(self.done..self.done + nodes.len());
            steps.gradients.slice_axis_mut(Axis(0), rows).assign(gradients);
        }
        self.done += nodes.len();
        self.straight_through |= answer.straight_through;
    }

    fn add_sum(&mut self, steps: usize, answer: &GradientSum) {
        self.weighted.zip_mut_with(&answer.sum, |sum, value| *sum += f64::from(*value));
        self.done += steps;
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

    fn finish(self, total: usize, logits: ArrayView1<'_, f32>) -> Attribution {
        let Partial { raw, completeness } = self.partial();
        let (input, baseline, done) = (self.input, self.baseline, self.done);
        let path = self.steps.map(|mut steps| {
            steps.gradients.slice_axis_inplace(Axis(0), Slice::from(..done));
            AlphaPath {
                alphas: steps.nodes.iter().map(|node| node.alpha as f32).collect(),
                weights: steps.nodes.iter().map(|node| node.weight as f32).collect(),
                scores: steps.scores,
                probabilities: steps.probabilities,
                gradients: Arc::new(steps.gradients),
                input,
                baseline,
            }
        });
        let method = MethodId::IntegratedGradients;
        Attribution {
            straight_through: self.straight_through,
            completeness: Some(completeness),
            path,
            done,
            total,
            ..Attribution::new(method, self.target, None, raw, logits, self.activation)
        }
    }
}
