//! A raw array as NumPy reads it.

use std::path::Path;

use ndarray::{ArrayView, Dimension};
use ndarray_npy::WriteNpyExt;

use super::{ExportError, save};

/// Writes float32 of any shape.
pub fn write<D: Dimension>(path: &Path, values: ArrayView<'_, f32, D>) -> Result<(), ExportError> {
    save(path, |file| Ok(values.write_npy(file)?))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array3, arr2};
    use ndarray_npy::ReadNpyExt;

    use super::*;

    #[test]
    fn arrays_come_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("raw.npy");
        let map = arr2(&[[0.1, -2.0], [f32::NAN, 3.0e-30]]);
        write(&path, map.view()).unwrap();
        let back = Array2::<f32>::read_npy(std::fs::File::open(&path).unwrap()).unwrap();
        assert!(back.iter().zip(&map).all(|(a, b)| a.to_bits() == b.to_bits()));
        let input = Array3::from_shape_fn((3, 2, 4), |(c, y, x)| (c * 8 + y * 4 + x) as f32);
        write(&path, input.view()).unwrap();
        assert_eq!(Array3::<f32>::read_npy(std::fs::File::open(&path).unwrap()).unwrap(), input);
    }
}
