//! A sequence of painted pictures that plays by itself.

use std::path::Path;

use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, Frame, RgbImage, buffer::ConvertBuffer};

use super::{ExportError, save};

/// How hard the encoder looks for good colours: 1 is best, 30 fastest.
const SPEED: i32 = 10;

/// Writes frames that follow each other after `milliseconds` (the last stays ten times as long) and start again at the
/// end. Frames are encoded one at a time as they are made.
pub fn write(
    path: &Path,
    frames: impl ExactSizeIterator<Item = RgbImage>,
    milliseconds: u32,
) -> Result<(), ExportError> {
    save(path, |file| {
        let last = frames.len().saturating_sub(1);
        let mut encoder = GifEncoder::new_with_speed(file, SPEED);
        encoder.set_repeat(Repeat::Infinite)?;
        for (index, picture) in frames.enumerate() {
            let stay = if index == last { milliseconds * 10 } else { milliseconds };
            let delay = Delay::from_numer_denom_ms(stay, 1);
            encoder.encode_frame(Frame::from_parts(picture.convert(), 0, 0, delay))?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use image::codecs::gif::GifDecoder;
    use image::{AnimationDecoder, Rgb};

    use super::*;

    #[test]
    fn frames_come_back_in_order_and_the_last_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("path.gif");
        let levels = [10, 100, 200];
        write(&path, levels.iter().map(|level| RgbImage::from_pixel(8, 4, Rgb([*level; 3]))), 50).unwrap();
        let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
        let frames = GifDecoder::new(file).unwrap().into_frames().collect_frames().unwrap();
        let seen: Vec<(u8, u32)> =
            frames.iter().map(|f| (f.buffer().get_pixel(3, 2).0[0], f.delay().numer_denom_ms().0)).collect();
        assert_eq!(seen, [(10, 50), (100, 50), (200, 500)]);
    }
}
