//! `MaxPoolGradient(x, g) → d`: the way back through a MaxPool.
//!
//! `x` `[N, C, H, W]` is what was pooled, `g` `[N, C, h, w]` the gradient of its maxima. Each goes to where its maximum was; where
//! windows overlap they add up, and of equal elements the first by row and column gets it all, as in PyTorch. `d` is
//! `[N, C, H, W]`, or `[1, C, H, W]`, the sum over the pictures, where the attribute `sum` is 1. The attributes `kernel`,
//! `strides`, `dilations` and `pads` (before the first row and column) are those of the window, rows first.
//!
//! ONNX has it only as MaxPool's second output and ScatterElements, which look at one element after another, the second on
//! one thread: of a gradient of ResNet-18 at batch 8 they took 47 ms, by the runtime's profile, and this takes 14.

use std::sync::{Mutex, PoisonError};

use ort::operator::{BoxedKernel, ComputeContext, KernelContext, Operator, OperatorInput, OperatorOutput};
use ort::value::TensorElementType;

/// Largest kernel, stride, dilation and padding: a file may ask for any.
const LARGEST: usize = 1 << 16;

pub(super) struct MaxPoolGradient;

impl Operator for MaxPoolGradient {
    type Kernel<'attr> = BoxedKernel<'attr>;

