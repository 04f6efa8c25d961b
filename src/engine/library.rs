//! Finding the ONNX Runtime library.
//!
//! Owns the order of the places that are looked at and what is wrong with a file. Must not load a library: a file that
//! is cut short would kill the process.

use std::fmt;
use std::path::PathBuf;

mod search;

pub use search::locate;

/// The oldest ONNX Runtime that lensor runs on.
pub const OLDEST: (u32, u32) = (1, 19);

/// What the user says about where the library is.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// The file given with `--onnxruntime`.
    pub explicit: Option<PathBuf>,
    /// Never fetch anything.
    pub offline: bool,
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

/// An ONNX Runtime library that has been found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// The file.
    pub path: PathBuf,
    /// Its version, such as `1.32.0`.
    pub version: String,
    /// Which place it was found in.
    pub found_in: Found,
}

/// Why there is no usable library.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum LibraryError {
    /// The file named does not exist.
    #[error("there is no file {}, named by {named_by}: correct the path, or leave it out and lensor looks itself", path.display())]
    Absent { path: PathBuf, named_by: Found },
    /// A library of ONNX Runtime from before what lensor needs.
    #[error("{} is ONNX Runtime {version}, and lensor needs {}.{} or newer: pip install --upgrade onnxruntime", path.display(), OLDEST.0, OLDEST.1)]
    TooOld { path: PathBuf, version: String },
    /// A library, but another one.
    #[error("{} is a library but not ONNX Runtime (it does not export OrtGetApiBase): name libonnxruntime itself", path.display())]
    NotOnnxRuntime { path: PathBuf },
    /// The system's loader or the runtime refused it.
    #[error("{} could not be loaded: {reason}", path.display())]
    Refused { path: PathBuf, reason: String },
    /// Nowhere.
    #[error(
        "ONNX Runtime is not on this machine: pip install onnxruntime, or name the library with --onnxruntime FILE"
    )]
    Missing,
}
