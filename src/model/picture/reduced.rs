//! Large JPEGs at a fraction of their size: where a picture is scaled down anyway, fewer pixels are made of its
//! frequencies, and what is left of them is antialiased already.
//!
//! Owns how far a picture may be reduced. Must not know what it is needed for.

use std::io::Cursor;
use std::path::Path;

use image::codecs::jpeg::JpegDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageDecoder, RgbImage};
use jpeg_decoder::{Decoder, PixelFormat};

use super::{MAX_ALLOCATION, Picture, PictureError};

/// How many times as large as it is needed a reduced picture still is, at least: scaling then does nearly what it would
/// have done with the whole one.
const SPARE: f64 = 2.0;

/// From how many pixels of a file to one: those that a JPEG's blocks of 8 × 8 allow.
const TIMES: [u32; 3] = [8, 4, 2];

/// Bytes at the end of a file among which the mark of a JPEG's end is looked for.
const END: usize = 4096;

/// A picture that may have fewer pixels than its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Reduced {
    /// The picture, upright.
    pub picture: Picture,
    /// Width and height that the file has, upright.
    pub size: (u32, u32),
    /// How many of the file's pixels lie along a side of one of the picture's.
    pub times: u32,
}

impl Reduced {
    /// Width and height in its own pixels; the last ones may be cut off.
    pub fn whole(&self) -> [f64; 2] {
        [self.size.0, self.size.1].map(|side| f64::from(side) / f64::from(self.times))
    }
}

impl Picture {
    /// As [`Picture::from_content`], with fewer pixels where the file is a JPEG that is far larger than needed. `needed`
    /// tells from a picture's width and height to which width and height it will be scaled.
    pub fn reduced(
        path: &Path,
        content: &[u8],
        needed: impl Fn(u32, u32) -> [f64; 2],
    ) -> Result<Reduced, PictureError> {
        if let Some((rgb, size, times)) = decode(content, needed) {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            return Ok(Reduced { picture: Self::opaque(name, rgb), size, times });
        }
        let picture = Self::from_content(path, content)?;
        Ok(Reduced { size: picture.rgb.dimensions(), picture, times: 1 })
    }
}

/// The pixels, the whole size and by how much it was reduced; `None` where the usual way is to be gone: for other
/// formats, for small pictures, and for everything that is not quite as it should be.
fn decode(content: &[u8], needed: impl Fn(u32, u32) -> [f64; 2]) -> Option<(RgbImage, (u32, u32), u32)> {
    let ended = content.len().saturating_sub(END);
    if !content.starts_with(&[0xff, 0xd8, 0xff]) || !content[ended..].windows(2).any(|mark| mark == [0xff, 0xd9]) {
        return None;
    }
    let mut header = JpegDecoder::new(Cursor::new(content)).ok()?;
    let (width, height) = header.dimensions();
    let turned = |orientation| {
        use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
        matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
    };
    let fits = |(width, height): (u32, u32)| {
        let [across, down] = needed(width, height).map(|side| side * SPARE);
        let enough = |times: &&u32| f64::from(width / **times) >= across && f64::from(height / **times) >= down;
        TIMES.iter().find(enough).copied()
    };
    // Most pictures need all of their pixels, whichever way they are turned.
    fits((width, height)).or_else(|| fits((height, width)))?;
    if header.total_bytes() > MAX_ALLOCATION {
        return None;
    }
    let orientation = header.orientation().unwrap_or(Orientation::NoTransforms);
    let size = if turned(orientation) { (height, width) } else { (width, height) };
    let times = fits(size)?;
    let [across, down] = [width, height].map(|side| side.div_ceil(times));
    let mut decoder = Decoder::new(content);
    let scaled = decoder.scale(u16::try_from(across).ok()?, u16::try_from(down).ok()?).ok()?;
    if scaled != (across as u16, down as u16) {
        return None;
    }
    let format = decoder.info()?.pixel_format;
    let mut image: DynamicImage = match format {
        PixelFormat::RGB24 => RgbImage::from_raw(across, down, decoder.decode().ok()?)?.into(),
        PixelFormat::L8 => GrayImage::from_raw(across, down, decoder.decode().ok()?)?.into(),
        PixelFormat::L16 | PixelFormat::CMYK32 => return None,
    };
    image.apply_orientation(orientation);
    Some((image.into_rgb8(), size, times))
}

