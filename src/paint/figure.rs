//! A picture with what explains it: rows of tiles with words and bars beside it.
//!
//! Owns where they lie. Must not know what they show.

use image::{Rgb, RgbImage, imageops};

use super::text::{self, Letters};
use super::tile;

/// Colours of the ground and of what is written on it.
const GROUND: [u8; 3] = [18, 20, 25];
const TEXT: [u8; 3] = [213, 216, 223];
const STRONG: [u8; 3] = [255, 255, 255];
const QUIET: [u8; 3] = [134, 141, 155];
const TRACK: [u8; 3] = [43, 48, 58];

/// Space around things, pixels.
const SPACE: u32 = 16;

/// Side of a tile, pixels.
pub const TILE: u32 = 88;

/// Longest side of the main picture, pixels.
pub const MAIN: u32 = 360;

/// Width of the words beside the tiles of a row, pixels.
const WORDS: u32 = 196;

/// Height of a bar, pixels.
const BAR: u32 = 6;

/// What is drawn.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    /// What it is of.
    pub title: String,
    /// What is said of it, a line each.
    pub lines: Vec<String>,
    /// The picture on the left; nothing is drawn where it is empty.
    pub main: RgbImage,
    /// What is said below the picture.
    pub below: Vec<String>,
    /// The columns on the right.
    pub columns: Vec<Column>,
}

/// Rows below a heading.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// The heading.
    pub heading: String,
    /// Its colour, and that of the bars.
    pub colour: [u8; 3],
    /// What the tiles of each row are.
    pub tiles: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
    /// What is said where there are no rows.
    pub empty: String,
}

/// Tiles with words beside them.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// The tiles; each is brought into a square, small ones with every value a square of whole pixels.
    pub tiles: Vec<RgbImage>,
    /// What they are of.
    pub name: String,
    /// What is said of them, a line each.
    pub lines: Vec<String>,
    /// Length of the bar, 0 to 1.
    pub bar: f32,
}

impl Figure {
    /// Paints it.
    pub fn paint(&self) -> RgbImage {
        let main = tile::square(&self.main, MAIN);
        let left = if main.width() > 0 { MAIN + SPACE } else { 0 };
        let widths: Vec<u32> = self.columns.iter().map(Column::width).collect();
        let right: u32 = widths.iter().map(|width| width + SPACE).sum();
        let spoken = self.lines.iter().map(|line| Letters::Plain.width(line)).max().unwrap_or(0);
        let spoken = spoken.max(Letters::Large.width(&self.title)).min(2000);
        let width = SPACE + (left + right).max(spoken + SPACE);
        let top = SPACE + Letters::Large.size().1 + 6 + self.lines.len() as u32 * LINE + SPACE / 2;
        let height_left = if left > 0 { main.height() + 8 + self.below.len() as u32 * LINE } else { 0 };
        let height = top + self.columns.iter().map(Column::height).fold(height_left, u32::max) + SPACE;
        let mut picture = RgbImage::from_pixel(width, height, Rgb(GROUND));
        text::draw(&mut picture, (SPACE, SPACE), &self.title, Letters::Large, STRONG);
        let mut y = SPACE + Letters::Large.size().1 + 6;
        for line in &self.lines {
            text::draw(&mut picture, (SPACE, y), line, Letters::Plain, QUIET);
            y += LINE;
        }
        if left > 0 {
            imageops::replace(&mut picture, &main, i64::from(SPACE), i64::from(top));
            let mut y = top + main.height() + 8;
            for line in &self.below {
                text::draw(&mut picture, (SPACE, y), line, Letters::Plain, TEXT);
                y += LINE;
            }
        }
        let mut x = SPACE + left;
        for (column, width) in self.columns.iter().zip(widths) {
            column.paint(&mut picture, (x, top));
            x += width + SPACE;
        }
        picture
    }
}

/// Height of a line of words, pixels.
const LINE: u32 = 16;

impl Column {
    fn width(&self) -> u32 {
        let tiles = self.rows.iter().map(|row| row.tiles.len()).max().unwrap_or(0).max(self.tiles.len());
        tiles as u32 * (TILE + 8) + WORDS
    }

    fn height(&self) -> u32 {
        2 * LINE + 6 + (self.rows.len() as u32).max(1) * (TILE + 12)
    }

    fn paint(&self, picture: &mut RgbImage, (x, top): (u32, u32)) {
        text::draw(picture, (x, top), &self.heading, Letters::Bold, self.colour);
        for (at, name) in self.tiles.iter().enumerate() {
            let name = Letters::Small.fit(name, TILE);
            text::draw(picture, (x + at as u32 * (TILE + 8), top + LINE + 4), &name, Letters::Small, QUIET);
        }
        if self.rows.is_empty() {
            text::draw(picture, (x, top + 2 * LINE + 6), &self.empty, Letters::Plain, QUIET);
        }
        for (at, row) in self.rows.iter().enumerate() {
            let y = top + 2 * LINE + 6 + at as u32 * (TILE + 12);
            for (at, tile) in row.tiles.iter().enumerate() {
                let tile = tile::square(tile, TILE);
                let (dx, dy) = ((TILE - tile.width()) / 2, (TILE - tile.height()) / 2);
                let left = x + at as u32 * (TILE + 8);
                imageops::replace(picture, &tile, i64::from(left + dx), i64::from(y + dy));
            }
            let left = x + row.tiles.len() as u32 * (TILE + 8) + 4;
            let width = WORDS - 4;
            text::draw(picture, (left, y), &Letters::Bold.fit(&row.name, width), Letters::Bold, STRONG);
            for (at, line) in row.lines.iter().enumerate() {
                let line = Letters::Plain.fit(line, width);
                text::draw(picture, (left, y + (at as u32 + 1) * LINE), &line, Letters::Plain, TEXT);
            }
            let bar = y + TILE - BAR;
            fill(picture, (left, bar), (width - 12, BAR), TRACK);
            fill(
                picture,
                (left, bar),
                (((width - 12) as f32 * row.bar.clamp(0.0, 1.0)).round() as u32, BAR),
                self.colour,
            );
        }
    }
}

fn fill(picture: &mut RgbImage, (x, y): (u32, u32), (width, height): (u32, u32), colour: [u8; 3]) {
    for row in y..y + height {
        for column in x..x + width {
            if let Some(pixel) = picture.get_pixel_mut_checked(column, row) {
                *pixel = Rgb(colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_beside_the_picture_with_their_bars() {
        let row = |bar| Row {
            tiles: vec![RgbImage::from_pixel(3, 3, Rgb([200; 3]))],
            name: "conv1:2".to_owned(),
            lines: vec![],
            bar,
        };
        let column = Column {
            heading: "excites".to_owned(),
            colour: [0, 0, 250],
            rows: vec![row(1.0), row(0.5)],
            ..Column::default()
        };
        let figure = Figure {
            title: "conv2:0".to_owned(),
            main: RgbImage::from_pixel(9, 9, Rgb([99; 3])),
            columns: vec![column],
            ..Figure::default()
        };
        let painted = figure.paint();
        let count = |colour: [u8; 3]| painted.pixels().filter(|pixel| pixel.0 == colour).count() as u32;
        assert_eq!(count([99; 3]), MAIN * MAIN, "nine pixels of forty each");
        assert_eq!(count([200; 3]), 2 * 87 * 87, "tiles of whole pixels");
        let bars = (WORDS - 16) + (WORDS - 16) / 2;
        assert!(count([0, 0, 250]) >= bars * BAR);
        assert!(Figure::default().paint().width() > 0);
    }
}
