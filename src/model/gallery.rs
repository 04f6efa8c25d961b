//! Which pictures the arguments of a command line mean.
//!
//! Owns turning files and folders into a list. Must not know what is done with the pictures.

use std::path::{Path, PathBuf};

use super::bundled::PICTURES;
use super::picture::{Picture, PictureError};

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
pub enum GalleryError {
    /// There is no such file or folder, or it cannot be read.
    #[error("cannot read {}: {source}; give a picture or a folder of pictures", path.display())]
    Unreadable {
        /// What was given.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// A folder without pictures.
    #[error("there are no pictures in {}; lensor reads PNG, JPEG, GIF, BMP, WebP, TIFF, PNM and arrays in .npy", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
}

impl Origin {
    /// The picture of that name: a file, or a bundled one where there is no such file. `None` where there is neither.
    pub fn named(path: &Path) -> Option<Self> {
        match path.exists() {
            true => Some(Self::File(path.to_owned())),
            false => PICTURES.iter().find(|origin| Path::new(&origin.name()) == path).cloned(),
        }
    }

    /// What it is called on the screen: the file name.
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

    /// Reads and decodes it.
    pub fn open(&self) -> Result<Picture, PictureError> {
        match self {
            Self::File(path) => Picture::open(path),
            Self::Bundled(name, bytes) => Picture::from_bytes(name, bytes),
        }
    }
}

/// The pictures behind these arguments: files as they are, whatever they hold, folders as the pictures in them by name,
/// without hidden files and deeper folders, or as its arrays (`.npy`) where it has no pictures, and bundled pictures by their names where there is no such file.
pub fn gather(arguments: &[PathBuf]) -> Result<Vec<Origin>, GalleryError> {
    let mut found = Vec::new();
    for path in arguments {
        if let Some(bundled @ Origin::Bundled(..)) = Origin::named(path) {
            found.push(bundled);
            continue;
        }
        let unreadable = |source| GalleryError::Unreadable { path: path.clone(), source };
        if path.metadata().map_err(unreadable)?.is_dir() {
            let inside = folder(path).map_err(unreadable)?;
            if inside.is_empty() {
                return Err(GalleryError::Empty { path: path.clone() });
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
    let hidden = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let files = |has_ending: fn(&Path) -> bool| {
        let wanted = |path: &&PathBuf| has_ending(path) && !hidden(path) && path.is_file();
        entries.iter().filter(wanted).cloned().collect::<Vec<PathBuf>>()
    };
    let mut pictures = files(Picture::has_ending);
    if pictures.is_empty() {
        pictures = files(Picture::has_array_ending);
    }
    pictures.sort();
    Ok(pictures.into_iter().map(Origin::File).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_its_pictures_by_name_and_a_file_is_itself() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.png", "a.JPG", "notes.txt", ".hidden.png"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        std::fs::create_dir(folder.path().join("c.png")).unwrap();
        let arguments = [folder.path().join("notes.txt"), folder.path().to_owned()];
        let names: Vec<String> = gather(&arguments).unwrap().iter().map(Origin::name).collect();
        assert_eq!(names, ["notes.txt", "a.JPG", "b.png"]);
    }

    #[test]
    fn a_bundled_picture_is_found_by_its_name() {
        let first = PICTURES[0].clone();
        assert_eq!(gather(&[first.argument().into()]).unwrap(), [first]);
    }

    #[test]
    fn empty_folders_and_absent_files_are_named() {
        let empty = tempfile::tempdir().unwrap();
        assert!(gather(&[empty.path().to_owned()]).unwrap_err().to_string().contains("no pictures"));
        assert!(gather(&[empty.path().join("none.png")]).unwrap_err().to_string().contains("none.png"));
    }
}
