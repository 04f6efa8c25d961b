//! `Figures(maps) → figures` and `SumFigures(a, b) → sum, figures of a, of b, of the sum`: see
//! [`FIGURES`](crate::onnx::surgery::FIGURES).
//!
//! Owns how they are told about tensors. What they compute is in [`figures`].

use ort::Error;
use ort::operator::{
    ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput, ShapeInferenceContext,
};
use ort::value::{TensorElementType, ValueRef, ValueRefMut};

use crate::engine::figures::{self, Figures, Sum};

/// How maps lie in a tensor.
struct Layout {
    /// How many channels lie together; `None` where each map lies by itself.
    block: Option<usize>,
    /// How many channels there are; `None` for all that the tensor has room for.
    channels: Option<usize>,
}

impl Layout {
    fn of(context: &KernelContext<'_>) -> Self {
        let number = |name| context.get::<i64>(name).and_then(|number| usize::try_from(number).ok());
        Self { block: number("block"), channels: number("channels") }
    }
}

/// Tensors of maps, all of one shape.
struct Shape {
    batch: usize,
    /// Channels that the tensors have room for.
    room: usize,
    size: [usize; 2],
}

impl Shape {
    fn of(shape: &[i64]) -> Result<Self, Error> {
        match *shape {
            [batch, room, height, width] if shape.iter().all(|side| *side > 0) => {
                let [batch, room, height, width] = [batch, room, height, width].map(|side| side as usize);
                Ok(Self { batch, room, size: [height, width] })
            }
            _ => Err(Error::new(format!("expected maps [batch, channels, height, width], got {shape:?}"))),
        }
    }

    /// Values of one picture.
    fn values(&self) -> usize {
        self.room * self.size.iter().product::<usize>()
    }

    /// Channels of each picture.
    fn channels(&self, layout: &Layout) -> Result<usize, Error> {
        match layout.channels.unwrap_or(self.room) {
            0 => Err(Error::new("no channels")),
            channels if channels > self.room => Err(Error::new(format!("{channels} channels in {}", self.room))),
            channels => Ok(channels),
        }
    }
}

fn input(context: &ComputeContext, at: usize) -> Result<ValueRef<'_>, Error> {
    context.input(at)?.ok_or_else(|| Error::new("an input is missing"))
}

/// Takes the figures of so many channels of each picture; `None` where nothing wants them.
fn output(
    context: &ComputeContext,
    at: usize,
    batch: usize,
    channels: usize,
) -> Result<Option<ValueRefMut<'_>>, Error> {
    context.output(at, [batch as i64, channels as i64, size_of::<Figures>() as i64 / size_of::<f32>() as i64])
}

fn unknown(block: usize) -> Error {
    Error::new(format!("blocks of {block} channels"))
}

/// The figures of maps.
pub(super) struct OfMaps;

impl Operator for OfMaps {
    type Kernel<'a> = OfMapsKernel;

    fn name(&self) -> &str {
        "Figures"
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [OperatorInput::required(TensorElementType::Float32)]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'a>(&self, context: &KernelContext<'a>) -> Result<OfMapsKernel, Error> {
        Ok(OfMapsKernel(Layout::of(context)))
    }
}

pub(super) struct OfMapsKernel(Layout);

impl Kernel for OfMapsKernel {
    fn compute(&mut self, context: &ComputeContext) -> Result<(), Error> {
        let maps = input(context, 0)?;
        let (shape, maps) = maps.try_extract_tensor::<f32>()?;
        let shape = Shape::of(shape)?;
        let channels = shape.channels(&self.0)?;
        let Some(mut figures) = output(context, 0, shape.batch, channels)? else { return Ok(()) };
        let (_, figures) = figures.try_extract_tensor_mut::<f32>()?;
        let figures = figures.as_chunks_mut().0.chunks_exact_mut(channels);
        for (maps, figures) in maps.chunks_exact(shape.values()).zip(figures) {
            match self.0.block {
                None => figures::of_maps(maps, shape.size.iter().product(), figures),
                Some(8) => figures::of_blocks::<8>(maps, shape.size, figures),
                Some(16) => figures::of_blocks::<16>(maps, shape.size, figures),
                Some(other) => return Err(unknown(other)),
            }
        }
        Ok(())
    }
}

