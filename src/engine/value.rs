//! Tensors as they cross the border to the runtime.

use ndarray::ArrayD;

use super::EngineError;

/// Element types a [`Value`] can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// 64-bit integer.
    I64,
    /// 32-bit integer.
    I32,
    /// 8-bit unsigned integer.
    U8,
    /// Boolean.
    Bool,
}

impl ElementType {
    /// Bytes that one element takes.
    pub fn bytes(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::U8 | Self::Bool => 1,
        }
    }
}

/// A dense tensor with its element type.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Value {
    F32(ArrayD<f32>),
    F64(ArrayD<f64>),
    I64(ArrayD<i64>),
    I32(ArrayD<i32>),
    U8(ArrayD<u8>),
    Bool(ArrayD<bool>),
}

impl Value {
    /// Sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::F32(a) => a.shape(),
            Self::F64(a) => a.shape(),
            Self::I64(a) => a.shape(),
            Self::I32(a) => a.shape(),
            Self::U8(a) => a.shape(),
            Self::Bool(a) => a.shape(),
        }
    }

    /// Bytes that the elements take.
    pub fn bytes(&self) -> usize {
        self.shape().iter().product::<usize>() * self.element_type().bytes()
    }

    /// Type of the elements.
    pub fn element_type(&self) -> ElementType {
        match self {
            Self::F32(_) => ElementType::F32,
            Self::F64(_) => ElementType::F64,
            Self::I64(_) => ElementType::I64,
            Self::I32(_) => ElementType::I32,
            Self::U8(_) => ElementType::U8,
            Self::Bool(_) => ElementType::Bool,
        }
    }

    /// The elements one after another, each in little-endian order.
    pub fn to_le_bytes(&self) -> Vec<u8> {
        match self {
            Self::F32(a) => a.iter().flat_map(|element| element.to_le_bytes()).collect(),
            Self::F64(a) => a.iter().flat_map(|element| element.to_le_bytes()).collect(),
            Self::I64(a) => a.iter().flat_map(|element| element.to_le_bytes()).collect(),
            Self::I32(a) => a.iter().flat_map(|element| element.to_le_bytes()).collect(),
            Self::U8(a) => a.iter().copied().collect(),
            Self::Bool(a) => a.iter().map(|element| u8::from(*element)).collect(),
        }
    }

    /// The array, if its elements are 32-bit floats.
    pub fn into_f32(self) -> Result<ArrayD<f32>, EngineError> {
        match self {
            Self::F32(array) => Ok(array),
            other => Err(EngineError::Value(format!("expected float32 elements, got {:?}", other.element_type()))),
        }
    }
}

impl<D: ndarray::Dimension> From<ndarray::Array<f32, D>> for Value {
    fn from(array: ndarray::Array<f32, D>) -> Self {
        Self::F32(array.into_dyn())
    }
}
