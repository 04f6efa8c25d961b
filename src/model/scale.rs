//! Scaling pictures, antialiased, within one grey level of Pillow's `Image.resize`.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use super::card::Interpolation;

/// Longest side of a [`view`], pixels.
pub const VIEW_SIDE: u32 = 1024;

/// The part of a source picture that is wanted, and the size it is scaled to.
pub struct Window {
    /// Left, top, width and height of the part, in source pixels.
    pub source: [f64; 4],
    /// Width and height of the result, pixels.
    pub size: [u32; 2],
}

impl Window {
    fn whole(rgb: &RgbImage, size: [u32; 2]) -> Self {
        Self { source: [0.0, 0.0, f64::from(rgb.width()), f64::from(rgb.height())], size }
    }
}

/// Scales the window of a picture. Pixels beside the window still weigh in where the filter reaches over its edge: the
/// same as scaling the whole picture and cropping then. The error is the scaler's own words.
pub fn scale(rgb: &RgbImage, window: &Window, interpolation: Interpolation) -> Result<RgbImage, String> {
    let filter = match interpolation {
        Interpolation::Bilinear => FilterType::Bilinear,
        Interpolation::Bicubic => FilterType::CatmullRom,
        Interpolation::Lanczos => FilterType::Lanczos3,
    };
    let [left, top, width, height] = window.source;
    let [columns, rows] = window.size;
    let (full_width, full_height) = (f64::from(rgb.width()), f64::from(rgb.height()));
    // Across first and then down, rounding in between, because Pillow does: a filter with negative lobes clips there.
    let across = pass(rgb, [left, 0.0, width.min(full_width - left), full_height], [columns, rgb.height()], filter)?;
    pass(&across, [0.0, top, f64::from(columns), height.min(full_height - top)], [columns, rows], filter)
}

fn pass(
    rgb: &RgbImage,
    [x, y, w, h]: [f64; 4],
    [columns, rows]: [u32; 2],
    filter: FilterType,
) -> Result<RgbImage, String> {
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).crop(x, y, w, h);
    let mut target = Image::new(columns, rows, PixelType::U8x3);
    let source = ImageRef::new(rgb.width(), rgb.height(), rgb.as_raw(), PixelType::U8x3).map_err(|e| e.to_string())?;
    Resizer::new().resize(&source, &mut target, &options).map_err(|e| e.to_string())?;
    RgbImage::from_raw(columns, rows, target.into_vec()).ok_or_else(|| "it is too large".to_owned())
}

/// A picture for the eyes: its longer side at most [`VIEW_SIDE`], never enlarged.
pub fn view(rgb: &RgbImage) -> Result<RgbImage, String> {
    let (width, height) = rgb.dimensions();
    let longest = width.max(height);
    if longest <= VIEW_SIDE {
        return Ok(rgb.clone());
    }
    let side = |length: u32| (f64::from(length) * f64::from(VIEW_SIDE) / f64::from(longest)).round().max(1.0) as u32;
    scale(rgb, &Window::whole(rgb, [side(width), side(height)]), Interpolation::Bilinear)
}
