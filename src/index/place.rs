//! Where an index lies unless a file is named: in lensor's data folder, by network and folder.

use std::path::{Path, PathBuf};

use super::IndexError;
use super::key::{Hash, hex, of_picture};
use super::shard::Shard;
use crate::config::paths;

/// Ending of the files.
const ENDING: &str = "sqlite";

/// The folder with all indexes of a network.
pub fn of_network(model: &Hash) -> Result<PathBuf, IndexError> {
    let data = paths::data().ok_or(IndexError::NoHome)?;
    Ok(data.join("indexes").join(&hex(model)[..16]))
}

/// The index of a network, prepared pictures and a folder; a shard of it has its number in the name.
pub fn of_folder(model: &Hash, preparation: &Hash, folder: &Path, shard: Shard) -> Result<PathBuf, IndexError> {
    let name = folder.file_name().map_or_else(|| "root".to_owned(), |name| name.to_string_lossy().into_owned());
    let tame = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let name: String = name.chars().map(tame).take(64).collect();
    let path = of_picture(folder.as_os_str().as_encoded_bytes());
    let (path, preparation) = (&hex(&path)[..8], &hex(preparation)[..8]);
    let part = match shard.is_whole() {
        true => String::new(),
        false => format!(".{:0width$}-of-{}", shard.index, shard.count, width = shard.count.to_string().len()),
    };
    Ok(of_network(model)?.join(format!("{name}-{path}-{preparation}{part}.{ENDING}")))
}

/// The whole indexes of a network, the one written last first.
pub fn existing(model: &Hash) -> Result<Vec<PathBuf>, IndexError> {
    let Ok(entries) = of_network(model)?.read_dir() else { return Ok(Vec::new()) };
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let stem = path.file_stem()?.to_string_lossy().into_owned();
            let is_index = path.extension().is_some_and(|ending| ending == ENDING) && !stem.contains("-of-");
            is_index.then(|| Some((path.metadata().ok()?.modified().ok()?, path.clone())))?
        })
        .collect();
    found.sort();
    Ok(found.into_iter().rev().map(|(_, path)| path).collect())
}
