//! The rest of a network after a layer: what it says, and how that changes, for feature maps of one's own.
//!
//! Owns the graph whose layer is fed instead of computed. Must not know what the feature maps stand for.

use ndarray::{Array2, Array4, Axis};

use crate::attribution::Target;
use crate::autodiff::{self, GradientModel, Policy, Request};
use crate::engine::{Cancel, Effort, Session, Value};
use crate::onnx::{Dim, surgery};

use super::{Gradients, Network, NetworkError, batch, tensors};

/// What comes after a layer. Branches around the layer are computed from the picture as always.
pub struct Tail {
    session: Box<dyn Session>,
    model: GradientModel,
    /// The layer's feature maps.
    tensor: String,
    /// The picture input, where a branch around the layer needs it.
    input: Option<String>,
    classes: usize,
    part: Option<usize>,
}

impl Network {
    /// The rest of the network after a layer, with its gradient. Fails where no differentiable path leads on from there.
    pub fn tail(&mut self, layer: usize) -> Result<Tail, NetworkError> {
        self.observe()?;
        let tensor = tensors(&self.layers, &[layer])?[0];
        let observations = self.observations.get_or_insert_default();
        let observed = observations.get(tensor);
        let dim = |(axis, size): (usize, &usize)| match observed.and_then(|observed| observed.batch) {
            Some(batch) if batch == axis => Dim::Symbol("batch".into()),
            _ => Dim::Fixed(*size),
        };
        let shape: Vec<Dim> = observed.iter().flat_map(|observed| observed.shape.iter().enumerate()).map(dim).collect();
        let rest = surgery::feed(&self.model, tensor, &shape, &self.logits)?;
        let (logits, activation, operators) = (self.logits.as_str(), self.activation, self.engine.has_operators());
        let request =
            Request { logits, activation, wrt: &[tensor], taps: &[], policy: Policy::Gradient, sum: false, operators };
        let model = autodiff::differentiate(&rest, observations, &request)?;
        let session = self.engine.load(&model.bytes, &model.beside, Effort::Light)?;
        let input = rest.graph().contains(&self.input.name).then(|| self.input.name.clone());
        let (tensor, classes) = (tensor.to_owned(), self.classes);
        Ok(Tail { session, model, tensor, input, classes, part: self.part })
    }
}

impl Tail {
    /// Runs feature maps `[batch, channels, height, width]` of the layer, each with its picture of `x`, `[batch, C, H, W]`,
    /// and the gradient of one logit a row at these feature maps.
    pub fn gradient(
        &mut self,
        x: &Array4<f32>,
        maps: &Array4<f32>,
        targets: &[Target],
        cancel: &Cancel,
    ) -> Result<Gradients, NetworkError> {
        let mut seeds = Array2::<f32>::zeros((targets.len(), self.classes));
        for (mut row, target) in seeds.outer_iter_mut().zip(targets) {
            let (class, classes) = (target.class, self.classes);
            *row.get_mut(class).ok_or(NetworkError::NoSuchClass { class, classes })? = 1.0;
        }
        let outputs = [self.model.logits.as_str(), self.model.gradients[0].as_str()];
        let run = |picture: &Value, rows: &[usize]| {
            let own = Value::from(maps.select(Axis(0), rows));
            let seed = Value::from(seeds.select(Axis(0), rows));
            let none = Value::from(Array2::<f32>::zeros((seed.shape()[0], self.classes)));
            let (logit, probability) = (self.model.seed_logit.as_str(), self.model.seed_probability.as_str());
            let mut inputs = vec![(self.tensor.as_str(), &own), (logit, &seed), (probability, &none)];
            inputs.extend(self.input.as_deref().map(|input| (input, picture)));
            self.session.run(&inputs, &outputs, cancel)
        };
        let mut values = batch::run(&mut self.part, x, run)?.into_iter();
        let logits = batch::rows(values.next(), self.classes)?;
        let gradients = values.map(batch::maps).collect::<Result<Vec<_>, _>>()?;
        let straight_through = self.model.straight_through;
        Ok(Gradients { logits, gradients, activations: Vec::new(), straight_through })
    }
}
