//! Writing graphs: nodes, constants, inputs and outputs, each under a name that nothing else has.
//!
//! Used for what lensor adds to a model and for the small models of tests. Must not know what operators compute.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use ndarray::{ArrayView, Dimension};
use prost::Message;

use super::beside::{self, Constant, Kept};
use super::graph::{Dim, Graph};
use super::proto::{
    self, AttributeProto, DataType, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, attribute_type,
};

/// Value of an attribute.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Attr<'a> {
    Int(i64),
    Ints(&'a [i64]),
    Float(f32),
    Text(&'a str),
}

/// A graph under construction.
#[derive(Default)]
pub struct GraphBuilder {
    graph: GraphProto,
    prefix: &'static str,
    taken: HashSet<String>,
    next: usize,
    stored: u64,
    /// Number of the first constant that is kept in memory, where they may be.
    first: Option<usize>,
    kept: Kept,
    /// Constants whose elements are still to be put in, by their tensors' names.
    open: Kept,
}

impl GraphBuilder {
    /// An empty graph whose nodes and tensors are named `<prefix><number>`.
    pub fn new(prefix: &'static str) -> Self {
        Self { prefix, ..Self::default() }
    }

    /// As [`GraphBuilder::new`], avoiding the names of a graph that this one will be added to.
    pub fn beside(graph: &Graph, prefix: &'static str) -> Self {
        Self {
            taken: graph.names().filter(|name| name.starts_with(prefix)).map(str::to_owned).collect(),
            ..Self::new(prefix)
        }
    }

    /// From here on, large constants of floats are kept in memory, beside the `first` that the model has there already.
    pub fn keep_apart(&mut self, first: usize) {
        self.first = Some(first);
    }

    /// A name that nothing has yet: `<prefix><hint>`, with a number where that is taken or the hint is empty.
    pub fn fresh(&mut self, hint: &str) -> String {
        let mut name = format!("{}{hint}", self.prefix);
        while hint.is_empty() && name.len() == self.prefix.len() || self.taken.contains(&name) {
            self.next += 1;
            name = format!("{}{hint}{}", self.prefix, self.next);
        }
        self.taken.insert(name.clone());
        name
    }

    /// Adds a node with one output and returns the output's name. An empty input name is an input not given. Before an
    /// operator that is not ONNX's own stands its domain: `com.microsoft.FusedConv`.
    pub fn node(&mut self, op: &str, inputs: &[&str], attributes: &[(&str, Attr)]) -> String {
        let output = self.fresh("");
        self.named_node(op, inputs, &[&output], attributes);
        output
    }

    /// Adds a node whose outputs have these names. An operator of another domain than ONNX's has it before its name, as in
    /// [`Node::qualified_op`](super::Node::qualified_op).
    pub fn named_node(&mut self, op: &str, inputs: &[&str], outputs: &[&str], attributes: &[(&str, Attr)]) {
        self.graph.node.push(node(op, inputs, outputs, attributes));
    }

    /// Adds a constant of 32-bit floats and returns its name.
    pub fn floats<D: Dimension>(&mut self, values: ArrayView<f32, D>) -> String {
        let name = self.fresh("");
        self.named_floats(&name, values);
        name
    }

    /// Adds a constant of 32-bit floats under this name.
    pub fn named_floats<D: Dimension>(&mut self, name: &str, values: ArrayView<f32, D>) {
        let bytes: Bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.store(name, values.shape(), bytes.into());
    }

    /// Adds a constant of 32-bit floats in this shape that `write` writes over zeros, each in little-endian order, and returns
    /// its name. It is written once all is known that is needed, or when it is first used where it is kept in memory.
    pub fn written(&mut self, shape: &[usize], write: impl FnOnce(&mut [[u8; 4]]) + Send + 'static) -> String {
        let name = self.fresh("");
        let length = shape.iter().product::<usize>() * size_of::<f32>();
        self.store(&name, shape, Constant::to_write(length, write));
        name
    }

    fn store(&mut self, name: &str, shape: &[usize], elements: Constant) {
        let (tensor, length) = (constant(name, shape, DataType::Float), elements.size());
        self.graph.initializer.push(match self.first.filter(|_| beside::worth(length)) {
            Some(first) => {
                let place = beside::name(first + self.kept.len());
                self.kept.push((place.clone(), elements));
                beside::elsewhere(tensor, place, length)
            }
            None => {
                self.stored = self.stored.saturating_add(length as u64);
                self.open.push((name.to_owned(), elements));
                tensor
            }
        });
    }

    /// Adds a single 32-bit float and returns its name.
    pub fn scalar(&mut self, value: f32) -> String {
        self.floats(ndarray::arr0(value).view())
    }

    /// Adds a single 64-bit integer and returns its name.
    pub fn int(&mut self, value: i64) -> String {
        let name = self.fresh("");
        self.named_constant(&name, &[], DataType::Int64, value.to_le_bytes().to_vec());
        name
    }

    /// Adds a list of 64-bit integers and returns its name.
    pub fn ints(&mut self, values: &[i64]) -> String {
        let name = self.fresh("");
        self.named_constant(
            &name,
            &[values.len()],
            DataType::Int64,
            values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        );
        name
    }

    /// Adds a constant of any type under this name; `bytes` are its elements in little-endian order.
    pub fn named_constant(&mut self, name: &str, shape: &[usize], data_type: DataType, bytes: Vec<u8>) {
        self.stored = self.stored.saturating_add(bytes.len() as u64);
        let raw_data = Some(Bytes::from(bytes));
        self.graph.initializer.push(TensorProto { raw_data, ..constant(name, shape, data_type) });
    }

    /// Declares a graph input.
    pub fn input(&mut self, name: &str, elem: DataType, shape: &[Dim]) {
        self.graph.input.push(typed(name, elem, shape));
    }

    /// Says what a tensor inside the graph is, where the runtime cannot infer it.
    pub fn describe(&mut self, name: &str, elem: DataType, shape: &[Dim]) {
        let known = self.graph.input.iter().chain(&self.graph.value_info).any(|info| info.name == name);
        if !known {
            self.graph.value_info.push(typed(name, elem, shape));
        }
    }

    /// Declares a tensor as a graph output; the runtime infers its type.
    pub fn output(&mut self, name: &str) {
        self.graph.output.push(ValueInfoProto { name: name.to_owned(), r#type: None });
    }

    /// As [`GraphBuilder::output`], with its type.
    pub fn shaped_output(&mut self, name: &str, elem: DataType, shape: &[Dim]) {
        self.graph.output.push(typed(name, elem, shape));
    }

    /// Drops the nodes and constants that no output is made from.
    pub fn prune(&mut self) {
        let graph = &mut self.graph;
        let mut used: HashSet<String> = graph.output.iter().map(|output| output.name.clone()).collect();
        let mut kept: Vec<NodeProto> = Vec::with_capacity(graph.node.len());
        for node in graph.node.drain(..).rev() {
            if node.output.iter().any(|output| used.contains(output)) {
                used.extend(node.input.iter().cloned());
                kept.push(node);
            }
        }
        kept.reverse();
        graph.node = kept;
        graph.initializer.retain(|constant| used.contains(&constant.name));
        graph.value_info.retain(|info| used.contains(&info.name));
    }

    /// Bytes that the constants take in the graph so far.
    pub fn stored(&self) -> u64 {
        self.stored
    }

    /// The graph.
    pub fn finish(self) -> GraphProto {
        self.finish_apart().0
    }

    /// The graph, and the constants that it has in memory.
    pub fn finish_apart(mut self) -> (GraphProto, Kept) {
        let open: HashMap<&str, &Constant> =
            self.open.iter().map(|(name, elements)| (name.as_str(), elements)).collect();
        let tensors = &mut self.graph.initializer;
        let wanted: Vec<&Constant> =
            tensors.iter().filter_map(|tensor| open.get(tensor.name.as_str()).copied()).collect();
        beside::for_each(&wanted, wanted.iter().map(|elements| elements.size()).sum(), |elements| _ = elements.bytes());
        for tensor in tensors {
            let elements = open.get(tensor.name.as_str());
            tensor.raw_data = elements.map(|elements| elements.bytes()).or(tensor.raw_data.take());
        }
        let used: HashSet<&str> = self.graph.initializer.iter().filter_map(beside::location).collect();
        self.kept.retain(|(place, _)| used.contains(place.as_str()));
        (self.graph, self.kept)
    }

    /// The graph as a complete serialised model that speaks this opset.
    pub fn into_model(self, opset: i64) -> Vec<u8> {
        let graph = GraphProto { name: "graph".into(), ..self.finish() };
        let ir_version = Some(if opset <= 16 { 8 } else { 9 });
        let mut opset_import = vec![OperatorSetIdProto { domain: String::new(), version: opset }];
        opset_import.extend(proto::opsets(&graph));
        ModelProto { ir_version, graph: Some(graph), opset_import, ..Default::default() }.encode_to_vec()
    }
}

/// A node, named as its first output.
pub(super) fn node(op: &str, inputs: &[&str], outputs: &[&str], attributes: &[(&str, Attr)]) -> NodeProto {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let (domain, op_type) = op.rsplit_once('.').unwrap_or(("", op));
    NodeProto {
        input: owned(inputs),
        output: owned(outputs),
        name: outputs.first().copied().unwrap_or_default().to_owned(),
        op_type: op_type.to_owned(),
        domain: domain.to_owned(),
        attribute: attributes.iter().map(|(name, value)| attribute(name, *value)).collect(),
        ..NodeProto::default()
    }
}

fn typed(name: &str, elem: DataType, shape: &[Dim]) -> ValueInfoProto {
    let dim = shape.iter().map(|dim| match dim {
        Dim::Fixed(size) => DimensionProto { dim_value: Some(*size as i64), dim_param: None },
        Dim::Symbol(symbol) => DimensionProto { dim_value: None, dim_param: Some(symbol.clone()) },
        Dim::Unknown => DimensionProto::default(),
    });
    let shape = Some(TensorShapeProto { dim: dim.collect() });
    let tensor_type = Some(TensorTypeProto { elem_type: elem as i32, shape });
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type }) }
}

/// A constant that still lacks its elements.
fn constant(name: &str, shape: &[usize], data_type: DataType) -> TensorProto {
    let dims = shape.iter().map(|d| *d as i64).collect();
    TensorProto { dims, data_type: data_type as i32, name: name.to_owned(), ..Default::default() }
}

/// A serialised attribute.
pub(super) fn attribute_bytes(name: &str, value: Attr) -> Vec<u8> {
    attribute(name, value).encode_to_vec()
}

fn attribute(name: &str, value: Attr) -> AttributeProto {
    let attribute = AttributeProto { name: name.to_owned(), ..Default::default() };
    match value {
        Attr::Int(i) => AttributeProto { i: Some(i), r#type: attribute_type::INT, ..attribute },
        Attr::Ints(ints) => AttributeProto { ints: ints.to_vec(), r#type: attribute_type::INTS, ..attribute },
        Attr::Float(f) => AttributeProto { f: Some(f), r#type: attribute_type::FLOAT, ..attribute },
        Attr::Text(text) => {
            let s = Some(Bytes::copy_from_slice(text.as_bytes()));
            AttributeProto { s, r#type: attribute_type::STRING, ..attribute }
        }
    }
}
