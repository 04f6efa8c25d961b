//! A small array as a picture of its own: a filter, a feature map.
//!
//! Owns between which values the colours run, and bringing a tile to the size at which it is seen. Must not know what the
//! values are.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{Pixel, Rgb, RgbImage, imageops};
use ndarray::{Array3, ArrayView2, ArrayView3};

use super::colormap;
use crate::look::Colormap;

/// The values at the two ends of the colours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ends {
    /// Lowest.
    pub low: f32,
    /// Highest.
    pub high: f32,
    /// Whether zero is in the middle.
    pub signed: bool,
}

impl Ends {
    /// The ends for values that lie between two: from zero up where none is negative, else as far below zero as above.
    pub fn around(low: f32, high: f32) -> Self {
        let bound = low.abs().max(high.abs());
        if low < 0.0 { Self::about_zero(bound) } else { Self { low: 0.0, high: bound, signed: false } }
    }

    /// The ends for values that have a sign, even where all of them are zero.
    pub fn about_zero(bound: f32) -> Self {
        Self { low: -bound, high: bound, signed: true }
    }

    /// The ends for all values of a tile; NaN does not count.
    pub fn of<'a>(values: impl IntoIterator<Item = &'a f32>) -> Self {
        let fold = |(low, high): (f32, f32), value: &f32| (low.min(*value), high.max(*value));
        let (low, high) = values.into_iter().fold((f32::INFINITY, f32::NEG_INFINITY), fold);
        if low <= high { Self::around(low, high) } else { Self::around(0.0, 0.0) }
    }

    /// Where a value lies, 0 to 1; without contrast at the low end, or in the middle where that is zero.
    fn position(&self, value: f32) -> f32 {
        let width = self.high - self.low;
        let none = if self.signed { 0.5 } else { 0.0 };
        if width > 0.0 { ((value - self.low) / width).clamp(0.0, 1.0) } else { none + value * 0.0 }
    }
}

/// Paints `[height, width]`, a pixel a value; a diverging colormap where the ends are signed. NaN is black.
pub fn values(values: ArrayView2<'_, f32>, ends: Ends, colormap: Colormap) -> RgbImage {
    let lut = colormap::lut(colormap.for_map(ends.signed));
    let (height, width) = values.dim();
    let mut pixels = values.iter().map(|value| colormap::colour(lut, ends.position(*value)).unwrap_or_default());
    let mut tile = RgbImage::new(width as u32, height as u32);
    tile.pixels_mut().zip(&mut pixels).for_each(|(pixel, colour)| *pixel = Rgb(colour));
    tile
}

/// Paints three of `[channels, height, width]` as red, green and blue with zero as middle grey and `bound` as full.
pub fn colours(values: ArrayView3<'_, f32>, rgb: [usize; 3], bound: f32) -> RgbImage {
    let (_, height, width) = values.dim();
    let ends = Ends::about_zero(bound);
    RgbImage::from_fn(width as u32, height as u32, |x, y| {
        Rgb(rgb.map(|channel| match values.get([channel, y as usize, x as usize]) {
            Some(value) if bound > 0.0 => (ends.position(*value) * 255.0).round() as u8,
            _ => 128,
        }))
    })
}

/// Paints a picture `[channels, height, width]` of colours 0 to 1: red, green and blue, or grey.
pub fn picture(colours: ArrayView3<'_, f32>) -> RgbImage {
    let (channels, height, width) = colours.dim();
    RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let value = |channel: usize| colours[[channel.min(channels - 1), y as usize, x as usize]];
        Rgb([0, 1, 2].map(|channel| (value(channel) * 255.0).round() as u8))
    })
}

/// A picture at a size as colours 0 to 1, `[channels, height, width]`; one channel is grey.
pub fn colours_of(picture: &RgbImage, (width, height): (u32, u32), channels: usize) -> Array3<f32> {
    let picture = scaled(picture, (width, height));
    Array3::from_shape_fn((channels, height as usize, width as usize), |(channel, y, x)| {
        let pixel = picture.get_pixel(x as u32, y as u32);
        let level = if channels == 1 { pixel.to_luma().0[0] } else { pixel.0[channel.min(2)] };
        f32::from(level) / 255.0
    })
}

/// Brings a tile to a size: smaller by averaging, larger by repeating, so that each value stays a square, where the size is a
/// multiple of its own; by interpolation where it is not.
pub fn fit(tile: &RgbImage, (width, height): (u32, u32)) -> RgbImage {
    let (width, height) = (width.max(1), height.max(1));
    match tile.dimensions() {
        same if same == (width, height) => tile.clone(),
        (0, _) | (_, 0) => RgbImage::new(width, height),
        (w, h) if w > width || h > height => resized(tile, (width, height), AVERAGE),
        (w, h) if width % w == 0 && height % h == 0 => resized(tile, (width, height), ResizeAlg::Nearest),
        _ => resized(tile, (width, height), BETWEEN),
    }
}

/// Means of the pixels that fall on one, and the line between those it lies between.
const AVERAGE: ResizeAlg = ResizeAlg::Convolution(FilterType::Box);
const BETWEEN: ResizeAlg = ResizeAlg::Convolution(FilterType::Bilinear);

/// Brings a picture to a size by interpolation, antialiased where it becomes smaller.
pub fn scaled(picture: &RgbImage, size: (u32, u32)) -> RgbImage {
    resized(picture, size, BETWEEN)
}