/// A sum of maps in blocks, and the figures of the summands and of the sum.
pub(super) struct OfSum;

impl Operator for OfSum {
    type Kernel<'a> = OfSumKernel;

    /// The sum may take the place of the first summand, so that less memory is gone through.
    const INPLACES: &[(u32, u32)] = &[(0, 0)];

    fn name(&self) -> &str {
        "SumFigures"
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [OperatorInput::required(TensorElementType::Float32), OperatorInput::required(TensorElementType::Float32)]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        let figures = || OperatorOutput::optional(TensorElementType::Float32);
        [OperatorOutput::required(TensorElementType::Float32), figures(), figures(), figures()]
    }

    fn create_kernel<'a>(&self, context: &KernelContext<'a>) -> Result<OfSumKernel, Error> {
        let relu = context.get::<i64>("relu") == Some(1);
        Ok(OfSumKernel { layout: Layout::of(context), floor: if relu { 0.0 } else { f32::NEG_INFINITY } })
    }

    fn infer_shape(&self, context: &mut ShapeInferenceContext) -> Result<(), Error> {
        let inputs = context.inputs();
        inputs.first().map_or(Ok(()), |of| context.set_output(0, of))
    }
}

pub(super) struct OfSumKernel {
    layout: Layout,
    floor: f32,
}

impl Kernel for OfSumKernel {
    fn compute(&mut self, context: &ComputeContext) -> Result<(), Error> {
        match self.layout.block {
            Some(8) => self.add::<8>(context),
            Some(16) => self.add::<16>(context),
            other => Err(unknown(other.unwrap_or(1))),
        }
    }
}

impl OfSumKernel {
    fn add<const N: usize>(&self, context: &ComputeContext) -> Result<(), Error> {
        let (first, second) = (input(context, 0)?, input(context, 1)?);
        let (sides, place) = {
            let (sides, first) = first.try_extract_tensor::<f32>()?;
            (sides.to_vec(), first.as_ptr())
        };
        let (others, second) = second.try_extract_tensor::<f32>()?;
        if sides[..] != others[..] {
            return Err(Error::new(format!("a sum of {sides:?} and {others:?}")));
        }
        let shape = Shape::of(&sides)?;
        let (channels, values) = (shape.channels(&self.layout)?, shape.values());
        let mut sum = context.output(0, sides)?.ok_or_else(|| Error::new("an output is missing"))?;
        let (_, sum) = sum.try_extract_tensor_mut::<f32>()?;
        let first = if sum.as_ptr() == place { None } else { Some(first.try_extract_tensor::<f32>()?.1) };
        let [mut a, mut b, mut c] = [
            output(context, 1, shape.batch, channels)?,
            output(context, 2, shape.batch, channels)?,
            output(context, 3, shape.batch, channels)?,
        ];
        let mut wanted = [of(&mut a)?, of(&mut b)?, of(&mut c)?];
        for (picture, (sum, second)) in sum.chunks_exact_mut(values).zip(second.chunks_exact(values)).enumerate() {
            let figures = wanted.each_mut().map(|wanted| {
                let count = channels.min(wanted.len());
                let (these, others) = std::mem::take(wanted).split_at_mut(count);
                *wanted = others;
                these
            });
            let first = first.and_then(|first| first.chunks_exact(values).nth(picture));
            Sum::<N> { first, second, sum, size: shape.size, floor: self.floor, figures }.compute();
        }
        Ok(())
    }
}

/// What takes figures, empty where they are not wanted.
fn of<'a>(output: &'a mut Option<ValueRefMut<'_>>) -> Result<&'a mut [Figures], Error> {
    match output {
        Some(output) => Ok(output.try_extract_tensor_mut::<f32>()?.1.as_chunks_mut().0),
        None => Ok(&mut []),
    }
}
