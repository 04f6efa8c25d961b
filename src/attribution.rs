//! Methods that say which part of a picture a score comes from: questions in, arrays out.
//!
//! Owns the formulas, one method a file. Must not know about terminals, colours or files.

use std::sync::Arc;

use ndarray::{Array2, Array3, Array4, ArrayView1, Axis, stack};

use crate::choice::choice;
use crate::engine::{Cancel, EngineError};
use crate::model::output::Activation;
use crate::network::{Network, NetworkError, prediction};

pub mod baseline;
pub mod cam;
pub mod grad_cam;
pub mod gradient;
pub mod integrated_gradients;
pub mod method;
pub mod quadrature;

pub use baseline::Baseline;
pub use method::MethodId;
pub use quadrature::Quadrature;

choice! {
    /// What the score is.
    #[derive(Default)]
    pub enum Of {
        /// The class's logit, before any softmax or sigmoid; the output itself where it is no class's score.
        #[default]
        Logit = "logit",
        /// The class's probability. Its gradient vanishes where the network is sure.
        Probability = "probability",
    }
}

/// The score that is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Class index.
    pub class: usize,
    /// Logit or probability of that class.
    pub of: Of,
}

/// A raw attribution, before any post-processing.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw {
    /// `[C, H, W]` in the network's preprocessed input space.
    Input(Array3<f32>),
    /// `[h, w]` at the resolution of a layer's feature maps.
    Layer(Array2<f32>),
}

/// Completeness of a path method: do the attributions add up to what they should?
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Completeness {
    /// Σ of the attributions.
    pub sum: f64,
    /// F(x) − F(x′): what the sum should be.
    pub difference: f64,
}

impl Completeness {
    /// Σ attributions − (F(x) − F(x′)), the residual (Captum's sign).
    pub fn residual(&self) -> f64 {
        self.sum - self.difference
    }
}

/// What Integrated Gradients saw on its way from the baseline to the picture.
#[derive(Clone, Debug)]
pub struct AlphaPath {
    /// α of each step, ascending, in `[0, 1]`.
    pub alphas: Vec<f32>,
    /// Quadrature weight of each step.
    pub weights: Vec<f32>,
    /// Score F(x′ + α(x − x′)) at each step.
    pub scores: Vec<f32>,
    /// Probability of the target class at each step; empty where the network gives none.
    pub probabilities: Vec<f32>,
    /// Gradient at each step, `[steps, C, H, W]`.
    pub gradients: Arc<Array4<f32>>,
    /// The picture x, `[C, H, W]`, preprocessed.
    pub input: Arc<Array3<f32>>,
    /// The baseline x′, `[C, H, W]`, preprocessed.
    pub baseline: Arc<Array3<f32>>,
}

impl AlphaPath {
    /// The attribution after each step: (x − x′) ⊙ Σ w g over the steps so far, `[C, H, W]`.
    pub fn sums(&self) -> impl ExactSizeIterator<Item = Array3<f32>> + '_ {
        let direction = &*self.input - &*self.baseline;
        let mut weighted = Array3::zeros(direction.dim());
        self.gradients.outer_iter().zip(&self.weights).map(move |(gradient, weight)| {
            weighted.scaled_add(*weight, &gradient);
            &direction * &weighted
        })
    }

    /// The interpolated picture x′ + α(x − x′) of a step, `[C, H, W]`, preprocessed.
    pub fn interpolated(&self, step: usize) -> Array3<f32> {
        let alpha = self.alphas.get(step).copied().unwrap_or(1.0);
        &*self.baseline + &((&*self.input - &*self.baseline) * alpha)
    }
}

/// What [`Parameters::memory`] is where nothing is said: 1 GiB. A GPU's own memory is used by half of what is free.
pub const MEMORY: usize = 1 << 30;

/// Largest batch: beyond it the runtime gains nothing, sums stream more slowly and a cancel is felt later.
const LARGEST_BATCH: usize = 8;

/// As [`LARGEST_BATCH`], on a GPU, which is busy only with much to do at once.
const LARGEST_ON_GPU: usize = 64;

