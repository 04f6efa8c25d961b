//! Indexes: what every unit of a network says to every picture of a folder, kept in a file.
//!
//! Owns finding the pictures, dealing them out to shards, running them, and the file. Must not know about the command
//! line, colours or terminals.
//!
//! The file is an SQLite database. It was chosen over the embedded stores of Rust (redb, fjall, sled) and over column files
//! (Parquet, Arrow) because several processes may look into it while one writes, because it survives being killed at any
//! moment, in one file, on network file systems too, because it opens in milliseconds whatever its size, and because anyone
//! can read it with the tools at hand. Rankings and histograms are stored as one value a unit: a commit then takes a
//! fraction of a second for tens of thousands of units.

use std::path::PathBuf;

pub mod examples;
pub mod key;
pub mod merge;
pub mod place;
pub mod run;
pub mod shard;
pub mod store;
mod walk;

pub use store::Store;

/// Why an index could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// There is no such file.
    #[error("there is no index {}: make one with `lensor index FOLDER`", path.display())]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// SQLite refused.
    #[error("the index {}: {source}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Its own words.
        source: rusqlite::Error,
    },
    /// The file is something else, or damaged.
    #[error("{} is no index of lensor, or it is damaged: {reason}; name another file, or remove it", path.display())]
    NoIndex {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It belongs to another network, other settings or another folder.
    #[error("the index {} is {what} {has}, and not {wanted}: name another file with --index", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What differs, such as `of the network`.
        what: &'static str,
        /// What it has.
        has: String,
        /// What it should have.
        wanted: String,
    },
    /// Another process wrote to it.
    #[error(
        "another lensor is writing to the index {}: nothing of it is lost, and what this one had not written yet is \
         done again when it is started again", path.display()
    )]
    Contested {
        /// The file.
        path: PathBuf,
    },
    /// Shards that do not make a whole.
    #[error("{0}")]
    Shards(String),
    /// A file or folder could not be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The network has nothing to index.
    #[error("the network has no layers with feature maps, so there is nothing to index")]
    NoLayers,
    /// There is no home folder to keep indexes in.
    #[error("there is no data folder to keep an index in: name a file with --index")]
    NoHome,
    /// The network failed.
    #[error(transparent)]
    Network(#[from] crate::network::NetworkError),
}

impl IndexError {
    /// Whether it was only asked to stop.
    pub fn is_cancelled(&self) -> bool {
        use crate::engine::EngineError;
        use crate::network::NetworkError;
        matches!(self, Self::Network(NetworkError::Engine(EngineError::Cancelled)))
    }
}
