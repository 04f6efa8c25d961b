//! Scaling pictures, antialiased, within one grey level of Pillow's `Image.resize`.

use std::borrow::Cow;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{ImageBuffer, Pixel as _, Rgb, RgbImage, Rgba};

use super::card::Interpolation;

/// Longest side of a [`view`], pixels.
pub const VIEW_SIDE: u32 = 1024;

/// The part that is wanted of a scaled picture. Order: across, down.
#[derive(Clone, Copy)]
pub struct Window {
    /// Size of the whole picture after scaling, pixels.
    pub scaled: [f64; 2],
    /// Left and top edge of the part in it.
    pub start: [f64; 2],
    /// Width and height of the part.
    pub size: [u32; 2],
}

impl Window {
    /// All of a picture, scaled to a size.
    pub fn whole(size: [u32; 2]) -> Self {
        Self { scaled: size.map(f64::from), start: [0.0; 2], size }
    }

    /// Start and length along an axis in pixels of a picture that is so long there.
    pub fn source(&self, axis: usize, whole: f64) -> [f64; 2] {
        [self.start[axis], f64::from(self.size[axis])].map(|length| length * whole / self.scaled[axis])
    }
}

/// Pixels that can be scaled.
pub trait Scalable: image::Pixel<Subpixel = u8> + 'static {
    /// Their kind.
    const KIND: PixelType;

    /// The picture as it is to be averaged.
    fn weighed(pixels: &Pixels<Self>) -> Cow<'_, Pixels<Self>> {
        Cow::Borrowed(pixels)
    }

    /// Undoes [`Scalable::weighed`].
    fn unweighed(pixels: Pixels<Self>) -> Pixels<Self> {
        pixels
    }
}

impl Scalable for Rgb<u8> {
    const KIND: PixelType = PixelType::U8x3;
}

/// Colours weigh as much as they are opaque, as Pillow has it.
impl Scalable for Rgba<u8> {
    const KIND: PixelType = PixelType::U8x4;

    fn weighed(pixels: &Pixels<Self>) -> Cow<'_, Pixels<Self>> {
        let mut weighed = pixels.clone();
        for pixel in weighed.pixels_mut() {
            let alpha = u32::from(pixel.0[3]);
            pixel.apply_without_alpha(|colour| ((u32::from(colour) * alpha + 127) / 255) as u8);
        }
        Cow::Owned(weighed)
    }

    fn unweighed(mut pixels: Pixels<Self>) -> Pixels<Self> {
        for pixel in pixels.pixels_mut().filter(|pixel| pixel.0[3] > 0) {
            let alpha = u32::from(pixel.0[3]);
            pixel.apply_without_alpha(|colour| (u32::from(colour) * 255 / alpha).min(255) as u8);
        }
        pixels
    }
}

type Pixels<P> = ImageBuffer<P, Vec<u8>>;

/// Scales the window of a picture that is `whole` pixels wide and high, of which the last may be cut off. Pixels beside the window still weigh in where the filter reaches over its edge: the
/// same as scaling the whole picture and cropping then. The error is the scaler's own words.
pub fn scale<P: Scalable>(
    pixels: &Pixels<P>,
    whole: [f64; 2],
    window: &Window,
    interpolation: Interpolation,
) -> Result<Pixels<P>, String> {
    let filter = match interpolation {
        Interpolation::Bilinear => FilterType::Bilinear,
        Interpolation::Bicubic => FilterType::CatmullRom,
        Interpolation::Lanczos => FilterType::Lanczos3,
        Interpolation::Hamming => FilterType::Hamming,
        Interpolation::Nearest => return Ok(nearest(pixels, window)),
    };
    let [columns, rows] = window.size;
    let [across, down] = [0, 1].map(|axis| {
        let [start, length] = window.source(axis, whole[axis]);
        [start, length.min(whole[axis] - start)]
    });
    // Across first and then down, rounding in between, because Pillow does: a filter with negative lobes clips there.
    let wide =
        pass(&P::weighed(pixels), [across, [0.0, f64::from(pixels.height())]], [columns, pixels.height()], filter)?;
    pass(&wide, [[0.0, f64::from(columns)], down], [columns, rows], filter).map(P::unweighed)
}

fn pass<P: Scalable>(
    pixels: &Pixels<P>,
    [[x, w], [y, h]]: [[f64; 2]; 2],
    [columns, rows]: [u32; 2],
    filter: FilterType,
) -> Result<Pixels<P>, String> {
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false).crop(x, y, w, h);
    let mut target = Image::new(columns, rows, P::KIND);
    let (width, height) = pixels.dimensions();
    let source = ImageRef::new(width, height, pixels.as_raw(), P::KIND).map_err(|e| e.to_string())?;
    Resizer::new().resize(&source, &mut target, &options).map_err(|e| e.to_string())?;
    ImageBuffer::from_raw(columns, rows, target.into_vec()).ok_or_else(|| "it is too large".to_owned())
}

/// The pixel in which the centre of each new one lies. The centres are added up as Pillow does, which decides where one
/// lies on the line between two pixels.
fn nearest<P: Scalable>(pixels: &Pixels<P>, window: &Window) -> Pixels<P> {
    let whole = [pixels.width(), pixels.height()];
    let [across, down] = [0, 1].map(|axis: usize| -> Vec<u32> {
        let step = f64::from(whole[axis]) / window.scaled[axis];
        let centres = std::iter::successors(Some(step * 0.5), |centre| Some(centre + step));
        let centres = centres.skip(window.start[axis].max(0.0) as usize).take(window.size[axis] as usize);
        centres.map(|centre| (centre as u32).min(whole[axis].saturating_sub(1))).collect()
    });
    let [columns, rows] = window.size;
    ImageBuffer::from_fn(columns, rows, |x, y| *pixels.get_pixel(across[x as usize], down[y as usize]))
}

/// A picture for the eyes: its longer side at most [`VIEW_SIDE`], never enlarged.
pub fn view(rgb: &RgbImage) -> Result<RgbImage, String> {
    let (width, height) = rgb.dimensions();
    let longest = width.max(height);
    if longest <= VIEW_SIDE {
        return Ok(rgb.clone());
    }
    let side = |length: u32| (f64::from(length) * f64::from(VIEW_SIDE) / f64::from(longest)).round().max(1.0) as u32;
    let whole = [width, height].map(f64::from);
    scale(rgb, whole, &Window::whole([side(width), side(height)]), Interpolation::Bilinear)
}
