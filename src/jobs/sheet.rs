//! The channels of a layer side by side: its filters or its feature maps, a tile each.
//!
//! Owns what a tile is painted from and between which values its colours run. Must not know where tiles lie on a screen;
//! two sheets are equal when they show the very same arrays.

use std::sync::Arc;

use image::{Rgb, RgbImage, imageops};
use ndarray::{Axis, s};

use super::examples::{Gallery, Show, TILE};
use super::icons::Icons;
use crate::interpretation::feature_maps::FeatureMaps;
use crate::interpretation::filters::Filters;
use crate::look::{Colormap, Contrast};
use crate::paint::mosaic::Grid;
use crate::paint::tile::{self, Ends};

/// What the tiles are of.
#[derive(Clone, Debug)]
pub enum Sheet {
    /// Filters: all inputs of each in one tile (the colours of a picture, or their mean), or one of its inputs.
    Filters(Arc<Filters>, Option<usize>),
    /// Feature maps.
    Maps(Arc<FeatureMaps>),
    /// Top pictures of a unit, by rank instead of by channel.
    Examples(Arc<Gallery>, Show),
    /// Pictures of what the channels look for.
    Icons(Arc<Icons>),
}

impl PartialEq for Sheet {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Filters(a, i), Self::Filters(b, j)) => Arc::ptr_eq(a, b) && i == j,
            (Self::Maps(a), Self::Maps(b)) => Arc::ptr_eq(a, b),
            (Self::Examples(a, show), Self::Examples(b, other)) => Arc::ptr_eq(a, b) && show == other,
            (Self::Icons(a), Self::Icons(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

/// How tiles are coloured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Inks {
    /// Colours; signed values get diverging ones.
    pub colormap: Colormap,
    /// Between which values they run.
    pub contrast: Contrast,
}

/// Tiles as they lie in a picture, with one of them under the cursor.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// What the tiles are of.
    pub sheet: Sheet,
    /// The channels in view, in the order in which they lie.
    pub channels: Vec<usize>,
    /// How they lie.
    pub grid: Grid,
    /// Width and height of the picture; the tiles lie in its middle.
    pub size: (u32, u32),
    /// How they are coloured.
    pub inks: Inks,
    /// Channel with a frame around it, and the colour of the frame.
    pub cursor: Option<(usize, [u8; 3])>,
    /// The colour behind them.
    pub ground: [u8; 3],
    /// Whether they are no longer what is asked for.
    pub old: bool,
}

impl Page {
    /// Tiles as one picture for a file: about square, small tiles enlarged so that each value is a square of whole pixels.
    pub fn whole(sheet: Sheet, channels: Vec<usize>, inks: Inks) -> Self {
        let (width, height) = sheet.tile_size();
        let (width, height) = (width.max(1) as u32, height.max(1) as u32);
        let factor = LEAST.div_ceil(width.max(height));
        let tile = (width * factor, height * factor);
        let grid = Grid::square(channels.len(), tile, (tile.0 / 16).max(1));
        Self { size: grid.size(channels.len()), sheet, channels, grid, inks, cursor: None, ground: [0; 3], old: false }
    }

    /// Paints it at its size, or where there is room for that at a whole multiple of it.
    pub fn paint(&self, (width, height): (u32, u32)) -> RgbImage {
        let by = (width / self.size.0.max(1)).min(height / self.size.1.max(1)).max(1);
        let tile = (self.grid.tile.0 * by, self.grid.tile.1 * by);
        let grid = Grid { tile, gap: self.grid.gap * by, ..self.grid };
        let shown =
            self.sheet.tiles(&self.channels, self.inks, self.ground).into_iter().map(|shown| match self.sheet {
                Sheet::Filters(..) | Sheet::Maps(_) => shown,
                Sheet::Examples(..) | Sheet::Icons(_) => tile::contained(&shown, tile, self.ground),
            });
        let tiles = grid.paint_on(self.ground, shown);
        let (width, height) = ((self.size.0 * by).max(tiles.width()), (self.size.1 * by).max(tiles.height()));
        let mut picture = RgbImage::from_pixel(width, height, Rgb(self.ground));
        let (left, top) = ((width - tiles.width()) / 2, (height - tiles.height()) / 2);
        imageops::replace(&mut picture, &tiles, i64::from(left), i64::from(top));
        if self.old {
            let half = |level: u8, ground: u8| u8::midpoint(level, ground);
            picture.pixels_mut().for_each(|pixel| {
                pixel.0 = [0, 1, 2].map(|channel| half(pixel.0[channel], self.ground[channel]));
            });
        }
        if let Some((channel, colour)) = self.cursor
            && let Some(at) = self.channels.iter().position(|other| *other == channel)
        {
            grid.frame(&mut picture, (left, top), at, colour);
        }
        picture
    }
}

/// Least width and height of a tile in a file, pixels.
const LEAST: u32 = 48;

impl Sheet {
    /// Number of tiles.
    pub fn count(&self) -> usize {
        match self {
            Self::Filters(filters, _) => filters.count(),
            Self::Maps(maps) => maps.count(),
            Self::Examples(gallery, _) => gallery.examples.len(),
            Self::Icons(icons) => icons.tiles.len(),
        }
    }

