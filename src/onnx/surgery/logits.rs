//! The scores at the end of a classifier: stepping back over what makes probabilities of them, and giving both answers
//! of a yes-or-no network a score.

use ndarray::arr2;

use super::super::build::GraphBuilder;
use super::super::graph::Node;
use super::super::{Model, OnnxError};

/// Where the scores before any softmax or sigmoid are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogitsTensor {
    /// Name of the tensor.
    pub name: String,
    /// The final Softmax, LogSoftmax or Sigmoid that was stepped back over, if the model ends in one; else the QuantizeLinear.
    pub stepped_back_over: Option<Last>,
}

/// A node at the end of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    /// Its operator.
    pub op: String,
    /// Its name.
    pub node: String,
}

/// The logits behind an output: the output itself, or what goes into the Softmax or Sigmoid that makes it (also where
/// only reshaping follows). Rounding to quantised numbers at the end is stepped back over as well: the largest score is
/// often the largest number that there is, which nothing moves any more.
pub fn logits(model: &Model, output: &str) -> LogitsTensor {
    let graph = model.graph();
    let mut found = LogitsTensor { name: output.to_owned(), stepped_back_over: None };
    let (mut name, mut activated) = (output, false);
    while let Some(node) = graph.producer(name)
        && let Some(input) = node.input(0)
    {
        let last = |node: &Node| Some(Last { op: node.op_type.clone(), node: node.name.clone() });
        match node.op_type.as_str() {
            "Softmax" | "LogSoftmax" | "Sigmoid" if !activated => {
                (name, activated) = (input, true);
                found = LogitsTensor { name: input.to_owned(), stepped_back_over: last(node) };
            }
            "DequantizeLinear" => {
                let quantised = graph.producer(input).filter(|node| node.op_type == "QuantizeLinear");
                let Some((quantised, exact)) = quantised.and_then(|node| Some((node, node.input(0)?))) else { break };
                name = exact;
                let stepped_back_over = found.stepped_back_over.or_else(|| last(quantised));
                found = LogitsTensor { name: exact.to_owned(), stepped_back_over };
            }
            "Identity" | "Flatten" | "Reshape" | "Squeeze" | "Dropout" | "Cast" if !activated => name = input,
            _ => break,
        }
    }
    found
}

/// The model with a tensor `[batch, 2]` of −z and z added, where `logit` has one z a picture: the logits of no and of
/// yes. Returns its name too.
pub fn both_classes(model: &Model, logit: &str) -> Result<(Model, String), OnnxError> {
    let mut builder = GraphBuilder::beside(model.graph(), "lensor/both/");
    let column = builder.ints(&[-1, 1]);
    let z = builder.node("Reshape", &[logit, &column], &[]);
    let signs = builder.floats(arr2(&[[-1.0f32, 1.0]]).view());
    let both = builder.node("Mul", &[&z, &signs], &[]);
    let model = Model::from_bytes(model.extended(builder.finish()), model.beside().clone())?;
    Ok((model, both))
}
