//! Elements of constant tensors, wherever the file keeps them: typed fields, raw bytes, or a file beside the model.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use half::{bf16, f16};
use ndarray::{ArrayD, IxDyn};

use super::beside::Constant;
use super::proto::{DataType, EXTERNAL, TensorProto};
use super::{Beside, LARGEST, OnnxError};

/// Decodes a tensor of numbers to 32-bit floats. `beside` has what is not in it.
pub(super) fn floats(tensor: &TensorProto, beside: &Beside) -> Result<ArrayD<f32>, OnnxError> {
    let (shape, count) = shape(tensor)?;
    let elements: Vec<f32> = match tensor.data_type() {
        DataType::Float if !tensor.float_data.is_empty() => tensor.float_data.clone(),
        DataType::Double if !tensor.double_data.is_empty() => tensor.double_data.iter().map(|v| *v as f32).collect(),
        DataType::Float => {
            raw(tensor, count, 4, beside)?.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
        }
        DataType::Double => {
            raw(tensor, count, 8, beside)?.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect()
        }
        // Half precision outside `raw_data` is kept as bits in 32-bit fields.
        DataType::Float16 if !tensor.int32_data.is_empty() => {
            tensor.int32_data.iter().map(|bits| f16::from_bits(*bits as u16).to_f32()).collect()
        }
        DataType::Bfloat16 if !tensor.int32_data.is_empty() => {
            tensor.int32_data.iter().map(|bits| bf16::from_bits(*bits as u16).to_f32()).collect()
        }
        DataType::Float16 => {
            raw(tensor, count, 2, beside)?.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect()
        }
        DataType::Bfloat16 => {
            raw(tensor, count, 2, beside)?.as_chunks().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect()
        }
        DataType::Int64 | DataType::Int32 => integers(tensor, beside)?.iter().map(|v| *v as f32).collect(),
        other => return Err(error(tensor, format!("{other:?} elements where floats were expected"))),
    };
    ArrayD::from_shape_vec(IxDyn(&shape), elements)
        .map_err(|_| error(tensor, format!("its elements do not fill its shape {shape:?}")))
}

/// As [`floats`], their bytes in little-endian order: those of the file where it has them so, which are not copied.
pub(super) fn float_bytes(tensor: &TensorProto, beside: &Beside) -> Result<(Vec<usize>, Bytes), OnnxError> {
    if tensor.data_type() == DataType::Float && tensor.float_data.is_empty() {
        let (shape, count) = shape(tensor)?;
        return Ok((shape, raw(tensor, count, 4, beside)?));
    }
    let values = floats(tensor, beside)?;
    Ok((values.shape().to_vec(), values.iter().flat_map(|value| value.to_le_bytes()).collect()))
}

/// Decodes a tensor of 32- or 64-bit integers, flattened.
pub(super) fn integers(tensor: &TensorProto, beside: &Beside) -> Result<Vec<i64>, OnnxError> {
    let (_, count) = shape(tensor)?;
    let elements: Vec<i64> = match tensor.data_type() {
        DataType::Int64 if !tensor.int64_data.is_empty() => tensor.int64_data.clone(),
        DataType::Int32 if !tensor.int32_data.is_empty() => tensor.int32_data.iter().map(|v| i64::from(*v)).collect(),
        DataType::Int64 => {
            raw(tensor, count, 8, beside)?.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect()
        }
        DataType::Int32 => {
            raw(tensor, count, 4, beside)?.as_chunks().0.iter().map(|b| i64::from(i32::from_le_bytes(*b))).collect()
        }
        other => return Err(error(tensor, format!("{other:?} elements where integers were expected"))),
    };
    if elements.len() != count {
        return Err(error(tensor, format!("{} elements where its shape asks for {count}", elements.len())));
    }
    Ok(elements)
}

fn error(tensor: &TensorProto, reason: String) -> OnnxError {
    OnnxError::Tensor { tensor: tensor.name.clone(), reason }
}

