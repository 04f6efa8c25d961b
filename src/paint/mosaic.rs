//! Pictures in a row or in rows: filmstrips, the channels of a layer.

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

/// Values along a tile from which they are seen as a picture and no longer one by one.
const MANY: u32 = 24;

/// Tiles of one size from left to right and from top to bottom, with a gap after each but the last of a row or column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Tiles in a row.
    pub columns: usize,
    /// Width and height of a tile, pixels.
    pub tile: (u32, u32),
    /// Pixels between two tiles.
    pub gap: u32,
}

impl Grid {
    /// A grid for `count` tiles that is about as wide as it is high.
    pub fn square(count: usize, tile: (u32, u32), gap: u32) -> Self {
        let columns = (count as f64 * f64::from(tile.1 + gap) / f64::from(tile.0 + gap)).sqrt().ceil();
        Self { columns: (columns as usize).clamp(1, count.max(1)), tile, gap }
    }

    /// A grid with tiles of `tile` values each in a room of `room` pixels: the largest tiles of which all `count` fit, or
    /// tiles of `least` pixels of which a page does not take all. Small tiles, whose values are seen one by one, are enlarged
    /// or made smaller by whole numbers; a gap is left free all around. Also the number of rows that there is room for.
    pub fn fitting(count: usize, tile: (u32, u32), room: (u32, u32), gap: u32, least: u32) -> (Self, usize) {
        let (width, height) = (tile.0.max(1), tile.1.max(1));
        let longest = width.max(height);
        let whole = longest < MANY;
        let most = room.0.max(room.1);
        let larger = (1..=(most / longest)).rev().filter(|_| whole).map(|by| (width * by, height * by));
        let smaller = (2..=longest).filter(|_| whole).map(|by| (width.div_ceil(by), height.div_ceil(by)));
        let scaled = move |side: u32, to: u32| (side * to).div_ceil(longest).max(1);
        let any = (1..=most).rev().filter(|_| !whole).map(|to| (scaled(width, to), scaled(height, to)));
        let along = |room: u32, side: u32| (room.saturating_sub(gap) / (side + gap)) as usize;
        let mut best: Option<(Self, usize)> = None;
        for tile in larger.chain(smaller).chain(any) {
            let (columns, rows) = (along(room.0, tile.0), along(room.1, tile.1));
            if columns * rows == 0 {
                continue;
            }
            let side = tile.0.max(tile.1);
            let grid = Self { columns: even(columns, count, rows), tile, gap };
            match &best {
                Some(_) if side < least => break,
                // A little smaller, where rows are then easy to count.
                Some((found, rows)) if found.columns * rows >= count => {
                    if side * 10 < found.tile.0.max(found.tile.1) * 9 || whole {
                        break;
                    }
                    if grid.columns.is_multiple_of(8) {
                        best = Some((grid, *rows.max(&along(room.1, tile.1))));
                        break;
                    }
                }
                _ => {
                    best = Some((grid, rows));
                    if columns * rows >= count && grid.columns.is_multiple_of(8) {
                        break;
                    }
                }
            }
        }
        best.unwrap_or((Self { columns: 1, tile: (1, 1), gap }, 1))
    }

    /// Width and height of so many tiles.
    pub fn size(&self, count: usize) -> (u32, u32) {
        let side = |count: usize, side: u32| (count as u32 * (side + self.gap)).saturating_sub(self.gap);
        let columns = self.columns.max(1);
        (side(count.min(columns).max(1), self.tile.0), side(count.div_ceil(columns).max(1), self.tile.1))
    }

    /// Paints a frame into the gap around a tile; `corner` is where the grid begins in the picture.
    pub fn frame(&self, picture: &mut RgbImage, corner: (u32, u32), index: usize, colour: [u8; 3]) {
        let (x, y) = self.place(index);
        let thick = (self.gap * 3 / 4).max(1);
        let (left, top) = (i64::from(corner.0 + x) - i64::from(thick), i64::from(corner.1 + y) - i64::from(thick));
        let (width, height) = (self.tile.0 + 2 * thick, self.tile.1 + 2 * thick);
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let inside = (thick..width - thick).contains(&x) && (thick..height - thick).contains(&y);
            let place = (u32::try_from(left + i64::from(x)), u32::try_from(top + i64::from(y)));
            if let (false, (Ok(x), Ok(y))) = (inside, place)
                && let Some(pixel) = picture.get_pixel_mut_checked(x, y)
            {
                pixel.0 = colour;
            }
        }
    }

    /// Left and top edge of a tile.
    pub fn place(&self, index: usize) -> (u32, u32) {
        let along = |at: usize, side: u32| at as u32 * (side + self.gap);
        (along(index % self.columns.max(1), self.tile.0), along(index / self.columns.max(1), self.tile.1))
    }

    /// Paints the tiles on black; each is brought to the size of the grid's tiles.
    pub fn paint(&self, tiles: impl ExactSizeIterator<Item = RgbImage>) -> RgbImage {
        self.paint_on([0; 3], tiles)
    }

    /// As [`Grid::paint`], on another colour.
    pub fn paint_on(&self, ground: [u8; 3], tiles: impl ExactSizeIterator<Item = RgbImage>) -> RgbImage {
        let (width, height) = self.size(tiles.len());
        let mut sheet = RgbImage::from_pixel(width, height, image::Rgb(ground));
        for (index, tile) in tiles.enumerate() {
            let (x, y) = self.place(index);
            imageops::replace(&mut sheet, &super::tile::fit(&tile, self.tile), i64::from(x), i64::from(y));
        }
        sheet
    }
}