fn resized(picture: &RgbImage, (width, height): (u32, u32), how: ResizeAlg) -> RgbImage {
    let (width, height) = (width.max(1), height.max(1));
    if (width, height) == picture.dimensions() {
        return picture.clone();
    }
    let mut made = Image::new(width, height, PixelType::U8x3);
    let source = ImageRef::new(picture.width(), picture.height(), picture.as_raw(), PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(how);
    let done = source.is_ok_and(|source| Resizer::new().resize(&source, &mut made, &options).is_ok());
    let made = RgbImage::from_raw(width, height, made.into_vec()).filter(|_| done);
    made.unwrap_or_else(|| imageops::resize(picture, width, height, imageops::FilterType::Triangle))
}

/// Brings a picture to a size without steps: smaller by averaging, larger by interpolation.
pub fn smooth(picture: &RgbImage, (width, height): (u32, u32)) -> RgbImage {
    let (width, height) = (width.max(1), height.max(1));
    match picture.dimensions() {
        same if same == (width, height) => picture.clone(),
        (0, _) | (_, 0) => RgbImage::new(width, height),
        (w, h) if w > width || h > height => resized(picture, (width, height), AVERAGE),
        _ => resized(picture, (width, height), BETWEEN),
    }
}

/// A picture in its own proportions in the middle of a tile, on a colour.
pub fn contained(picture: &RgbImage, (width, height): (u32, u32), ground: [u8; 3]) -> RgbImage {
    let (wide, high) = (picture.width().max(1), picture.height().max(1));
    let scale = (width as f32 / wide as f32).min(height as f32 / high as f32);
    let scaled = |length: u32, most: u32| ((length as f32 * scale).round() as u32).clamp(1, most.max(1));
    let inside = smooth(picture, (scaled(wide, width), scaled(high, height)));
    let mut tile = RgbImage::from_pixel(width.max(1), height.max(1), Rgb(ground));
    let middle = |room: u32, length: u32| i64::from(room.saturating_sub(length) / 2);
    imageops::replace(&mut tile, &inside, middle(width, inside.width()), middle(height, inside.height()));
    tile
}

/// Brings a tile into a square, its longer side as long as that: small ones by whole pixels, so that each value stays a
/// square.
pub fn square(tile: &RgbImage, side: u32) -> RgbImage {
    let (width, height) = tile.dimensions();
    let longest = width.max(height).max(1);
    if width == 0 || height == 0 {
        return RgbImage::new(0, 0);
    }
    if longest * 2 <= side {
        let factor = side / longest;
        return fit(tile, (width * factor, height * factor));
    }
    let along = |length: u32| (length * side).div_ceil(longest).clamp(1, side.max(1));
    scaled(tile, (along(width), along(height)))
}

#[cfg(test)]
mod tests {
    use ndarray::{arr2, arr3};

    use super::*;

    #[test]
    fn ends_begin_at_zero_or_have_it_in_the_middle() {
        assert_eq!(Ends::of(&[0.5, 2.0]), Ends { low: 0.0, high: 2.0, signed: false });
        assert_eq!(Ends::of(&[-3.0, 2.0, f32::NAN]), Ends::about_zero(3.0));
        assert_eq!(Ends::of(&[f32::NAN]), Ends { low: 0.0, high: 0.0, signed: false });
    }

    #[test]
    fn values_get_the_colours_of_their_place() {
        let tile = values(arr2(&[[0.0, 1.0, 2.0, f32::NAN]]).view(), Ends::around(0.0, 2.0), Colormap::Grey);
        assert_eq!(tile.pixels().map(|pixel| pixel.0[0]).collect::<Vec<_>>(), [0, 128, 255, 0]);
        let signed = values(arr2(&[[-1.0, 1.0, 0.0]]).view(), Ends::about_zero(1.0), Colormap::Viridis);
        let [low, high, zero] = [0, 1, 2].map(|x| signed.get_pixel(x, 0).0);
        assert!(low[2] > low[0] && high[0] > high[2], "blue below zero, red above");
        let nothing = values(arr2(&[[0.0]]).view(), Ends::about_zero(0.0), Colormap::Viridis);
        assert_eq!(nothing.get_pixel(0, 0).0, zero, "zero among signed values is zero");
    }

    #[test]
    fn colours_are_grey_at_zero() {
        let filter = arr3(&[[[0.0, 0.5]], [[0.0, -0.5]], [[0.0, 0.0]]]);
        let tile = colours(filter.view(), [0, 1, 2], 0.5);
        assert_eq!([tile.get_pixel(0, 0).0, tile.get_pixel(1, 0).0], [[128; 3], [255, 0, 128]]);
        assert_eq!(colours(filter.view(), [2, 1, 0], 0.5).get_pixel(1, 0).0, [128, 0, 255]);
        assert_eq!(colours(filter.view(), [0, 1, 2], 0.0).get_pixel(1, 0).0, [128; 3]);
    }

    #[test]
    fn a_picture_is_contained_in_its_proportions() {
        let picture = RgbImage::from_pixel(4, 2, Rgb([9; 3]));
        let tile = contained(&picture, (8, 8), [7; 3]);
        let column: Vec<u8> = (0..8).map(|y| tile.get_pixel(3, y).0[0]).collect();
        assert_eq!(column, [7, 7, 9, 9, 9, 9, 7, 7]);
        assert_eq!(contained(&RgbImage::new(0, 0), (2, 2), [7; 3]).dimensions(), (2, 2));
    }

    #[test]
    fn tiles_shrink_by_averaging_and_grow_by_repeating() {
        let tile = RgbImage::from_fn(2, 2, |x, _| Rgb([if x == 0 { 0 } else { 200 }; 3]));
        assert_eq!(fit(&tile, (1, 1)).get_pixel(0, 0).0, [100; 3]);
        let large = fit(&tile, (4, 2));
        assert_eq!(large.pixels().take(4).map(|pixel| pixel.0[0]).collect::<Vec<_>>(), [0, 0, 200, 200]);
        assert_eq!(fit(&RgbImage::new(0, 0), (2, 2)).dimensions(), (2, 2));
    }
}