/// Most axes of a tensor: the runtime compares shapes axis by axis, many times.
pub(super) const MOST_AXES: usize = 64;

fn shape(tensor: &TensorProto) -> Result<(Vec<usize>, usize), OnnxError> {
    if tensor.dims.len() > MOST_AXES {
        return Err(error(tensor, format!("it has {} axes, believed are at most {MOST_AXES}", tensor.dims.len())));
    }
    let dims: Option<Vec<usize>> = tensor.dims.iter().map(|d| usize::try_from(*d).ok()).collect();
    let count = dims.as_ref().and_then(|dims| dims.iter().try_fold(1usize, |n, d| n.checked_mul(*d)));
    match (dims, count) {
        (Some(dims), Some(count)) => Ok((dims, count)),
        _ => Err(error(tensor, format!("the shape {:?} is impossible", tensor.dims))),
    }
}

/// The little-endian bytes of `count` elements of `size` bytes each.
fn raw(tensor: &TensorProto, count: usize, size: usize, beside: &Beside) -> Result<Bytes, OnnxError> {
    let wanted = count.checked_mul(size).ok_or_else(|| error(tensor, "too many elements".into()))?;
    let bytes = match &tensor.raw_data {
        _ if tensor.data_location == EXTERNAL => external(tensor, wanted, beside)?,
        Some(bytes) => bytes.clone(),
        None => Bytes::new(),
    };
    if bytes.len() != wanted {
        return Err(error(tensor, format!("{} bytes of data where its shape asks for {wanted}", bytes.len())));
    }
    Ok(bytes)
}

/// The bytes of a tensor whose elements, of any type but strings, lie elsewhere.
pub(super) fn elsewhere(tensor: &TensorProto, beside: &Beside) -> Result<Bytes, OnnxError> {
    external(tensor, external_size(tensor)?, beside)
}

/// How many bytes the elements of such a tensor take.
pub(super) fn external_size(tensor: &TensorProto) -> Result<usize, OnnxError> {
    let (_, count) = shape(tensor)?;
    let bits = bits(tensor.data_type).ok_or_else(|| error(tensor, "strings cannot be external data".into()))?;
    Ok(count.checked_mul(bits).ok_or_else(|| error(tensor, "too many elements".into()))?.div_ceil(8))
}

fn external(tensor: &TensorProto, wanted: usize, beside: &Beside) -> Result<Bytes, OnnxError> {
    match located(tensor, wanted, beside)? {
        Place::Memory(constant, offset) => Ok(constant.bytes().slice(offset..offset + wanted)),
        Place::File(path, offset) => {
            let io = |source| OnnxError::Io { path: path.clone(), source };
            let mut file = File::open(&path).map_err(io)?;
            let mut bytes = vec![0; wanted];
            file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut bytes)).map_err(io)?;
            Ok(bytes.into())
        }
    }
}

/// Where the bytes of a tensor begin.
enum Place {
    Memory(Constant, usize),
    File(PathBuf, u64),
}

