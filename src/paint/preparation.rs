//! A picture as a person sees it beside what the network is fed of it: all channels, and each alone.

use image::RgbImage;
use ndarray::Array3;

use super::{mosaic, tile};
use crate::model::picture::stretched;

/// Height of the pictures, pixels.
const SIDE: u32 = 288;

/// Most channels that are drawn alone.
const CHANNELS: usize = 4;

/// Paints the picture and its input `[C, H, W]`, which is stretched to the range of colours for plotting.
pub fn paint(picture: &RgbImage, input: &Array3<f32>) -> RgbImage {
    let high = |picture: &RgbImage| {
        let (width, height) = picture.dimensions();
        tile::smooth(picture, ((width * SIDE).div_ceil(height.max(1)), SIDE))
    };
    let channels = input.dim().0;
    let alone = (0..channels.min(CHANNELS)).filter(|_| channels > 1).map(|channel| stretched(input, Some(channel)));
    let fed = std::iter::once(stretched(input, None)).chain(alone);
    let all: Vec<RgbImage> = std::iter::once(high(picture)).chain(fed.map(|fed| high(&fed))).collect();
    mosaic::row(&all.iter().collect::<Vec<_>>(), SIDE / 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_stands_beside_what_is_fed_and_its_channels() {
        let picture = RgbImage::from_pixel(40, 20, image::Rgb([9; 3]));
        let figure = |channels: usize| paint(&picture, &Array3::zeros((channels, 8, 8))).dimensions();
        assert_eq!(figure(3), (2 * SIDE + 4 * SIDE + 4 * 18, SIDE));
        assert_eq!(figure(1), (2 * SIDE + SIDE + 18, SIDE));
    }
}
