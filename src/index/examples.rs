//! What an index says about a unit: its top pictures, where they are and what the unit saw of them.

use std::path::PathBuf;

use ndarray::{Array2, Axis};
use serde::Serialize;

use super::key::{hex, of_picture};
use super::store::IndexedPicture;
use super::{IndexError, Store};
use crate::engine::Cancel;
use crate::interpretation::prototypes::By;
use crate::interpretation::prototypes::clusters::{self, Clusters};
use crate::interpretation::prototypes::ranking::Entry;
use crate::interpretation::prototypes::tally::UnitTally;
use crate::model::picture::Picture;
use crate::model::preprocess::Rect;
use crate::network::{Network, NetworkError};

/// One of a unit's top pictures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Example {
    /// What it is ranked by.
    pub score: f32,
    /// Row and column of the highest value of the feature map.
    pub position: (u32, u32),
    /// A file with the picture.
    pub file: PathBuf,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Width and height of the picture.
    pub size: (u32, u32),
    /// What the position sees of it: its receptive field, in the picture's pixels and cut off at the picture's edges.
    pub crop: Rect,
}

/// Everything about a unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// Counts, rankings, histograms.
    pub tally: UnitTally,
    /// Its top pictures, the first first.
    pub examples: Vec<Example>,
}

/// What an index says about the channel of a layer; at most `most` pictures.
pub fn unit(store: &Store, layer: usize, channel: usize, by: By, most: usize) -> Result<Unit, IndexError> {
    let tally = store.unit(layer, channel)?;
    let about = store.about();
    let Some(of) = about.layers.get(layer) else { return Ok(Unit { tally, examples: Vec::new() }) };
    let mut examples = Vec::new();
    for entry in tally.column(by).ranking.entries().iter().take(most) {
        let Some((picture, file)) = store.picture(entry.picture)? else { continue };
        let area = if by == By::Sum { (of.height * of.width) as f32 } else { 1.0 };
        let crop = crop(of.field.at(entry.row, entry.column, about.input), about.input, &picture);
        let Entry { score, row, column, .. } = *entry;
        examples.push(Example {
            score: score * area,
            position: (row, column),
            file,
            sha256: hex(&picture.hash),
            size: picture.size,
            crop,
        });
    }
    Ok(Unit { tally, examples })
}

/// A rectangle of the network's input `[height, width]`, in pixels of the picture.
fn crop(field: Rect, input: [usize; 2], picture: &IndexedPicture) -> Rect {
    let seen = picture.seen;
    let along = |start: f32, length: f32, from: f32, side: f32, input: usize, whole: u32| {
        let scale = side / input.max(1) as f32;
        let edge = |at: f32| (from + at * scale).clamp(0.0, whole as f32);
        (edge(start), edge(start + length) - edge(start))
    };
    let (x, width) = along(field.x, field.width, seen.x, seen.width, input[1], picture.size.0);
    let (y, height) = along(field.y, field.height, seen.y, seen.height, input[0], picture.size.1);
    Rect { x, y, width, height }
}

impl Example {
    /// The picture; `None` where its file is gone, or holds another one by now.
    pub fn open(&self) -> Option<Picture> {
        let content = std::fs::read(&self.file).ok()?;
        let same = hex(&of_picture(&content)) == self.sha256;
        same.then(|| Picture::from_content(&self.file, &content).ok())?
    }
}

/// Groups a unit's top pictures by how the whole layer answers to them: by the activations of all channels at the
/// position where the unit is highest, or by their averages where pictures are ranked by those. Pictures that are gone
/// are `None`.
pub fn clusters(
    network: &mut Network,
    layer: usize,
    by: By,
    examples: &[Example],
    cancel: &Cancel,
) -> Result<(Clusters, Vec<Option<usize>>), NetworkError> {
    let (mut patterns, mut there) = (Vec::new(), Vec::new());
    for example in examples {
        let input = example.open().and_then(|picture| network.preprocess().tensor(&picture).ok());
        let Some(input) = input else {
            there.push(false);
            continue;
        };
        there.push(true);
        let x = input.insert_axis(Axis(0));
        let Some(maps) = network.forward(&x, &[layer], cancel)?.activations.pop() else { continue };
        let (row, column) = (example.position.0 as usize, example.position.1 as usize);
        patterns.extend(maps.index_axis(Axis(0), 0).outer_iter().map(|map| match by {
            By::Max => map.get((row, column)).copied().unwrap_or(0.0),
            By::Mean | By::Sum => map.mean().unwrap_or(0.0),
        }));
    }
    let count = there.iter().filter(|there| **there).count();
    let channels = patterns.len().checked_div(count).unwrap_or(0);
    let patterns = Array2::from_shape_vec((count, channels), patterns).unwrap_or_default();
    let found = clusters::find(patterns.view());
    let mut groups = found.of.iter().copied();
    let of = there.into_iter().map(|there| if there { groups.next() } else { None }).collect();
    Ok((found, of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_brought_back_to_the_picture_and_cut_off_at_its_edges() {
        // A picture of 640 × 480, its shorter side scaled to 256 and the middle 224 × 224 cut out.
        let seen = Rect { x: 110.0, y: 30.0, width: 420.0, height: 420.0 };
        let picture = IndexedPicture { hash: [0; 32], size: (640, 480), seen };
        let field = Rect { x: 112.0, y: 0.0, width: 16.0, height: 8.0 };
        let found = crop(field, [224, 224], &picture);
        assert_eq!(found, Rect { x: 320.0, y: 30.0, width: 30.0, height: 15.0 });
        let beyond = Rect { x: -500.0, y: -8.0, width: 1000.0, height: 16.0 };
        assert_eq!(crop(beyond, [224, 224], &picture), Rect { x: 0.0, y: 15.0, width: 640.0, height: 30.0 });
    }
}
