//! What a run knows by now and has not written yet.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Progress;
use crate::index::key::{Hash, short};
use crate::index::store::{Addition, IndexedFile, IndexedPicture, Known, file_key};
use crate::interpretation::prototypes::ranking::PictureKey;
use crate::interpretation::prototypes::tally::{Bounds, Sighting, Tally};

/// Pictures that the tally takes in at once.
const TOGETHER: usize = 32;

/// Everything that the threads of a run share.
pub(super) struct Ledger {
    tally: Tally,
    /// What the tally has not taken in yet.
    waiting: Vec<Sighting>,
    /// What a picture had to reach to be ranked when the tally took pictures in last: it never becomes less.
    bounds: Arc<Bounds>,
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
            bounds: Arc::new(tally.bounds()),
            waiting: Vec::new(),
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
        self.known.files.contains(&file_key(path.as_os_str().as_encoded_bytes(), bytes, modified))
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

    /// What a picture has to reach to be ranked.
    pub(super) fn bounds(&self) -> Arc<Bounds> {
        Arc::clone(&self.bounds)
    }

    /// Takes a picture in, with the file it was read from.
    pub(super) fn record(&mut self, picture: IndexedPicture, file: IndexedFile, sighting: Sighting) {
        let key = short(&picture.hash);
        self.waiting.push(sighting);
        if self.waiting.len() >= TOGETHER {
            self.settle();
        }
        self.known.pictures.insert(key);
        self.addition.files.extend(self.running.remove(&key).unwrap_or_default());
        self.addition.files.push(file);
        self.addition.pictures.push(picture);
        self.progress.done += 1;
    }

    fn settle(&mut self) {
        self.tally.record(&self.waiting);
        self.waiting.clear();
        self.bounds = Arc::new(self.tally.bounds());
    }

    /// What has come since this was asked for last, to be written.
    pub(super) fn addition(&mut self) -> Addition {
        self.settle();
        let mut addition = std::mem::take(&mut self.addition);
        if !addition.pictures.is_empty() {
            addition.units = self.tally.units().iter().cloned().enumerate().collect();
            addition.runners = vec![self.runner.clone()];
        }
        addition
    }
}
