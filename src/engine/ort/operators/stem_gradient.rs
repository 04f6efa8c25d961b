//! `StemGradient(x, g, kernel) → d`: the way back through a MaxPool and the convolution before it, to its few channels.
//!
//! `kernel` `[C, D, kh, kw]` is that of the convolution, `x` `[N, C, H, W]` what was pooled, `g` `[N, C, h, w]` the gradient of its
//! maxima, and `d` `[N, D, height, width]` the gradient of what was convolved. The attribute `size` is height and width,
//! `conv_strides` and `conv_pads` (before the first row and column) are those of the convolution; the others are those of the
//! [`Window`].
//!
//! Of all elements of `x` that a window covers one has a gradient, and a convolution to the three channels of a picture
//! wastes most of a vector: to add up the kernel at the maxima alone is a fraction of the work.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use ort::operator::{BoxedKernel, ComputeContext, KernelContext, Operator, OperatorInput, OperatorOutput};
use ort::value::TensorElementType;
use pulp::{Arch, WithSimd};

use super::maxima::{Maxima, Plane, Window, pair};

/// Floats that are added at once to the canvas.
const VECTOR: usize = 8;

/// Floats of the kernel that are added up at a time: as many as a processor keeps in its registers.
const BLOCK: usize = 64;

/// In how many parts the work is done at least: more than there are threads, and the same on every machine, so that sums are too.
const PARTS: usize = 8;

pub(super) struct StemGradient;

impl Operator for StemGradient {
    type Kernel<'attr> = BoxedKernel<'attr>;

