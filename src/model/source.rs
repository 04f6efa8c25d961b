//! Where a network comes from: the program itself, or a file with or without a card beside it.
//!
//! Owns opening it. Must not know what is assumed where the card is silent: that is [`super::settings`].

use std::path::{Path, PathBuf};

use crate::onnx::{Model, OnnxError};

use super::bundled::Bundled;
use super::card::{Card, CardError};

/// Largest card that is read.
const MAX_CARD: u64 = 4 << 20;

/// Where a network comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A network inside the program.
    Bundled(Bundled),
    /// An ONNX file, or a folder with one ([`in_folder`]); its card is the file of the same name ending in `.toml`, if there
    /// is one.
    File(PathBuf),
}

/// A network that was opened, and its card if it has one.
#[derive(Clone)]
pub struct Opened {
    /// Short name: the card's, or the file's without its ending.
    pub name: String,
    /// The network.
    pub model: Model,
    /// Its card, and where that was found.
    pub card: Option<(Card, CardPlace)>,
}

/// Where a card was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardPlace {
    /// The program.
    Bundled(Bundled),
    /// This file.
    File(PathBuf),
}

/// Why a network could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The network itself.
    #[error("{}", source.about(name))]
    Model {
        /// The file or the bundled network.
        name: String,
        /// What is wrong.
        source: OnnxError,
    },
    /// A folder without a network, or with several.
    #[error("{path} has no model.onnx, nor onnx/model.onnx, nor just one ONNX file: name the file")]
    NoNetwork {
        /// The folder.
        path: PathBuf,
    },
    /// The card could not be read.
    #[error("cannot read the model card {path}: {source}")]
    ReadCard {
        /// The card.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The card was read but makes no sense.
    #[error("the model card {place}: {source}")]
    Card {
        /// The card.
        place: String,
        /// What is wrong.
        source: CardError,
    },
}

impl Default for Source {
    fn default() -> Self {
        Self::Bundled(Bundled::default())
    }
}

impl Source {
    /// The network at a path, or the bundled one of that name where there is nothing at it.
    pub fn named(path: PathBuf) -> Self {
        let bundled = path.to_str().filter(|_| !path.exists()).and_then(|name| name.parse().ok());
        bundled.map_or(Self::File(path), Self::Bundled)
    }

    /// Reads the network and its card.
    pub fn open(&self) -> Result<Opened, SourceError> {
        match self {
            Self::Bundled(bundled) => bundled.open(),
            Self::File(path) => open_file(path),
        }
    }
}

/// The network in a folder as exporters and hubs lay it out: `model.onnx`, there or in a folder `onnx`, or the only ONNX
/// file; in a repository of Hugging Face's cache those of its main revision. `None` where there is none, or several of other
/// names.
pub fn in_folder(folder: &Path) -> Option<PathBuf> {
    let usual = ["model.onnx", "onnx/model.onnx"].map(|name| folder.join(name));
    let mut files = folder.read_dir().ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut others = files.by_ref().filter(|path| path.extension().is_some_and(|ending| ending == "onnx"));
    let only = others.next().filter(|_| others.next().is_none());
    let main = || in_folder(&main_revision(folder)?);
    usual.into_iter().find(|path| path.is_file()).or(only).or_else(main)
}

/// The folder with the files of the main revision, of a repository as Hugging Face's cache keeps it.
fn main_revision(repository: &Path) -> Option<PathBuf> {
    let revision = std::fs::read_to_string(repository.join("refs/main")).ok()?;
    let revision = revision.trim();
    let plain = !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| repository.join(SNAPSHOTS).join(revision)).filter(|folder| folder.is_dir())
}

/// Folder of the revisions in a repository of Hugging Face's cache, which is called `models--OWNER--NAME`.
const SNAPSHOTS: &str = "snapshots";

/// What the network in a folder is called: as the folder, or as the repository in Hugging Face's cache that it is of.
fn name_of(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let name = |path: &Path| Some(path.file_name()?.to_string_lossy().into_owned());
    let above = folder.ancestors().find(|path| path.ends_with(SNAPSHOTS)).and_then(Path::parent);
    let repository = name(above.unwrap_or(&folder)).filter(|name| name.starts_with("models--"));
    repository.and_then(|name| Some(name.rsplit("--").next()?.to_owned())).or_else(|| name(&folder))
}

fn open_file(path: &Path) -> Result<Opened, SourceError> {
    if path.is_dir() {
        let file = in_folder(path).ok_or_else(|| SourceError::NoNetwork { path: path.to_owned() })?;
        let mut opened = open_file(&file)?;
        if let (None, Some(name)) = (&opened.card, name_of(path)) {
            opened.name = name;
        }
        return Ok(opened);
    }
    let model = Model::open(path).map_err(|source| SourceError::Model { name: path.display().to_string(), source })?;
    let beside = path.with_extension("toml");
    let card = read_card(&beside)?;
    let stem = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let name = card.as_ref().map_or(stem, |card| card.name.clone());
    Ok(Opened { name, model, card: card.map(|card| (card, CardPlace::File(beside))) })
}

/// The card at a path, or `None` where there is no such file.
fn read_card(path: &Path) -> Result<Option<Card>, SourceError> {
    let failed = |source| SourceError::ReadCard { path: path.to_owned(), source };
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.is_file() => return Ok(None),
        Ok(metadata) if metadata.len() > MAX_CARD => return Err(failed(std::io::ErrorKind::FileTooLarge.into())),
        Ok(_) => {}
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let wrong = |source| SourceError::Card { place: path.display().to_string(), source };
    Card::parse(&text).map(Some).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::tiny_a;

    #[test]
    fn a_card_lies_beside_its_network() {
        let folder = tempfile::tempdir().unwrap();
        let (file, card) = (folder.path().join("net.onnx"), folder.path().join("net.toml"));
        std::fs::write(&file, tiny_a()).unwrap();
        let source = Source::File(file);
        let without = source.open().unwrap();
        assert_eq!((without.name.as_str(), without.card), ("net", None));
        std::fs::write(&card, "name = 'tiny A'\n[input]\nheight = 16\nwidth = 16").unwrap();
        let with = source.open().unwrap();
        assert_eq!((with.name.as_str(), with.card.unwrap().1), ("tiny A", CardPlace::File(card.clone())));
        std::fs::write(&card, "name = 'tiny A'\n[input]\nheight = 16").unwrap();
        let error = source.open().err().unwrap().to_string();
        assert!(error.contains("net.toml") && error.contains("width"), "{error}");
    }

    #[test]
    fn an_absent_network_is_named() {
        let error = Source::File("no/such.onnx".into()).open().err().unwrap().to_string();
        assert!(error.contains("no/such.onnx"), "{error}");
    }
}
