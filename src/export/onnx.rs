//! A model as a file that any program reads: with its weights in it, or beside it where that would be too large.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{ExportError, save};
use crate::onnx::{self, LARGEST, Model, OnnxError};

/// Writes a model and returns what was written: the file, and one beside it with the weights (`FILE.data`) if it would have more
/// bytes than a protobuf file can have.
pub fn write(path: &Path, model: &Model) -> Result<Vec<PathBuf>, ExportError> {
    write_below(path, model, LARGEST)
}

/// As [`write`], for files of at most so many bytes.
fn write_below(path: &Path, model: &Model, largest: u64) -> Result<Vec<PathBuf>, ExportError> {
    let failed = |error: OnnxError| ExportError::Write { path: path.to_owned(), reason: error.into() };
    if onnx::whole_size(model).map_err(failed)? <= largest {
        save(path, |file| Ok(file.write_all(&onnx::whole(model)?)?))?;
        return Ok(vec![path.to_owned()]);
    }
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(".data");
    let data = path.with_file_name(&name);
    let mut bytes = Vec::new();
    save(&data, |file| {
        let io = |source| OnnxError::Io { path: data.clone(), source };
        bytes = onnx::settled(model, &name.to_string_lossy(), |part| file.write_all(part).map_err(io))?;
        Ok(())
    })?;
    save(path, |file| Ok(file.write_all(&bytes)?))?;
    Ok(vec![path.to_owned(), data])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::build::GraphBuilder;

    #[test]
    fn a_model_too_large_for_one_file_becomes_two() {
        let mut b = GraphBuilder::new("t");
        b.named_floats("w", ndarray::Array1::from_elem(1000, 0.5).view());
        b.named_node("Identity", &["w"], &["y"], &[]);
        b.output("y");
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source.onnx");
        std::fs::write(&source, b.into_model(17)).unwrap();
        let model = Model::open(&source).unwrap();
        for (largest, files) in [(LARGEST, 1), (1000, 2)] {
            let path = folder.path().join(format!("{files}.onnx"));
            let written = write_below(&path, &model, largest).unwrap();
            assert_eq!(written.len(), files);
            assert!(written.iter().all(|file| file.is_file()));
            assert_eq!(Model::open(&path).unwrap().graph().weights("w").unwrap(), model.graph().weights("w").unwrap());
        }
        let error = write(&folder.path().join("none/x.onnx"), &model).unwrap_err();
        assert!(matches!(error, ExportError::NoFolder { .. }), "{error}");
    }
}
