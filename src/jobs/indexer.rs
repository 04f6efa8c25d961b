//! Making an index beside everything else.
//!
//! Owns the thread and its own sessions of the network, so that questions are answered meanwhile; half of the cores are
//! left to them. Must not know how progress is shown.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::explainer::Recipe;
use crate::engine::{self, Cancel, cores};
use crate::index::run::{self, Progress, Runners};
use crate::index::shard::Shard;
use crate::index::{Store, key, place};
use crate::model::bundled::PICTURES;
use crate::model::gallery::Origin;
use crate::network::Network;
use crate::terminal::screen::WORKER_THREADS;

/// Pictures that each ranking keeps.
const MOST: usize = 16;

/// How often the index is written, so that the screen can follow.
const EVERY: Duration = Duration::from_secs(2);

/// Where an index is.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// It is being prepared: what is done.
    Opening(String),
    /// How far it is.
    Progress(Progress),
    /// It is done, or was cancelled: in words.
    Ended(String),
    /// It failed: why.
    Failed(String),
}

/// An index that is being made.
pub struct Indexer {
    cancel: Cancel,
    thread: Option<JoinHandle<()>>,
}

impl Indexer {
    /// Starts making the index of a folder, or going on with it; `send` is called from its thread.
    pub fn start(recipe: Recipe, folder: PathBuf, send: impl Fn(News) + Send + 'static) -> std::io::Result<Self> {
        let cancel = Cancel::new();
        let stop = cancel.clone();
        let thread = std::thread::Builder::new().name(format!("{WORKER_THREADS}-index")).spawn(move || {
            let made = make(&recipe, &folder, &stop, &send);
            send(made.map_or_else(News::Failed, News::Ended));
        })?;
        Ok(Self { cancel, thread: Some(thread) })
    }

    /// Asks it to stop; what is done is kept.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }
}

/// Stops it and waits until what is done is written.
impl Drop for Indexer {
    fn drop(&mut self) {
        self.cancel();
        if let Some(thread) = self.thread.take() {
            // A panic of it has been reported where it happened.
            let _ = thread.join();
        }
    }
}

fn make(recipe: &Recipe, folder: &Path, cancel: &Cancel, send: &impl Fn(News)) -> Result<String, String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    send(News::Opening("opening the network for the index".to_owned()));
    let opened = recipe.source.open().map_err(|error| text(&error))?;
    let model = key::of_model(&opened.model).map_err(|error| text(&error))?;
    let mut quiet = |_: &str, _: Option<f32>| ();
    let engine = engine::open(&recipe.search, &recipe.device, Some(1), &mut quiet).map_err(|error| text(&error))?;
    let network = Network::load(opened, Arc::clone(&engine), &recipe.overrides).map_err(|error| text(&error))?;
    let about = run::about(&network, model, folder, Shard::default(), MOST).map_err(|error| text(&error))?;
    let path = place::of_folder(&about.model, &about.preparation, &about.folder, Shard::default());
    let path = path.map_err(|error| text(&error))?;
    let mut store = Store::open_or_create(&path, &about).map_err(|error| text(&error))?;
    let workers = recipe.threads.unwrap_or_else(cores).div_ceil(2);
    let mut runners = Runners::new(&network, engine, workers).map_err(|error| text(&error))?;
    drop(network);
    let mut tell = |progress: &Progress| send(News::Progress(progress.clone()));
    let summary = run::run(&mut runners, &mut store, EVERY, cancel, &mut tell).map_err(|error| text(&error))?;
    let done = summary.progress.done;
    Ok(match summary.cancelled {
        true => format!("index stopped after {done} pictures; the same key goes on"),
        false => format!("index complete, {done} new pictures"),
    })
}

/// The folder that pictures come from: that of the first, or of all that come with the program, which are written to
/// `beside` for it.
pub fn folder(pictures: &[Origin], beside: Option<&Path>) -> Option<PathBuf> {
    match pictures.first()? {
        Origin::File(path) => path.parent().map(|folder| match folder.as_os_str().is_empty() {
            true => PathBuf::from("."),
            false => folder.to_owned(),
        }),
        Origin::Bundled(..) => {
            let folder = beside?.join("pictures");
            std::fs::create_dir_all(&folder).ok()?;
            for picture in PICTURES.iter() {
                let Origin::Bundled(name, content) = picture else { continue };
                let path = folder.join(name);
                if std::fs::metadata(&path).map_or(true, |metadata| metadata.len() != content.len() as u64) {
                    std::fs::write(&path, content).ok()?;
                }
            }
            Some(folder)
        }
    }
}
