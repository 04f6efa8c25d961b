//! What lies beside a model's bytes: files with external data, and large constants that lensor keeps in memory.
//!
//! A model is rewritten, cut and loaded many times, its weights never change: taken out of its bytes they are read once
//! and shared by all that is made of it. In the bytes a tensor that is kept so is one of external data, with
//! a name in place of a file's. Must not know what the constants are for.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use prost::Message;

use super::OnnxError;
use super::proto::{DataType, EXTERNAL, StringStringEntryProto, TensorProto};
use super::surgery::field;
use super::wire::{self, Edit, Field};

mod constant;
mod stored;

pub(crate) use constant::for_each;
pub(super) use constant::threads;
pub use constant::{Constant, Elements};
pub use stored::Stored;

/// Fewest bytes of a constant that is worth being kept apart.
const LARGE: usize = 1 << 10;

/// How the names of constants in memory begin. A model with kept constants has no files, so that none is mistaken.
const PREFIX: &str = "lensor-memory-";

/// Constants in memory, each with the location that tensors give for it.
pub type Kept = Vec<(String, Constant)>;

/// Where the elements of a model's constants lie that are not in its bytes. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    folder: Option<PathBuf>,
    kept: BTreeMap<String, Constant>,
}

impl From<Option<PathBuf>> for Beside {
    fn from(folder: Option<PathBuf>) -> Self {
        Self { folder, ..Self::default() }
    }
}

impl Beside {
    /// Where files with external data lie.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// What is kept in memory, by the location that tensors give for it.
    pub fn kept(&self) -> &BTreeMap<String, Constant> {
        &self.kept
    }

    /// Without what none of these tensors is kept in.
    pub(super) fn used_by<'a>(&self, tensors: impl Iterator<Item = &'a TensorProto>) -> Self {
        let used: HashSet<&str> = tensors.filter_map(location).collect();
        let kept = self.kept.iter().filter(|(name, _)| used.contains(name.as_str()));
        Self { kept: kept.map(|(name, constant)| (name.clone(), constant.clone())).collect(), ..self.clone() }
    }

    /// The number from which on nothing is kept yet.
    pub(crate) fn next(&self) -> usize {
        let number = |name: &String| name.strip_prefix(PREFIX)?.parse::<usize>().ok();
        self.kept.keys().filter_map(number).max().map_or(0, |number| number + 1)
    }

    /// As this, with more that is kept in memory.
    pub(crate) fn and(&self, more: Kept) -> Self {
        let mut all = self.clone();
        all.kept.extend(more);
        all
    }

    /// What a location that is no file's stands for.
    pub(super) fn in_memory(&self, location: &str) -> Option<&Constant> {
        self.kept.get(location)
    }
}

/// Where a tensor says that its elements lie.
pub(super) fn location(tensor: &TensorProto) -> Option<&str> {
    tensor.external_data.iter().find(|entry| entry.key == "location").map(|entry| entry.value.as_str())
}

/// The tensor of this many bytes that lies in memory.
pub(super) fn elsewhere(tensor: TensorProto, name: String, length: usize) -> TensorProto {
    lying(tensor, name, 0, length)
}

/// The tensor whose elements are the bytes from `offset` on at a location.
pub(super) fn lying(tensor: TensorProto, location: String, offset: usize, length: usize) -> TensorProto {
    let entry = |key: &str, value: String| StringStringEntryProto { key: key.to_owned(), value };
    let offset = (offset > 0).then(|| entry("offset", offset.to_string()));
    let mut external_data = vec![entry("location", location)];
    external_data.extend(offset);
    external_data.push(entry("length", length.to_string()));
    TensorProto { raw_data: None, external_data, data_location: EXTERNAL, ..tensor }
}

/// The name of a constant that is kept in memory.
pub(super) fn name(number: usize) -> String {
    format!("{PREFIX}{number}")
}

/// Whether a constant of floats is worth being kept apart.
pub(super) fn worth(bytes: usize) -> bool {
    bytes >= LARGE
}

/// The bytes of a model without its large constants of floats, which are parts of the file. A model that has external data
/// stays as it is.
pub(super) fn take_out(whole: Bytes, folder: Option<PathBuf>) -> Result<(Bytes, Beside), OnnxError> {
    let mut kept = BTreeMap::new();
    let mut take = |part: &Field| {
        let place = part.content.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        let inside = part.number == field::GRAPH_INITIALIZER && place.saturating_add(part.content.len()) <= whole.len();
        if !inside || part.content.len() < LARGE {
            return Ok(Edit::Keep);
        }
        // A slice of the file, so that decoding does not copy the elements.
        let broken = |error: prost::DecodeError| OnnxError::NotOnnx { reason: error.to_string() };
        let tensor = TensorProto::decode(whole.slice(place..place + part.content.len())).map_err(broken)?;
        let Some(raw) = tensor.raw_data.clone().filter(|raw| raw.len() >= LARGE && fills(&tensor, raw.len())) else {
            return Ok(Edit::Keep);
        };
        let (place, length) = (name(kept.len()), raw.len());
        kept.insert(place.clone(), raw.into());
        let mut rest = wire::rewrite(part.content, |part| {
            Ok(if part.number == field::TENSOR_RAW_DATA { Edit::Drop } else { Edit::Keep })
        })?;
        let added = elsewhere(TensorProto::default(), place, length);
        added.encode_raw(&mut rest);
        Ok(Edit::Replace(rest))
    };
    let external = has_external_data(&whole)?;
    let bytes = if external { Vec::new() } else { wire::edit_at(&whole, &[field::MODEL_GRAPH], &mut take)? };
    if kept.is_empty() {
        return Ok((whole, folder.into()));
    }
    Ok((bytes.into(), Beside { folder, kept }))
}

/// Whether so many bytes are the elements of a tensor of 32-bit floats that has nothing else to say about them.
fn fills(tensor: &TensorProto, bytes: usize) -> bool {
    let sizes = tensor.dims.iter().try_fold(4usize, |n, size| n.checked_mul(usize::try_from(*size).ok()?));
    let plain = tensor.data_type == DataType::Float as i32 && tensor.float_data.is_empty();
    plain && tensor.external_data.is_empty() && sizes == Some(bytes)
}

/// Whether a tensor anywhere in a model says that its elements lie elsewhere.
fn has_external_data(model: &Bytes) -> Result<bool, OnnxError> {
    let broken = |error: prost::DecodeError| OnnxError::NotOnnx { reason: error.to_string() };
    let proto = super::proto::ModelProto::decode(model.clone()).map_err(broken)?;
    let mut graphs: Vec<_> = proto.graph.iter().collect();
    while let Some(graph) = graphs.pop() {
        let attributes = || graph.node.iter().flat_map(|node| &node.attribute);
        let tensors = graph.initializer.iter().chain(attributes().flat_map(|a| a.t.iter().chain(&a.tensors)));
        if tensors.into_iter().any(|tensor| tensor.data_location == EXTERNAL || !tensor.external_data.is_empty()) {
            return Ok(true);
        }
        graphs.extend(attributes().flat_map(|attribute| attribute.g.as_deref().into_iter().chain(&attribute.graphs)));
    }
    Ok(false)
}
