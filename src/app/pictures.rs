//! Reading pictures one after the other on a thread of their own.
//!
//! Must not know which of them is wanted or why.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use super::update::ReadPicture;
use crate::model::gallery::Origin;
use crate::model::picture::Picture;
use crate::terminal::picture::scale;
use crate::terminal::screen::WORKER_THREADS;

/// Longest side of the small copy for the strip, pixels.
const SMALL: u32 = 256;

/// Reads a picture, and makes its small copy.
fn read(origin: &Origin) -> Result<ReadPicture, String> {
    let picture = origin.open().map_err(|error| error.to_string())?;
    let (width, height) = picture.rgb.dimensions();
    let factor = (SMALL as f32 / width.max(height) as f32).min(1.0);
    let [w, h] = [width, height].map(|side| (side as f32 * factor).round() as u32);
    let small = Picture::opaque(picture.name.clone(), scale(&picture.rgb, w, h));
    Ok((Arc::new(picture), Arc::new(small)))
}

/// The reading thread.
pub struct Reader(Sender<usize>);

impl Reader {
    /// Starts the thread; `done` is called from it.
    pub fn start(
        origins: Vec<Origin>,
        done: impl Fn(usize, Result<ReadPicture, String>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, wanted) = channel::<usize>();
        std::thread::Builder::new().name(format!("{WORKER_THREADS}-reader")).spawn(move || {
            for index in wanted {
                if let Some(origin) = origins.get(index) {
                    let read = std::panic::catch_unwind(|| read(origin));
                    done(index, read.unwrap_or_else(|_| Err(format!("{} could not be decoded", origin.name()))));
                }
            }
        })?;
        Ok(Self(sender))
    }

    /// Reads a picture when those asked for before are read.
    pub fn read(&self, index: usize) {
        // The thread lives as long as this.
        let _ = self.0.send(index);
    }
}
