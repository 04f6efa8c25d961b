//! The raw attribution as NumPy reads it.

use std::path::Path;

use ndarray_npy::WriteNpyExt;

use super::{ExportError, save};
use crate::attribution::Raw;

/// Writes float32 `[C, H, W]` for an input attribution, `[h, w]` for a layer map.
pub fn write(path: &Path, raw: &Raw) -> Result<(), ExportError> {
    save(path, |file| {
        match raw {
            Raw::Input(attribution) => attribution.write_npy(file)?,
            Raw::Layer(map) => map.write_npy(file)?,
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array3, arr2};
    use ndarray_npy::ReadNpyExt;

    use super::*;

    #[test]
    fn both_shapes_come_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("raw.npy");
        let map = arr2(&[[0.1, -2.0], [f32::NAN, 3.0e-30]]);
        write(&path, &Raw::Layer(map.clone())).unwrap();
        let back = Array2::<f32>::read_npy(std::fs::File::open(&path).unwrap()).unwrap();
        assert!(back.iter().zip(&map).all(|(a, b)| a.to_bits() == b.to_bits()));
        let input = Array3::from_shape_fn((3, 2, 4), |(c, y, x)| (c * 8 + y * 4 + x) as f32);
        write(&path, &Raw::Input(input.clone())).unwrap();
        assert_eq!(Array3::<f32>::read_npy(std::fs::File::open(&path).unwrap()).unwrap(), input);
    }
}
