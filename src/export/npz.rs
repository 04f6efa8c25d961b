//! Everything about one explanation in one file that `numpy.load` opens.

use std::path::Path;

use ndarray::{ArrayD, ArrayView1};
use ndarray_npy::NpzWriter;

use serde::Serialize;

use super::{ExportError, save};

/// Writes named float32 arrays, compressed, and the report as UTF-8 JSON in the byte array `report`
/// (`json.loads(bytes(npz["report"]))`).
pub fn write(
    path: &Path,
    arrays: &[(impl AsRef<str>, ArrayD<f32>)],
    report: &impl Serialize,
) -> Result<(), ExportError> {
    save(path, |file| {
        let mut npz = NpzWriter::new_compressed(file);
        for (name, array) in arrays {
            npz.add_array(name.as_ref(), array)?;
        }
        npz.add_array("report", &ArrayView1::from(&serde_json::to_vec(report)?))?;
        npz.finish()?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, arr2};
    use ndarray_npy::NpzReader;

    use super::*;

    #[test]
    fn arrays_and_report_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.npz");
        let map = arr2(&[[1.0, 2.0]]).into_dyn();
        write(&path, &[("attribution", map.clone())], &serde_json::json!({"target": 340})).unwrap();
        let mut npz = NpzReader::new(std::fs::File::open(&path).unwrap()).unwrap();
        assert_eq!(npz.by_name::<ndarray::OwnedRepr<f32>, ndarray::IxDyn>("attribution").unwrap(), map);
        let report: Array1<u8> = npz.by_name("report").unwrap();
        assert_eq!(report.to_vec(), br#"{"target":340}"#);
    }
}