/// What a method can be told. Each method reads what concerns it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Parameters {
    /// Integrated Gradients: number of places on the path.
    pub steps: usize,
    /// Integrated Gradients: rule for the integral.
    pub quadrature: Quadrature,
    /// Integrated Gradients: where the path begins.
    pub baseline: Baseline,
    /// Seed of everything random.
    pub seed: u64,
    /// CAM: a ReLU on each term, Σ_k max(0, w_k A^k), as the lecture's code has it, instead of Σ_k w_k A^k.
    pub cam_relu: bool,
    /// Integrated Gradients: whether the gradient of every step is kept, to be looked at ([`Attribution::path`]). It takes
    /// less time, and no more memory for more steps, if not.
    pub path: bool,
    /// Pictures a run; by default as many as fit into `memory`.
    pub batch: Option<usize>,
    /// Memory that the feature maps of one run, and what is kept of a path, may take, in bytes; [`MEMORY`] where none is given.
    pub memory: Option<usize>,
}

impl Default for Parameters {
    fn default() -> Self {
        let (quadrature, baseline) = (Quadrature::GaussLegendre, Baseline::default());
        Self { steps: 50, quadrature, baseline, seed: 0, cam_relu: false, path: true, batch: None, memory: None }
    }
}

/// What is asked about one picture.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The picture, `[C, H, W]`, preprocessed.
    pub input: &'a Array3<f32>,
    /// The class; the predicted one where none is given.
    pub class: Option<usize>,
    /// Which score of that class.
    pub of: Of,
    /// The layer that Grad-CAM looks at; [`Network::default_layer`] where none is given.
    pub layer: Option<usize>,
    /// Settings of the methods.
    pub parameters: &'a Parameters,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Attribution {
    /// The method.
    pub method: MethodId,
    /// The score that was explained.
    pub target: Target,
    /// The layer, for methods that look at one.
    pub layer: Option<usize>,
    /// The attribution.
    pub raw: Raw,
    /// Logits of the picture, one a class.
    pub logits: Vec<f32>,
    /// Score of the target.
    pub score: f32,
    /// Whether it rests on a gradient that passes quantisation by the straight-through estimate.
    pub straight_through: bool,
    /// Whether it adds up; path methods only.
    pub completeness: Option<Completeness>,
    /// What was seen on the way; path methods only, where [`Parameters::path`] asks for it.
    pub path: Option<AlphaPath>,
    /// Steps done: fewer than `total` where it was cancelled, and the attribution is then a part of the whole.
    pub done: usize,
    /// Steps asked for.
    pub total: usize,
}

impl Attribution {
    /// The answer of a method that is done in one step.
    fn new(
        method: MethodId,
        target: Target,
        layer: Option<usize>,
        raw: Raw,
        logits: ArrayView1<'_, f32>,
        activation: Activation,
    ) -> Self {
        let (score, logits) = (prediction::score(logits, activation, target), logits.to_vec());
        let (straight_through, completeness, path) = (false, None, None);
        Self { method, target, layer, raw, logits, score, straight_through, completeness, path, done: 1, total: 1 }
    }

    /// The same, with what is known about the gradient that it rests on.
    fn resting_on(self, straight_through: bool) -> Self {
        Self { straight_through, ..self }
    }
}

/// How far a long attribution has come.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Steps done.
    pub done: usize,
    /// Steps in all.
    pub total: usize,
    /// The attribution so far, for methods that add up.
    pub partial: Option<Partial>,
}

/// A running sum.
#[derive(Clone, Debug)]
pub struct Partial {
    /// The sum so far.
    pub raw: Raw,
    /// Its part of what it should add up to.
    pub completeness: Completeness,
}

/// Why there is no attribution.
#[derive(Debug, thiserror::Error)]
pub enum AttributionError {
    /// The network could not answer.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The head is none that CAM knows.
    #[error(
        "CAM needs a head of global average pooling and one linear layer, or of one map a class and global average \
         pooling; this network's head is {head}. Grad-CAM needs no such head"
    )]
    NoCam {
        /// The head's operators.
        head: String,
    },
    /// The network has no layer to look at.
    #[error(
        "the network has no layer with feature maps of its own: none at all, or, in a transformer, only the patches before \
         attention (`lensor layers` lists them, --layer takes one); gradient and integrated gradients work without"
    )]
    NoLayer,
    /// A number of steps that makes no sense, or that would fill the memory.
    #[error(
        "{steps} steps are not possible here: give 1 to {most}, or, to keep the gradients of more of them, more memory \
         (--memory)"
    )]
    Steps {
        /// Steps asked for.
        steps: usize,
        /// Most that are possible for this input.
        most: usize,
    },
    /// The baseline picture has another shape.
    #[error("the baseline {name} has not the shape of the network's input; prepare it with the same network")]
    BaselineShape {
        /// Name of the baseline.
        name: String,
    },
}

