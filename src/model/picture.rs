//! Pictures as people see them: any file the decoders know, as upright 8-bit RGB; and arrays, which stand for pictures
//! that no picture file can hold.
//!
//! Owns decoding and its limits. Must not know what a network does with pixels.

use std::io::{BufRead, Cursor, Seek};
use std::path::{Path, PathBuf};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, Rgb, RgbImage, RgbaImage};
use ndarray::Array3;

mod array;
mod cut;
mod reduced;

pub use reduced::Reduced;

/// Most memory a decoder may ask for, bytes: enough for a photograph of 100 megapixels.
const MAX_ALLOCATION: u64 = 512 << 20;

/// Longest side that is accepted, pixels.
const MAX_SIDE: u32 = 1 << 16;

/// File name endings of the formats that can be read.
const ENDINGS: [&str; 13] =
    ["png", "jpg", "jpeg", "jpe", "gif", "bmp", "webp", "tif", "tiff", "pnm", "ppm", "pgm", "pbm"];

/// Why a picture could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The file could not be read at all.
    #[error("cannot read the picture {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A folder, a device or a pipe.
    #[error("{path} is not a file")]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// Not a picture in a format that is known.
    #[error("{path} is not a picture that can be read; PNG, JPEG, GIF, BMP, WebP, TIFF and PNM can")]
    NotAPicture {
        /// The file.
        path: PathBuf,
    },
    /// Larger than what is decoded.
    #[error("the picture {path} is too large to decode (at most 65536 pixels a side and 512 MiB); make it smaller")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// An array that cannot stand for a picture.
    #[error("the array {path} cannot be used: {reason}; give numbers of shape [channels, height, width]")]
    Array {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A picture, but damaged or of a kind its decoder does not know.
    #[error("the picture {path} cannot be decoded: {reason}")]
    Decode {
        /// The file.
        path: PathBuf,
        /// The decoder's own words.
        reason: String,
    },
}

/// A picture in memory: upright (EXIF orientation applied), 8 bits a channel, RGB; transparent parts lie over white.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// What to call it: the file name, or the name of a bundled picture.
    pub name: String,
    /// The pixels, as large as the file has them.
    pub rgb: RgbImage,
    /// What it holds that `rgb` cannot show.
    pub beyond: Option<Beyond>,
}

/// What 8-bit RGB cannot show.
#[derive(Clone, Debug, PartialEq)]
pub enum Beyond {
    /// Colours with their opacity, not blended with anything.
    Rgba(RgbaImage),
    /// What a network is fed as it is, `[channels, height, width]`.
    Array(Array3<f32>),
}

impl Picture {
    /// Reads a picture file; the format is told by its content, not by its name.
    pub fn open(path: &Path) -> Result<Self, PictureError> {
        let failed = |source| PictureError::Read { path: path.to_owned(), source };
        let metadata = std::fs::metadata(path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(PictureError::NotAFile { path: path.to_owned() });
        }
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let mut file = std::io::BufReader::new(std::fs::File::open(path).map_err(failed)?);
        if file.fill_buf().map_err(failed)?.starts_with(array::MAGIC) {
            return array::read(path, name, file);
        }
        decode(file, path).map(|image| Self::from_image(name, image))
    }

    /// As [`Picture::open`], for a file that has been read already.
    pub fn from_content(path: &Path, content: &[u8]) -> Result<Self, PictureError> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        if content.starts_with(array::MAGIC) {
            return array::read(path, name, content);
        }
        decode(Cursor::new(content), path).map(|image| Self::from_image(name, image))
    }

    /// An opaque picture.
    pub fn opaque(name: impl Into<String>, rgb: RgbImage) -> Self {
        Self { name: name.into(), rgb, beyond: None }
    }

    fn from_image(name: String, image: DynamicImage) -> Self {
        match image.color().has_alpha() {
            false => Self::opaque(name, image.into_rgb8()),
            true => {
                let rgba = image.into_rgba8();
                Self { name, rgb: over_white(&rgba), beyond: Some(Beyond::Rgba(rgba)) }
            }
        }
    }

    /// Decodes a picture held in memory; `name` is what errors call it.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self, PictureError> {
        decode(Cursor::new(bytes), Path::new(name)).map(|image| Self::from_image(name.to_owned(), image))
    }

    /// Whether a file name ends like a picture's: what a folder is searched for.
    pub fn has_ending(path: &Path) -> bool {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
    }

    /// Whether a file name ends like an array's: what a folder without pictures is searched for.
    pub fn has_array_ending(path: &Path) -> bool {
        path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npy"))
    }
}

