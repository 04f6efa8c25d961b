//! Reverse-mode differentiation from ONNX to ONNX, in inference operators; where the runtime has lensor's own, in those too.
//!
//! Owns the rules, one file per operator family. Must not know about runtimes or pictures: the shapes it needs come in
//! as [`Observed`] tensors. The score that is differentiated is Σ seed_logit · z + Σ seed_probability · p(z), p being
//! softmax or sigmoid, or Σ seed ⊙ t of an inner tensor t ([`pull_back`]). Seeds are inputs of the new graph: another
//! class, another unit, or probability instead of logit, needs no new graph.

use std::collections::HashMap;

use crate::engine::{ElementType, Value};
use crate::model::output::Activation;
use crate::onnx::{Beside, Model, OnnxError, surgery};

mod backward;
mod formula;
mod phases;
mod policy;
mod pullback;
mod rules;
mod seed;
mod sums;

use backward::Backward;
pub use backward::without_rule;
pub use policy::Policy;
pub use pullback::{Pullback, PullbackModel, pull_back};
pub(crate) use rules::resampling::matrices as resizing;

/// What a run of the model showed about one tensor.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Sizes of the axes at batch 1.
    pub shape: Vec<usize>,
    /// The axis that grows with the batch, if one does.
    pub batch: Option<usize>,
    /// Type of the elements.
    pub element: ElementType,
    /// The elements, of tensors that the picture does not change (constants and shapes).
    pub value: Option<Value>,
}

/// What a run of the model showed, by tensor name.
pub type Observations = HashMap<String, Observed>;

/// What is to be differentiated with respect to what.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The tensor of class scores, `[batch, classes]` or `[batch, classes, 1, 1]`.
    pub logits: &'a str,
    /// What makes probabilities of them.
    pub activation: Activation,
    /// Tensors whose gradients are wanted: the input or inner ones.
    pub wrt: &'a [&'a str],
    /// Tensors of the forward pass that are to be outputs too.
    pub taps: &'a [&'a str],
    /// How non-linearities pass the gradient.
    pub policy: Policy,
    /// Whether the gradients are summed over the pictures of a batch, which saves much of the way to the input. The seeds
    /// weigh the pictures.
    pub sum: bool,
    /// Whether the runtime has lensor's own operators; else ONNX's do.
    pub operators: bool,
}

/// A model that computes gradients beside its forward pass.
#[derive(Clone, Debug)]
pub struct GradientModel {
    /// The serialised model.
    pub bytes: Vec<u8>,
    /// Where the elements lie that are not in it.
    pub beside: Beside,
    /// Input `[batch, classes]`: weight of each logit in the score.
    pub seed_logit: String,
    /// Input `[batch, classes]`: weight of each probability in the score.
    pub seed_probability: String,
    /// Outputs with the gradients, in the order of [`Request::wrt`], each shaped as its tensor (for a batch of one where
    /// they are summed).
    pub gradients: Vec<String>,
    /// Output with the logits, as the model has them.
    pub logits: String,
    /// Outputs with the tapped tensors, in the order of [`Request::taps`].
    pub taps: Vec<String>,
    /// How many nodes at the beginning are the forward pass.
    pub forward_nodes: usize,
    /// Whether the gradient passes through quantisation as if it were not there (the straight-through estimate).
    pub straight_through: bool,
}

/// Why a gradient model could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AutodiffError {
    /// There is no way back through an operator.
    #[error(
        "no gradient through node `{node}` ({op}): {reason}. What needs only the forward pass still works: \
         predictions, activations, CAM, and gradients at layers after this node"
    )]
    NoRule {
        /// Name of the node.
        node: String,
        /// Its operator, with the domain where it is not a standard one.
        op: String,
        /// What is in the way.
        reason: String,
    },
    /// The constants of the way back do not fit into a model.
    #[error(
        "the gradient back to node `{node}` takes {size} bytes of constants, more than the 2 GiB a protobuf file can have. \
         What needs only the forward pass still works: predictions, activations, CAM, and gradients at layers after this node"
    )]
    TooLarge {
        /// Name of the node.
        node: String,
        /// Bytes so far.
        size: u64,
    },
    /// A tensor does not influence the score by a differentiable path.
    #[error("`{score}` does not depend on `{tensor}` by any differentiable path: choose another layer")]
    Disconnected {
        /// The tensor.
        tensor: String,
        /// The tensor that the score is taken from.
        score: String,
    },
    /// A tensor cannot be class scores.
    #[error("`{tensor}` is a single number, not scores of classes: lensor explains classifiers")]
    NotLogits {
        /// The tensor.
        tensor: String,
    },
    /// A tensor is not in the model, or was not observed.
    #[error("nothing is known about tensor `{tensor}`: is it the name of a tensor of this model?")]
    UnknownTensor {
        /// The name.
        tensor: String,
    },
    /// The model itself could not be read or changed.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
}

/// Oldest opset that has everything the rules emit (ScatterElements with a reduction).
const OLDEST_OPSET: i64 = 16;

/// Makes the model that computes `request.wrt`'s gradients beside the forward pass. Only nodes between the wanted tensors
/// and the logits get a backward counterpart.
pub fn differentiate(
    model: &Model,
    observations: &Observations,
    request: &Request,
) -> Result<GradientModel, AutodiffError> {
    let model =
        &surgery::raise_opset(model, OLDEST_OPSET, &|tensor| observations.get(tensor).map(|o| o.shape.clone()))?;
    let mut backward = Backward::new(model, observations, request.logits, request.wrt, request.policy)?;
    backward.operators = request.operators;
    if request.sum {
        backward.sum_pictures();
    }
    let seeds = seed::plant(&mut backward, request.logits, request.activation)?;
    backward.walk()?;
    let gradients = backward.expose_gradients(request.wrt)?;
    let taps: Vec<String> = request.taps.iter().map(|tensor| (*tensor).to_owned()).collect();
    let straight_through = backward.straight_through;
    let (bytes, beside) = backward.finish(std::iter::once(&request.logits).chain(request.taps))?;
    Ok(GradientModel {
        bytes,
        beside,
        seed_logit: seeds.logit,
        seed_probability: seeds.probability,
        gradients,
        logits: request.logits.to_owned(),
        taps,
        forward_nodes: model.graph().nodes.len(),
        straight_through,
    })
}

#[cfg(test)]
mod tests;
