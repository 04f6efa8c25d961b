//! The pictures of a circuit: a unit's map over the picture, and for each neighbour its kernel, what enters, what it adds.
//!
//! Owns between which values their colours run. Must not know where they lie on a screen; two drawings are equal when
//! they show the very same arrays.

use std::sync::Arc;

use image::{Rgb, RgbImage, imageops};
use ndarray::{ArrayView2, Axis};

use super::Seen;
use super::subject::Scale;
use crate::attribution::Raw;
use crate::interpretation::circuits::{self, By, Circuit, Contributions, Edge, Ranking};
use crate::look::{Colormap, Look, View};
use crate::map;
use crate::model::preprocess::{Prepared, Rect};
use crate::paint;
use crate::paint::tile::{self, Ends};

pub mod figure;
pub mod words;

/// A circuit, and the picture that it is looked at for.
pub struct Shown<'a> {
    /// The circuit.
    pub circuit: &'a Circuit,
    /// By what neighbours are ranked.
    pub by: By,
    /// Where contributions are read.
    pub position: (usize, usize),
    /// How many neighbours on each side.
    pub top: usize,
    /// The picture.
    pub picture: Option<Pictured<'a>>,
}

/// A picture with its contributions.
pub struct Pictured<'a> {
    /// Its name.
    pub name: String,
    /// As the network is fed.
    pub prepared: &'a Prepared,
    /// What each neighbour adds.
    pub found: &'a Contributions,
}

impl Shown<'_> {
    /// The contributions, for a picture.
    pub fn found(&self) -> Option<&Contributions> {
        self.picture.as_ref().map(|pictured| pictured.found)
    }

    /// The neighbours of a branch, or of all, on both sides.
    pub fn ranking(&self, branch: Option<usize>) -> Ranking {
        let mut ranking = circuits::rank(self.circuit, self.found(), self.by, self.position, branch);
        ranking.excites.truncate(self.top);
        ranking.inhibits.truncate(self.top);
        ranking
    }
}

/// Between which values the colours run of all neighbours that are shown together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Inks {
    kernel: Ends,
    contribution: Ends,
}

impl Inks {
    /// As far below zero as above, to the extremes of some neighbours.
    pub fn of<'e>(circuit: &Circuit, found: Option<&Contributions>, edges: impl Iterator<Item = &'e Edge>) -> Self {
        let (mut kernel, mut contribution) = (0.0f32, 0.0f32);
        let largest = |most: f32, value: &f32| most.max(value.abs());
        for edge in edges {
            let own = &circuit.branches[edge.branch].neighbours[edge.neighbour].kernel;
            kernel = own.iter().fold(kernel, largest);
            if let Some(found) = found {
                let maps = &found.branches[edge.branch].maps;
                contribution = maps.index_axis(Axis(0), edge.neighbour).iter().fold(contribution, largest);
            }
        }
        let around = Ends::about_zero;
        Self { kernel: around(kernel), contribution: around(contribution) }
    }
}

/// A neighbour's kernel, a pixel a weight: blue excites, red inhibits.
pub fn kernel(circuit: &Circuit, edge: &Edge, inks: &Inks) -> RgbImage {
    let neighbour = &circuit.branches[edge.branch].neighbours[edge.neighbour];
    tile::values(neighbour.kernel.view(), inks.kernel, Colormap::RedBlue)
}

/// What a neighbour adds at each position, in the proportions of a picture: blue excites, red inhibits.
pub fn adds(found: &Contributions, edge: &Edge, inks: &Inks, like: (u32, u32)) -> RgbImage {
    let maps = &found.branches[edge.branch].maps;
    tile::fit(&tile::values(maps.index_axis(Axis(0), edge.neighbour), inks.contribution, Colormap::RedBlue), like)
}

/// What enters of a neighbour, over what the network sees.
pub fn enters(
    found: &Contributions,
    edge: &Edge,
    prepared: &Prepared,
    look: &Look,
    side: u32,
    scale: Scale<'_>,
) -> RgbImage {
    let inputs = &found.branches[edge.branch].inputs;
    over(inputs.index_axis(Axis(0), edge.neighbour), prepared, look, side, scale)
}