    fn name(&self) -> &str {
        "StemGradient"
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [(); 3].map(|()| OperatorInput::required(TensorElementType::Float32))
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(&self, node: &KernelContext<'attr>) -> ort::Result<BoxedKernel<'attr>> {
        let [strides, pads, size] = [pair(node, "conv_strides")?, pair(node, "conv_pads")?, pair(node, "size")?];
        let window = Window::of(node)?;
        Ok(Box::new(move |context: &ComputeContext| run(context, window, (strides, pads, size))))
    }
}

/// The kernel, the channels of a row last and each row filled up to whole vectors, in blocks: of each block all feature maps.
struct Taps {
    blocks: Vec<Vec<[f32; BLOCK]>>,
    /// Vectors of a row, and of all rows.
    row: usize,
    all: usize,
}

impl Taps {
    fn of(kernel: &[f32], [channels, depth, rows, columns]: [usize; 4]) -> Self {
        let row = (columns * depth).div_ceil(VECTOR);
        let all = rows * row;
        let mut blocks = vec![vec![[0.0; BLOCK]; channels]; (all * VECTOR).div_ceil(BLOCK)];
        for (at, value) in kernel.iter().enumerate() {
            let (column, at) = (at % columns, at / columns);
            let (line, at) = (at % rows, at / rows);
            let (plane, channel) = (at % depth, at / depth);
            let to = line * row * VECTOR + column * depth + plane;
            blocks[to / BLOCK][channel][to % BLOCK] = *value;
        }
        Self { blocks, row, all }
    }
}

/// The convolution, and the size of what it took.
struct Stem<'a> {
    window: Window,
    strides: [usize; 2],
    pads: [usize; 2],
    size: [usize; 2],
    taps: Taps,
    /// Height and width of the kernel.
    kernel: [usize; 2],
    depth: usize,
    channels: usize,
    /// What was pooled, and the gradient of its maxima.
    x: (&'a [f32], Plane),
    g: (&'a [f32], Plane),
}

/// What some rows of the gradient of a picture go back to: whole lines of what was convolved and of its padding, with the
/// channels last.
struct Band {
    picture: usize,
    rows: Range<usize>,
    /// Its first line.
    first: usize,
    canvas: Vec<f32>,
}

fn run(
    context: &ComputeContext,
    window: Window,
    (strides, pads, size): ([usize; 2], [usize; 2], [usize; 2]),
) -> ort::Result<()> {
    let wrong = || ort::Error::new("StemGradient: x, its gradient and the kernel do not belong together");
    let input = |index: usize| context.input(index)?.ok_or_else(wrong);
    let (x, g, kernel) = (input(0)?, input(1)?, input(2)?);
    let ((x_shape, x), (g_shape, g)) = (x.try_extract_tensor::<f32>()?, g.try_extract_tensor::<f32>()?);
    let (kernel_shape, kernel) = kernel.try_extract_tensor::<f32>()?;
    let sizes = |shape: &[i64]| {
        let shape = <[i64; 4]>::try_from(shape).map_err(|_| wrong())?;
        Ok::<_, ort::Error>(shape.map(|size| size as usize))
    };
    let ([count, channels, height, width], [pictures, maps, h, w]) = (sizes(x_shape)?, sizes(g_shape)?);
    let [outputs, depth, rows, columns] = sizes(kernel_shape)?;
    let fits = [(0, height), (1, width)]
        .iter()
        .all(|(axis, maps)| maps.saturating_sub(1) * strides[*axis] <= size[*axis] + pads[*axis]);
    if [count, channels] != [pictures, maps] || outputs != channels || !fits || kernel.is_empty() {
        return Err(wrong());
    }
    let mut d = context.output(0, [count, depth, size[0], size[1]])?.ok_or_else(wrong)?;
    let (_, d) = d.try_extract_tensor_mut::<f32>()?;
    let taps = Taps::of(kernel, [channels, depth, rows, columns]);
    let (input, output) = (Plane { height, width }, Plane { height: h, width: w });
    let stem = Stem {
        window,
        strides,
        pads,
        size,
        taps,
        kernel: [rows, columns],
        depth,
        channels,
        x: (x, input),
        g: (g, output),
    };

    let parts = PARTS.div_ceil(count.max(1)).clamp(1, h.max(1));
    let bands = (0..count * parts).map(|at| {
        let (picture, part) = (at / parts, at % parts);
        Ok(Mutex::new(stem.band(picture, part * h / parts..(part + 1) * h / parts)?))
    });
    let bands = bands.collect::<ort::Result<Vec<_>>>()?;
    // Each is taken by one thread, so that the locks are never waited for.
    context.par_for(bands.len(), 0, |at| {
        let mut band = bands[at].lock().unwrap_or_else(PoisonError::into_inner);
        Arch::new().dispatch(Back { stem: &stem, band: &mut band });
    })?;
    let bands: Vec<Band> =
        bands.into_iter().map(|band| band.into_inner().unwrap_or_else(PoisonError::into_inner)).collect();
    let planes: Vec<Mutex<&mut [f32]>> = d.chunks_mut((size[0] * size[1]).max(1)).map(Mutex::new).collect();
    context.par_for(planes.len(), 0, |plane| {
        let mut to = planes[plane].lock().unwrap_or_else(PoisonError::into_inner);
        to.fill(0.0);
        bands[plane / depth * parts..][..parts].iter().for_each(|band| stem.add_up(band, plane % depth, &mut to));
    })
}

impl Stem<'_> {
    /// Floats of a line of a canvas.
    fn line(&self) -> usize {
        (self.x.1.width.saturating_sub(1) * self.strides[1] + self.kernel[1]) * self.depth
    }

    /// A blank band for some rows of the gradient.
    fn band(&self, picture: usize, rows: Range<usize>) -> ort::Result<Band> {
        let reached = self.window.rows(rows.clone(), self.x.1.height);
        let lines = match reached.len() {
            0 => 0,
            reached => (reached - 1) * self.strides[0] + self.kernel[0],
        };
        // The last vector may reach beyond the last line.
        let floats = lines.checked_mul(self.line()).and_then(|floats| floats.checked_add(self.taps.row * VECTOR));
        let mut canvas = Vec::new();
        let reserved = floats.is_some_and(|floats| canvas.try_reserve_exact(floats).is_ok());
        if !reserved {
            return Err(ort::Error::new("StemGradient: there is no memory for its gradient"));
        }
        canvas.resize(floats.unwrap_or(0), 0.0);
        Ok(Band { picture, rows, first: reached.start * self.strides[0], canvas })
    }

    /// Adds one channel of a band to a plane of the picture.
    fn add_up(&self, band: &Band, channel: usize, to: &mut [f32]) {
        let (line, width) = (self.line(), self.size[1].max(1));
        for (number, from) in band.canvas.chunks_exact(line.max(1)).enumerate() {
            let row = (band.first + number).checked_sub(self.pads[0]).filter(|row| *row < self.size[0]);
            let Some(row) = row else { continue };
            let from = from.get(self.pads[1] * self.depth + channel..).unwrap_or_default();
            let to = &mut to[row * width..][..width];
            from.iter().step_by(self.depth).zip(to).for_each(|(from, to)| *to += from);
        }
    }
}

/// The way back to one band.
struct Back<'a> {
    stem: &'a Stem<'a>,
    band: &'a mut Band,
}

impl WithSimd for Back<'_> {
    type Output = ();

