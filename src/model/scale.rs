//! Scaling pictures, antialiased, within one grey level of Pillow's `Image.resize`.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{ImageBuffer, Rgb, RgbImage, Rgba};

use super::card::Interpolation;

/// Longest side of a [`view`], pixels.
pub const VIEW_SIDE: u32 = 1024;

/// The part of a source picture that is wanted, and the size it is scaled to.
#[derive(Clone, Copy)]
pub struct Window {
    /// Left, top, width and height of the part, in source pixels.
    pub source: [f64; 4],
    /// Width and height of the result, pixels.
    pub size: [u32; 2],
}

impl Window {
    /// All of a picture, as large as it is.
    pub fn whole(rgb: &RgbImage) -> Self {
        let (width, height) = rgb.dimensions();
        Self { source: [0.0, 0.0, f64::from(width), f64::from(height)], size: [width, height] }
    }
}

/// Pixels that can be scaled.
pub trait Scalable: image::Pixel<Subpixel = u8> + 'static {
    /// Their kind.
    const KIND: PixelType;
}

impl Scalable for Rgb<u8> {
    const KIND: PixelType = PixelType::U8x3;
}

/// Colours weigh as much as they are opaque, as Pillow has it.
impl Scalable for Rgba<u8> {
    const KIND: PixelType = PixelType::U8x4;
}

type Pixels<P> = ImageBuffer<P, Vec<u8>>;

/// Scales the window of a picture. Pixels beside the window still weigh in where the filter reaches over its edge: the
/// same as scaling the whole picture and cropping then. The error is the scaler's own words.
pub fn scale<P: Scalable>(
    pixels: &Pixels<P>,
    window: &Window,
    interpolation: Interpolation,
) -> Result<Pixels<P>, String> {
    let filter = match interpolation {
        Interpolation::Bilinear => FilterType::Bilinear,
        Interpolation::Bicubic => FilterType::CatmullRom,
        Interpolation::Lanczos => FilterType::Lanczos3,
        Interpolation::Hamming => FilterType::Hamming,
        Interpolation::Box => FilterType::Box,
        Interpolation::Nearest => return pass(pixels, window.source, window.size, ResizeAlg::Nearest),
    };
    let filter = ResizeAlg::Convolution(filter);
    let [left, top, width, height] = window.source;
    let [columns, rows] = window.size;
    let (full_width, full_height) = (f64::from(pixels.width()), f64::from(pixels.height()));
    // Across first and then down, rounding in between, because Pillow does: a filter with negative lobes clips there.
    let size = [columns, pixels.height()];
    let across = pass(pixels, [left, 0.0, width.min(full_width - left), full_height], size, filter)?;
    pass(&across, [0.0, top, f64::from(columns), height.min(full_height - top)], [columns, rows], filter)
}

fn pass<P: Scalable>(
    pixels: &Pixels<P>,
    [x, y, w, h]: [f64; 4],
    [columns, rows]: [u32; 2],
    algorithm: ResizeAlg,
) -> Result<Pixels<P>, String> {
    let options = ResizeOptions::new().resize_alg(algorithm).crop(x, y, w, h);
    let mut target = Image::new(columns, rows, P::KIND);
    let (width, height) = pixels.dimensions();
    let source = ImageRef::new(width, height, pixels.as_raw(), P::KIND).map_err(|e| e.to_string())?;
    Resizer::new().resize(&source, &mut target, &options).map_err(|e| e.to_string())?;
    ImageBuffer::from_raw(columns, rows, target.into_vec()).ok_or_else(|| "it is too large".to_owned())
}

/// A picture for the eyes: its longer side at most [`VIEW_SIDE`], never enlarged.
pub fn view(rgb: &RgbImage) -> Result<RgbImage, String> {
    let (width, height) = rgb.dimensions();
    let longest = width.max(height);
    if longest <= VIEW_SIDE {
        return Ok(rgb.clone());
    }
    let side = |length: u32| (f64::from(length) * f64::from(VIEW_SIDE) / f64::from(longest)).round().max(1.0) as u32;
    scale(rgb, &Window { size: [side(width), side(height)], ..Window::whole(rgb) }, Interpolation::Bilinear)
}
