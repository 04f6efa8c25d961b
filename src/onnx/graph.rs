//! A decoded graph to look at: nodes, who makes and who uses each tensor, constants.
//!
//! Owns the checks that make it safe to walk (each tensor made once, before it is used). Must not know what operators
//! compute.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use ndarray::ArrayD;

use super::proto::{AttributeProto, DataType, GraphProto, NodeProto, TensorProto, ValueInfoProto};
use super::{Beside, OnnxError, tensor};

/// A graph whose nodes are in topological order.
pub struct Graph {
    /// Nodes, each after those whose outputs it uses.
    pub nodes: Vec<Node>,
    /// Inputs to be fed, without those that only declare an initializer and those that exporters leave behind: nothing
    /// uses them, and the runtime does not ask for them.
    pub inputs: Vec<ValueInfo>,
    /// Outputs.
    pub outputs: Vec<ValueInfo>,
    initializers: HashMap<String, TensorProto>,
    producers: HashMap<String, usize>,
    consumers: HashMap<String, Vec<usize>>,
    beside: Beside,
}

/// One operation of the graph.
pub struct Node {
    /// Name, or the name of its first output where the file gives none.
    pub name: String,
    /// Operator, such as `Conv`.
    pub op_type: String,
    /// Domain of the operator; empty for the standard ones.
    pub domain: String,
    /// Tensors used; an empty name is an optional input that is not given.
    pub inputs: Vec<String>,
    /// Tensors made; an empty name is an optional output that is not made.
    pub outputs: Vec<String>,
    /// Outer tensors that the node's subgraphs (If, Loop, Scan) use without listing them as inputs.
    pub captured: Vec<String>,
    /// Path of the module whose code it is, such as `layer1.0.conv1`, where the exporter says so (torch.export does).
    pub module: Option<String>,
    /// Position in [`Graph::nodes`].
    pub index: usize,
    attributes: Vec<AttributeProto>,
}

/// A graph input or output.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueInfo {
    /// Name of the tensor.
    pub name: String,
    /// Element type.
    pub elem: DataType,
    /// Axes; empty also where the file does not say.
    pub shape: Vec<Dim>,
}

/// Size of one axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// Always this size.
    Fixed(usize),
    /// A named size that may differ from run to run.
    Symbol(String),
    /// Any size.
    Unknown,
}

impl Node {
    fn new(index: usize, node: NodeProto) -> Self {
        let name = if node.name.is_empty() { node.output.first().cloned().unwrap_or_default() } else { node.name };
        let domain = if node.domain == "ai.onnx" { String::new() } else { node.domain };
        let mut captured = HashSet::new();
        for graph in node.attribute.iter().flat_map(|a| a.g.as_deref().into_iter().chain(&a.graphs)) {
            collect_captured(graph, &mut captured);
        }
        let mut captured: Vec<String> = captured.into_iter().map(str::to_owned).collect();
        captured.sort();
        let module = node.metadata_props.iter().find(|entry| entry.key == "pkg.torch.onnx.name_scopes");
        let module = module.and_then(|entry| innermost_module(&entry.value)).map(str::to_owned);
        let NodeProto { input: inputs, output: outputs, op_type, attribute: attributes, .. } = node;
        Self { name, op_type, domain, inputs, outputs, captured, module, index, attributes }
    }

    /// Name of an input, if it is given.
    pub fn input(&self, index: usize) -> Option<&str> {
        self.inputs.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Names of all tensors that it computes with, in its inner graphs too; of CastLike's second input only the type counts.
    pub fn uses(&self) -> impl Iterator<Item = &str> {
        let given = if self.op_type == "CastLike" { 1 } else { self.inputs.len() };
        self.inputs.iter().take(given).chain(&self.captured).map(String::as_str)
    }

    /// Name of the first output.
    pub fn output(&self) -> &str {
        self.outputs.first().map_or("", String::as_str)
    }

    /// Operator, with its domain before it where that is not ONNX's own: `Conv`, `com.microsoft.FusedConv`.
    pub fn qualified_op(&self) -> String {
        let Self { domain, op_type, .. } = self;
        if domain.is_empty() { op_type.clone() } else { format!("{domain}.{op_type}") }
    }

    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// An integer attribute.
    pub fn attr_int(&self, name: &str) -> Option<i64> {
        self.attribute(name).and_then(|a| a.i)
    }

    /// A list of integers; `None` where the attribute is absent.
    pub fn attr_ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|a| a.ints.as_slice())
    }

    /// A list of floats; `None` where the attribute is absent.
    pub fn attr_floats(&self, name: &str) -> Option<&[f32]> {
        self.attribute(name).map(|a| a.floats.as_slice())
    }

    /// A float attribute.
    pub fn attr_float(&self, name: &str) -> Option<f32> {
        self.attribute(name).and_then(|a| a.f)
    }

    /// A text attribute.
    pub fn attr_string(&self, name: &str) -> Option<&str> {
        self.attribute(name).and_then(|a| a.s.as_ref()).and_then(|s| std::str::from_utf8(s).ok())
    }

    /// A tensor attribute.
    pub fn attr_tensor(&self, name: &str) -> Option<&TensorProto> {
        self.attribute(name).and_then(|a| a.t.as_ref())
    }
}