    /// For each row of windows the maxima are sorted by their places, and the kernels of all feature maps that have theirs at
    /// one place are added up before they go to the canvas.
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Self { stem, band: Band { picture, rows, first, canvas } } = self;
        let ((x, input), (g, output), channels) = (stem.x, stem.g, stem.channels);
        let x = &x[*picture * channels * input.area()..][..channels * input.area()];
        let g = &g[*picture * channels * output.area()..][..channels * output.area()];
        let mut maxima = Maxima::new(stem.window, output.width);
        let mut sorted = Sorted::default();
        for row in rows.clone() {
            let reached = stem.window.rows(row..row + 1, input.height);
            let base = reached.start * input.width;
            let gradients = |channel: usize| &g[channel * output.area() + row * output.width..][..output.width];
            sorted.begin(reached.len() * input.width, channels * output.width);
            for channel in 0..channels {
                let x = &x[channel * input.area()..][..input.area()];
                sorted.count(maxima.of_row(row, x, input), gradients(channel), base as u32);
            }
            sorted.sort(output.width, gradients);
            for (block, taps) in stem.taps.blocks.iter().enumerate() {
                let vectors = (block * (BLOCK / VECTOR)..stem.taps.all).take(BLOCK / VECTOR);
                for (place, entries) in sorted.places() {
                    let sum = add_up(taps, entries);
                    let place = base + place;
                    let at = (place / input.width * stem.strides[0] - *first) * stem.line()
                        + place % input.width * stem.strides[1] * stem.depth;
                    for (vector, sum) in vectors.clone().zip(sum.as_chunks::<VECTOR>().0) {
                        let at = at + vector / stem.taps.row * stem.line() + vector % stem.taps.row * VECTOR;
                        canvas[at..][..VECTOR].iter_mut().zip(sum).for_each(|(to, sum)| *to += sum);
                    }
                }
            }
        }
    }
}

/// The sum of gradients times the taps of their feature maps, in the same order whatever vectors there are.
#[inline(always)]
fn add_up(taps: &[[f32; BLOCK]], entries: &[(f32, u32)]) -> [f32; BLOCK] {
    let mut sum = [0.0; BLOCK];
    for (gradient, channel) in entries {
        sum.iter_mut().zip(&taps[*channel as usize]).for_each(|(sum, tap)| *sum += gradient * tap);
    }
    sum
}

/// The gradients of a row of windows of all feature maps, sorted by their places in the maps.
#[derive(Default)]
struct Sorted {
    /// Of each gradient, as they came: its place among those that the row reaches, or beyond.
    unsorted: Vec<u32>,
    /// Of each place, where those before it end.
    ends: Vec<u32>,
    /// Where the next of each place goes.
    next: Vec<u32>,
    /// Gradient and feature map.
    entries: Vec<(f32, u32)>,
}

impl Sorted {
    /// Begins a row that reaches so many places.
    fn begin(&mut self, places: usize, most: usize) {
        self.unsorted.clear();
        self.ends.clear();
        self.ends.resize(places + 1, 0);
        self.entries.resize(most, (0.0, 0));
    }

    /// Takes a row of a feature map.
    #[inline(always)]
    fn count(&mut self, places: &[u32], gradients: &[f32], base: u32) {
        for (place, gradient) in places.iter().zip(gradients) {
            let place = if *gradient == 0.0 { u32::MAX } else { place.wrapping_sub(base) };
            self.unsorted.push(place);
            if let Some(count) = self.ends.get_mut(place as usize + 1) {
                *count += 1;
            }
        }
    }

    /// Sorts what was taken, of feature maps of so many gradients each.
    #[inline(always)]
    fn sort<'a>(&mut self, width: usize, gradients: impl Fn(usize) -> &'a [f32]) {
        let mut sum = 0;
        self.ends.iter_mut().for_each(|end| {
            sum += *end;
            *end = sum;
        });
        self.next.clone_from(&self.ends);
        for (channel, places) in self.unsorted.chunks(width.max(1)).enumerate() {
            for (place, gradient) in places.iter().zip(gradients(channel)) {
                let Some(next) = self.next.get_mut(*place as usize) else { continue };
                if let Some(entry) = self.entries.get_mut(*next as usize) {
                    *entry = (*gradient, channel as u32);
                }
                *next += 1;
            }
        }
    }

    /// The places that have gradients, with these.
    #[inline(always)]
    fn places(&self) -> impl Iterator<Item = (usize, &[(f32, u32)])> {
        let entries = |ends: &[u32]| self.entries.get(ends[0] as usize..ends[1] as usize).unwrap_or_default();
        let places = self.ends.windows(2).map(entries).enumerate();
        places.filter(|(_, entries)| !entries.is_empty())
    }
}
