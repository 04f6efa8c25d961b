//! Pixels to what the terminal draws: the only file that names `ratatui_image`.
//!
//! Owns: fitting a picture into a box of cells, and encoding it, whole or the part that differs from what is shown. Sixel,
//! kitty and iTerm2 pictures are bytes written over blank cells; half-blocks, and kitty pictures behind tmux, are cells
//! themselves.
//! Must not know where a picture is shown or what is on it.

use std::fmt;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use image::codecs::png::{CompressionType, FilterType as PngFilter, PngEncoder};
use image::{DynamicImage, ExtendedColorType, ImageEncoder, RgbImage};
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::widgets::Widget;
use ratatui_image::protocol::Protocol;
use ratatui_image::protocol::halfblocks::Halfblocks;
use ratatui_image::protocol::kitty::Kitty;

use super::graphics::Graphics;
use super::probe::Capabilities;
use super::{changes, kitty, sixel};
use crate::paint::tile;

/// xterm draws no more than this many pixels of a sixel picture to a side.
const SIXEL_LIMIT: u32 = 1000;

/// Rows of pixels that sixels draw at once.
const BAND: u32 = 6;

/// Bytes of a sixel picture that tmux takes: it passes over what is longer than a mebibyte.
const LONGEST_IN_TMUX: usize = 1_000_000;

/// So many colours are always few enough for that.
const FEWEST_COLOURS: usize = 4;

/// How pictures are to be encoded for a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Encoding {
    /// The way.
    pub graphics: Graphics,
    /// Pixels of a cell, width and height.
    pub cell: (u16, u16),
    /// Colours of a sixel picture.
    pub registers: usize,
    /// Whether tmux is in between.
    pub tmux: bool,
}

impl From<&Capabilities> for Encoding {
    fn from(found: &Capabilities) -> Self {
        Self { graphics: found.graphics, cell: found.cell, registers: found.registers, tmux: found.tmux }
    }
}

/// A picture could not be encoded.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the picture could not be encoded for {graphics}: {reason}; press g p for another way of drawing")]
pub struct EncodeError {
    graphics: Graphics,
    reason: String,
}

/// A picture, ready for the terminal.
pub struct Encoded {
    /// Columns and rows it takes.
    pub size: Size,
    form: Form,
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoded").field("size", &self.size).finish_non_exhaustive()
    }
}

enum Form {
    /// Rendered into the buffer by `ratatui_image`.
    Cells(Box<Protocol>),
    /// Written at the cursor, whole or in part.
    Pixels(Box<Pixels>),
}

struct Pixels {
    pixels: RgbImage,
    encoding: Encoding,
    /// The bytes of all of it, once they are asked for.
    whole: OnceLock<Result<Vec<u8>, EncodeError>>,
}

impl Encoding {
    /// The largest box of cells within `room` that has the proportions of a `width` × `height` picture.
    pub fn fit(&self, (width, height): (u32, u32), room: Size) -> Size {
        let (cell_width, cell_height) = self.pixels_of_cell();
        let limit = if self.graphics == Graphics::Sixel { SIXEL_LIMIT as f32 } else { f32::INFINITY };
        let scale_x = (f32::from(room.width) * cell_width).min(limit) / width.max(1) as f32;
        let scale_y = (f32::from(room.height) * cell_height).min(limit) / height.max(1) as f32;
        let scale = scale_x.min(scale_y);
        let columns = (width as f32 * scale / cell_width).round().clamp(1.0, f32::from(room.width.max(1)));
        let rows = (height as f32 * scale / cell_height).round().clamp(1.0, f32::from(room.height.max(1)));
        Size::new(columns as u16, rows as u16)
    }

    /// Pictures that may be on the screen at once. tmux keeps few, older ones of the same places among them.
    pub fn most(&self) -> usize {
        if self.tmux && self.graphics == Graphics::Sixel { 5 } else { usize::MAX }
    }