/// `layer1.0.conv1` of `['', 'layer1', 'layer1.0', 'layer1.0.conv1', 'conv2d']`, whose last entry is the operation.
fn innermost_module(scopes: &str) -> Option<&str> {
    let quoted = scopes.trim_matches(['[', ']']).rsplit(", ").nth(1)?;
    Some(quoted.trim_matches('\'')).filter(|module| !module.is_empty())
}

/// All names that the nodes of a graph use, with those of the graphs in them.
pub(super) fn collect_captured<'a>(graph: &'a GraphProto, names: &mut HashSet<&'a str>) {
    for node in &graph.node {
        names.extend(node.input.iter().map(String::as_str));
        for inner in node.attribute.iter().flat_map(|a| a.g.as_deref().into_iter().chain(&a.graphs)) {
            collect_captured(inner, names);
        }
    }
}

/// The inputs that something uses; all of them where nothing uses any.
fn used(inputs: Vec<ValueInfo>, nodes: &[Node], outputs: &[ValueInfo]) -> Vec<ValueInfo> {
    let by_nodes = nodes.iter().flat_map(|node| node.inputs.iter().chain(&node.captured));
    let names: HashSet<&String> = by_nodes.chain(outputs.iter().map(|output| &output.name)).collect();
    if inputs.iter().any(|input| names.contains(&input.name)) {
        inputs.into_iter().filter(|input| names.contains(&input.name)).collect()
    } else {
        inputs
    }
}

impl Graph {
    pub(super) fn new(graph: GraphProto, beside: Beside) -> Result<Self, OnnxError> {
        let broken = |reason: String| Err(OnnxError::BrokenGraph { reason });
        let mut known: HashSet<String> = HashSet::from([String::new()]);
        let mut initializers = HashMap::new();
        for tensor in graph.initializer {
            known.insert(tensor.name.clone());
            initializers.insert(tensor.name.clone(), tensor);
        }
        let inputs: Vec<ValueInfo> =
            graph.input.into_iter().filter(|i| !initializers.contains_key(&i.name)).map(ValueInfo::from).collect();
        known.extend(inputs.iter().map(|input| input.name.clone()));
        let (mut producers, mut consumers) = (HashMap::new(), HashMap::<String, Vec<usize>>::new());
        let mut nodes = Vec::with_capacity(graph.node.len());
        for (index, node) in graph.node.into_iter().enumerate() {
            let node = Node::new(index, node);
            if let Some(missing) = node.inputs.iter().find(|name| !known.contains(*name)) {
                return broken(format!(
                    "node `{}` uses `{missing}` before any node makes it (a cycle, a wrong order, or a missing input)",
                    node.name
                ));
            }
            for name in node.outputs.iter().filter(|name| !name.is_empty()) {
                if !known.insert(name.clone()) {
                    return broken(format!("node `{}` makes `{name}`, which exists already", node.name));
                }
                producers.insert(name.clone(), index);
            }
            for name in node.inputs.iter().filter(|name| !name.is_empty()) {
                let users = consumers.entry(name.clone()).or_default();
                if users.last() != Some(&index) {
                    users.push(index);
                }
            }
            nodes.push(node);
        }
        let outputs: Vec<ValueInfo> = graph.output.into_iter().map(ValueInfo::from).collect();
        if let Some(missing) = outputs.iter().find(|output| !known.contains(&output.name)) {
            return broken(format!("no node makes the output `{}`", missing.name));
        }
        let inputs = used(inputs, &nodes, &outputs);
        Ok(Self { nodes, inputs, outputs, initializers, producers, consumers, beside })
    }

    /// The node that makes a tensor; `None` for inputs and initializers.
    pub fn producer(&self, tensor: &str) -> Option<&Node> {
        self.producers.get(tensor).and_then(|index| self.nodes.get(*index))
    }

    /// Indices of the nodes that use a tensor, ascending.
    pub fn consumers(&self, tensor: &str) -> &[usize] {
        self.consumers.get(tensor).map_or(&[], Vec::as_slice)
    }