/// A unit's own map above zero over what the network sees, with a frame around a position; what the network sees alone where
/// the unit has a single value.
pub fn unit(
    found: &Contributions,
    (row, column): (usize, usize),
    prepared: &Prepared,
    look: &Look,
    side: u32,
    scale: Scale<'_>,
) -> RgbImage {
    let (height, width) = found.value.dim();
    if height * width <= 1 {
        return cut(prepared, side, scale).0;
    }
    let mut picture = over(found.value.mapv(|value| value.max(0.0)).view(), prepared, look, side, scale);
    let along = |at: usize, count: usize, side: u32| (at as u32 * side).div_ceil(count.max(1) as u32);
    let (left, top) = (along(column, width, picture.width()), along(row, height, picture.height()));
    let (right, bottom) = (along(column + 1, width, picture.width()), along(row + 1, height, picture.height()));
    let least = if picture.width().max(picture.height()) < SMALL { 3 } else { 4 };
    frame(&mut picture, (left, top), (right.max(left + least), bottom.max(top + least)));
    picture
}

/// Longest side of a picture, as half-blocks have it, on which a frame is a single pixel wide.
const SMALL: u32 = 120;

/// A frame around a rectangle, dark outside and light inside, so that it is seen on any ground.
fn frame(picture: &mut RgbImage, (left, top): (u32, u32), (right, bottom): (u32, u32)) {
    let (width, height) = picture.dimensions();
    let small = width.max(height) < SMALL;
    for (grown, colour) in [(2, [0; 3]), (1, [255; 3]), (0, [255; 3])].into_iter().skip(if small { 2 } else { 0 }) {
        let (left, top) = (left.saturating_sub(grown), top.saturating_sub(grown));
        let (right, bottom) = ((right + grown).min(width), (bottom + grown).min(height));
        let mut put = |x: u32, y: u32| {
            if let Some(pixel) = picture.get_pixel_mut_checked(x, y) {
                *pixel = Rgb(colour);
            }
        };
        (left..right).for_each(|x| [top, bottom.saturating_sub(1)].into_iter().for_each(|y| put(x, y)));
        (top..bottom).for_each(|y| [left, right.saturating_sub(1)].into_iter().for_each(|x| put(x, y)));
    }
}

/// What the network sees of the picture, its longer side this long, and the size of it.
fn cut(prepared: &Prepared, side: u32, scale: Scale<'_>) -> (RgbImage, Rect) {
    let Rect { x, y, width, height } = prepared.region;
    let by = side as f32 / width.max(height).max(1.0);
    let long = |length: f32| (length * by).round().max(1.0) as u32;
    let (wide, high) = (long(width), long(height));
    // The whole is scaled and then cut: painters remember what they scaled.
    let view = scale(&prepared.view, long(prepared.view.width() as f32), long(prepared.view.height() as f32));
    let seen = imageops::crop_imm(&*view, (x * by) as u32, (y * by) as u32, wide, high).to_image();
    let (wide, high) = (seen.width() as f32, seen.height() as f32);
    (seen, Rect { x: 0.0, y: 0.0, width: wide, height: high })
}

/// A feature map over what the network sees.
fn over(values: ArrayView2<'_, f32>, prepared: &Prepared, look: &Look, side: u32, scale: Scale<'_>) -> RgbImage {
    let (picture, region) = cut(prepared, side, scale);
    let (_, height, width) = prepared.input.dim();
    // A blur is counted in pixels of the input; without one no more is made than is seen.
    let size = match look.sigma > 0.0 {
        true => (height, width),
        false => (height.min(picture.height() as usize), width.min(picture.width() as usize)),
    };
    let map = map::make(&Raw::Layer(values.to_owned()), look, size);
    paint::paint(Some(&map), &picture, region, look)
}

/// One of a circuit's pictures on the screen.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// The circuit.
    pub circuit: Arc<Circuit>,
    /// The picture and what is known for it.
    pub of: Option<(Arc<Seen>, Arc<Contributions>)>,
    /// Which of its pictures.
    pub scene: Scene,
    /// How feature maps look.
    pub look: Look,
    /// Name of the picture.
    pub name: String,
    /// What stands beside a neighbour's own tiles, each in its place: its icon, its top pictures.
    pub beside: Vec<Option<Arc<RgbImage>>>,
    /// The colour between tiles.
    pub ground: [u8; 3],
}

/// Which picture of a circuit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scene {
    /// The unit with a position framed.
    Unit((usize, usize)),
    /// A neighbour: kernel, what enters, what it adds, and what stands beside them.
    Neighbour(Edge, Inks, Row),
    /// What stands beside a channel alone.
    Beside(Row),
    /// Everything: ranked so, contributions read there, so many neighbours on each side.
    Whole(By, (usize, usize), usize),
}

