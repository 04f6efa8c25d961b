//! What a file is refused for before anything is computed from it: constants that are not there or lie elsewhere, names
//! that mean two things, sizes that no network has.
//!
//! The runtime trusts a file: it allocates what a shape declares, reads the data file that a path names, and computes at
//! load time whatever depends on constants alone. Must not know what operators compute, beyond how large it gets.

use std::collections::{HashMap, HashSet};

use super::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto};
use super::{Beside, OnnxError, tensor};

mod sizes;

/// Most nodes of a model with all its subgraphs. The largest published CNNs have some thousand.
const MOST_NODES: usize = 20_000;

/// Operators that take any number of inputs, and all of them: the runtime reads an input that is left out as if it were there.
const VARIADIC: [&str; 7] = ["Concat", "Einsum", "Max", "Mean", "Min", "SequenceConstruct", "Sum"];

/// Checks all graphs of a model. `beside` has what is not in its bytes.
pub(super) fn check(model: &ModelProto, beside: &Beside) -> Result<(), OnnxError> {
    let mut walk = Walk { beside, nodes: 0, constants: HashMap::new() };
    model.graph.iter().try_for_each(|graph| walk.graph(graph))?;
    model.functions.iter().try_for_each(|function| walk.nodes(&function.node))
}

/// A walk over graphs and the graphs in their nodes.
struct Walk<'a> {
    beside: &'a Beside,
    /// Nodes met so far.
    nodes: usize,
    /// Constants met so far; those of a subgraph are as good as those around it.
    constants: HashMap<&'a str, &'a TensorProto>,
}

impl<'a> Walk<'a> {
    fn graph(&mut self, graph: &'a GraphProto) -> Result<(), OnnxError> {
        once("initializers", graph.initializer.iter().map(|tensor| tensor.name.as_str()))?;
        once("inputs", graph.input.iter().map(|input| input.name.as_str()))?;
        once("outputs", graph.output.iter().map(|output| output.name.as_str()))?;
        for constant in &graph.initializer {
            self.tensor(constant)?;
            self.constants.insert(&constant.name, constant);
        }
        self.nodes(&graph.node)
    }

    fn nodes(&mut self, nodes: &'a [NodeProto]) -> Result<(), OnnxError> {
        self.nodes += nodes.len();
        if self.nodes > MOST_NODES {
            return Err(OnnxError::BrokenGraph { reason: format!("it has more than {MOST_NODES} nodes") });
        }
        for node in nodes {
            node.attribute.iter().try_for_each(|attribute| self.attribute(attribute))?;
            if VARIADIC.contains(&node.op_type.as_str()) && node.input.iter().any(String::is_empty) {
                let NodeProto { name, output, op_type, .. } = node;
                let name = if name.is_empty() { output.first().unwrap_or(name) } else { name };
                let reason = format!("an input of node `{name}` ({op_type}) is left out, and the operator needs all");
                return Err(OnnxError::BrokenGraph { reason });
            }
            let value = node.attribute.iter().find(|attribute| attribute.name == "value");
            if let (Some(output), Some(value)) = (node.output.first(), value.and_then(|value| value.t.as_ref()))
                && node.op_type == "Constant"
            {
                self.constants.insert(output, value);
            }
            sizes::check(node, &|name| self.constants.get(name).copied(), self.beside)?;
        }
        Ok(())
    }

    fn attribute(&mut self, attribute: &'a AttributeProto) -> Result<(), OnnxError> {
        attribute.t.iter().chain(&attribute.tensors).try_for_each(|constant| self.tensor(constant))?;
        let sparse = attribute.sparse_tensor.iter().chain(&attribute.sparse_tensors);
        sparse.into_iter().try_for_each(|sparse| self.sparse(sparse))?;
        attribute.g.as_deref().into_iter().chain(&attribute.graphs).try_for_each(|graph| self.graph(graph))
    }

    fn tensor(&self, constant: &TensorProto) -> Result<(), OnnxError> {
        tensor::check(constant, self.beside)
    }

    fn sparse(&self, sparse: &SparseTensorProto) -> Result<(), OnnxError> {
        sparse.values.iter().chain(&sparse.indices).try_for_each(|constant| self.tensor(constant))?;
        let name = sparse.values.as_ref().map_or("", |values| &values.name);
        match sizes::elements(sparse.dims.iter().copied()) {
            Some(_) => Ok(()),
            None => Err(OnnxError::Tensor {
                tensor: name.to_owned(),
                reason: format!("the shape {:?} is impossible or far too large", sparse.dims),
            }),
        }
    }
}

/// Refuses a name that comes twice.
fn once<'a>(kind: &str, mut names: impl Iterator<Item = &'a str>) -> Result<(), OnnxError> {
    let mut known = HashSet::new();
    match names.find(|name| !known.insert(*name)) {
        Some(name) => Err(OnnxError::BrokenGraph { reason: format!("there are two {kind} called `{name}`") }),
        None => Ok(()),
    }
}
