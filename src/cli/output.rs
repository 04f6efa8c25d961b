//! Where `--out` says that files go.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::Failure;
use crate::export::Format;
use crate::model::gallery::{self, Origin};

/// Stands for the picture's name in `--out`.
const NAME: &str = "{name}";

/// What the `--out` flags ask for.
#[derive(Debug, Default)]
pub struct Outputs(Vec<(PathBuf, Format)>);

impl Outputs {
    /// Reads the flags for so many pictures. A folder stands for `folder/{name}.png`; several pictures need either.
    pub fn read(paths: &[PathBuf], pictures: usize) -> Result<Self, Failure> {
        let usage = Failure::Usage;
        let read = |path: &PathBuf| {
            let path = if is_folder(path) { path.join(format!("{NAME}.png")) } else { path.clone() };
            if pictures > 1 && !has_name(&path) {
                let path = path.display();
                return Err(usage(format!(
                    "--out {path} names one file for {pictures} pictures: put {NAME} into it, or name a folder"
                )));
            }
            let format = Format::of(&path).map_err(|error| usage(format!("--out: {error}")))?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !has_name(folder));
            if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
                return Err(usage(format!("--out: there is no folder {}: make it first", folder.display())));
            }
            Ok((path, format))
        };
        paths.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Refuses to write over a picture that is to be read. `names` are those of the pictures.
    pub fn spare(&self, pictures: &[Origin], names: &[String]) -> Result<(), Failure> {
        let files = pictures.iter().filter_map(|picture| match picture {
            Origin::File(path) => path.canonicalize().ok(),
            Origin::Bundled(..) => None,
        });
        let read: HashSet<PathBuf> = files.collect();
        let written = names.iter().flat_map(|name| self.files(name)).map(|(path, _)| path);
        let clash = |path: &PathBuf| path.canonicalize().is_ok_and(|path| read.contains(&path));
        match written.into_iter().find(clash) {
            None => Ok(()),
            Some(path) => Err(Failure::Usage(format!(
                "--out would write over the picture {}: choose another place",
                path.display()
            ))),
        }
    }

    /// The files for the picture called `name`.
    pub fn files(&self, name: &str) -> Vec<(PathBuf, Format)> {
        let fill = |path: &Path| PathBuf::from(path.to_string_lossy().replace(NAME, name));
        self.0.iter().map(|(path, format)| (if has_name(path) { fill(path) } else { path.clone() }, *format)).collect()
    }

    /// Whether any file of this format is asked for.
    pub fn has(&self, format: Format) -> bool {
        self.0.iter().any(|(_, each)| *each == format)
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn has_name(path: &Path) -> bool {
    path.to_string_lossy().contains(NAME)
}

fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.to_string_lossy().ends_with(std::path::MAIN_SEPARATOR)
}

/// The one picture that a path names.
pub fn picture(path: &Path) -> Result<Origin, Failure> {
    match gallery::gather(&[path.to_owned()])?.as_slice() {
        [origin] => Ok(origin.clone()),
        _ => Err(Failure::Usage(format!("{} is a folder: give one picture", path.display()))),
    }
}

/// A short name for each picture that no other one has: its file name without the ending, numbered where several share
/// it.
pub fn names(pictures: &[Origin]) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut unique = |stem: String| {
        let numbered = (2..).map(|number| format!("{stem}-{number}"));
        let name = std::iter::once(stem.clone()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or(stem);
        taken.insert(name.clone());
        name
    };
    let stem =
        |name: String| Path::new(&name).file_stem().map_or(name.clone(), |stem| stem.to_string_lossy().into_owned());
    pictures.iter().map(|picture| unique(stem(picture.name()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let pictures = ["x/a.png", "y/a.jpg", "a-2.png", "b.png"].map(|path| Origin::File(path.into()));
        assert_eq!(names(&pictures), ["a", "a-2", "a-2-2", "b"]);
    }

    #[test]
    fn patterns_and_folders_name_a_file_for_every_picture() {
        let folder = tempfile::tempdir().unwrap();
        let paths = [folder.path().to_owned(), folder.path().join("{name}.npy"), "{name}/map.json".into()];
        let outputs = Outputs::read(&paths, 2).unwrap();
        let files: Vec<PathBuf> = outputs.files("zebra").into_iter().map(|(path, _)| path).collect();
        let inside = |name| folder.path().join(name);
        assert_eq!(files, [inside("zebra.png"), inside("zebra.npy"), "zebra/map.json".into()]);
        assert!(outputs.has(Format::Npy) && !outputs.has(Format::Gif) && !outputs.is_empty());
    }

    #[test]
    fn pictures_are_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        std::fs::write(&path, b"").unwrap();
        let pictures = [Origin::File(path)];
        let spare = |out: &Path| Outputs::read(&[out.to_owned()], 1).unwrap().spare(&pictures, &names(&pictures));
        let Err(Failure::Usage(message)) = spare(folder.path()) else { unreachable!() };
        assert!(message.contains("a.png"), "{message}");
        assert!(spare(&folder.path().join("{name}-map.png")).is_ok());
    }

    #[test]
    fn one_file_for_several_pictures_and_unknown_endings_are_wrong_usage() {
        let read = |path: &str, pictures| Outputs::read(&[PathBuf::from(path)], pictures);
        assert!(read("x.png", 1).is_ok());
        let Err(Failure::Usage(message)) = read("x.png", 3) else { unreachable!() };
        assert!(message.contains("x.png") && message.contains("{name}"), "{message}");
        assert!(matches!(read("x.jpg", 1), Err(Failure::Usage(_))));
        assert!(matches!(read("nowhere/x.png", 1), Err(Failure::Usage(_))));
        assert!(matches!(read("nowhere/", 1), Err(Failure::Usage(_))));
    }
}
