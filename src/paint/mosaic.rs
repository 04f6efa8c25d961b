//! Pictures in a row: filmstrips, and the colour channels apart.

use image::{RgbImage, imageops};

/// Pictures from left to right, aligned at the top, with black gaps of `gap` pixels. Empty for no pictures.
pub fn row(pictures: &[&RgbImage], gap: u32) -> RgbImage {
    let gaps = gap * (pictures.len() as u32).saturating_sub(1);
    let width = pictures.iter().map(|picture| picture.width()).sum::<u32>() + gaps;
    let height = pictures.iter().map(|picture| picture.height()).max().unwrap_or(0);
    let mut row = RgbImage::new(width, height);
    let mut x = 0;
    for picture in pictures {
        imageops::replace(&mut row, *picture, x, 0);
        x += i64::from(picture.width() + gap);
    }
    row
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn pictures_stand_side_by_side_with_gaps() {
        let (white, grey) = (RgbImage::from_pixel(1, 2, Rgb([255; 3])), RgbImage::from_pixel(2, 1, Rgb([9; 3])));
        let row = row(&[&white, &grey], 1);
        assert_eq!(row.dimensions(), (4, 2));
        let levels: Vec<u8> = row.pixels().map(|pixel| pixel.0[0]).collect();
        assert_eq!(levels, [255, 0, 9, 9, 255, 0, 0, 0]);
        assert_eq!(super::row(&[], 3).dimensions(), (0, 0));
    }
}
