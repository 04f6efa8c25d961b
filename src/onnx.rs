//! ONNX files: read, look, add to, write, without losing a byte of what is not understood.
//!
//! Owns the protobuf. A [`Model`] keeps the bytes it was read from; what lensor adds is a small message appended to them
//! (protobuf merges the two), and where something that exists must change, [`surgery`] rewrites those fields alone.
//! Must not know about runtimes, pictures or gradients.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;

pub mod beside;
pub mod build;
pub mod graph;
mod links;
pub mod proto;
mod read;
mod sparse;
pub mod surgery;
pub mod tap;
mod tensor;
mod validate;
mod whole;
mod wire;

pub use beside::Beside;
pub use graph::{Dim, Graph, Node, ValueInfo};
pub use proto::DataType;
pub use whole::{settled, whole, whole_size};

/// Domain of lensor's own operators.
pub const DOMAIN: &str = "lensor";

/// Protobuf's own limit on the size of a message, in bytes.
pub(crate) const LARGEST: u64 = i32::MAX as u64;

impl OnnxError {
    /// What is wrong with the file of this name, which is said once.
    pub fn about(&self, name: &str) -> String {
        let said = self.to_string();
        if said.contains(name) { said } else { format!("{name}: {said}") }
    }
}

/// Why a model could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// The file, or one that it refers to, could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A folder, a device or a pipe.
    #[error("{} is not a file: name an .onnx file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file is larger than protobuf allows.
    #[error("{} has {size} bytes, more than the 2 GiB a protobuf file can have: keep its weights as external data", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// The bytes are not an ONNX model.
    #[error("not an ONNX model: {reason}; is the file complete, and is it a .onnx file?")]
    NotOnnx {
        /// What is wrong with them.
        reason: String,
    },
    /// The model would be larger than protobuf allows once its 16-bit floats are 32-bit ones.
    #[error(
        "in 32-bit floats, which lensor computes in, the network has {size} bytes, more than the 2 GiB a protobuf file \
         can have: export it in float32 with its weights as external data"
    )]
    TooLargeInFloat32 {
        /// Its size in bytes.
        size: u64,
    },
    /// The graph breaks a rule of ONNX.
    #[error("broken graph: {reason}; export the model again, or try `onnx.checker` on it")]
    BrokenGraph {
        /// Which rule, and where.
        reason: String,
    },
    /// A node asks for sizes that no network has.
    #[error("node `{node}` ({op}): {reason}; a network that is meant to be run has no such node")]
    Absurd {
        /// Name of the node, or of its first output.
        node: String,
        /// Its operator.
        op: String,
        /// What it asks for, and what is believed.
        reason: String,
    },
    /// A constant tensor cannot be used.
    #[error("tensor `{tensor}`: {reason}")]
    Tensor {
        /// Name of the tensor.
        tensor: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The model is too old for what is to be added to it.
    #[error(
        "the model speaks opset {from} and cannot be raised to {to}: node `{node}` ({op}) changed its meaning in between; \
         export the model with opset {to} or newer"
    )]
    OpsetTooLow {
        /// Opset of the model.
        from: i64,
        /// Opset that is needed.
        to: i64,
        /// The node in the way.
        node: String,
        /// Its operator.
        op: String,
    },
}

/// An ONNX model: its bytes and a decoded view of them. Cheap to clone.
#[derive(Clone)]
pub struct Model(Arc<Inner>);

struct Inner {
    bytes: Bytes,
    beside: Beside,
    named: Option<PathBuf>,
    graph: Graph,
    metadata: Vec<(String, String)>,
    opset: i64,
    producer: String,
}

impl Model {
    /// Reads a file. External data are looked for in its folder, also in that of the file it leads to if it is a link, and read
    /// only when they are needed.
    pub fn open(path: &Path) -> Result<Self, OnnxError> {
        let io = |source| OnnxError::Io { path: path.to_owned(), source };
        let metadata = std::fs::metadata(path).map_err(io)?;
        if !metadata.is_file() {
            return Err(OnnxError::NotAFile { path: path.to_owned() });
        }
        let size = metadata.len();
        if size > LARGEST {
            return Err(OnnxError::TooLarge { path: path.to_owned(), size });
        }
        let bytes = read::read(path, size as usize).map_err(io)?;
        wire::check_size(&bytes)?;
        let bytes = Bytes::from(sparse::dense(&bytes)?.unwrap_or(bytes));
        let named = links::folder_of(path);
        let (bytes, beside) = match links::follow(path, &bytes)? {
            Some((moved, folder)) => (moved, Some(folder).into()),
            None => beside::take_out(bytes, Some(named.clone()))?,
        };
        Self::decode(bytes, beside, Some(named))
    }

