//! Which pictures the program was given, and reading them one after the other on a thread of their own.
//!
//! Must not know which of them is wanted or why.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use super::update::ReadPicture;
use crate::model::picture::Picture;
use crate::terminal::picture::scale;
use crate::terminal::screen::WORKER_THREADS;

/// Longest side of the small copy for the strip, pixels.
const SMALL: u32 = 256;

/// Where a picture comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// Part of the program: its name and its file's bytes.
    Bundled(&'static str, &'static [u8]),
}

/// What is given is not a picture and holds none.
#[derive(Debug, thiserror::Error)]
pub enum PicturesError {
    /// There is no such file or folder, or it cannot be read.
    #[error("cannot read {}: {source}; give a picture or a folder of pictures", path.display())]
    Unreadable {
        /// What was given.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// A folder without pictures.
    #[error("there are no pictures in {}; lensor reads PNG, JPEG, GIF, BMP, WebP, TIFF and PNM", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
}

impl Origin {
    /// What it is called on the screen.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            Self::Bundled(name, _) => (*name).to_owned(),
        }
    }

    /// What names it on a command line.
    pub fn argument(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Bundled(name, _) => (*name).to_owned(),
        }
    }

    fn read(&self) -> Result<ReadPicture, String> {
        let picture = match self {
            Self::File(path) => Picture::open(path),
            Self::Bundled(name, bytes) => Picture::from_bytes(name, bytes),
        };
        let picture = picture.map_err(|error| error.to_string())?;
        let (width, height) = picture.rgb.dimensions();
        let factor = (SMALL as f32 / width.max(height) as f32).min(1.0);
        let [w, h] = [width, height].map(|side| (side as f32 * factor).round() as u32);
        let small = Picture { name: picture.name.clone(), rgb: scale(&picture.rgb, w, h) };
        Ok((Arc::new(picture), Arc::new(small)))
    }
}

/// The pictures behind these arguments: files as they are, folders as their pictures by name.
pub fn gather(arguments: &[PathBuf]) -> Result<Vec<Origin>, PicturesError> {
    let mut found = Vec::new();
    for path in arguments {
        let unreadable = |source| PicturesError::Unreadable { path: path.clone(), source };
        if path.metadata().map_err(unreadable)?.is_dir() {
            let inside = folder(path).map_err(unreadable)?;
            if inside.is_empty() {
                return Err(PicturesError::Empty { path: path.clone() });
            }
            found.extend(inside);
        } else {
            found.push(Origin::File(path.clone()));
        }
    }
    Ok(found)
}

fn folder(path: &Path) -> std::io::Result<Vec<Origin>> {
    let entries: Vec<PathBuf> = path.read_dir()?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    let mut pictures: Vec<PathBuf> = entries.into_iter().filter(|p| p.is_file() && Picture::has_ending(p)).collect();
    pictures.sort();
    Ok(pictures.into_iter().map(Origin::File).collect())
}

/// The reading thread.
pub struct Reader(Sender<usize>);

impl Reader {
    /// Starts the thread; `done` is called from it.
    pub fn start(
        origins: Vec<Origin>,
        done: impl Fn(usize, Result<ReadPicture, String>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, wanted) = channel::<usize>();
        std::thread::Builder::new().name(format!("{WORKER_THREADS}-reader")).spawn(move || {
            for index in wanted {
                if let Some(origin) = origins.get(index) {
                    let read = std::panic::catch_unwind(|| origin.read());
                    done(index, read.unwrap_or_else(|_| Err(format!("{} could not be decoded", origin.name()))));
                }
            }
        })?;
        Ok(Self(sender))
    }

    /// Reads a picture when those asked for before are read.
    pub fn read(&self, index: usize) {
        // The thread lives as long as this.
        let _ = self.0.send(index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_its_pictures_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.png", "a.JPG", "notes.txt"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let names = |found: Vec<Origin>| found.iter().map(Origin::name).collect::<Vec<_>>();
        assert_eq!(names(gather(&[folder.path().to_owned()]).unwrap()), ["a.JPG", "b.png"]);
        let empty = tempfile::tempdir().unwrap();
        assert!(gather(&[empty.path().to_owned()]).unwrap_err().to_string().contains("no pictures"));
        assert!(gather(&[empty.path().join("none.png")]).unwrap_err().to_string().contains("none.png"));
    }
}
