//! Branches that shapes decide: they are taken before anything is asked, so that what is in them can be looked at and
//! differentiated as any other part of the graph.

use std::collections::HashMap;

use super::observe;
use crate::engine::{Cancel, Engine, EngineError, Value};
use crate::onnx::{Model, surgery};

/// Deepest nesting of branches that is followed.
const DEEPEST: usize = 8;

/// The model without the If nodes whose condition is the same for every picture and any number of them. `input` is the
/// name of the picture input and `shape` its shape `[batch, C, H, W]`. A model that cannot be run comes back as it is:
/// what is wrong with it is found out when it is loaded. Fails only where it is cancelled.
pub(super) fn taken(
    model: Model,
    engine: &dyn Engine,
    input: &str,
    shape: &[usize],
    cancel: &Cancel,
) -> Result<Model, EngineError> {
    let mut model = model;
    for _ in 0..DEEPEST {
        let mut conditions: Vec<&str> =
            model.graph().nodes.iter().filter(|node| node.op_type == "If").filter_map(|node| node.input(0)).collect();
        conditions.dedup();
        if conditions.is_empty() {
            break;
        }
        let known = match observe::fixed(&model, engine, input, shape, &conditions, cancel) {
            Ok(known) => known,
            Err(EngineError::Cancelled) => return Err(EngineError::Cancelled),
            Err(_) => break,
        };
        let known: HashMap<&str, bool> = conditions
            .iter()
            .copied()
            .zip(known)
            .filter_map(|(name, value)| match value? {
                Value::Bool(array) => Some((name, array.iter().copied().next()?)),
                _ => None,
            })
            .collect();
        match surgery::take_branches(&model, &|node| known.get(node.input(0)?).copied()) {
            Ok(Some(next)) => model = next,
            _ => break,
        }
    }
    Ok(model)
}

#[cfg(test)]
mod tests;