    /// Width and height of a tile in values.
    pub fn tile_size(&self) -> (usize, usize) {
        let (height, width) = match self {
            Self::Filters(filters, _) => (filters.weights.dim().2, filters.weights.dim().3),
            Self::Maps(maps) => (maps.maps.dim().1, maps.maps.dim().2),
            Self::Examples(..) => (TILE as usize, TILE as usize),
            Self::Icons(icons) => (icons.size.1 as usize, icons.size.0 as usize),
        };
        (width, height)
    }

    /// Where tiles show colours of a picture rather than colours of values: which inputs are red, green and blue.
    pub fn colours(&self) -> Option<[usize; 3]> {
        match self {
            Self::Filters(filters, None) => filters.colours,
            _ => None,
        }
    }

    /// The values at the ends of the colours, of one tile or of all.
    pub fn ends(&self, channel: Option<usize>) -> Ends {
        let channels = channel.map_or(0..self.count(), |channel| channel..channel + 1);
        match self {
            Self::Filters(filters, input) => {
                let weights = filters.weights.slice(s![channels.clone(), .., .., ..]);
                let bound = |ends: Ends| Ends::about_zero(ends.high);
                bound(match input {
                    _ if self.colours().is_some() => Ends::of(weights),
                    Some(input) => Ends::of(weights.index_axis(Axis(1), (*input).min(filters.inputs() - 1))),
                    None => Ends::of(channels.flat_map(|channel| filters.mean(channel)).collect::<Vec<_>>().iter()),
                })
            }
            Self::Maps(maps) => {
                let figures = maps.figures.get(channels).unwrap_or_default();
                let ends = Ends::of(figures.iter().flat_map(|figures| [&figures.min, &figures.max]));
                // The same colours mean the same in all tiles.
                if maps.range().0 < 0.0 { Ends::about_zero(ends.high) } else { ends }
            }
            Self::Examples(..) => Ends::of([]),
            Self::Icons(_) => Ends::around(0.0, 1.0),
        }
    }

    /// Paints tiles, a pixel a value; the ground for a channel that is not there, and nearly that for one that is not made.
    pub fn tiles(&self, channels: &[usize], inks: Inks, ground: [u8; 3]) -> Vec<RgbImage> {
        let shared = (inks.contrast == Contrast::Shared).then(|| self.ends(None));
        let empty = Rgb(ground.map(|level| if level < 128 { level + 16 } else { level - 16 }));
        let own = |tile: Option<&Arc<RgbImage>>| {
            tile.map_or_else(
                || RgbImage::from_fn(self.tile_size().0 as u32, self.tile_size().1 as u32, |_, _| empty),
                |tile| (**tile).clone(),
            )
        };
        let paint = |channel: &usize| {
            if *channel >= self.count() {
                return RgbImage::from_pixel(1, 1, Rgb(ground));
            }
            let ends = shared.unwrap_or_else(|| self.ends(Some(*channel)));
            match self {
                Self::Filters(filters, None) => match filters.colours {
                    Some(rgb) => tile::colours(filters.filter(*channel), rgb, ends.high),
                    None => tile::values(filters.mean(*channel).view(), ends, inks.colormap),
                },
                Self::Filters(filters, Some(input)) => {
                    tile::values(filters.kernel(*channel, (*input).min(filters.inputs() - 1)), ends, inks.colormap)
                }
                Self::Maps(maps) => tile::values(maps.map(*channel), ends, inks.colormap),
                Self::Examples(gallery, show) => own(gallery.tile(*channel, *show)),
                Self::Icons(icons) => own(icons.tile(*channel)),
            }
        };
        channels.iter().map(paint).collect()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn inks(contrast: Contrast) -> Inks {
        Inks { colormap: Colormap::Grey, contrast }
    }

    #[test]
    fn a_tile_uses_its_own_range_or_that_of_all() {
        let sheet = Sheet::Maps(Arc::new(FeatureMaps::new(array![[[0.0, 1.0]], [[2.0, 4.0]], [[0.0, 0.0]]])));
        let last = |contrast| {
            sheet.tiles(&[0, 1, 2], inks(contrast), [0; 3]).iter().map(|t| t.get_pixel(1, 0).0[0]).collect::<Vec<_>>()
        };
        assert_eq!(last(Contrast::Each), [255, 255, 0]);
        assert_eq!(last(Contrast::Shared), [64, 255, 0]);
        let signed = Sheet::Maps(Arc::new(FeatureMaps::new(array![[[0.0, 1.0]], [[-2.0, 4.0]], [[0.0, 0.0]]])));
        let tiles = signed.tiles(&[0, 1, 2], inks(Contrast::Each), [0; 3]);
        let zeros = [tiles[0].get_pixel(0, 0).0, tiles[2].get_pixel(0, 0).0, tiles[2].get_pixel(1, 0).0];
        assert_eq!(zeros, [zeros[0]; 3], "zero has one colour, beside values below it too");
        assert_eq!(tiles[0].get_pixel(1, 0).0, tiles[1].get_pixel(1, 0).0, "and so has the highest");
        assert_eq!(sheet.tiles(&[9], inks(Contrast::Each), [0; 3])[0].dimensions(), (1, 1));
        let page = Page::whole(sheet, vec![0, 1], inks(Contrast::Each));
        assert_eq!((page.size, page.paint(page.size).dimensions()), ((48 + 3 + 48, 24), (48 + 3 + 48, 24)));
    }
}