    /// Whether a tensor of this name exists.
    pub fn contains(&self, tensor: &str) -> bool {
        self.producers.contains_key(tensor)
            || self.initializers.contains_key(tensor)
            || self.inputs.iter().any(|input| input.name == tensor)
    }

    /// Names of all tensors and nodes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let inputs = self.inputs.iter().map(|input| input.name.as_str());
        let nodes = self.nodes.iter().map(|node| node.name.as_str());
        inputs
            .chain(nodes)
            .chain(self.initializers.keys().map(String::as_str))
            .chain(self.producers.keys().map(String::as_str))
    }

    /// A stored constant.
    pub fn initializer(&self, tensor: &str) -> Option<&TensorProto> {
        self.initializers.get(tensor)
    }

    /// All stored constants: initializers and the values of Constant nodes.
    pub fn stored(&self) -> impl Iterator<Item = &TensorProto> {
        let constants = self.nodes.iter().filter(|node| node.op_type == "Constant");
        self.initializers.values().chain(constants.filter_map(|node| node.attr_tensor("value")))
    }

    /// The stored constant behind a name: an initializer, a Constant node's value, or an Identity of either (exporters
    /// leave those behind for shared weights).
    pub fn constant(&self, tensor: &str) -> Option<&TensorProto> {
        let mut name = tensor;
        loop {
            if let Some(found) = self.initializer(name) {
                return Some(found);
            }
            let node = self.producer(name)?;
            match node.op_type.as_str() {
                "Constant" => return node.attr_tensor("value"),
                "Identity" => name = node.input(0)?,
                _ => return None,
            }
        }
    }

    /// Whether a name is a stored constant.
    pub fn is_constant(&self, tensor: &str) -> bool {
        self.constant(tensor).is_some()
    }

    /// Elements of a stored constant as 32-bit floats, those that lie beside the model read from there.
    pub fn weights(&self, name: &str) -> Result<ArrayD<f32>, OnnxError> {
        tensor::floats(self.constant_or_error(name)?, &self.beside)
    }

    /// Shape and bytes of a stored constant as 32-bit floats in little-endian order.
    pub fn weight_bytes(&self, name: &str) -> Result<(Vec<usize>, Bytes), OnnxError> {
        tensor::float_bytes(self.constant_or_error(name)?, &self.beside)
    }

    /// Elements of a stored integer constant, flattened.
    pub fn integers(&self, name: &str) -> Result<Vec<i64>, OnnxError> {
        tensor::integers(self.constant_or_error(name)?, &self.beside)
    }

    fn constant_or_error(&self, name: &str) -> Result<&TensorProto, OnnxError> {
        self.constant(name).ok_or_else(|| OnnxError::Tensor {
            tensor: name.to_owned(),
            reason: "it is not a constant of the file".into(),
        })
    }

    /// These tensors and all that are computed from any of them.
    pub fn made_from<'a>(&'a self, sources: impl IntoIterator<Item = &'a str>) -> HashSet<&'a str> {
        let mut made: HashSet<&str> = sources.into_iter().collect();
        for node in &self.nodes {
            if node.uses().any(|name| made.contains(name)) {
                made.extend(node.outputs.iter().filter(|name| !name.is_empty()).map(String::as_str));
            }
        }
        made
    }

    /// Whether `tensor` is computed from `source`, or is `source`.
    pub fn depends_on(&self, tensor: &str, source: &str) -> bool {
        let (mut open, mut seen) = (vec![tensor], HashSet::from([tensor]));
        while let Some(name) = open.pop() {
            if name == source {
                return true;
            }
            let node = self.producer(name);
            let used = node.into_iter().flat_map(|node| node.inputs.iter().chain(&node.captured));
            open.extend(used.map(String::as_str).filter(|name| seen.insert(*name)));
        }
        false
    }
}

impl From<ValueInfoProto> for ValueInfo {
    fn from(info: ValueInfoProto) -> Self {
        let tensor = info.r#type.and_then(|t| t.tensor_type);
        let elem = tensor.as_ref().map_or(DataType::Undefined, |t| t.elem_type());
        let dims = tensor.and_then(|t| t.shape).map(|shape| shape.dim).unwrap_or_default();
        let dim = |d: super::proto::DimensionProto| match (d.dim_value, d.dim_param) {
            (Some(size), _) if size > 0 => Dim::Fixed(size as usize),
            (_, Some(symbol)) if !symbol.is_empty() => Dim::Symbol(symbol),
            _ => Dim::Unknown,
        };
        Self { name: info.name, elem, shape: dims.into_iter().map(dim).collect() }
    }
}
