//! What takes the engine long, made up: icons of a layer and the top pictures of its channels.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;
use lensor::app::state::State;
use lensor::index::examples::{Example, Unit};
use lensor::index::store::Extent;
use lensor::interpretation::prototypes::tally::{Sighting, Tally};
use lensor::jobs::examples::{Deaths, Gallery};
use lensor::jobs::icons::Icons;
use lensor::jobs::{Key, Outcome};
use lensor::model;
use lensor::model::preprocess::Rect;

/// Top pictures of a channel.
const MOST: usize = 16;
/// Channels that have some.
const CHANNELS: usize = 4;

/// Pictures in files.
pub struct MadeUp {
    files: Vec<PathBuf>,
}

fn pattern(width: u32, height: u32, seed: usize) -> RgbImage {
    let seed = seed as u32;
    RgbImage::from_fn(width, height, |x, y| image::Rgb([(x * (seed + 1)) as u8, (y ^ (seed * 9)) as u8, (x ^ y) as u8]))
}

impl MadeUp {
    pub fn in_folder(folder: &Path) -> Self {
        let write = |at: usize| {
            let file = folder.join(format!("{at}.png"));
            pattern(500, 375, at).save(&file).unwrap();
            file
        };
        Self { files: (0..MOST).map(write).collect() }
    }

    /// Puts icons and top pictures where the state looks for them, for the layer under the cursor.
    pub fn insert(&self, state: &mut State) {
        let layers = state.facts().unwrap().layers.clone();
        for (layer, of) in layers.iter().enumerate() {
            let tiles = (0..of.channels).map(|channel| Some(Arc::new(pattern(64, 64, channel)))).collect();
            let icons = Arc::new(Icons { tiles, size: (64, 64) });
            for make in [false, true] {
                state.cache.insert(Key::Icons { layer, make }, Outcome::Icons(icons.clone()), icons.bytes());
            }
        }
        state.cache.insert(Key::Deaths { written: 0 }, Outcome::Deaths(Arc::new(Deaths::default())), 0);
        state.climbing.steps = 32;
        let by = state.examples.by;
        for channel in 0..CHANNELS {
            let unit = model::unit::Unit { layer: state.cursor.layer, channel };
            let gallery = Outcome::Examples(Arc::new(self.gallery(channel)));
            let bytes = gallery.bytes();
            state.cache.insert(Key::Examples { unit, by, written: 0 }, gallery.clone(), bytes);
            state.cache.insert(Key::Glimpse { unit, by, written: 0 }, gallery, 0);
        }
    }

    fn gallery(&self, first: usize) -> Gallery {
        let mut tally = Tally::new(&[1], MOST);
        for picture in 0..40 {
            let score = picture as f32 * 0.25;
            tally.record(&[Sighting { picture, scores: vec![(score / 4.0, score)], peaks: vec![(0, (1, 2))] }]);
        }
        let example = |rank: usize| Example {
            score: (MOST - rank) as f32,
            position: (1, 2),
            file: self.files[(first + rank) % MOST].clone(),
            sha256: String::new(),
            size: (500, 375),
            crop: Rect { x: 100.0, y: 60.0, width: 120.0, height: 120.0 },
        };
        let extent = Extent { pictures: 40, files: 40, broken: 0, finished: true, runners: Vec::new() };
        Gallery::new(Unit { tally: tally.units()[0].clone(), examples: (0..MOST).map(example).collect() }, extent)
    }
}
