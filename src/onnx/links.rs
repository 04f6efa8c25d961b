//! Model files that are links to others, as the cache of Hugging Face keeps them: `snapshots/abc/model.onnx` leads to
//! `blobs/01fe…`, and `model.onnx_data` beside it to `blobs/9a3c…`.
//!
//! Who names a link means the file it leads to, so that data may lie beside that one as well. Must not know what is read
//! from there.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use prost::Message;

use super::proto::StringStringEntryProto;
use super::wire::{self, Edit};
use super::{OnnxError, surgery::field};

/// The bytes of the model at `path`, and the folder of its external data, where the file is a link and all its data lie where
/// that leads; `None` where there is nothing to follow. Data are then called by the names that they have there, because the
/// runtime follows no link out of that folder.
pub(super) fn follow(path: &Path, model: &[u8]) -> Result<Option<(Bytes, PathBuf)>, OnnxError> {
    let named = folder_of(path);
    let places = path.canonicalize().and_then(|real| Ok((folder_of(&real), named.canonicalize()?)));
    let Some((real, _)) = places.ok().filter(|(real, named)| real != named) else { return Ok(None) };
    let mut names = HashMap::new();
    for location in locations(model)? {
        let Some(name) = name_in(&real, &named, &location) else { return Ok(None) };
        names.insert(location, name);
    }
    if names.is_empty() {
        return Ok(None);
    }
    let path = [field::MODEL_GRAPH, field::GRAPH_INITIALIZER];
    let moved = wire::edit_at(model, &path, &mut |part| {
        let entry = StringStringEntryProto::decode(part.content);
        Ok(match entry.ok().filter(|entry| part.number == field::TENSOR_EXTERNAL && entry.key == LOCATION) {
            Some(StringStringEntryProto { key, value }) => {
                let value = names.get(&value).cloned().unwrap_or(value);
                Edit::Replace(StringStringEntryProto { key, value }.encode_to_vec())
            }
            None => Edit::Keep,
        })
    })?;
    Ok(Some((moved.into(), real)))
}

const LOCATION: &str = "location";

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// Where the initializers that lie in other files lie.
fn locations(model: &[u8]) -> Result<Vec<String>, OnnxError> {
    let mut found = Vec::new();
    let path = [field::MODEL_GRAPH, field::GRAPH_INITIALIZER, field::TENSOR_EXTERNAL];
    wire::visit(model, &path, &mut |entry| {
        let entry = StringStringEntryProto::decode(entry).ok();
        found.extend(entry.filter(|entry| entry.key == LOCATION).map(|entry| entry.value));
    })?;
    Ok(found)
}

/// What a data file is called from the folder where the model really lies, if it is in there.
fn name_in(real: &Path, named: &Path, location: &str) -> Option<String> {
    let plain = Path::new(location).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let [beside, there] = [named, real].map(|folder| folder.join(location).canonicalize());
    let file = beside.or(there).ok().filter(|_| plain)?;
    file.strip_prefix(real).ok()?.to_str().map(str::to_owned)
}
