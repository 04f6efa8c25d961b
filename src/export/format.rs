//! Which format a file's ending asks for.

use std::path::Path;

use super::ExportError;
use crate::choice::choice;

choice! {
    /// What lensor writes; the name is the file's ending.
    pub enum Format {
        /// The painted picture.
        Png = "png",
        /// The raw attribution before any post-processing, float32.
        Npy = "npy",
        /// Everything: attribution, input, and what the method saw on its way.
        Npz = "npz",
        /// The same object as `--json` prints.
        Json = "json",
        /// Integrated Gradients from baseline to picture.
        Gif = "gif",
    }
}

impl Format {
    /// The format of a file by its ending, upper or lower case.
    pub fn of(path: &Path) -> Result<Self, ExportError> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        ending.parse().map_err(|_| ExportError::Ending { path: path.to_owned() })
    }

    /// `.png, .npy, …`
    pub(super) fn endings() -> String {
        Self::ALL.iter().map(|format| format!(".{format}")).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_decides() {
        assert_eq!(Format::of(Path::new("a/B.PNG")).unwrap(), Format::Png);
        assert_eq!(Format::of(Path::new("x.tar.npz")).unwrap(), Format::Npz);
        for wrong in ["x", "x.jpg", ".png", "png"] {
            let error = Format::of(Path::new(wrong)).unwrap_err().to_string();
            assert!(error.contains(wrong) && error.contains(".npy"), "{error}");
        }
    }
}
