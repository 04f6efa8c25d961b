//! Whether a JPEG is cut off, as a download that was broken off leaves it: decoders fill what is missing with grey and say
//! nothing.
//!
//! Must not decode.

use image::{DynamicImage, GenericImageView};

/// Rows that a JPEG's blocks have: the least that is missing at the bottom.
const BLOCK: u32 = 8;

/// Whether the bytes are those of a JPEG that ends before its mark of the end. Some cameras leave out the mark, so that the
/// picture has to be [`flat_below`] as well.
pub(super) fn has_no_end(content: &[u8]) -> bool {
    if !content.starts_with(&[0xff, 0xd8, 0xff]) {
        return false;
    }
    // Pictures within the segments before the first scan, such as a preview, have ends of their own.
    let mut at = 2;
    while let [0xff, kind, high, low, ..] = content[at.min(content.len())..] {
        if kind == 0xda {
            return !content[at..].windows(2).any(|mark| mark == [0xff, 0xd9]);
        }
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
    }
    true
}

/// Whether the last rows of a picture, as its file has them, are of one colour.
pub(super) fn flat_below(picture: &DynamicImage) -> bool {
    let (width, height) = picture.dimensions();
    let first = height.saturating_sub(BLOCK);
    let mut below = (first..height).flat_map(|y| (0..width).map(move |x| picture.get_pixel(x, y)));
    below.next().is_some_and(|colour| below.all(|other| other == colour))
}

#[cfg(test)]
mod tests {
    use image::codecs::jpeg::JpegEncoder;
    use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage};

    use super::*;

    #[test]
    fn a_jpeg_ends_with_its_mark_and_not_with_that_of_its_preview() {
        let picture = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * 4) as u8, (y * 4) as u8, 90]));
        let mut file = Vec::new();
        let mut encoder = JpegEncoder::new(&mut file);
        encoder.set_exif_metadata([&b"Exif preview"[..], &[0xff, 0xd9]].concat()).unwrap();
        encoder.write_image(picture.as_raw(), 64, 64, ExtendedColorType::Rgb8).unwrap();
        assert!(!has_no_end(&file));
        assert!(!has_no_end(&[&file[..], &[7; 9000]].concat()), "what follows is no part of it");
        for length in [file.len() - 2, file.len() / 2, 30, 3] {
            assert!(has_no_end(&file[..length]), "{length}");
        }
        assert!(!has_no_end(b"\x89PNG") && !has_no_end(b""));
    }

    #[test]
    fn rows_of_one_colour_are_flat() {
        let half = RgbImage::from_fn(16, 24, |x, y| Rgb([if y < 15 { x as u8 } else { 128 }; 3]));
        assert!(flat_below(&half.into()));
        assert!(!flat_below(&RgbImage::from_fn(16, 24, |x, _| Rgb([x as u8; 3])).into()));
    }
}