    /// The part of a room that one picture can fill.
    pub fn reach(&self, room: Size) -> Size {
        let limit = |cells: u16, pixels: f32| match self.graphics {
            Graphics::Sixel => cells.min((SIXEL_LIMIT as f32 / pixels) as u16),
            _ => cells,
        };
        let (width, height) = self.pixels_of_cell();
        Size::new(limit(room.width, width), limit(room.height, height))
    }

    /// The cells that so many pixels take.
    pub fn cells(&self, (width, height): (u32, u32)) -> Size {
        let (cell_width, cell_height) = self.pixels_of_cell();
        Size::new((width as f32 / cell_width).ceil() as u16, (height as f32 / cell_height).ceil() as u16)
    }

    /// Pixels worth painting for a picture that fills `cells`: more would be thrown away.
    pub fn pixels(&self, cells: Size) -> (u32, u32) {
        let (width, height) = match self.graphics {
            Graphics::Halfblocks => (1.0, 2.0),
            _ => self.pixels_of_cell(),
        };
        ((f32::from(cells.width) * width) as u32, (f32::from(cells.height) * height) as u32)
    }

    fn pixels_of_cell(&self) -> (f32, f32) {
        match self.graphics {
            // Two square half-blocks to a cell, whatever its pixels are said to be.
            Graphics::Halfblocks => (1.0, 2.0),
            _ => (f32::from(self.cell.0.max(1)), f32::from(self.cell.1.max(1))),
        }
    }

    /// Makes a picture ready to fill `size` cells. `place` tells places on the screen apart: the kitty protocol behind tmux
    /// needs the id now. The bytes of one that is not cells are made by [`Encoded::prepare`], or else when it is written.
    pub fn encode(&self, picture: &RgbImage, size: Size, place: u32) -> Result<Encoded, EncodeError> {
        let failed = |reason: String| EncodeError { graphics: self.graphics, reason };
        let (width, height) = self.pixels(size);
        let pixels = |pixels| Form::Pixels(Box::new(Pixels { pixels, encoding: *self, whole: OnceLock::new() }));
        let form = match self.graphics {
            Graphics::Halfblocks => {
                let small = DynamicImage::ImageRgb8(scale(picture, width, height));
                let cells = Halfblocks::new(small, size).map_err(|e| failed(e.to_string()))?;
                Form::Cells(Box::new(Protocol::Halfblocks(cells)))
            }
            Graphics::Kitty if self.tmux => {
                let cells =
                    Kitty::new(DynamicImage::ImageRgb8(picture.clone()), size, kitty::ids(place)[0], true, true, false);
                Form::Cells(Box::new(Protocol::Kitty(cells.map_err(|e| failed(e.to_string()))?)))
            }
            Graphics::Sixel => pixels(scale(picture, width, height)),
            Graphics::Kitty | Graphics::Iterm2 => pixels(picture.clone()),
        };
        Ok(Encoded { size, form })
    }

    /// The bytes that draw pixels over `size` cells; for kitty a base64 PNG, whose id is chosen when it is shown.
    fn bytes(&self, pixels: &RgbImage, size: Size) -> Result<Vec<u8>, EncodeError> {
        if self.graphics == Graphics::Sixel {
            // tmux counts whole bands: one that reaches into the cells below would take them, and text there the picture.
            let rows = if self.tmux { pixels.height() / BAND * BAND } else { pixels.height() };
            let whole = rows == pixels.height() || rows == 0;
            let cut = (!whole).then(|| image::imageops::crop_imm(pixels, 0, 0, pixels.width(), rows).to_image());
            let (picture, mut registers) = (cut.as_ref().unwrap_or(pixels), self.registers);
            let mut bytes = sixel::encode(picture, registers);
            while self.tmux && bytes.len() > LONGEST_IN_TMUX && registers > FEWEST_COLOURS {
                registers /= 2;
                bytes = sixel::encode(picture, registers);
            }
            return Ok(bytes);
        }
        let png = png(pixels).map_err(|e| EncodeError { graphics: self.graphics, reason: e.to_string() })?;
        let (length, base64) = (png.len(), BASE64.encode(png));
        if self.graphics == Graphics::Kitty {
            return Ok(base64.into_bytes());
        }
        let Size { width, height } = size;
        let keys = format!("inline=1;size={length};width={width};height={height};preserveAspectRatio=0");
        Ok(format!("\x1b]1337;File={keys};doNotMoveCursor=1:{base64}\x07").into_bytes())
    }
}

