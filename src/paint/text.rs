//! Words in pictures, in the letters of a terminal.

use std::convert::Infallible;

use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::iso_8859_1::{FONT_6X10, FONT_7X13, FONT_7X13_BOLD, FONT_10X20};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::text::Baseline;
use embedded_graphics::text::renderer::TextRenderer;
use image::{Rgb, RgbImage};

/// How large letters are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Letters {
    /// 6×10 pixels each.
    Small,
    /// 7×13.
    Plain,
    /// 7×13, bold.
    Bold,
    /// 10×20.
    Large,
}

impl Letters {
    fn font(self) -> &'static MonoFont<'static> {
        match self {
            Self::Small => &FONT_6X10,
            Self::Plain => &FONT_7X13,
            Self::Bold => &FONT_7X13_BOLD,
            Self::Large => &FONT_10X20,
        }
    }

    /// Width and height of one, pixels.
    pub fn size(self) -> (u32, u32) {
        let Size { width, height } = self.font().character_size;
        (width, height)
    }

    /// Width of a line, pixels.
    pub fn width(self, text: &str) -> u32 {
        text.chars().count() as u32 * self.size().0
    }

    /// As much of a line as fits into a width, with a mark where something is left out.
    pub fn fit(self, text: &str, width: u32) -> String {
        let fitting = (width / self.size().0) as usize;
        if text.chars().count() <= fitting {
            return text.to_owned();
        }
        let kept: String = text.chars().take(fitting.saturating_sub(2)).collect();
        format!("{kept}..")
    }
}

/// Draws a line with its upper left corner at a place; what lies outside the picture is not drawn.
pub fn draw(picture: &mut RgbImage, (x, y): (u32, u32), text: &str, letters: Letters, [r, g, b]: [u8; 3]) {
    let style = MonoTextStyle::new(letters.font(), Rgb888::new(r, g, b));
    let place = Point::new(x.min(i32::MAX as u32) as i32, y.min(i32::MAX as u32) as i32);
    let known: String = text.chars().map(spelled).collect();
    // Drawing on a picture cannot fail.
    let _ = style.draw_string(&known, place, Baseline::Top, &mut Canvas(picture));
}

/// The closest letter that there is.
fn spelled(letter: char) -> char {
    match letter {
        '−' | '–' | '—' => '-',
        '…' => '.',
        '→' | '▸' | '›' => '>',
        'Σ' => 'S',
        other => other,
    }
}

struct Canvas<'a>(&'a mut RgbImage);

impl OriginDimensions for Canvas<'_> {
    fn size(&self) -> Size {
        let (width, height) = self.0.dimensions();
        Size::new(width, height)
    }
}

impl DrawTarget for Canvas<'_> {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(Point { x, y }, colour) in pixels {
            let place = (u32::try_from(x), u32::try_from(y));
            if let (Ok(x), Ok(y)) = place
                && let Some(pixel) = self.0.get_pixel_mut_checked(x, y)
            {
                *pixel = Rgb([colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_drawn_where_they_are_asked_for_and_cut_off_at_the_edge() {
        let mut picture = RgbImage::new(20, 16);
        draw(&mut picture, (7, 2), "l−", Letters::Plain, [9, 8, 7]);
        let inked: Vec<(u32, u32)> =
            picture.enumerate_pixels().filter(|(_, _, pixel)| pixel.0 == [9, 8, 7]).map(|(x, y, _)| (x, y)).collect();
        assert!(inked.len() > 10 && inked.iter().all(|(x, y)| *x >= 7 && *y >= 2));
        draw(&mut picture, (19, 15), "far out", Letters::Large, [1; 3]);
        assert_eq!(Letters::Small.width("abc"), 18);
        assert_eq!(Letters::Plain.fit("layer3.1.conv2:14", 70), "layer3.1..");
    }
}
