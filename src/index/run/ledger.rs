//! What a run knows by now and has not written yet.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use super::Progress;
use crate::index::key::{Hash, short};
use crate::index::store::{Addition, IndexedFile, IndexedPicture, Known, path_key};
use crate::interpretation::prototypes::ranking::PictureKey;
use crate::interpretation::prototypes::tally::Tally;
use crate::network::Scores;

/// Row and column where maps are highest, by layer and channel.
pub(super) type Peaks = HashMap<(usize, usize), (u32, u32)>;

/// One picture, ready to be recorded.
pub(super) struct Record<'a> {
    pub(super) picture: IndexedPicture,
    /// The file it was read from.
    pub(super) file: IndexedFile,
    /// Of each layer.
    pub(super) scores: &'a [Scores],
    /// Of all channels that may be ranked.
    pub(super) peaks: Peaks,
}

/// Everything that the threads of a run share.
pub(super) struct Ledger {
    tally: Tally,
    known: Known,
    /// Pictures that are being run: files of the same content that were found meanwhile.
    running: HashMap<PictureKey, Vec<IndexedFile>>,
    addition: Addition,
    runner: String,
    pub(super) progress: Progress,
    pub(super) unread: Vec<(PathBuf, String)>,
}

impl Ledger {
    pub(super) fn new(tally: Tally, known: Known, runner: String) -> Self {
        Self {
            tally,
            known,
            running: HashMap::new(),
            addition: Addition::default(),
            runner,
            progress: Progress::default(),
            unread: Vec::new(),
        }
    }

    /// Whether a file has been looked at before and is as it was.
    pub(super) fn knows(&self, path: &Path, bytes: u64, modified: i64) -> bool {
        self.known.files.get(&path_key(path)) == Some(&(bytes, modified))
    }

    /// Whether a picture is to be run, and is from now on. Otherwise the file is noted down as a further one of it.
    pub(super) fn claim(&mut self, hash: &Hash, file: impl FnOnce() -> IndexedFile) -> bool {
        let key = short(hash);
        if self.known.pictures.contains(&key) {
            self.addition.files.push(file());
            self.progress.passed += 1;
            return false;
        }
        match self.running.entry(key) {
            Entry::Occupied(mut others) => {
                // Written together with the picture, and not before it.
                others.get_mut().push(file());
                self.progress.passed += 1;
                false
            }
            Entry::Vacant(free) => {
                free.insert(Vec::new());
                true
            }
        }
    }

    /// Notes down a file that is no picture.
    pub(super) fn refuse(&mut self, file: IndexedFile) {
        self.addition.files.push(file);
        self.progress.broken += 1;
    }

    /// Gives up a picture that was claimed, which turned out to be none; nor are the other files of the same content.
    pub(super) fn release(&mut self, key: PictureKey, reason: &str) {
        for file in self.running.remove(&key).unwrap_or_default() {
            self.progress.passed -= 1;
            self.refuse(IndexedFile { holds: Err(reason.to_owned()), ..file });
        }
    }

    /// The channels of each layer that may rank a picture.
    pub(super) fn takers(&self, scores: &[Scores], hash: &Hash) -> Vec<Vec<usize>> {
        scores.iter().enumerate().map(|(layer, scores)| self.tally.takers(layer, scores, short(hash))).collect()
    }

    /// Takes a picture in.
    pub(super) fn record(&mut self, record: Record<'_>) {
        let key = short(&record.picture.hash);
        for (layer, scores) in record.scores.iter().enumerate() {
            self.tally.record(layer, scores, key, |channel| record.peaks.get(&(layer, channel)).copied());
        }
        self.known.pictures.insert(key);
        self.addition.files.extend(self.running.remove(&key).unwrap_or_default());
        self.addition.files.push(record.file);
        self.addition.pictures.push(record.picture);
        self.progress.done += 1;
    }

    /// What has come since this was asked for last, to be written.
    pub(super) fn addition(&mut self) -> Addition {
        let mut addition = std::mem::take(&mut self.addition);
        if !addition.pictures.is_empty() {
            addition.units = self.tally.units().iter().cloned().enumerate().collect();
            addition.runners = vec![self.runner.clone()];
        }
        addition
    }
}
