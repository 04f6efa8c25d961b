//! The gradient of an inner tensor t, in a model that ends there: of Σ seed ⊙ t with any seed of its shape.
//!
//! One unit, a whole channel, a direction or any weights at all are seeds, so that they share one model. ONNX Runtime
//! computes a whole graph whatever is asked of it: what comes after t is cut off.

use super::backward::Backward;
use super::{AutodiffError, OLDEST_OPSET, Observations, Policy, seed};
use crate::onnx::{Beside, Model, surgery};

/// What is to be differentiated with respect to what.
#[derive(Clone, Copy, Debug)]
pub struct Pullback<'a> {
    /// The inner tensor, of any shape.
    pub tensor: &'a str,
    /// Tensors whose gradients are wanted: the input or inner ones that `tensor` is made from.
    pub wrt: &'a [&'a str],
    /// How non-linearities pass the gradient.
    pub policy: Policy,
    /// Whether the runtime has lensor's own operators; else ONNX's do.
    pub operators: bool,
}

/// A model that ends at a tensor and computes what its gradient is at earlier ones.
#[derive(Clone, Debug)]
pub struct PullbackModel {
    /// The serialised model.
    pub bytes: Vec<u8>,
    /// Where the elements lie that are not in it.
    pub beside: Beside,
    /// Input shaped as the tensor: weight of each of its elements in the score.
    pub seed: String,
    /// Outputs with the gradients, in the order of [`Pullback::wrt`], each shaped as its tensor. The tensor itself is an
    /// output under its own name.
    pub gradients: Vec<String>,
}

/// Makes the model that computes the gradient of Σ seed ⊙ `request.tensor` at `request.wrt`.
pub fn pull_back(
    model: &Model,
    observations: &Observations,
    request: &Pullback,
) -> Result<PullbackModel, AutodiffError> {
    if !model.graph().contains(request.tensor) {
        return Err(AutodiffError::UnknownTensor { tensor: request.tensor.to_owned() });
    }
    let cut = surgery::cut(model, &[request.tensor])?;
    if let Some(beyond) = request.wrt.iter().find(|tensor| !cut.graph().contains(tensor)) {
        let (tensor, score) = ((*beyond).to_owned(), request.tensor.to_owned());
        return Err(AutodiffError::Disconnected { tensor, score });
    }
    let shape = |tensor: &str| observations.get(tensor).map(|observed| observed.shape.clone());
    let raised = surgery::raise_opset(&cut, OLDEST_OPSET, &shape)?;
    let mut backward = Backward::new(&raised, observations, request.tensor, request.wrt, request.policy)?;
    backward.operators = request.operators;
    let seed = seed::plant_whole(&mut backward, request.tensor)?;
    backward.walk()?;
    let gradients = backward.expose_gradients(request.wrt)?;
    let (bytes, beside) = backward.finish(std::iter::empty())?;
    Ok(PullbackModel { bytes, beside, seed, gradients })
}