fn decode<R: BufRead + Seek>(file: R, path: &Path) -> Result<DynamicImage, PictureError> {
    let failed = |source| PictureError::Read { path: path.to_owned(), source };
    let reader = ImageReader::new(file).with_guessed_format().map_err(failed)?;
    if reader.format() != Some(ImageFormat::Jpeg) {
        let (mut image, orientation) = decode_known(reader).map_err(|error| named(error, path))?;
        image.apply_orientation(orientation);
        return Ok(image);
    }
    let mut content = Vec::new();
    reader.into_inner().read_to_end(&mut content).map_err(failed)?;
    let endless = cut::has_no_end(&content);
    let reader = ImageReader::with_format(Cursor::new(content), ImageFormat::Jpeg);
    let (mut image, orientation) = decode_known(reader).map_err(|error| named(error, path))?;
    if endless && cut::flat_below(&image) {
        let reason = "it is cut off: the file ends before the picture does".to_owned();
        return Err(PictureError::Decode { path: path.to_owned(), reason });
    }
    image.apply_orientation(orientation);
    Ok(image)
}

/// The pixels as they lie in the file, and how they are to be turned.
fn decode_known<R: BufRead + Seek>(mut reader: ImageReader<R>) -> Result<(DynamicImage, Orientation), ImageError> {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_ALLOCATION);
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    limits.reserve(decoder.total_bytes())?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((DynamicImage::from_decoder(decoder)?, orientation))
}

/// 8-bit RGB; transparency is blended with white, as a page or a browser would show it.
fn over_white(rgba: &RgbaImage) -> RgbImage {
    let blend = |colour: u8, alpha: u8| {
        let (colour, alpha) = (u32::from(colour), u32::from(alpha));
        ((colour * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, a] = rgba.get_pixel(x, y).0;
        Rgb([blend(r, a), blend(g, a), blend(b, a)])
    })
}

/// An array `[channels, height, width]` as a picture for plotting only: its first three channels, or one in grey,
/// stretched from the smallest to the largest value in them.
pub fn stretched(array: &Array3<f32>, channel: Option<usize>) -> RgbImage {
    stretched_like(array, array, channel)
}

/// As [`stretched`], from the smallest to the largest value of another array, so that several can be compared.
pub fn stretched_like(array: &Array3<f32>, like: &Array3<f32>, channel: Option<usize>) -> RgbImage {
    let (channels, height, width) = array.dim();
    let last = channels.saturating_sub(1);
    let shown = like.outer_iter().enumerate().filter(|(at, _)| *at < 3 || Some(*at) == channel);
    let values = shown.flat_map(|(_, values)| values.into_iter().copied());
    let (low, high) = values.filter(|v| v.is_finite()).fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(v), h.max(v)));
    let level = |c: usize, x: u32, y: u32| {
        let value = array.get([c.min(last), y as usize, x as usize]).copied().unwrap_or(low);
        ((value - low) / (high - low).max(f32::MIN_POSITIVE) * 255.0).round() as u8
    };
    RgbImage::from_fn(width as u32, height as u32, |x, y| match channel {
        Some(channel) => Rgb([level(channel, x, y); 3]),
        None => Rgb([0, 1, 2].map(|c| level(c, x, y))),
    })
}