/// Where the tiles of a neighbour lie, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Width and height of all.
    pub size: (u32, u32),
    /// From one tile to the next.
    pub step: u32,
    /// Side of a tile.
    pub side: u32,
}

impl PartialEq for Drawing {
    fn eq(&self, other: &Self) -> bool {
        let same = match (&self.of, &other.of) {
            (Some((a, b)), Some((c, d))) => Arc::ptr_eq(a, c) && Arc::ptr_eq(b, d),
            (None, None) => true,
            _ => false,
        };
        let beside = self.beside.iter().map(|tile| tile.as_ref().map(Arc::as_ptr));
        let beside = beside.eq(other.beside.iter().map(|tile| tile.as_ref().map(Arc::as_ptr)));
        let alike = self.scene == other.scene && self.look == other.look && self.name == other.name;
        same && alike && beside && self.ground == other.ground && Arc::ptr_eq(&self.circuit, &other.circuit)
    }
}

/// Tiles of a neighbour's own: kernel, what enters, what it adds.
pub const TILES: u16 = 3;

impl Drawing {
    /// Its proportions.
    pub fn dimensions(&self) -> (u32, u32) {
        match self.scene {
            Scene::Unit(_) => self.of.as_ref().map_or((1, 1), |(seen, _)| {
                let Rect { width, height, .. } = seen.prepared.region;
                (width.max(1.0) as u32, height.max(1.0) as u32)
            }),
            Scene::Neighbour(_, _, row) | Scene::Beside(row) => row.size,
            Scene::Whole(..) => self.whole().dimensions(),
        }
    }

    /// Paints it at about a size.
    pub fn paint(&self, (width, height): (u32, u32), scale: Scale<'_>) -> RgbImage {
        let look = Look { view: View::Overlay, ..self.look };
        match (&self.scene, &self.of) {
            (Scene::Unit(position), Some((seen, found))) => {
                unit(found, *position, &seen.prepared, &look, width.max(height), scale)
            }
            (Scene::Unit(_), None) => RgbImage::new(1, 1),
            (Scene::Whole(..), _) => self.whole(),
            (Scene::Neighbour(edge, inks, row), of) => {
                let mut tiles = vec![Some(tile::square(&kernel(&self.circuit, edge, inks), row.side))];
                let own = of.as_ref().map(|(seen, found)| {
                    let entering = enters(found, edge, &seen.prepared, &look, row.side, scale);
                    let adding = adds(found, edge, inks, entering.dimensions());
                    [entering, adding]
                });
                tiles.extend(own.map_or([None, None], |own| own.map(Some)));
                tiles.extend(self.tiles_beside(row.side));
                row.paint(&tiles, self.ground)
            }
            (Scene::Beside(row), _) => row.paint(&self.tiles_beside(row.side), self.ground),
        }
    }
}

impl Drawing {
    fn tiles_beside(&self, side: u32) -> Vec<Option<RgbImage>> {
        let inside = |tile: &Arc<RgbImage>| tile::contained(tile, (side, side), self.ground);
        self.beside.iter().map(|tile| tile.as_ref().map(inside)).collect()
    }

    /// The figure that a file shows.
    fn whole(&self) -> RgbImage {
        let Scene::Whole(by, position, top) = self.scene else { return RgbImage::new(1, 1) };
        let picture =
            self.of.as_ref().map(|(seen, found)| Pictured { name: self.name.clone(), prepared: &seen.prepared, found });
        figure::paint(&Shown { circuit: &self.circuit, by, position, top, picture })
    }
}

impl Row {
    /// Paints tiles, each in the middle of its square.
    fn paint(&self, tiles: &[Option<RgbImage>], ground: [u8; 3]) -> RgbImage {
        let mut row = RgbImage::from_pixel(self.size.0.max(1), self.size.1.max(1), Rgb(ground));
        for (at, tile) in tiles.iter().enumerate() {
            let Some(tile) = tile else { continue };
            let middle = |room: u32, length: u32| i64::from(room.saturating_sub(length) / 2);
            let x = i64::from(at as u32 * self.step) + middle(self.side, tile.width());
            imageops::replace(&mut row, tile, x, middle(self.size.1, tile.height()));
        }
        row
    }
}
