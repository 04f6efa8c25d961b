//! The top pictures of a unit as tiles: whole with what the unit saw framed, or that part alone.
//!
//! Owns opening and cutting. Must not know where tiles lie on a screen or in a file.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use image::imageops;
use image::{Rgb, RgbImage};

use super::Outcome;
use super::explainer::failed;
use super::worker::Stopped;
use crate::choice::choice;
use crate::engine::Cancel;
use crate::index::examples::{self, Example, Unit};
use crate::index::store::Extent;
use crate::index::{IndexError, Store};
use crate::interpretation::prototypes::By;
use crate::interpretation::prototypes::tally::UnitTally;
use crate::model;
use crate::model::picture::Picture;
use crate::model::preprocess::Rect;
use crate::network::Network;
use crate::paint;
use crate::paint::mosaic::Grid;
use crate::paint::text::{self, Letters};

/// Side of a tile that is kept for the screen, pixels.
pub const TILE: u32 = 224;

/// Pictures of a glimpse.
pub const GLIMPSE: usize = 3;

/// A unit's top pictures, cut and scaled for the screen.
#[derive(Clone, Debug)]
pub struct Gallery {
    /// Counts, rankings and histograms of the unit.
    pub tally: UnitTally,
    /// Its top pictures, the first first.
    pub examples: Vec<Example>,
    /// How far the index is.
    pub extent: Extent,
    /// For each, whether its file is gone, or holds another picture by now.
    pub gone: Vec<bool>,
    /// For each, what it saw and the whole picture, in their own proportions.
    tiles: Vec<[Arc<RgbImage>; 2]>,
}

impl Gallery {
    /// Opens and cuts the pictures of a unit.
    pub fn new(unit: Unit, extent: Extent) -> Self {
        let both = |example: &Example| {
            let picture = example.open();
            let tiles =
                [Show::Crop, Show::Picture].map(|show| Arc::new(cut(picture.as_ref(), example.crop, show, TILE)));
            (picture.is_none(), tiles)
        };
        let (gone, tiles) = unit.examples.iter().map(both).unzip();
        Self { gone, tiles, tally: unit.tally, examples: unit.examples, extent }
    }

    /// The tile of the picture of a rank, in its own proportions.
    pub fn tile(&self, rank: usize, show: Show) -> Option<&Arc<RgbImage>> {
        self.tiles.get(rank).map(|tiles| &tiles[usize::from(show == Show::Picture)])
    }

    /// Bytes it holds, about.
    pub fn bytes(&self) -> usize {
        self.tiles.iter().flatten().map(|tile| tile.as_raw().len()).sum()
    }
}

/// Which channels said something to the pictures of an index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deaths {
    /// How many pictures; none without an index.
    pub pictures: u64,
    /// For each layer, whether each of its channels said anything to any of them.
    pub alive: Vec<Vec<bool>>,
}

/// The kinds that top pictures are of.
#[derive(Clone, Debug, PartialEq)]
pub struct Kinds {
    /// How many.
    pub count: usize,
    /// How well they are told apart, −1 to 1.
    pub silhouette: f64,
    /// The kind of each picture; `None` where it is gone.
    pub of: Vec<Option<usize>>,
}

/// Why there are no top pictures of a folder whose index was never made.
pub const NO_INDEX: &str = "there is no index of this folder yet";

/// The top pictures of a unit, at most so many, as the index in `file` has them.
pub fn gallery(file: &Path, unit: model::unit::Unit, by: By, most: usize) -> Result<Outcome, Stopped> {
    let store = Store::open(file).map_err(|error| match error {
        IndexError::Absent { .. } => Stopped::Failed(NO_INDEX.to_owned()),
        error => failed(error),
    })?;
    let found = examples::unit(&store, unit.layer, unit.channel, by, most).map_err(failed)?;
    Ok(Outcome::Examples(Arc::new(Gallery::new(found, store.extent().map_err(failed)?))))
}

/// Which channels are dead by the index in `file`; nothing is known where that cannot be read.
pub fn deaths(file: &Path) -> Result<Outcome, Stopped> {
    let read = || -> Result<Deaths, IndexError> {
        let store = Store::open(file)?;
        Ok(Deaths { pictures: store.extent()?.pictures, alive: store.alive()? })
    };
    Ok(Outcome::Deaths(Arc::new(read().unwrap_or_default())))
}

