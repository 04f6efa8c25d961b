//! `Winograd(x, kernels, bias, added) → y`: see [`WINOGRAD`](crate::onnx::surgery::WINOGRAD).
//!
//! Owns how it is told about tensors and how the work is shared among threads. What it computes is in [`winograd`].

use std::sync::{Arc, Mutex, PoisonError};

use ort::Error;
use ort::operator::{
    ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput, ShapeInferenceContext,
};
use ort::value::{DynTensorValueType, TensorElementType, ValueRef, ValueType};

use crate::engine::winograd::{Convolution, Kernels, Part};

/// Kernels that several sessions have in common.
pub(in super::super) type Shared = Arc<[Arc<Kernels>]>;

/// With the kernels of nodes that say which of them is theirs.
pub(super) struct Winograd(pub Shared);

impl Operator for Winograd {
    type Kernel<'a> = WinogradKernel;

    fn name(&self) -> &str {
        "Winograd"
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        let (given, optional) = (
            || OperatorInput::required(TensorElementType::Float32),
            || OperatorInput::optional(TensorElementType::Float32),
        );
        [given(), given(), optional(), optional()]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'a>(&self, node: &KernelContext<'a>) -> Result<WinogradKernel, Error> {
        let kernels = match node.get::<i64>("kernels") {
            Some(number) => {
                let shared = usize::try_from(number).ok().and_then(|number| self.0.get(number)).cloned();
                shared.ok_or_else(|| Error::new(format!("there are no kernels {number}")))?
            }
            None => of_constant(node)?,
        };
        let numbers: Vec<i64> = node.get("pads").unwrap_or_default();
        let pads = numbers.iter().filter_map(|pad| usize::try_from(*pad).ok()).collect::<Vec<_>>();
        let pads = pads.try_into().map_err(|_| Error::new(format!("pads {numbers:?}")))?;
        let threads = node.get::<i64>("threads").and_then(|count| usize::try_from(count).ok()).unwrap_or(1).max(1);
        Ok(WinogradKernel { kernels, pads, relu: node.get::<i64>("relu") == Some(1), threads })
    }

    fn infer_shape(&self, context: &mut ShapeInferenceContext) -> Result<(), Error> {
        let (mut inputs, pads) = (context.inputs().into_iter(), context.attr::<Vec<i64>>("pads")?);
        let (Some(mut maps), Some(kernels)) = (inputs.next(), inputs.next()) else { return Ok(()) };
        let ValueType::Tensor { shape, .. } = &mut maps else { return Ok(()) };
        let ([_, channels, height, width], Some([outputs, ..]), [top, left, bottom, right]) =
            (&mut shape[..], kernels.tensor_shape().map(|shape| &shape[..]), &pads[..])
        else {
            return Ok(());
        };
        *channels = *outputs;
        for (side, change) in [(height, top + bottom - 2), (width, left + right - 2)] {
            match *side {
                0.. => *side += change,
                // Of a size that is not known only the symbol is, which must not be given to another.
                _ if change != 0 => return Ok(()),
                _ => {}
            }
        }
        context.set_output(0, &maps)
    }
}

fn of_constant(node: &KernelContext<'_>) -> Result<Arc<Kernels>, Error> {
    let kernels = node.constant_input::<DynTensorValueType>(1)?;
    let (shape, kernels) = kernels.try_extract_tensor::<f32>()?;
    let kernels = match shape[..] {
        [outputs, inputs, 3, 3] if outputs > 0 && inputs > 0 => {
            Kernels::of_blocks(kernels, [outputs as usize, inputs as usize])
        }
        _ => None,
    };
    kernels.map(Arc::new).ok_or_else(|| Error::new(format!("kernels {shape:?} are not 3×3 in blocks")))
}

pub(super) struct WinogradKernel {
    kernels: Arc<Kernels>,
    pads: [usize; 4],
    relu: bool,
    threads: usize,
}

impl Kernel for WinogradKernel {
    fn compute(&mut self, context: &ComputeContext) -> Result<(), Error> {
        let wrong = || Error::new("Winograd: its inputs do not belong together");
        let (x, bias, added) = (context.input(0)?.ok_or_else(wrong)?, optional(context, 2)?, optional(context, 3)?);
        let (shape, x) = x.try_extract_tensor::<f32>()?;
        let size = match shape[..] {
            [_, _, height, width] => [height, width].map(|side| usize::try_from(side).unwrap_or(0)),
            _ => return Err(wrong()),
        };
        let mut convolution = Convolution::new(&self.kernels, x, size, self.pads).ok_or_else(wrong)?;
        if let Some(bias) = &bias {
            convolution = convolution.and_bias(bias.try_extract_tensor()?.1).ok_or_else(wrong)?;
        }
        if let Some(added) = &added {
            convolution = convolution.and(added.try_extract_tensor()?.1).ok_or_else(wrong)?;
        }
        if self.relu {
            convolution = convolution.and_relu();
        }
        let mut y = context.output(0, convolution.shape().map(|side| side as i64))?.ok_or_else(wrong)?;
        // Each is taken by one thread, so that the locks are never waited for.
        let parts: Vec<Mutex<Part>> =
            convolution.parts(y.try_extract_tensor_mut()?.1, self.threads).into_iter().map(Mutex::new).collect();
        context.par_for(parts.len(), 0, |at| {
            convolution.compute(&mut parts[at].lock().unwrap_or_else(PoisonError::into_inner));
        })
    }
}

fn optional(context: &ComputeContext, at: usize) -> Result<Option<ValueRef<'_>>, Error> {
    if at < context.num_inputs()? { context.input(at) } else { Ok(None) }
}