/// Columns that are easy to count: of those that there is room for the largest multiple of eight, unless all tiles fit only
/// without that; then so many that the whole has the shape of the room.
fn even(columns: usize, count: usize, rows: usize) -> usize {
    let eights = columns / 8 * 8;
    match columns * rows >= count {
        true if eights * rows < count => {
            let least = count.div_ceil(rows.max(1)).max(1);
            let alike = (count as f64 * columns as f64 / rows.max(1) as f64).sqrt().round() as usize;
            alike.clamp(least, columns.max(least))
        }
        _ if eights == 0 => columns.min(count.max(1)),
        _ => eights.min(count.max(1)),
    }
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

    #[test]
    fn a_grid_fills_its_rows_and_leaves_the_rest_black() {
        let grid = Grid { columns: 2, tile: (2, 1), gap: 1 };
        let levels = [10, 20, 30];
        let sheet = grid.paint(levels.iter().map(|level| RgbImage::from_pixel(1, 1, Rgb([*level; 3]))));
        let rows: Vec<Vec<u8>> = sheet.rows().map(|row| row.map(|pixel| pixel.0[0]).collect()).collect();
        assert_eq!(rows, [[10, 10, 0, 20, 20], [0; 5], [30, 30, 0, 0, 0]]);
        assert_eq!(grid.place(2), (0, 2));
        assert_eq!(Grid::square(64, (9, 9), 1).columns, 8);
        assert_eq!((Grid::square(1, (5, 5), 1).columns, Grid::square(0, (5, 5), 1).columns), (1, 1));
        assert_eq!(grid.paint(std::iter::empty()).dimensions(), (2, 1));
    }

    #[test]
    fn tiles_are_as_large_as_all_of_them_fit_and_pages_begin_where_they_would_be_too_small() {
        let fitting = |count, tile, room| Grid::fitting(count, tile, room, 2, 16);
        let all = |columns, side, rows| (Grid { columns, tile: (side, side), gap: 2 }, rows);
        assert_eq!(fitting(64, (7, 7), (400, 300)), all(8, 35, 8), "7 · 5; ten would fit in a row");
        assert_eq!(fitting(64, (112, 112), (800, 600)), all(8, 72, 8), "77 pixels would fit, ten in a row");
        assert_eq!(fitting(1, (3, 3), (100, 100)), all(1, 96, 1));
        assert_eq!(fitting(16, (54, 54), (600, 500)), all(4, 122, 4));
        assert_eq!(fitting(16, (6, 6), (500, 420)), all(4, 102, 4), "as wide as high, where the room is");
        let (grid, rows) = fitting(4096, (3, 3), (400, 300));
        assert_eq!((grid.tile, grid.columns, rows), ((18, 18), 16, 14), "a page");
        assert_eq!(fitting(3, (5, 5), (0, 9)).0.columns, 1, "a room for nothing");
        let (grid, rows) = fitting(100, (64, 32), (200, 400));
        assert!(grid.tile.0.div_ceil(2) == grid.tile.1 && grid.columns * rows >= 100, "{grid:?}");
    }

    #[test]
    fn a_frame_lies_in_the_gap_around_its_tile() {
        let grid = Grid { columns: 2, tile: (2, 2), gap: 1 };
        let mut picture = RgbImage::new(7, 4);
        grid.frame(&mut picture, (1, 1), 1, [9; 3]);
        let rows: Vec<Vec<u8>> = picture.rows().map(|row| row.map(|pixel| pixel.0[0]).collect()).collect();
        assert_eq!(rows, [[0, 0, 0, 9, 9, 9, 9], [0, 0, 0, 9, 0, 0, 9], [0, 0, 0, 9, 0, 0, 9], [0, 0, 0, 9, 9, 9, 9]]);
    }
}