/// The place where the `wanted` bytes of a tensor lie: in memory, or in a regular file in the model's folder, also where
/// links lead, and long enough.
fn located(tensor: &TensorProto, wanted: usize, beside: &Beside) -> Result<Place, OnnxError> {
    let entry = |key: &str| tensor.external_data.iter().find(|e| e.key == key).map(|e| e.value.as_str());
    let number = |key: &str| {
        entry(key).map(|v| v.parse::<u64>().map_err(|_| error(tensor, format!("its external {key} is not a number"))))
    };
    let location = entry("location").ok_or_else(|| error(tensor, "external data without a location".into()))?;
    let place = || -> Result<u64, OnnxError> {
        if number("length").transpose()?.is_some_and(|length| length != wanted as u64) {
            return Err(error(tensor, format!("its external length is not the {wanted} bytes its shape asks for")));
        }
        Ok(number("offset").transpose()?.unwrap_or(0))
    };
    if let Some(bytes) = beside.in_memory(location) {
        let offset = place()?;
        let inside = offset.checked_add(wanted as u64).is_some_and(|end| end <= bytes.size() as u64);
        let beyond = || error(tensor, "its data reach beyond what is kept in memory".into());
        return inside.then(|| Place::Memory(bytes.clone(), offset as usize)).ok_or_else(beyond);
    }
    let folder = beside
        .folder()
        .ok_or_else(|| error(tensor, format!("its data lie in {location}, but the folder is unknown")))?;
    let outside = || {
        let reason = "is outside the model's folder, links followed: refused; copy it there if you trust it";
        error(tensor, format!("its data file {location} {reason}"))
    };
    if !Path::new(location).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(outside());
    }
    let offset = place()?;
    let path = folder.join(location);
    let io = |source| OnnxError::Io { path: path.clone(), source };
    if !path.canonicalize().map_err(io)?.starts_with(folder.canonicalize().map_err(io)?) {
        return Err(outside());
    }
    let metadata = path.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(error(tensor, format!("its data file {} is not a regular file", path.display())));
    }
    if offset.checked_add(wanted as u64).is_none_or(|end| end > metadata.len()) {
        return Err(error(
            tensor,
            format!("its data reach beyond the end of {}: is the file cut short?", path.display()),
        ));
    }
    Ok(Place::File(path, offset))
}

/// Checks that a tensor's elements are all there and fill its shape, without reading those that lie in another file.
pub(super) fn check(tensor: &TensorProto, beside: &Beside) -> Result<(), OnnxError> {
    let (_, count) = shape(tensor)?;
    let bits = bits(tensor.data_type);
    // A file of its own may be of any size, if it is all there.
    if tensor.data_location != EXTERNAL && count.saturating_mul(bits.unwrap_or(8)) as u64 / 8 > LARGEST {
        return Err(error(tensor, format!("the shape {:?} asks for more than 2 GiB", tensor.dims)));
    }
    if tensor.data_location == EXTERNAL {
        return located(tensor, external_size(tensor)?, beside).map(|_| ());
    }
    let fill = |there: usize, wanted: usize, what: &str| match there == wanted {
        true => Ok(()),
        false => Err(error(tensor, format!("{there} {what} of data where its shape asks for {wanted}"))),
    };
    match (&tensor.raw_data, bits) {
        (Some(bytes), Some(bits)) => {
            let wanted = count.checked_mul(bits).ok_or_else(|| error(tensor, "too many elements".into()))?;
            fill(bytes.len(), wanted.div_ceil(8), "bytes")
        }
        _ => {
            let typed = [
                tensor.float_data.len(),
                tensor.int32_data.len(),
                tensor.int64_data.len(),
                tensor.double_data.len(),
                tensor.uint64_data.len(),
                tensor.string_data.len(),
            ];
            let there = typed.iter().sum::<usize>();
            match bits {
                // Complex numbers take two elements each, and two half bytes share one.
                Some(64 | 128) if COMPLEX.contains(&tensor.data_type) => fill(there, count.saturating_mul(2), "halves"),
                Some(4) => fill(there, count.div_ceil(2), "pairs"),
                _ => fill(there, count, "elements"),
            }
        }
    }
}

/// Element types of complex numbers, by their code.
const COMPLEX: [i32; 2] = [14, 15];

/// Bits of an element, by the type's code; `None` for strings. A type that is not known yet is taken for a byte.
pub(super) fn bits(data_type: i32) -> Option<usize> {
    Some(match data_type {
        8 => return None,
        1 | 6 | 12 => 32,
        4 | 5 | 10 | 16 => 16,
        7 | 11 | 13 | 14 => 64,
        15 => 128,
        21..=23 => 4,
        _ => 8,
    })
}
