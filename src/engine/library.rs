//! Finding, checking and fetching the ONNX Runtime library.
//!
//! Owns the order of the places that are looked at, what is wrong with a file, and the pinned wheel. Must not load a
//! library: a file that is cut short would kill the process.

use std::fmt;
use std::path::PathBuf;

mod check;
mod fetch;
mod search;

pub(super) use check::{needed, numbers};
pub use fetch::{PINNED, fetch};
pub use search::{Look, locate, look};

/// The oldest ONNX Runtime that lensor runs on: the first whose wheels hold a shared library.
pub const OLDEST: (u32, u32) = (1, 19);

/// What the user says about where the library is.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// The file given with `--onnxruntime`.
    pub explicit: Option<PathBuf>,
    /// Never fetch anything.
    pub offline: bool,
    /// Prefer a library that runs on CUDA to those that come before it.
    pub cuda: bool,
}

/// Where a library was found, in the order of looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Found {
    /// Given with `--onnxruntime`.
    Explicit,
    /// Given in `ORT_DYLIB_PATH`.
    Environment,
    /// Beside the executable.
    BesideExecutable,
    /// Fetched earlier into lensor's data folder.
    DataFolder,
    /// The active virtual environment (venv or conda).
    VirtualEnvironment,
    /// The packages of `python3`.
    Python,
    /// The system's library folders.
    System,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Explicit => "--onnxruntime",
            Self::Environment => "ORT_DYLIB_PATH",
            Self::BesideExecutable => "beside the executable",
            Self::DataFolder => "lensor's data folder",
            Self::VirtualEnvironment => "the active virtual environment",
            Self::Python => "python3's packages",
            Self::System => "the system's libraries",
        })
    }
}

/// An ONNX Runtime library that has been found and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// The file.
    pub path: PathBuf,
    /// Its version, such as `1.32.0`; `unknown` where the file does not say.
    pub version: String,
    /// Which place it was found in.
    pub found_in: Found,
}

impl Library {
    /// Whether the part of ONNX Runtime that runs on CUDA lies beside the library.
    pub fn has_cuda(&self) -> bool {
        self.path.with_file_name(super::cuda::PROVIDER).is_file()
    }
}

/// What to do when pip cannot be used: the same for every error of fetching.
const BY_HAND: &str =
    "install it yourself with `python3 -m pip install onnxruntime`, or name the library with --onnxruntime FILE";

/// Why there is no usable library.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum LibraryError {
    #[error("there is no file {}, named by {named_by}: correct the path, or leave it out and lensor looks itself", path.display())]
    Absent { path: PathBuf, named_by: Found },
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{} is not a shared library ({what}): name libonnxruntime itself", path.display())]
    NotALibrary { path: PathBuf, what: &'static str },
    #[error("{} is cut short or damaged ({reason}): install it again", path.display())]
    CutShort { path: PathBuf, reason: String },
    #[error("{} is made for {made_for}, and this machine is {}: install the library of this machine", path.display(), std::env::consts::ARCH)]
    OtherMachine { path: PathBuf, made_for: String },
    #[error("{} is a library but not ONNX Runtime (it does not export OrtGetApiBase): name libonnxruntime itself", path.display())]
    NotOnnxRuntime { path: PathBuf },
    #[error("{} is ONNX Runtime {version}, and lensor needs {}.{} or newer: update it with `python3 -m pip install --upgrade onnxruntime`", path.display(), OLDEST.0, OLDEST.1)]
    TooOld { path: PathBuf, version: String },
    /// The system's loader or the runtime refused it.
    #[error("{} could not be loaded: {reason}", path.display())]
    Refused { path: PathBuf, reason: String },
    /// In none of the places, or only unusable ones.
    #[error(
        "ONNX Runtime was not found on this machine{}: fetch it with `lensor runtime --install`, {BY_HAND}",
        listed(unusable)
    )]
    Missing { unusable: Vec<LibraryError> },
    #[error(
        "ONNX Runtime was not found on this machine{}, and --offline forbids fetching it: {BY_HAND}",
        listed(unusable)
    )]
    Offline { unusable: Vec<LibraryError> },
    #[error("ONNX Runtime {PINNED} has no wheel for {platform}: name a library with --onnxruntime FILE")]
    NoWheel { platform: String },
    #[error("ONNX Runtime cannot be fetched, for neither pip nor uv was found: {BY_HAND}")]
    NoPip,
    #[error("`{command}` failed:\n{last_lines}\nTry it yourself, {BY_HAND}")]
    Pip { command: String, last_lines: String },
    #[error(
        "what pip fetched is not ONNX Runtime {PINNED} as its makers published it (SHA-256 {found}, expected {expected}): check pip's index settings, {BY_HAND}"
    )]
    OtherWheel { found: String, expected: String },
    #[error("the wheel of ONNX Runtime could not be unpacked: {reason}")]
    Unpack { reason: String },
    #[error("{} could not be written: {source}; make room or set XDG_DATA_HOME to another folder", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error(
        "there is no home folder to keep ONNX Runtime in: set HOME or XDG_DATA_HOME, or name a library with --onnxruntime FILE"
    )]
    NoDataFolder,
}

fn listed(unusable: &[LibraryError]) -> String {
    let lines: Vec<_> = unusable.iter().map(|error| format!("\n  {error}\n")).collect();
    if lines.is_empty() { String::new() } else { format!(" in a usable form{}", lines.concat()) }
}

/// Finds the library, or fetches it unless that is forbidden. `progress` hears what goes on while fetching, with the
/// done fraction where it is known.
pub fn locate_or_fetch(search: &Search, progress: &mut dyn FnMut(&str, Option<f32>)) -> Result<Library, LibraryError> {
    match locate(search) {
        Err(LibraryError::Missing { unusable }) if search.offline => Err(LibraryError::Offline { unusable }),
        Err(LibraryError::Missing { .. }) => fetch(progress),
        other => other,
    }
}