    fn name(&self) -> &str {
        "MaxPoolGradient"
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [OperatorInput::required(TensorElementType::Float32), OperatorInput::required(TensorElementType::Float32)]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(&self, node: &KernelContext<'attr>) -> ort::Result<BoxedKernel<'attr>> {
        let pair = |name: &str| -> ort::Result<[usize; 2]> {
            let values: Vec<i64> = node.get(name).unwrap_or_default();
            let sizes = values.iter().filter_map(|value| usize::try_from(*value).ok().filter(|size| *size <= LARGEST));
            let sizes: Vec<usize> = sizes.collect();
            sizes
                .try_into()
                .map_err(|_| ort::Error::new(format!("MaxPoolGradient: {name} {values:?} is no pair of sizes")))
        };
        let [kernel, strides, dilations, pads] = [pair("kernel")?, pair("strides")?, pair("dilations")?, pair("pads")?];
        let axis = |axis: usize| Axis {
            kernel: kernel[axis],
            stride: strides[axis].max(1),
            dilation: dilations[axis],
            pad: pads[axis],
        };
        let (axes, sum) = ([axis(0), axis(1)], node.get::<i64>("sum") == Some(1));
        Ok(Box::new(move |context: &ComputeContext| run(context, axes, sum)))
    }
}

/// A window along one axis: output o takes input o · stride + tap · dilation − pad.
#[derive(Clone, Copy)]
struct Axis {
    kernel: usize,
    stride: usize,
    dilation: usize,
    pad: usize,
}

impl Axis {
    /// The outputs that take an input of `size` by a tap, and the first such input.
    fn reached(&self, tap: usize, size: usize, outputs: usize) -> (std::ops::Range<usize>, usize) {
        let reach = tap * self.dilation;
        let first = self.pad.saturating_sub(reach).div_ceil(self.stride).min(outputs);
        let end = (size + self.pad).saturating_sub(reach).div_ceil(self.stride).min(outputs);
        (first..end.max(first), (first * self.stride + reach).saturating_sub(self.pad))
    }
}

fn run(context: &ComputeContext, axes: [Axis; 2], sum: bool) -> ort::Result<()> {
    let missing = || ort::Error::new("MaxPoolGradient: it takes x and a gradient, each [N, C, H, W]");
    let (x, g) = (context.input(0)?.ok_or_else(missing)?, context.input(1)?.ok_or_else(missing)?);
    let ((x_shape, x), (g_shape, g)) = (x.try_extract_tensor::<f32>()?, g.try_extract_tensor::<f32>()?);
    let sizes = |shape: &[i64]| <[i64; 4]>::try_from(shape).map(|shape| shape.map(|size| size as usize));
    let ([count, channels, height, width], [pictures, maps, rows, columns]) =
        (sizes(x_shape).map_err(|_| missing())?, sizes(g_shape).map_err(|_| missing())?);
    if [count, channels] != [pictures, maps] {
        return Err(missing());
    }
    let (input, output) = (Plane { height, width }, Plane { height: rows, width: columns });
    let parts = if sum { 1 } else { count };
    let mut d = context.output(0, [parts, channels, height, width])?.ok_or_else(missing)?;
    let (_, d) = d.try_extract_tensor_mut::<f32>()?;
    // Each thread takes whole planes, so that the locks are never waited for.
    let planes: Vec<Mutex<&mut [f32]>> = d.chunks_mut(input.area().max(1)).map(Mutex::new).collect();
    context.par_for(planes.len(), 0, |plane| {
        let mut to = planes[plane].lock().unwrap_or_else(PoisonError::into_inner);
        to.fill(0.0);
        let from =
            |plane: usize| (&x[plane * input.area()..][..input.area()], &g[plane * output.area()..][..output.area()]);
        for plane in (plane..count * channels).step_by(parts * channels) {
            let (x, g) = from(plane);
            go_back(x, input, g, output, axes, &mut to);
        }
    })
}

/// Height and width of a map.
#[derive(Clone, Copy)]
struct Plane {
    height: usize,
    width: usize,
}

impl Plane {
    fn area(&self) -> usize {
        self.height * self.width
    }
}

/// Adds the gradients `g` of the maxima of one map `x` to `d`.
fn go_back(x: &[f32], input: Plane, g: &[f32], output: Plane, [rows, columns]: [Axis; 2], d: &mut [f32]) {
    /// Where nothing is higher than the lowest number: a window of such, or of none.
    const NOWHERE: u32 = u32::MAX;
    let (mut best, mut places) = (vec![0.0; output.width], vec![NOWHERE; output.width]);
    for (row, g) in g.chunks(output.width.max(1)).enumerate() {
        best.fill(f32::NEG_INFINITY);
        places.fill(NOWHERE);
        for tap in 0..rows.kernel {
            let line = row * rows.stride + tap * rows.dilation;
            let Some(line) = line.checked_sub(rows.pad).filter(|line| *line < input.height) else { continue };
            let start = line * input.width;
            for tap in 0..columns.kernel {
                let (reached, first) = columns.reached(tap, input.width, output.width);
                let (best, places) = (&mut best[reached.clone()], &mut places[reached]);
                let line = &x[start..start + input.width];
                match columns.stride {
                    1 => raise::<1>(&line[first.min(line.len())..], start + first, best, places),
                    2 => raise::<2>(&line[first.min(line.len())..], start + first, best, places),
                    stride => {
                        let from = line.iter().enumerate().skip(first).step_by(stride);
                        for ((at, value), (best, place)) in from.zip(best.iter_mut().zip(places)) {
                            if *value > *best {
                                (*best, *place) = (*value, (start + at) as u32);
                            }
                        }
                    }
                }
            }
        }
        for (gradient, place) in g.iter().zip(&places) {
            if let Some(to) = d.get_mut(*place as usize) {
                *to += gradient;
            }
        }
    }
}

/// Keeps what is higher of `best` and every `STRIDE`-th element of a row, and its place; the first element is at `first`.
/// Without a branch on which is higher, which nobody could foresee.
fn raise<const STRIDE: usize>(row: &[f32], first: usize, best: &mut [f32], places: &mut [u32]) {
    let count = best.len().min(places.len()).min(row.len().div_ceil(STRIDE));
    let (best, places, first) = (&mut best[..count], &mut places[..count], first as u32);
    let Some(row) = row.get(..(count.saturating_sub(1) * STRIDE + 1).min(row.len())) else { return };
    for at in 0..count {
        let value = row[at * STRIDE];
        let higher = value > best[at];
        best[at] = if higher { value } else { best[at] };
        places[at] = if higher { first + (at * STRIDE) as u32 } else { places[at] };
    }
}
