//! Results as files, each written whole or not at all.
//!
//! Owns the formats. Must not know how a result came about or what a terminal is.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

pub mod format;
pub mod gif;
pub mod json;
pub mod npy;
pub mod npz;
pub mod onnx;
pub mod png;

pub use format::Format;

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The folder it should go to is not there.
    #[error("there is no folder {}: make it, or choose another place for {}", folder.display(), path.display())]
    NoFolder {
        /// The file that was asked for.
        path: PathBuf,
        /// Its folder.
        folder: PathBuf,
    },
    /// The name does not say which format.
    #[error("{} has none of the endings lensor writes: {}", path.display(), Format::endings())]
    Ending {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// An animation of something that does not change.
    #[error("{} shows a path from a baseline, which only integrated gradients have: choose another ending", path.display())]
    NoPath {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// Writing or encoding failed; a file that was there before is as it was.
    #[error("{} could not be written: {reason}", path.display())]
    Write {
        /// The file that was asked for.
        path: PathBuf,
        /// The system's or the encoder's words.
        reason: Box<dyn Error + Send + Sync>,
    },
}

/// What an encoder says when it fails.
type Encoded = Result<(), Box<dyn Error + Send + Sync>>;

/// Writes a file by way of a temporary one beside it, which takes its name when it is complete. What is no ordinary file
/// (`/dev/null`, a pipe) is written to directly.
fn save(path: &Path, encode: impl FnOnce(&mut BufWriter<File>) -> Encoded) -> Result<(), ExportError> {
    // A link keeps pointing where it points.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(ExportError::NoFolder { path: path.to_owned(), folder: folder.to_owned() });
    }
    let special = fs::metadata(&target).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
    let written = if special { direct(&target, encode) } else { whole(&target, folder, encode) };
    written.map_err(|reason| ExportError::Write { path: path.to_owned(), reason })
}

fn direct(target: &Path, encode: impl FnOnce(&mut BufWriter<File>) -> Encoded) -> Encoded {
    let mut file = BufWriter::new(File::options().write(true).open(target)?);
    encode(&mut file)?;
    Ok(file.flush()?)
}

fn whole(target: &Path, folder: &Path, encode: impl FnOnce(&mut BufWriter<File>) -> Encoded) -> Encoded {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".lensor-");
    #[cfg(unix)]
    {
        // As any program would create it: the umask takes off what it takes off.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let (file, temporary) = builder.tempfile_in(folder)?.into_parts();
    let mut file = BufWriter::new(file);
    encode(&mut file)?;
    file.flush()?;
    drop(file);
    Ok(temporary.persist(target)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.npy");
        save(&path, |file| Ok(file.write_all(b"old")?)).unwrap();
        let error = save(&path, |file| {
            file.write_all(b"half")?;
            Err("the encoder gave up".into())
        });
        assert!(error.unwrap_err().to_string().contains("map.npy could not be written: the encoder gave up"));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(listing(folder.path()), ["map.npy"]);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = save(&folder.path().join("nowhere/map.npy"), |_| Ok(())).unwrap_err();
        assert!(matches!(error, ExportError::NoFolder { .. }), "{error}");
        assert!(error.to_string().contains("nowhere"));
    }

    #[test]
    fn a_folder_in_the_way_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(save(folder.path(), |_| Ok(())), Err(ExportError::Write { .. })));
        assert!(folder.path().is_dir());
    }

    #[cfg(unix)]
    #[test]
    fn links_and_devices_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, b"old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        save(&link, |file| Ok(file.write_all(b"new")?)).unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        save(Path::new("/dev/null"), |file| Ok(file.write_all(b"gone")?)).unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
