//! Finding, reading and preparing pictures.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::SyncSender;

use ndarray::Array3;

use super::ledger::Ledger;
use super::lock;
use crate::engine::Cancel;
use crate::index::key::{self, Hash};
use crate::index::shard::Shard;
use crate::index::store::{IndexedFile, IndexedPicture};
use crate::model::picture::Picture;
use crate::model::preprocess::Preprocess;

/// Largest file that is read, bytes.
const MOST_BYTES: u64 = 1 << 30;

/// A picture that waits to be run.
pub(super) struct Ready {
    pub(super) picture: IndexedPicture,
    pub(super) file: IndexedFile,
    /// `[C, H, W]`.
    pub(super) input: Array3<f32>,
}

/// What a thread that reads works with.
pub(super) struct Reader<'a, W> {
    pub(super) walk: &'a Mutex<W>,
    pub(super) ledger: &'a Ledger,
    pub(super) stop: &'a Cancel,
    pub(super) preprocess: &'a Preprocess,
    pub(super) shard: Shard,
    pub(super) send: SyncSender<Ready>,
}

impl<W: Iterator<Item = Result<PathBuf, walkdir::Error>>> Reader<'_, W> {
    /// Reads until there are no more files, or stopping is asked for.
    pub(super) fn read(self) {
        while !self.stop.is_cancelled() {
            let next = lock(self.walk).next();
            match next {
                None => return,
                Some(Err(error)) => {
                    let path = error.path().unwrap_or(Path::new("?")).to_owned();
                    match error.io_error() {
                        Some(error) => self.unread(path, error),
                        // A folder that a link leads back to has been looked through.
                        None => self.ledger.unread(path, error.to_string(), false),
                    }
                }
                Some(Ok(path)) => match self.one(&path) {
                    Ok(None) => {}
                    Ok(Some(ready)) => {
                        if self.send.send(ready).is_err() {
                            return;
                        }
                    }
                    Err(error) => self.unread(path, &error),
                },
            }
        }
    }

    /// Notes down a file that the system does not give. One that is gone, or a link that leads nowhere, is waited for no more.
    fn unread(&self, path: PathBuf, error: &io::Error) {
        match error.kind() {
            io::ErrorKind::NotFound if path.is_symlink() => {
                self.ledger.unread(path, "this link leads nowhere".to_owned(), false);
            }
            kind => self.ledger.unread(path, error.to_string(), kind != io::ErrorKind::NotFound),
        }
    }

    /// A file's picture, unless nothing is to be done. The error is one of the system, which may be gone next time.
    fn one(&self, path: &Path) -> io::Result<Option<Ready>> {
        let metadata = fs::metadata(path)?;
        let (bytes, modified) = (metadata.len(), modified(&metadata));
        let known = self.ledger.knows(path, bytes, modified);
        if known || !self.shard.holds(path, bytes)? {
            self.ledger.pass();
            return Ok(None);
        }
        let file = |holds| IndexedFile { path: path.to_owned(), bytes, modified, holds };
        let refuse = |reason: String| {
            self.ledger.refuse(file(Err(reason)));
            Ok(None)
        };
        if bytes > MOST_BYTES {
            return refuse("it is larger than 1 GiB".to_owned());
        }
        let mut content = Vec::with_capacity(bytes as usize);
        File::open(path)?.take(MOST_BYTES).read_to_end(&mut content)?;
        let hash = key::of_picture(&content);
        let holds = key::short(&hash);
        if !self.ledger.claim(&hash, || file(Ok(holds))) {
            return Ok(None);
        }
        match self.prepare(path, &content, hash) {
            Ok((picture, input)) => Ok(Some(Ready { picture, file: file(Ok(holds)), input })),
            Err(reason) => {
                self.ledger.release(holds, &reason);
                refuse(reason)
            }
        }
    }

    fn prepare(&self, path: &Path, content: &[u8], hash: Hash) -> Result<(IndexedPicture, Array3<f32>), String> {
        let needed = |width, height| self.preprocess.needed(width, height);
        let reduced = Picture::reduced(path, content, needed).map_err(|error| error.to_string())?;
        let (seen, input) = self.preprocess.of_reduced(&reduced).map_err(|error| error.to_string())?;
        Ok((IndexedPicture { hash, size: reduced.size, seen }, input))
    }
}

/// When a file was changed last, nanoseconds since 1970; 0 where the system does not say.
fn modified(metadata: &Metadata) -> i64 {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