impl Encoded {
    /// Draws a picture that is made of cells; one that is bytes leaves the cells blank.
    pub fn render(&self, area: Rect, buffer: &mut Buffer) {
        if let Form::Cells(protocol) = &self.form {
            ratatui_image::Image::new(protocol).render(area, buffer);
        }
    }

    /// Makes the bytes of the whole picture now, away from the thread that writes them.
    pub fn prepare(&self) -> Result<(), EncodeError> {
        let Form::Pixels(pixels) = &self.form else { return Ok(()) };
        self.whole(pixels).as_ref().map(|_| ()).map_err(Clone::clone)
    }

    fn whole<'p>(&self, pixels: &'p Pixels) -> &'p Result<Vec<u8>, EncodeError> {
        pixels.whole.get_or_init(|| pixels.encoding.bytes(&pixels.pixels, self.size))
    }

    /// Appends what draws the picture at the cursor. `ids` are the kitty ids of its place, the shown one first: they
    /// are swapped by drawing. `false` where the picture is made of cells and there is nothing to write.
    pub fn write(&self, out: &mut Vec<u8>, ids: &mut [u32; 2]) -> bool {
        let Form::Pixels(pixels) = &self.form else { return false };
        match self.whole(pixels) {
            Ok(png) if self.is_kept() => {
                ids.swap(0, 1);
                kitty::show(out, png, ids[0], self.size);
                kitty::delete(out, ids[1]);
            }
            Ok(bytes) => out.extend_from_slice(bytes),
            Err(error) => tracing::error!("{error}"),
        }
        true
    }

    /// The rectangles of cells in which it differs from another picture of as many cells; `None` where the whole is to be
    /// drawn.
    pub fn changed(&self, before: &Self) -> Option<Vec<Rect>> {
        let (Form::Pixels(new), Form::Pixels(old)) = (&self.form, &before.form) else { return None };
        // Cells of a picture that the terminal scales have no whole pixels.
        let scaled = new.pixels.dimensions() != new.encoding.pixels(self.size);
        let alike = self.size == before.size && new.encoding == old.encoding && !scaled;
        let (width, height) = new.encoding.cell;
        let parts =
            alike.then(|| changes::between(&old.pixels, &new.pixels, (width.into(), height.into()))).flatten()?;
        if !self.is_stored() {
            return Some(parts);
        }
        let parts: Vec<Rect> = parts.into_iter().map(|part| in_bands(part, self.size.height, height)).collect();
        let area: u32 = parts.iter().map(|part| part.area()).sum();
        (area * 2 <= self.size.area()).then_some(parts)
    }

    /// Appends what draws such a rectangle of the picture at the cursor, under the kitty id `id`.
    pub fn write_part(&self, part: Rect, id: u32, out: &mut Vec<u8>) {
        let Form::Pixels(whole) = &self.form else { return };
        let Pixels { pixels, encoding, .. } = &**whole;
        let (width, height) = (u32::from(encoding.cell.0), u32::from(encoding.cell.1));
        let (x, y) = (u32::from(part.x) * width, u32::from(part.y) * height);
        let (width, height) = (u32::from(part.width) * width, u32::from(part.height) * height);
        let cut = image::imageops::crop_imm(pixels, x, y, width, height).to_image();
        match encoding.bytes(&cut, part.as_size()) {
            Ok(png) if self.is_kept() => kitty::show(out, &png, id, part.as_size()),
            Ok(bytes) => out.extend_from_slice(&bytes),
            Err(error) => tracing::error!("{error}"),
        }
    }

    /// How many parts may lie over the picture before it is drawn whole again: kitty keeps each as a picture, and tmux only
    /// the last few of all.
    pub fn most_parts(&self) -> usize {
        match &self.form {
            Form::Pixels(pixels) if pixels.encoding.tmux => 2,
            Form::Pixels(pixels) if pixels.encoding.graphics == Graphics::Kitty => 64,
            _ => usize::MAX,
        }
    }

    /// Whether tmux keeps the picture, one of a few.
    pub fn is_stored(&self) -> bool {
        matches!(&self.form, Form::Pixels(pixels) if pixels.encoding.tmux && pixels.encoding.graphics == Graphics::Sixel)
    }

    /// Whether the terminal keeps the picture under an id and it must be deleted.
    pub fn is_kept(&self) -> bool {
        matches!(&self.form, Form::Pixels(pixels) if pixels.encoding.graphics == Graphics::Kitty)
    }
}