fn named(error: ImageError, path: &Path) -> PictureError {
    let path = path.to_owned();
    match error {
        ImageError::IoError(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => {
            PictureError::Read { path, source }
        }
        ImageError::Unsupported(e) if matches!(e.kind(), image::error::UnsupportedErrorKind::Format(_)) => {
            PictureError::NotAPicture { path }
        }
        ImageError::Limits(_) => PictureError::TooLarge { path },
        other => PictureError::Decode { path, reason: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use image::codecs::jpeg::JpegEncoder;
    use image::codecs::png::PngEncoder;
    use image::{ExtendedColorType, ImageEncoder};

    use super::*;

    fn png(bytes: &[u8], width: u32, height: u32, colour: ExtendedColorType) -> Vec<u8> {
        let mut out = Vec::new();
        PngEncoder::new(&mut out).write_image(bytes, width, height, colour).unwrap();
        out
    }

    #[test]
    fn transparency_lies_over_white() {
        let file = png(&[255, 0, 0, 0, 0, 0, 0, 128], 2, 1, ExtendedColorType::Rgba8);
        let picture = Picture::from_bytes("alpha", &file).unwrap();
        assert_eq!(picture.rgb.into_raw(), [255, 255, 255, 127, 127, 127]);
    }

    #[test]
    fn sixteen_bits_and_grey_become_eight_bit_rgb() {
        let file = png(&[0x80, 0x80, 0xff, 0xff].map(|b| b), 2, 1, ExtendedColorType::L16);
        assert_eq!(Picture::from_bytes("grey16", &file).unwrap().rgb.into_raw(), [128, 128, 128, 255, 255, 255]);
        let file = png(&[7], 1, 1, ExtendedColorType::L8);
        assert_eq!(Picture::from_bytes("1x1", &file).unwrap().rgb.into_raw(), [7, 7, 7]);
    }

    #[test]
    fn exif_orientation_is_applied() {
        // Little-endian TIFF header and one entry: tag 0x0112 (orientation), SHORT, one value, 6 (turn right).
        let exif =
            [b"II*\0\x08\0\0\0\x01\0".as_slice(), b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".as_slice()].concat();
        let mut file = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut file, 100);
        encoder.set_exif_metadata(exif).unwrap();
        let mut pixels = vec![0u8; 16 * 8 * 3];
        pixels[..8 * 3].fill(255);
        encoder.write_image(&pixels, 16, 8, ExtendedColorType::Rgb8).unwrap();
        let picture = Picture::from_bytes("turned", &file).unwrap();
        assert_eq!(picture.rgb.dimensions(), (8, 16));
        assert!(picture.rgb.get_pixel(7, 0).0[0] > 150, "the first row becomes the last column");
    }

    #[test]
    fn what_is_no_picture_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        assert!(matches!(Picture::open(&path), Err(PictureError::Read { .. })));
        assert!(matches!(Picture::open(folder.path()), Err(PictureError::NotAFile { .. })));
        std::fs::write(&path, "hello").unwrap();
        assert!(matches!(Picture::open(&path), Err(PictureError::NotAPicture { .. })));
        std::fs::write(&path, "").unwrap();
        assert!(matches!(Picture::open(&path), Err(PictureError::NotAPicture { .. })));
        let whole = png(&[9; 300], 10, 10, ExtendedColorType::Rgb8);
        std::fs::write(&path, &whole[..whole.len() - 30]).unwrap();
        let error = Picture::open(&path).unwrap_err();
        assert!(matches!(error, PictureError::Decode { .. }), "{error}");
        let (mut whole, pixels) = (Vec::new(), (0..64 * 64 * 3u32).map(|at| (at * at / 97) as u8).collect::<Vec<_>>());
        JpegEncoder::new(&mut whole).write_image(&pixels, 64, 64, ExtendedColorType::Rgb8).unwrap();
        let said = |length| match Picture::from_bytes("a.jpg", &whole[..length]) {
            Ok(picture) => picture.rgb.dimensions() == (64, 64),
            Err(error) => !error.to_string().contains("it is cut off"),
        };
        assert!(said(whole.len()) && said(whole.len() - 2), "some cameras leave out the mark of the end");
        assert!(!said(whole.len() / 2));
    }

    #[test]
    fn a_picture_that_claims_to_be_huge_is_refused_before_it_is_decoded() {
        let mut file = b"P6 60000 60000 255\n".to_vec();
        file.extend([0; 64]);
        assert!(matches!(Picture::from_bytes("huge", &file), Err(PictureError::TooLarge { .. })));
    }
}