    /// Reads a serialised model; `beside` is where the elements lie that are not in it, which may be just a folder.
    pub fn from_bytes(bytes: impl Into<Bytes>, beside: impl Into<Beside>) -> Result<Self, OnnxError> {
        let beside = beside.into();
        let (named, bytes) = (beside.folder().map(Path::to_owned), bytes.into());
        wire::check_size(&bytes)?;
        let bytes = sparse::dense(&bytes)?.map_or(bytes, Bytes::from);
        Self::decode(bytes, beside, named)
    }

    fn decode(bytes: Bytes, beside: Beside, named: Option<PathBuf>) -> Result<Self, OnnxError> {
        let proto = proto::ModelProto::decode(bytes.clone())
            .map_err(|source| OnnxError::NotOnnx { reason: source.to_string() })?;
        validate::check(&proto, &beside)?;
        let opset = proto.opset_import.iter().find(|set| set.domain.is_empty() || set.domain == "ai.onnx");
        let opset =
            opset.map(|set| set.version).ok_or_else(|| OnnxError::NotOnnx { reason: "it names no opset".into() })?;
        let graph = proto.graph.ok_or_else(|| OnnxError::NotOnnx { reason: "it has no graph".into() })?;
        let constants = graph.node.iter().flat_map(|node| &node.attribute).filter_map(|attribute| attribute.t.as_ref());
        let beside = beside.used_by(graph.initializer.iter().chain(constants));
        let graph = Graph::new(graph, beside.clone())?;
        let metadata = proto.metadata_props.into_iter().map(|entry| (entry.key, entry.value)).collect();
        let producer = format!("{} {}", proto.producer_name, proto.producer_version).trim().to_owned();
        Ok(Self(Arc::new(Inner { bytes, beside, named, graph, metadata, opset, producer })))
    }

    /// The serialised model, without what lies [`Model::beside`] it.
    pub fn bytes(&self) -> &Bytes {
        &self.0.bytes
    }

    /// Where the elements lie that are not in its bytes.
    pub fn beside(&self) -> &Beside {
        &self.0.beside
    }

    /// How many bytes it takes in memory.
    pub fn size(&self) -> u64 {
        self.0.bytes.len() as u64 + self.0.beside.kept().values().map(|constant| constant.size() as u64).sum::<u64>()
    }

    /// Whether all that it consists of is in memory, and no constant in a file.
    pub fn is_whole(&self) -> bool {
        let mut apart = self.graph().stored().filter(|tensor| !tensor.external_data.is_empty());
        let in_memory = |location| self.beside().in_memory(location).is_some();
        apart.all(|tensor| beside::location(tensor).is_some_and(in_memory))
    }

    /// The folder that the file was named in: that of its external data, unless the file is a link.
    pub fn named_in(&self) -> Option<&Path> {
        self.0.named.as_deref()
    }

    /// The decoded graph.
    pub fn graph(&self) -> &Graph {
        &self.0.graph
    }

    /// Key and value of each metadata entry, in file order.
    pub fn metadata(&self) -> &[(String, String)] {
        &self.0.metadata
    }

    /// Version of the standard operators.
    pub fn opset(&self) -> i64 {
        self.0.opset
    }

    /// Name and version of the program that wrote the model, such as `pytorch 2.15.0`.
    pub fn producer(&self) -> &str {
        &self.0.producer
    }

    /// The model's bytes with a graph's nodes, initializers, inputs and outputs added at the end.
    pub fn extended(&self, addition: proto::GraphProto) -> Vec<u8> {
        append(self.bytes(), addition)
    }
}

/// As [`append`], at the beginning: nodes that others need come before them.
fn prepend(model: &[u8], addition: proto::GraphProto) -> Vec<u8> {
    let addition = proto::ModelProto { graph: Some(addition), ..Default::default() };
    let mut bytes = Vec::with_capacity(model.len() + addition.encoded_len());
    addition.encode_raw(&mut bytes);
    bytes.extend_from_slice(model);
    bytes
}

fn append(model: &[u8], addition: proto::GraphProto) -> Vec<u8> {
    // What is not one of ONNX's own operators is of a set that the model does not name yet.
    let opset_import = proto::opsets(&addition);
    let addition = proto::ModelProto { graph: Some(addition), opset_import, ..Default::default() };
    let mut bytes = Vec::with_capacity(model.len() + addition.encoded_len());
    bytes.extend_from_slice(model);
    addition.encode_raw(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests;