impl AttributionError {
    /// Whether nothing is wrong but that it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Network(NetworkError::Engine(EngineError::Cancelled)))
    }
}

/// Explains one picture. A cancelled Integrated Gradients keeps the steps it has done; everything else that is cancelled
/// is an error for which [`AttributionError::is_cancelled`] holds.
pub fn explain(
    network: &mut Network,
    method: MethodId,
    question: &Question<'_>,
    cancel: &Cancel,
    progress: &mut dyn FnMut(Progress),
) -> Result<Attribution, AttributionError> {
    let answers = explain_all(network, method, std::slice::from_ref(question), cancel, &mut |_, step| progress(step))?;
    answers.into_iter().next().ok_or(AttributionError::NoLayer)
}

/// Explains several pictures, with one run of the network for all of them where the method lets. The answers are in the
/// order of `questions`; `progress` hears of long ones, and which they are. See [`explain`] for what a cancel does; a part
/// that it leaves is the last answer.
pub fn explain_all(
    network: &mut Network,
    method: MethodId,
    questions: &[Question<'_>],
    cancel: &Cancel,
    progress: &mut dyn FnMut(usize, Progress),
) -> Result<Vec<Attribution>, AttributionError> {
    questions.iter().try_for_each(|question| network.check_score(question.of))?;
    let mut answers = Vec::with_capacity(questions.len());
    // Pictures that are run together look at the same layer.
    for together in questions.chunk_by(|a, b| a.layer == b.layer) {
        match method {
            MethodId::Gradient | MethodId::GradientInput => {
                answers.extend(gradient::explain(network, method, together, cancel)?);
            }
            MethodId::Cam => answers.extend(cam::explain(network, together, cancel)?),
            MethodId::GradCam => answers.extend(grad_cam::explain(network, together, cancel)?),
            MethodId::IntegratedGradients => {
                for question in together {
                    let place = answers.len();
                    let mut progress = |step| progress(place, step);
                    let answer = integrated_gradients::explain(network, question, cancel, &mut progress)?;
                    let stopped = answer.done < answer.total;
                    answers.push(answer);
                    if stopped {
                        return Ok(answers);
                    }
                }
            }
        }
    }
    Ok(answers)
}

/// How many pictures or steps to run at once: what the parameters say, or as many as fit the memory that they allow.
pub fn batch(network: &Network, parameters: &Parameters) -> usize {
    let floats: usize = network.layers().iter().map(|layer| layer.channels * layer.height * layer.width).sum();
    // Every feature map is kept with its gradient until the backward pass has used it.
    let one = 2 * size_of::<f32>() * floats.max(1);
    let (usual, largest) = match network.engine().free_memory() {
        Some(free) => (usize::try_from(free / 2).unwrap_or(usize::MAX), LARGEST_ON_GPU),
        None => (MEMORY, LARGEST_BATCH),
    };
    parameters.batch.unwrap_or((parameters.memory.unwrap_or(usual) / one).min(largest)).max(1)
}

/// The pictures of several questions, `[questions, C, H, W]`.
fn stacked(network: &Network, questions: &[Question<'_>]) -> Result<Array4<f32>, AttributionError> {
    let expected = network.preprocess().shape();
    if let Some(other) = questions.iter().find(|question| question.input.shape() != expected) {
        return Err(NetworkError::Shape { given: other.input.shape().to_vec(), expected }.into());
    }
    let inputs: Vec<_> = questions.iter().map(|question| question.input.view()).collect();
    stack(Axis(0), &inputs).map_err(|_| NetworkError::Shape { given: vec![0], expected }.into())
}

/// The maps `[pictures, channels, h, w]` of the only tensor that was asked about.
fn only(maps: Vec<Array4<f32>>) -> Result<Array4<f32>, AttributionError> {
    maps.into_iter().next().filter(|maps| !maps.is_empty()).ok_or(AttributionError::NoLayer)
}

#[cfg(test)]
mod tests;
