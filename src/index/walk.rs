//! The pictures of a folder, the folders in it included.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::model::picture::Picture;

/// The files in a folder that are named as pictures are, or as arrays where it has no pictures; hidden files and folders
/// left out, links followed once; in no particular order, because a folder of a million files would have to be held in
/// memory to be sorted. What cannot be looked into comes as an error that names it.
pub(super) fn pictures(folder: &Path) -> impl Iterator<Item = Result<PathBuf, walkdir::Error>> + Send + use<> {
    let has_pictures = files(folder).any(|entry| entry.is_ok_and(|path| Picture::has_ending(&path)));
    let wanted = if has_pictures { Picture::has_ending } else { Picture::has_array_ending };
    files(folder).filter(move |entry| entry.as_ref().map_or(true, |path| wanted(path)))
}

fn files(folder: &Path) -> impl Iterator<Item = Result<PathBuf, walkdir::Error>> + Send + use<> {
    let hidden =
        |entry: &walkdir::DirEntry| entry.depth() > 0 && entry.file_name().as_encoded_bytes().first() == Some(&b'.');
    let entries = WalkDir::new(folder).follow_links(true).into_iter();
    let entries = entries.filter_entry(move |entry| !hidden(entry));
    entries.filter_map(|entry| match entry {
        Ok(entry) => entry.file_type().is_file().then(|| Ok(entry.into_path())),
        Err(error) => Some(Err(error)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_searched_through_and_hidden_files_left_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("b/c")).unwrap();
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        for name in ["z.png", "b/c/a.JPG", "b/notes.txt", ".hidden.png", ".git/x.png", "b/array.npy"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path(), folder.path().join("b/loop")).unwrap();
        let found = |folder: &Path| -> Vec<PathBuf> {
            let found = pictures(folder).flatten().map(|path| path.strip_prefix(folder).unwrap().to_owned());
            let mut found: Vec<PathBuf> = found.collect();
            found.sort();
            found
        };
        assert_eq!(found(folder.path()), [Path::new("b/c/a.JPG"), Path::new("z.png")]);
        std::fs::remove_file(folder.path().join("z.png")).unwrap();
        std::fs::remove_file(folder.path().join("b/c/a.JPG")).unwrap();
        assert_eq!(found(folder.path()), [Path::new("b/array.npy")]);
    }
}
