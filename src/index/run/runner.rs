//! Asking the network for one picture after another.

use std::sync::Mutex;
use std::sync::mpsc::Receiver;

use ndarray::{Array3, Array4, Axis};

use super::ledger::Ledger;
use super::lock;
use super::reader::Ready;
use crate::engine::Cancel;
use crate::index::key::short;
use crate::interpretation::prototypes::tally::{Bounds, Sighting};
use crate::network::digest::{Digest, Maps};
use crate::network::{NetworkError, Peak, Scores};

/// Row and column where the maps of some units are highest, in the order of units.
type Peaks = Vec<(usize, (u32, u32))>;

/// Runs pictures until there are no more.
pub(super) fn run(
    digest: &mut Digest,
    maps: &Mutex<Maps>,
    ready: &Mutex<Receiver<Ready>>,
    ledger: &Ledger,
    stop: &Cancel,
) -> Result<(), NetworkError> {
    loop {
        let next = lock(ready).recv();
        let Ok(Ready { picture, file, input }) = next else { return Ok(()) };
        if stop.is_cancelled() {
            return Ok(());
        }
        let x = batch(input);
        let scores = digest.run(&x, stop)?.pop().unwrap_or_default();
        let bounds = ledger.bounds();
        let peaks = peaks(&scores, &bounds, &x, maps, stop)?;
        let scores = scores.iter().flat_map(Scores::pairs).collect();
        let key = short(&picture.hash);
        ledger.record(picture, file, Sighting { picture: key, scores, peaks });
    }
}

fn batch(input: Array3<f32>) -> Array4<f32> {
    input.insert_axis(Axis(0))
}

/// Where the maps of the units that may rank the picture are highest.
fn peaks(
    scores: &[Scores],
    bounds: &Bounds,
    x: &Array4<f32>,
    maps: &Mutex<Maps>,
    stop: &Cancel,
) -> Result<Peaks, NetworkError> {
    let mut peaks = Peaks::new();
    // Layers, and in each the channels with the places of their peaks.
    let mut unclear: Vec<(usize, Vec<(usize, usize)>)> = Vec::new();
    let mut unit = 0;
    for (layer, scores) in scores.iter().enumerate() {
        let mut tied = Vec::new();
        for (channel, pair) in scores.pairs().enumerate() {
            if bounds.reached(unit, pair) {
                let peak = match scores.peak(channel) {
                    Peak::At(row, column) => (row, column),
                    Peak::Unclear => {
                        tied.push((channel, peaks.len()));
                        (0, 0)
                    }
                };
                peaks.push((unit, peak));
            }
            unit += 1;
        }
        if !tied.is_empty() {
            unclear.push((layer, tied));
        }
    }
    if unclear.is_empty() {
        return Ok(peaks);
    }
    let layers: Vec<usize> = unclear.iter().map(|(layer, _)| *layer).collect();
    let whole = lock(maps).run(x, &layers, stop)?;
    for ((_, channels), maps) in unclear.into_iter().zip(whole) {
        let width = maps.len_of(Axis(3)).max(1);
        for (channel, place) in channels {
            let map = maps.index_axis(Axis(0), 0).index_axis_move(Axis(0), channel);
            let (mut best, mut at) = (f32::NEG_INFINITY, 0);
            for (place, value) in map.iter().enumerate() {
                if *value > best {
                    (best, at) = (*value, place);
                }
            }
            peaks[place].1 = ((at / width) as u32, (at % width) as u32);
        }
    }
    Ok(peaks)
}