#[cfg(test)]
mod tests {
    use image::codecs::jpeg::JpegEncoder;
    use image::{ExtendedColorType, ImageEncoder, Rgb};

    use super::*;
    use crate::model::card::{Card, InputCard};
    use crate::model::channels::Channels;
    use crate::model::preprocess::Preprocess;

    /// A JPEG with edges, slopes and fine stripes, turned as an EXIF orientation says.
    fn jpeg(width: u32, height: u32, orientation: u8) -> Vec<u8> {
        let level = |x: u32, y: u32| {
            let (slope, edge) = (x * 200 / width, if (x / 61 + y / 47).is_multiple_of(2) { 40 } else { 0 });
            [slope + edge, y * 200 / height, (x + y) % 7 * 30].map(|level| level.min(255) as u8)
        };
        let rgb = RgbImage::from_fn(width, height, |x, y| Rgb(level(x, y)));
        let mut file = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut file, 92);
        let entry = [0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0];
        encoder.set_exif_metadata([b"II*\0\x08\0\0\0\x01\0".as_slice(), &entry].concat()).unwrap();
        encoder.write_image(rgb.as_raw(), width, height, ExtendedColorType::Rgb8).unwrap();
        file
    }

    fn reduced(file: &[u8]) -> Reduced {
        Picture::reduced(Path::new("a.jpg"), file, |_, _| [100.0, 100.0]).unwrap()
    }

    #[test]
    fn only_what_is_far_too_large_is_reduced() {
        for (side, times) in [(150, 1), (399, 1), (400, 2), (801, 4), (1600, 8), (1607, 8)] {
            let found = reduced(&jpeg(side, side + 30, 1));
            assert_eq!((found.times, found.size), (times, (side, side + 30)), "{side}");
            let sides = (side.div_ceil(times), (side + 30).div_ceil(times));
            assert_eq!(found.picture.rgb.dimensions(), sides);
        }
        let file = jpeg(800, 700, 1);
        assert_eq!(reduced(&[&file[..], b"behind"].concat()).times, 2);
        assert_eq!(decode(&file[..file.len() / 2], |_, _| [10.0; 2]), None, "cut off");
        let mut png = Cursor::new(Vec::new());
        RgbImage::new(900, 900).write_to(&mut png, image::ImageFormat::Png).unwrap();
        assert_eq!(reduced(png.get_ref()).times, 1);
    }

    /// What a network is fed is what it would be fed of the whole picture, nearly.
    #[test]
    fn reduced_pictures_are_scaled_as_whole_ones_are() {
        let preprocess = Preprocess::from(&Card::named("", InputCard::plain(64, 64, Channels::Rgb)));
        for (width, height, orientation) in [(1037, 800, 1), (800, 1037, 6), (611, 403, 3), (533, 300, 8)] {
            let file = jpeg(width, height, orientation);
            let whole = Picture::from_content(Path::new("a.jpg"), &file).unwrap();
            let reduced = Picture::reduced(Path::new("a.jpg"), &file, |w, h| preprocess.needed(w, h)).unwrap();
            assert!(reduced.times > 1 && reduced.size == whole.rgb.dimensions());
            let expected = preprocess.tensor(&whole).unwrap();
            let (seen, input) = preprocess.of_reduced(&reduced).unwrap();
            assert_eq!(seen, preprocess.region(&whole));
            let levels = (&input - &expected).mapv(|difference| f64::from(difference.abs()) * 255.0);
            let most = levels.fold(0.0, |a: f64, b| a.max(*b));
            assert!(levels.mean().unwrap() < 1.5 && most < 12.0, "{width}: {} {most}", levels.mean().unwrap());
        }
    }
}
