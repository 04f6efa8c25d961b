//! What a run knows by now and has not written yet.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Progress, lock};
use crate::index::key::{Hash, short};
use crate::index::store::{Addition, IndexedFile, IndexedPicture, Known, file_key};
use crate::interpretation::prototypes::ranking::PictureKey;
use crate::interpretation::prototypes::tally::{Bounds, Sighting, Tally};

/// Pictures that the tally takes in at once.
const TOGETHER: usize = 32;

/// Everything that the threads of a run share.
pub(super) struct Ledger {
    /// Held before the notes where both are: taking in pictures is long, and nothing else waits for it.
    tally: Mutex<Tally>,
    notes: Mutex<Notes>,
}

/// What is noted down quickly.
struct Notes {
    /// What the tally has not taken in yet.
    waiting: Vec<Sighting>,
    /// What a picture had to reach to be ranked when the tally took pictures in last: it never becomes less.
    bounds: Arc<Bounds>,
    known: Known,
    /// Pictures that are being run: files of the same content that were found meanwhile.
    running: HashMap<PictureKey, Vec<IndexedFile>>,
    addition: Addition,
    runner: String,
    progress: Progress,
    unread: Vec<(PathBuf, String)>,
    /// Whether one of those may be read another time.
    unfinished: bool,
}

impl Ledger {
    pub(super) fn new(tally: Tally, known: Known, runner: String) -> Self {
        let notes = Notes {
            bounds: Arc::new(tally.bounds()),
            waiting: Vec::new(),
            known,
            running: HashMap::new(),
            addition: Addition::default(),
            runner,
            progress: Progress::default(),
            unread: Vec::new(),
            unfinished: false,
        };
        Self { tally: Mutex::new(tally), notes: Mutex::new(notes) }
    }

    /// Whether a file has been looked at before and is as it was.
    pub(super) fn knows(&self, path: &Path, bytes: u64, modified: i64) -> bool {
        let key = file_key(path.as_os_str().as_encoded_bytes(), bytes, modified);
        lock(&self.notes).known.files.contains(&key)
    }

    /// Whether a picture is to be run, and is from now on. Otherwise the file is noted down as a further one of it.
    pub(super) fn claim(&self, hash: &Hash, file: impl FnOnce() -> IndexedFile) -> bool {
        let (key, notes) = (short(hash), &mut *lock(&self.notes));
        if notes.known.pictures.contains(&key) {
            notes.addition.files.push(file());
            notes.progress.passed += 1;
            return false;
        }
        match notes.running.entry(key) {
            Entry::Occupied(mut others) => {
                // Written together with the picture, and not before it.
                others.get_mut().push(file());
                notes.progress.passed += 1;
                false
            }
            Entry::Vacant(free) => {
                free.insert(Vec::new());
                true
            }
        }
    }

    /// Notes down that a file needs nothing.
    pub(super) fn pass(&self) {
        lock(&self.notes).progress.passed += 1;
    }

    /// Notes down a file that is no picture.
    pub(super) fn refuse(&self, file: IndexedFile) {
        lock(&self.notes).refuse(file);
    }

    /// Notes down a file that could not be read just now, why, and whether it may be another time.
    pub(super) fn unread(&self, path: PathBuf, reason: String, again: bool) {
        let mut notes = lock(&self.notes);
        notes.progress.broken += 1;
        notes.unfinished |= again;
        notes.unread.push((path, reason));
    }

    /// Gives up a picture that was claimed, which turned out to be none; nor are the other files of the same content.
    pub(super) fn release(&self, key: PictureKey, reason: &str) {
        let mut notes = lock(&self.notes);
        for file in notes.running.remove(&key).unwrap_or_default() {
            notes.progress.passed -= 1;
            notes.refuse(IndexedFile { holds: Err(reason.to_owned()), ..file });
        }
    }

    /// What a picture has to reach to be ranked.
    pub(super) fn bounds(&self) -> Arc<Bounds> {
        Arc::clone(&lock(&self.notes).bounds)
    }

    /// How far the run is.
    pub(super) fn progress(&self) -> Progress {
        lock(&self.notes).progress.clone()
    }

    /// Takes a picture in, with the file it was read from.
    pub(super) fn record(&self, picture: IndexedPicture, file: IndexedFile, sighting: Sighting) {
        let full = {
            let (key, notes) = (short(&picture.hash), &mut *lock(&self.notes));
            notes.waiting.push(sighting);
            notes.known.pictures.insert(key);
            notes.addition.files.extend(notes.running.remove(&key).unwrap_or_default());
            notes.addition.files.push(file);
            notes.addition.pictures.push(picture);
            notes.progress.done += 1;
            notes.waiting.len() >= TOGETHER
        };
        if full {
            let tally = &mut *lock(&self.tally);
            let waiting = std::mem::take(&mut lock(&self.notes).waiting);
            self.settle(tally, &waiting);
        }
    }

    fn settle(&self, tally: &mut Tally, waiting: &[Sighting]) {
        if !waiting.is_empty() {
            tally.record(waiting);
            let bounds = Arc::new(tally.bounds());
            lock(&self.notes).bounds = bounds;
        }
    }

    /// What has come since this was asked for last, to be written.
    pub(super) fn addition(&self) -> Addition {
        let tally = &mut *lock(&self.tally);
        // Both at once: what is counted is what is written.
        let (mut addition, waiting) = {
            let notes = &mut *lock(&self.notes);
            let runners = vec![notes.runner.clone()];
            (Addition { runners, ..std::mem::take(&mut notes.addition) }, std::mem::take(&mut notes.waiting))
        };
        self.settle(tally, &waiting);
        match addition.pictures.is_empty() {
            true => addition.runners.clear(),
            false => addition.units = tally.units().iter().cloned().enumerate().collect(),
        }
        addition
    }

    /// The files that could not be read, and whether one of them may be another time.
    pub(super) fn into_unread(self) -> (Vec<(PathBuf, String)>, bool) {
        let notes = self.notes.into_inner().unwrap_or_else(PoisonError::into_inner);
        (notes.unread, notes.unfinished)
    }
}

impl Notes {
    fn refuse(&mut self, file: IndexedFile) {
        self.addition.files.push(file);
        self.progress.broken += 1;
    }
}
