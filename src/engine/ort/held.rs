//! Tensors in the runtime's hands: made from arrays, read as arrays, left on the device between runs.
//!
//! Must not know which graph they belong to.

use std::sync::Arc;

use ndarray::{ArrayD, CowArray, IxDyn};
use ort::memory::AllocationDevice;
use ort::value::{DynTensor, DynTensorValueType, DynValue, PrimitiveTensorElementType, Tensor, TensorElementType};

use crate::engine::{ElementType, EngineError, MOST_ELEMENTS, Value};

/// A tensor that stays in the memory of the device: what a run left there, or [`hold`](crate::engine::Engine::hold) put
/// there. Every session of the same engine takes it as an input, without a copy. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Held {
    tensor: Arc<DynTensor>,
    shape: Vec<usize>,
    element: ElementType,
}

impl Held {
    /// An array, in the host's memory. It is not copied where its elements lie in order.
    pub(super) fn of(value: Value) -> Result<Self, EngineError> {
        fn owned<T>(array: ArrayD<T>) -> Result<DynTensor, ort::Error>
        where
            T: PrimitiveTensorElementType + std::fmt::Debug + Clone + 'static,
        {
            Ok(Tensor::from_array(array)?.upcast())
        }
        let (shape, element) = (value.shape().to_vec(), value.element_type());
        let tensor = match value {
            Value::F32(array) => owned(array),
            Value::F64(array) => owned(array),
            Value::I64(array) => owned(array),
            Value::I32(array) => owned(array),
            Value::U8(array) => owned(array),
            Value::Bool(array) => owned(array),
        };
        Ok(Self { tensor: Arc::new(tensor.map_err(failed)?), shape, element })
    }

    /// What a run made under this name.
    pub(super) fn made(name: &str, value: DynValue) -> Result<Self, EngineError> {
        let kind = value.dtype().to_string();
        let tensor: DynTensor = value
            .downcast::<DynTensorValueType>()
            .map_err(|_| EngineError::Value(format!("output `{name}` is no tensor but {kind}")))?;
        let sizes = tensor.shape();
        let count = sizes.iter().try_fold(1usize, |count, size| count.checked_mul(usize::try_from(*size).ok()?));
        if count.is_none_or(|count| count > MOST_ELEMENTS) {
            return Err(EngineError::TooLarge { output: name.to_owned(), shape: sizes.to_vec() });
        }
        let shape = sizes.iter().filter_map(|size| usize::try_from(*size).ok()).collect();
        let other = *tensor.data_type();
        let element = element(other).ok_or_else(|| {
            EngineError::Value(format!("output `{name}` has elements of type {other}, which lensor does not read"))
        })?;
        Ok(Self { tensor: Arc::new(tensor), shape, element })
    }

    /// The same in the memory of a GPU.
    pub(super) fn on_cuda(&self, index: u32) -> Result<Self, EngineError> {
        let tensor = self.tensor.to(AllocationDevice::CUDA, index as i32).map_err(failed)?;
        Ok(Self { tensor: Arc::new(tensor), ..self.clone() })
    }

    /// For binding it to an input.
    pub(super) fn tensor(&self) -> &DynTensor {
        &self.tensor
    }

    /// Sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Type of the elements.
    pub fn element_type(&self) -> ElementType {
        self.element
    }

    /// Bytes that the elements take.
    pub fn bytes(&self) -> usize {
        self.shape.iter().product::<usize>() * self.element.bytes()
    }

    /// A copy of the elements.
    pub fn value(&self) -> Result<Value, EngineError> {
        if self.tensor.memory_info().is_cpu_accessible() {
            return self.read(&self.tensor);
        }
        self.read(&self.tensor.to(AllocationDevice::CPU, 0).map_err(failed)?)
    }

    /// The elements, where they are 32-bit floats: as they lie, or a copy if only the device sees them.
    pub fn floats(&self) -> Result<CowArray<'_, f32, IxDyn>, EngineError> {
        match self.tensor.memory_info().is_cpu_accessible() {
            true => Ok(self.tensor.try_extract_array().map_err(failed)?.into()),
            false => Ok(self.value()?.into_f32()?.into()),
        }
    }

    fn read(&self, tensor: &DynTensor) -> Result<Value, EngineError> {
        fn array<T: PrimitiveTensorElementType + Clone>(tensor: &DynTensor) -> Result<ArrayD<T>, EngineError> {
            Ok(tensor.try_extract_array().map_err(failed)?.to_owned())
        }
        Ok(match self.element {
            ElementType::F32 => Value::F32(array(tensor)?),
            ElementType::F64 => Value::F64(array(tensor)?),
            ElementType::I64 => Value::I64(array(tensor)?),
            ElementType::I32 => Value::I32(array(tensor)?),
            ElementType::U8 => Value::U8(array(tensor)?),
            ElementType::Bool => Value::Bool(array(tensor)?),
        })
    }
}

/// A type of elements, if lensor reads it.
pub(super) fn element(kind: TensorElementType) -> Option<ElementType> {
    Some(match kind {
        TensorElementType::Float32 => ElementType::F32,
        TensorElementType::Float64 => ElementType::F64,
        TensorElementType::Int64 => ElementType::I64,
        TensorElementType::Int32 => ElementType::I32,
        TensorElementType::Uint8 => ElementType::U8,
        TensorElementType::Bool => ElementType::Bool,
        _ => return None,
    })
}

fn failed(error: ort::Error) -> EngineError {
    EngineError::Run { reason: error.message().to_owned() }
}
