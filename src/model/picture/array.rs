//! Arrays in NumPy's format that stand for pictures: `[channels, height, width]`, fed to a network as they are.

use std::io::Read;
use std::path::Path;

use ndarray::{Array3, ArrayView3};
use ndarray_npy::{ViewElement, ViewNpyError, ViewNpyExt};

use super::{Beyond, MAX_ALLOCATION, MAX_SIDE, Picture, PictureError, stretched};

/// What such a file begins with.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// Reads an array of floats or of 8-bit numbers.
pub(super) fn read(path: &Path, name: String, file: impl Read) -> Result<Picture, PictureError> {
    let failed = |source| PictureError::Read { path: path.to_owned(), source };
    let wrong = |reason: String| PictureError::Array { path: path.to_owned(), reason };
    let mut bytes = Vec::new();
    file.take(MAX_ALLOCATION + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_ALLOCATION {
        return Err(PictureError::TooLarge { path: path.to_owned() });
    }
    let array = floats(&bytes).map_err(wrong)?;
    let (channels, height, width) = array.dim();
    if array.is_empty() || height.max(width) > MAX_SIDE as usize {
        return Err(wrong(format!("its shape is [{channels}, {height}, {width}]")));
    }
    Ok(Picture { name, rgb: stretched(&array, None), beyond: Some(Beyond::Array(array)) })
}

fn floats(bytes: &[u8]) -> Result<Array3<f32>, String> {
    if let Some(array) = of_type(bytes, |value: f32| value)? {
        return Ok(array);
    }
    if let Some(array) = of_type(bytes, |value: f64| value as f32)? {
        return Ok(array);
    }
    if let Some(array) = of_type::<u8>(bytes, f32::from)? {
        return Ok(array);
    }
    Err("its elements are neither float32, float64 nor uint8".to_owned())
}

/// The array, or `None` where its elements are of another type.
fn of_type<T: ViewElement + Copy>(bytes: &[u8], float: fn(T) -> f32) -> Result<Option<Array3<f32>>, String> {
    match ArrayView3::<T>::view_npy(bytes) {
        Ok(array) => Ok(Some(array.mapv(float))),
        Err(ViewNpyError::WrongDescriptor(_)) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, Array2, arr1};
    use ndarray_npy::WriteNpyExt;

    use super::*;

    fn written<T: ndarray_npy::WritableElement, D: ndarray::Dimension>(array: &Array<T, D>) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        array.write_npy(std::io::BufWriter::new(file.as_file())).unwrap();
        file
    }

    #[test]
    fn arrays_are_kept_as_they_are_and_drawn_by_their_first_three_channels() {
        let array = Array3::from_shape_fn((5, 2, 3), |(c, y, x)| (c * 6 + y * 3 + x) as f32 - 4.0);
        let picture = Picture::open(written(&array).path()).unwrap();
        assert_eq!(picture.rgb.dimensions(), (3, 2));
        assert_eq!((picture.rgb.get_pixel(0, 0).0[0], picture.rgb.get_pixel(2, 1).0[2]), (0, 255));
        assert_eq!(picture.beyond, Some(Beyond::Array(array.clone())));
        let wide = Picture::open(written(&array.mapv(f64::from)).path()).unwrap();
        assert_eq!(wide.beyond, picture.beyond);
        let pixels = Picture::open(written(&array.mapv(|v| v.max(0.0) as u8)).path()).unwrap();
        assert_eq!(pixels.beyond, Some(Beyond::Array(array.mapv(|v| v.max(0.0)))));
    }

    #[test]
    fn other_arrays_say_what_is_needed() {
        let flat = Picture::open(written(&Array2::<f32>::zeros((4, 4))).path()).unwrap_err().to_string();
        assert!(flat.contains("[channels, height, width]"), "{flat}");
        let whole = Picture::open(written(&arr1(&[1i64])).path()).unwrap_err().to_string();
        assert!(whole.contains("float32"), "{whole}");
        let file = written(&Array3::<f32>::zeros((3, 8, 8)));
        let bytes = std::fs::read(file.path()).unwrap();
        std::fs::write(file.path(), &bytes[..bytes.len() - 9]).unwrap();
        assert!(matches!(Picture::open(file.path()), Err(PictureError::Array { .. })));
    }
}