/// The kinds that they are of.
pub fn kinds(
    network: &mut Network,
    file: &Path,
    unit: model::unit::Unit,
    by: By,
    cancel: &Cancel,
) -> Result<Outcome, Stopped> {
    let store = Store::open(file).map_err(failed)?;
    let found = examples::unit(&store, unit.layer, unit.channel, by, usize::MAX).map_err(failed)?;
    let (clusters, of) = examples::clusters(network, unit.layer, by, &found.examples, cancel)?;
    Ok(Outcome::Kinds(Arc::new(Kinds { count: clusters.count, silhouette: clusters.silhouette, of })))
}

choice! {
    /// What a tile shows.
    #[derive(Default)]
    pub enum Show {
        /// What the unit saw where its map is highest: the receptive field.
        Crop = "crop",
        /// The whole picture, that part framed.
        #[default]
        Picture = "picture",
    }
}

/// Around what a tile does not fill.
const GROUND: Rgb<u8> = Rgb([24; 3]);

/// Of the word on the tile of a picture that is gone.
const GONE: [u8; 3] = [150; 3];

/// Of the frame, and of what is around it.
const FRAME: [Rgb<u8>; 2] = [Rgb([255, 255, 255]), Rgb([0, 0, 0])];

/// A tile of `side` × `side` pixels; one that says so where the picture is gone.
pub fn tile(example: &Example, show: Show, side: u32) -> RgbImage {
    paint::tile::contained(&cut(example.open().as_ref(), example.crop, show, side), (side, side), GROUND.0)
}

/// What a tile shows, its longer side of `side` pixels; a word where the picture is gone.
fn cut(picture: Option<&Picture>, crop: Rect, show: Show, side: u32) -> RgbImage {
    let nothing = || RgbImage::from_pixel(side, side, GROUND);
    let Some(picture) = picture else {
        let (mut tile, letters) = (nothing(), Letters::Large);
        let word = letters.fit("gone", side);
        let corner = [letters.width(&word), letters.size().1].map(|length| side.saturating_sub(length) / 2);
        text::draw(&mut tile, corner.into(), &word, letters, GONE);
        return tile;
    };
    let Rect { x, y, width, height } = crop;
    let rgb = &picture.rgb;
    let (part, frame) = match show {
        Show::Picture => (Cow::Borrowed(rgb), Some(crop)),
        Show::Crop => {
            let (left, top) = (x.floor() as u32, y.floor() as u32);
            let whole = |start: f32, length: f32| ((start + length).ceil() - start.floor()).max(1.0) as u32;
            let part = imageops::crop_imm(rgb, left, top, whole(x, width), whole(y, height)).to_image();
            (Cow::Owned(part), None)
        }
    };
    let (wide, high) = part.dimensions();
    if wide == 0 || high == 0 {
        return nothing();
    }
    let scale = side as f32 / wide.max(high) as f32;
    let scaled = |length: f32| ((length * scale).round() as u32).clamp(1, side);
    let size = (scaled(wide as f32), scaled(high as f32));
    let mut part = paint::tile::smooth(part.as_ref(), size);
    // A frame around nearly everything says nothing.
    if frame.is_some() && (width < 0.9 * wide as f32 || height < 0.9 * high as f32) {
        let edge = |at: f32| (at * scale).round() as i64;
        let (left, top, right, bottom) = (edge(x), edge(y), edge(x + width) - 1, edge(y + height) - 1);
        outline(&mut part, (left, top, right, bottom), FRAME[0]);
        outline(&mut part, (left - 1, top - 1, right + 1, bottom + 1), FRAME[1]);
    }
    part
}

fn outline(tile: &mut RgbImage, (left, top, right, bottom): (i64, i64, i64, i64), colour: Rgb<u8>) {
    let mut dot = |x: i64, y: i64| {
        if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
            && let Some(pixel) = tile.get_pixel_mut_checked(x, y)
        {
            *pixel = colour;
        }
    };
    (left..=right).for_each(|x| [top, bottom].into_iter().for_each(|y| dot(x, y)));
    (top..=bottom).for_each(|y| [left, right].into_iter().for_each(|x| dot(x, y)));
}

