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

    /// Left and top edge of a tile.
    pub fn place(&self, index: usize) -> (u32, u32) {
        let along = |at: usize, side: u32| at as u32 * (side + self.gap);
        (along(index % self.columns.max(1), self.tile.0), along(index / self.columns.max(1), self.tile.1))
    }

    /// Paints the tiles on black; each is brought to the size of the grid's tiles.
    pub fn paint(&self, tiles: impl ExactSizeIterator<Item = RgbImage>) -> RgbImage {
        let columns = tiles.len().min(self.columns).max(1);
        let rows = tiles.len().div_ceil(self.columns.max(1)).max(1);
        let side = |count: usize, side: u32| count as u32 * (side + self.gap) - self.gap;
        let mut sheet = RgbImage::new(side(columns, self.tile.0), side(rows, self.tile.1));
        for (index, tile) in tiles.enumerate() {
            let (x, y) = self.place(index);
            imageops::replace(&mut sheet, &super::tile::fit(&tile, self.tile), i64::from(x), i64::from(y));
        }
        sheet
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
}
