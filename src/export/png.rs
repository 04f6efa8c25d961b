//! The painted picture, with a note of where it came from.

use std::path::Path;

use image::RgbImage;

use super::{ExportError, save};

/// Writes an 8-bit RGB picture. `notes` are (keyword, text) pairs such as (`Software`, `lensor 0.1`), kept in the file as
/// `iTXt`; keywords are Latin-1, 1 to 79 characters.
pub fn write(path: &Path, picture: &RgbImage, notes: &[(&str, String)]) -> Result<(), ExportError> {
    save(path, |file| {
        let mut encoder = ::png::Encoder::new(file, picture.width(), picture.height());
        encoder.set_color(::png::ColorType::Rgb);
        encoder.set_depth(::png::BitDepth::Eight);
        encoder.set_compression(::png::Compression::Fast);
        for (keyword, text) in notes {
            encoder.add_itxt_chunk((*keyword).to_owned(), text.clone())?;
        }
        let mut writer = encoder.write_header()?;
        writer.write_image_data(picture.as_raw())?;
        Ok(writer.finish()?)
    })
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn pixels_and_notes_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.png");
        let picture = RgbImage::from_fn(5, 3, |x, y| Rgb([x as u8 * 50, y as u8 * 80, 7]));
        write(&path, &picture, &[("Description", "Grad-CAM of zèbre".to_owned())]).unwrap();
        assert_eq!(image::open(&path).unwrap().to_rgb8(), picture);
        let reader =
            ::png::Decoder::new(std::io::BufReader::new(std::fs::File::open(&path).unwrap())).read_info().unwrap();
        let note = &reader.info().utf8_text[0];
        assert_eq!((note.keyword.as_str(), note.get_text().unwrap().as_str()), ("Description", "Grad-CAM of zèbre"));
    }
}
