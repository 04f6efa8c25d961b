//! Asking the network for one picture after another.

use std::sync::Mutex;
use std::sync::mpsc::Receiver;

use ndarray::{Array3, Array4, Axis};

use super::ledger::{Ledger, Peaks, Record};
use super::lock;
use super::reader::Ready;
use crate::engine::Cancel;
use crate::network::digest::{Digest, Maps};
use crate::network::{NetworkError, Peak, Scores};

/// Runs pictures until there are no more.
pub(super) fn run(
    digest: &mut Digest,
    maps: &Mutex<Maps>,
    ready: &Mutex<Receiver<Ready>>,
    ledger: &Mutex<Ledger>,
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
        let takers = lock(ledger).takers(&scores, &picture.hash);
        let peaks = peaks(&scores, &takers, &x, maps, stop)?;
        lock(ledger).record(Record { picture, file, scores: &scores, peaks });
    }
}

fn batch(input: Array3<f32>) -> Array4<f32> {
    input.insert_axis(Axis(0))
}

/// Where the maps of the channels that rank the picture are highest.
fn peaks(
    scores: &[Scores],
    takers: &[Vec<usize>],
    x: &Array4<f32>,
    maps: &Mutex<Maps>,
    stop: &Cancel,
) -> Result<Peaks, NetworkError> {
    let mut peaks = Peaks::new();
    let mut unclear: Vec<(usize, Vec<usize>)> = Vec::new();
    for (layer, channels) in takers.iter().enumerate() {
        let mut tied = Vec::new();
        for channel in channels {
            match scores[layer].peak(*channel) {
                Peak::At(row, column) => {
                    peaks.insert((layer, *channel), (row, column));
                }
                Peak::Unclear => tied.push(*channel),
            }
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
    for ((layer, channels), maps) in unclear.into_iter().zip(whole) {
        let width = maps.len_of(Axis(3)).max(1);
        for channel in channels {
            let map = maps.index_axis(Axis(0), 0).index_axis_move(Axis(0), channel);
            let (mut best, mut at) = (f32::NEG_INFINITY, 0);
            for (place, value) in map.iter().enumerate() {
                if *value > best {
                    (best, at) = (*value, place);
                }
            }
            peaks.insert((layer, channel), ((at / width) as u32, (at % width) as u32));
        }
    }
    Ok(peaks)
}