/// A part with so many more rows of cells that they are whole bands: one that loses its last rows of pixels would leave those
/// of the old picture. What is as high as the picture, `most` cells of `cell` pixels, is cut as that is.
fn in_bands(part: Rect, most: u16, cell: u16) -> Rect {
    let unit = (1..BAND as u16).find(|rows| u32::from(rows * cell).is_multiple_of(BAND)).unwrap_or(BAND as u16);
    let height = part.height.next_multiple_of(unit).min(most);
    Rect { y: part.y.min(most - height), height, ..part }
}

/// Scales with an antialiasing filter; the picture itself where nothing is to be done.
pub fn scale(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    tile::scaled(picture, (width, height))
}

fn png(picture: &RgbImage) -> Result<Vec<u8>, image::ImageError> {
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, PngFilter::Sub);
    encoder.write_image(picture.as_raw(), picture.width(), picture.height(), ExtendedColorType::Rgb8)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoding(graphics: Graphics) -> Encoding {
        Encoding { graphics, cell: (10, 20), registers: 256, tmux: false }
    }

    #[test]
    fn a_picture_keeps_its_proportions_in_any_room() {
        for graphics in Graphics::ALL {
            let e = encoding(graphics);
            assert_eq!(e.fit((400, 400), Size::new(80, 20)), Size::new(40, 20), "{graphics}");
            assert_eq!(e.fit((400, 100), Size::new(40, 20)), Size::new(40, 5), "{graphics}");
            assert_eq!(e.fit((1, 20_000), Size::new(40, 20)), Size::new(1, 20), "{graphics}");
        }
        assert_eq!(encoding(Graphics::Sixel).fit((500, 500), Size::new(200, 100)), Size::new(100, 50), "xterm's limit");
        assert_eq!(encoding(Graphics::Sixel).reach(Size::new(200, 20)), Size::new(100, 20));
    }

    #[test]
    fn pixels_of_whole_cells_are_painted_as_they_are() {
        for graphics in Graphics::ALL {
            let (e, room) = (encoding(graphics), Size::new(37, 11));
            let pixels = e.pixels(room);
            assert_eq!((e.fit(pixels, room), e.cells(pixels)), (room, room), "{graphics}");
        }
    }

    #[test]
    fn a_kitty_picture_is_sent_as_painted_and_its_two_ids_take_turns() {
        let picture = RgbImage::from_fn(30, 20, |x, y| image::Rgb([x as u8 * 8, y as u8 * 9, 77]));
        let encoded = encoding(Graphics::Kitty).encode(&picture, Size::new(6, 2), 0).unwrap();
        let (mut out, mut ids) = (Vec::new(), kitty::ids(0));
        let [first, second] = ids;
        assert!(encoded.write(&mut out, &mut ids));
        assert_eq!(ids, [second, first]);
        let text = String::from_utf8(out).unwrap();
        let payload = text.split_once(";").unwrap().1.split_once("\x1b\\").unwrap().0;
        let decoded = image::load_from_memory(&BASE64.decode(payload).unwrap()).unwrap().to_rgb8();
        assert_eq!(decoded, picture);
        assert!(text.contains(&format!("i={second},p=1,q=2,C=1,c=6,r=2")));
        assert!(text.ends_with(&format!("a=d,d=I,i={first},q=2\x1b\\")));
    }

    #[test]
    fn behind_tmux_a_sixel_picture_ends_with_a_whole_band() {
        let picture = RgbImage::from_fn(18, 38, |x, y| image::Rgb([x as u8 * 9, y as u8 * 6, 77]));
        let rows = |tmux| {
            let e = Encoding { cell: (9, 19), tmux, ..encoding(Graphics::Sixel) };
            let mut out = Vec::new();
            e.encode(&picture, Size::new(2, 2), 0).unwrap().write(&mut out, &mut kitty::ids(0));
            let raster = String::from_utf8(out).unwrap().split_once("\"1;1;18;").unwrap().1.to_owned();
            raster.split_once('#').unwrap().0.parse::<u32>().unwrap()
        };
        assert_eq!((rows(false), rows(true)), (38, 36));
        let changed = |tmux, height, rows| {
            let e = Encoding { cell: (9, height), tmux, ..encoding(Graphics::Sixel) };
            let size = Size::new(40, rows);
            let (width, tall) = e.pixels(size);
            let plain = RgbImage::new(width, tall);
            let mut other = plain.clone();
            other.put_pixel(3, tall - 3, image::Rgb([255; 3]));
            let [old, new] = [plain, other].map(|picture| e.encode(&picture, size, 0).unwrap());
            new.changed(&old).unwrap()
        };
        let part = |y, height| vec![Rect::new(0, y, 1, height)];
        assert_eq!((changed(false, 19, 12), changed(true, 18, 12)), (part(11, 1), part(11, 1)));
        assert_eq!((changed(true, 19, 12), changed(true, 20, 12)), (part(6, 6), part(9, 3)), "rows of whole bands");
        assert_eq!(changed(true, 19, 5), part(0, 5), "as high as the picture, which is cut too");
    }

    #[test]
    fn tmux_is_given_fewer_colours_rather_than_more_than_it_takes() {
        // Noise of 256 greys is the longest there is.
        let noise =
            |x: u32, y: u32| (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503_017)).wrapping_mul(97) >> 24;
        let length = |tmux, side| {
            let e = Encoding { cell: (10, 20), tmux, ..encoding(Graphics::Sixel) };
            let picture = RgbImage::from_fn(side, side, |x, y| image::Rgb([noise(x, y) as u8; 3]));
            let encoded = e.encode(&picture, e.cells((side, side)), 0).unwrap();
            let mut out = Vec::new();
            encoded.write(&mut out, &mut kitty::ids(0));
            out.len()
        };
        assert!(length(false, 1000) > 1 << 20);
        assert!(length(true, 1000) < 1 << 20);
        assert_eq!(length(true, 240), length(false, 240));
    }

    #[test]
    fn half_blocks_carry_two_pixels_a_cell() {
        let picture = RgbImage::from_fn(2, 2, |x, y| image::Rgb([x as u8 * 200, y as u8 * 100, 0]));
        let encoded = encoding(Graphics::Halfblocks).encode(&picture, Size::new(2, 1), 0).unwrap();
        let mut buffer = Buffer::empty(Rect::new(0, 0, 2, 1));
        encoded.render(buffer.area, &mut buffer);
        let cell = &buffer[(1, 0)];
        let colours = [cell.fg, cell.bg];
        assert!(colours.contains(&ratatui::style::Color::Rgb(200, 0, 0)), "{colours:?}");
        assert!(colours.contains(&ratatui::style::Color::Rgb(200, 100, 0)), "{colours:?}");
        assert!(!encoded.write(&mut Vec::new(), &mut kitty::ids(0)));
    }
}