/// The tiles in one picture for a file: about square, or a row for each group where there are several.
pub fn sheet(examples: &[Example], groups: Option<&[Option<usize>]>, show: Show, side: u32) -> RgbImage {
    let gap = side / 20 + 1;
    let tiles = |of: &[&Example]| of.iter().map(|example| tile(example, show, side)).collect::<Vec<_>>();
    let Some(groups) = groups.filter(|groups| grouped(groups).len() > 1) else {
        let all: Vec<&Example> = examples.iter().collect();
        return Grid::square(all.len(), (side, side), gap).paint(tiles(&all).into_iter());
    };
    let rows: Vec<RgbImage> = grouped(groups)
        .into_iter()
        .map(|row| {
            let of: Vec<&Example> = row.iter().filter_map(|at| examples.get(*at)).collect();
            Grid { columns: of.len().max(1), tile: (side, side), gap }.paint(tiles(&of).into_iter())
        })
        .collect();
    let width = rows.iter().map(RgbImage::width).max().unwrap_or(1);
    let height = rows.iter().map(|row| row.height() + 3 * gap).sum::<u32>().saturating_sub(3 * gap).max(1);
    let (mut sheet, mut y) = (RgbImage::new(width, height), 0);
    for row in &rows {
        imageops::replace(&mut sheet, row, 0, i64::from(y));
        y += row.height() + 3 * gap;
    }
    sheet
}

/// Places of the pictures of each group, the first group first; those of no group at the end.
pub fn grouped(groups: &[Option<usize>]) -> Vec<Vec<usize>> {
    let count = groups.iter().flatten().max().map_or(0, |last| last + 1);
    let of = |group: Option<usize>| -> Vec<usize> {
        groups.iter().enumerate().filter(|(_, each)| **each == group).map(|(at, _)| at).collect()
    };
    let all = (0..count).map(|group| of(Some(group))).chain([of(None)]);
    all.filter(|group| !group.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::key::{hex, of_picture};

    fn example(folder: &std::path::Path) -> Example {
        let file = folder.join("a.png");
        // Left half red, right half blue.
        let rgb = RgbImage::from_fn(40, 20, |x, _| if x < 20 { Rgb([200, 0, 0]) } else { Rgb([0, 0, 200]) });
        rgb.save(&file).unwrap();
        let sha256 = hex(&of_picture(&std::fs::read(&file).unwrap()));
        let crop = Rect { x: 24.0, y: 4.0, width: 8.0, height: 8.0 };
        Example { score: 1.0, position: (0, 0), file, sha256, size: (40, 20), crop }
    }

    #[test]
    fn a_tile_is_the_picture_framed_or_what_was_seen() {
        let folder = tempfile::tempdir().unwrap();
        let example = example(folder.path());
        let crop = tile(&example, Show::Crop, 16);
        assert!(crop.pixels().all(|pixel| *pixel == Rgb([0, 0, 200])));
        let picture = tile(&example, Show::Picture, 40);
        assert_eq!((picture.get_pixel(5, 20).0, picture.get_pixel(0, 0).0), ([200, 0, 0], GROUND.0));
        assert_eq!(picture.get_pixel(24, 14), &FRAME[0], "the frame's corner, ten pixels of margin above");
        std::fs::write(&example.file, "another").unwrap();
        let gone = Gallery::new(Unit { tally: UnitTally::default(), examples: vec![example] }, Extent::default());
        assert_eq!(gone.gone, [true]);
        let drawn = |pixel: &&Rgb<u8>| pixel.0 == GONE;
        assert!(
            (20..2000).contains(&gone.tile(0, Show::Picture).unwrap().pixels().filter(drawn).count()),
            "it says so"
        );
    }

    #[test]
    fn groups_are_rows() {
        assert_eq!(grouped(&[Some(1), Some(0), None, Some(1)]), [vec![1], vec![0, 3], vec![2]]);
        let folder = tempfile::tempdir().unwrap();
        let examples = vec![example(folder.path()); 3];
        let sheet = sheet(&examples, Some(&[Some(0), Some(1), Some(0)]), Show::Crop, 20);
        assert_eq!(sheet.dimensions(), (42, 46));
    }
}
