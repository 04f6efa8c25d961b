//! Which pictures the arguments mean.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::Failure;
use crate::model::picture::Picture;

/// The pictures that files and folders stand for: a folder's own pictures in the order of their names, hidden files and
/// deeper folders left out. What is named itself is taken as it is, so that whatever is wrong with it is reported.
pub fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut pictures = Vec::new();
    for path in paths {
        if path.is_dir() {
            let found = in_folder(path)?;
            if found.is_empty() {
                return Err(Failure::Usage(format!("there are no pictures in the folder {}", path.display())));
            }
            pictures.extend(found);
        } else {
            pictures.push(path.clone());
        }
    }
    Ok(pictures)
}

fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error| Failure::Usage(format!("the folder {} cannot be read: {error}", folder.display()));
    let entries = folder.read_dir().map_err(failed)?;
    let hidden = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| Picture::has_ending(path) && !hidden(path) && path.is_file())
        .collect();
    found.sort();
    Ok(found)
}

/// A short name for each picture that no other one has: its file name without the ending, numbered where several share
/// it.
pub fn names(pictures: &[PathBuf]) -> Vec<String> {
    let mut taken = HashSet::new();
    let stem = |path: &PathBuf| path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let mut unique = |stem: String| {
        let numbered = (2..).map(|number| format!("{stem}-{number}"));
        let name = std::iter::once(stem.clone()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or(stem);
        taken.insert(name.clone());
        name
    };
    pictures.iter().map(|path| unique(stem(path))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_sorted_and_only_pictures() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.png", "a.JPG", "notes.txt", ".hidden.png", "c.webp"] {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        std::fs::create_dir(folder.path().join("d.png")).unwrap();
        let single = folder.path().join("no-ending");
        let found = expand(&[single.clone(), folder.path().to_owned()]).unwrap();
        let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["no-ending", "a.JPG", "b.png", "c.webp"]);
    }

    #[test]
    fn a_folder_without_pictures_is_wrong_usage() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(expand(&[folder.path().to_owned()]), Err(Failure::Usage(_))));
    }

    #[test]
    fn names_are_unique() {
        let paths = ["x/a.png", "y/a.jpg", "a-2.png", "b.png"].map(PathBuf::from);
        assert_eq!(names(&paths), ["a", "a-2", "a-2-2", "b"]);
    }
}
