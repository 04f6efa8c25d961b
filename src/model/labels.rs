//! Names of the classes, and finding a class by index or name.

use std::path::{Path, PathBuf};

use super::near::{near, suggestion};
use super::output::Activation;

/// The 1000 ImageNet class names (ILSVRC 2012), in index order.
const IMAGENET: &str = include_str!("../../models/imagenet_labels.txt");

/// Largest label file that is read.
const MAX_BYTES: u64 = 16 << 20;

/// Why labels could not be read or a class not be found.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// The label file could not be read.
    #[error("cannot read the labels {path}: {source}; give a text file with one class name a line")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The label file is not text, or far too long.
    #[error("{path} is no label file ({what}); give a text file with one class name a line")]
    NotLabels {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// No class has that index.
    #[error("there is no class {index}: the network has {count} classes, 0 to {}", count.saturating_sub(1))]
    Index {
        /// The index asked for.
        index: usize,
        /// Number of classes.
        count: usize,
    },
    /// No class has that name.
    #[error("no class is called `{name}`{}", suggestion(close))]
    Unknown {
        /// The name asked for.
        name: String,
        /// Names close to it.
        close: Vec<String>,
    },
    /// Several classes have that name.
    #[error("{} classes are called `{name}`: give the index, one of {indices:?}", indices.len())]
    Ambiguous {
        /// The name asked for.
        name: String,
        /// The classes with that name.
        indices: Vec<usize>,
    },
}

/// Class names in index order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    names: Vec<String>,
    /// How many were given.
    given: usize,
}

impl Labels {
    /// `count` classes with the names given; classes beyond them are called by their index, names beyond `count` are
    /// dropped.
    pub fn new(names: impl IntoIterator<Item = String>, count: usize) -> Self {
        let mut names: Vec<String> = names.into_iter().collect();
        let given = names.len();
        names.truncate(count);
        names.extend((names.len()..count).map(|index| format!("class {index}")));
        Self { names, given }
    }

    /// `count` classes, or numbers, that have no names.
    pub fn unnamed(activation: Activation, count: usize) -> Self {
        match (activation, count) {
            (Activation::None, 1) => Self::new(["output".to_owned()], 1),
            (Activation::None, _) => Self::new((0..count).map(|index| format!("output {index}")), count),
            _ => Self::new([], count),
        }
    }

    /// The ImageNet names for a network with 1000 classes, or 1001 with "background" first; otherwise `None`.
    pub fn imagenet(classes: usize) -> Option<Self> {
        let background = (classes == 1001).then_some("background");
        matches!(classes, 1000 | 1001)
            .then(|| Self::new(background.into_iter().chain(IMAGENET.lines()).map(str::to_owned), classes))
    }

    /// Reads one name a line for a network with `count` classes.
    pub fn read(path: &Path, count: usize) -> Result<Self, LabelError> {
        let failed = |source| LabelError::Read { path: path.to_owned(), source };
        let not_labels = |what| LabelError::NotLabels { path: path.to_owned(), what };
        let metadata = std::fs::metadata(path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(not_labels("it is not a file"));
        }
        if metadata.len() > MAX_BYTES {
            return Err(not_labels("it is longer than 16 MiB"));
        }
        let bytes = std::fs::read(path).map_err(failed)?;
        let text = String::from_utf8(bytes).map_err(|_| not_labels("it is not UTF-8 text"))?;
        Ok(Self::new(text.lines().map(|line| line.trim().to_owned()), count))
    }

    /// Name of a class; its index in words where the network has no such class.
    pub fn name(&self, index: usize) -> String {
        self.names.get(index).cloned().unwrap_or_else(|| format!("class {index}"))
    }

    /// How many names were given, whatever the number of classes.
    pub fn given(&self) -> usize {
        self.given
    }

    /// All names in index order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Number of classes.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no class at all.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The class meant by `query`: an index (`340`) or a name (`zebra`, whatever its case).
    pub fn find(&self, query: &str) -> Result<usize, LabelError> {
        let query = query.trim();
        let lower = query.to_lowercase();
        let indices: Vec<usize> =
            (0..self.len()).filter(|&index| self.names.get(index).is_some_and(|n| n.to_lowercase() == lower)).collect();
        match (indices.as_slice(), query.parse::<usize>()) {
            ([index], _) => Ok(*index),
            ([], Ok(index)) if index < self.len() => Ok(index),
            ([], Ok(index)) => Err(LabelError::Index { index, count: self.len() }),
            ([], Err(_)) => Err(LabelError::Unknown {
                name: query.to_owned(),
                close: near(query, self.names.iter().map(String::as_str)),
            }),
            _ => Err(LabelError::Ambiguous { name: query.to_owned(), indices }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imagenet_is_found_by_index_and_by_name() {
        let labels = Labels::imagenet(1000).unwrap();
        assert_eq!(labels.len(), 1000);
        assert_eq!(labels.find("Zebra").unwrap(), 340);
        assert_eq!(labels.find("340").unwrap(), 340);
        assert_eq!(Labels::imagenet(1001).unwrap().find("zebra").unwrap(), 341);
        assert!(Labels::imagenet(10).is_none());
    }

    #[test]
    fn errors_say_what_to_give_instead() {
        let labels = Labels::imagenet(1000).unwrap();
        assert!(labels.find("zebar").unwrap_err().to_string().contains("did you mean zebra"));
        assert!(labels.find("1000").unwrap_err().to_string().contains("0 to 999"));
        let twice = Labels::new(["crane", "crane"].map(str::to_owned), 2);
        assert!(matches!(twice.find("crane"), Err(LabelError::Ambiguous { indices, .. }) if indices == [0, 1]));
    }

    #[test]
    fn a_file_is_cut_or_filled_to_the_classes_there_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.txt");
        std::fs::write(&path, "cat\r\ndog\n").unwrap();
        assert_eq!(Labels::read(&path, 3).unwrap().names(), ["cat", "dog", "class 2"]);
        assert_eq!(Labels::read(&path, 1).unwrap().given(), 2);
        assert_eq!(Labels::read(&path, 1).unwrap().names(), ["cat"]);
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(Labels::read(&path, 1), Err(LabelError::NotLabels { .. })));
        assert!(matches!(Labels::read(folder.path(), 1), Err(LabelError::NotLabels { .. })));
    }
}
