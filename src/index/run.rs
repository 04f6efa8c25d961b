//! Running a folder through the network.
//!
//! Readers find, read, decode and prepare pictures; runners ask the network; the thread that called writes to the index from
//! time to time. Each runner has a session of its own on one thread and is given one picture at a time: that is as fast as
//! batches over all cores (nothing waits for anything, and the maps of one picture stay in the cache), and a picture's scores
//! cannot depend on the pictures beside it. Readers wait when the runners are behind, so that memory is bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::store::{About, IndexedLayer};
use super::{IndexError, Store, key};
use crate::engine::{self, Cancel, Engine};
use crate::model::preprocess::Preprocess;
use crate::model::receptive;
use crate::network::digest::{Digest, Maps};
use crate::network::{Network, NetworkError};

use ledger::Ledger;
use reader::{Reader, Ready};

mod ledger;
mod reader;
mod runner;

/// How often progress is told.
const TICK: Duration = Duration::from_millis(100);

/// Bytes that a session is expected to need beside its weights.
const ROOM: u64 = 256 << 20;

/// Sessions on a device other than the processor: one runs while the other is fed.
const ON_DEVICE: usize = 2;

/// Prepared pictures that wait, for each runner.
const WAITING: usize = 2;

/// Of the time, at most this share is spent on writing, whatever is asked for.
const WRITING: f64 = 0.01;

/// Over how long the rate is measured.
const WINDOW: Duration = Duration::from_secs(10);

/// Everything that asks a network, taken out of it so that it may be used elsewhere meanwhile.
pub struct Runners {
    digests: Vec<Digest>,
    /// Whole feature maps, where rows and columns do not decide.
    maps: Mutex<Maps>,
    preprocess: Preprocess,
    runner: String,
}

/// What an index of a folder by this network is of. The folder is named as the system knows it.
pub fn about(
    network: &Network,
    model: key::Hash,
    folder: &std::path::Path,
    shard: super::shard::Shard,
    most: usize,
) -> Result<About, IndexError> {
    if network.layers().is_empty() {
        return Err(IndexError::NoLayers);
    }
    let [_, height, width] = network.preprocess().shape();
    let tensors: Vec<&str> = network.layers().iter().map(|layer| layer.tensor.as_str()).collect();
    let fields = receptive::fields(network.graph(), network.input(), [height, width], &tensors);
    let layer = |(layer, field): (&crate::model::layers::Layer, receptive::ReceptiveField)| IndexedLayer {
        name: layer.name.clone(),
        channels: layer.channels,
        height: layer.height,
        width: layer.width,
        field,
    };
    let folder = folder.canonicalize().map_err(|source| IndexError::Io { path: folder.to_owned(), source })?;
    if !folder.is_dir() {
        return Err(IndexError::Io { path: folder, source: std::io::ErrorKind::NotADirectory.into() });
    }
    Ok(About {
        network: network.card().name.clone(),
        model,
        preparation: key::of_preparation(network.preprocess()),
        input: [height, width],
        folder,
        shard,
        most,
        layers: network.layers().iter().zip(fields).map(layer).collect(),
    })
}

impl Runners {
    /// Sessions for so many pictures at a time, each on one thread of `engine`; fewer where half of the memory would not
    /// hold them.
    pub fn new(network: &Network, engine: Arc<dyn Engine>, count: usize) -> Result<Self, IndexError> {
        // The runtime holds the weights as they are and as it lays them out, while it loads a third time.
        let each = 3 * network.model().size() + ROOM;
        let fitting = engine::memory().map_or(count, |bytes| usize::try_from(bytes / 2 / each).unwrap_or(count));
        let on_processor = engine.device().starts_with("CPU");
        let count = count.min(fitting).min(if on_processor { count } else { ON_DEVICE });
        let digests = network.digests(&*engine, count.max(1))?;
        let runner = format!("ONNX Runtime {}, {}", engine.version(), engine.device());
        let maps = Mutex::new(network.maps(engine));
        Ok(Self { digests, maps, preprocess: network.preprocess().clone(), runner })
    }
}

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Progress {
    /// Pictures run by this run.
    pub done: usize,
    /// Files of this run that could not be used.
    pub broken: usize,
    /// Files that needed nothing: indexed before, of the same content as another, or of another shard.
    pub passed: usize,
    /// Files found so far.
    pub found: usize,
    /// Whether all have been found.
    pub listed: bool,
    /// Pictures a second, lately.
    pub rate: f64,
    /// Time that is left, where it can be told.
    pub left: Option<Duration>,
    /// How often the index was written.
    pub writes: usize,
}

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// How far it came.
    pub progress: Progress,
    /// Files that could not be read just now, and why: they are tried again next time.
    pub unread: Vec<(std::path::PathBuf, String)>,
    /// Whether it was asked to stop.
    pub cancelled: bool,
}

/// Runs the pictures of the index's folder that it does not have yet; `every` is how often it is written. `tell` hears how
/// far it is, ten times a second, on this thread. When `cancel` fires, what is done is written, and the summary says so.
pub fn run(
    runners: &mut Runners,
    store: &mut Store,
    every: Duration,
    cancel: &Cancel,
    tell: &mut dyn FnMut(&Progress),
) -> Result<Summary, IndexError> {
    let about = store.about().clone();
    let ledger = Ledger::new(store.tally()?, store.known()?, runners.runner.clone());
    let (found, listed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let count = runners.digests.len();
    let walk = Mutex::new(super::walk::pictures(&about.folder));
    // Fires too when something failed, so that all threads end.
    let stop = Cancel::new();
    let (send, ready) = mpsc::sync_channel::<Ready>(count * WAITING);
    let ready = Mutex::new(ready);
    let Runners { digests, maps, preprocess, .. } = runners;
    let (maps, preprocess) = (&*maps, &*preprocess);
    let _forward = {
        let stop = stop.clone();
        cancel.on_cancel(move || stop.cancel())
    };
    let mut summary = thread::scope(|scope| {
        let counter = || {
            super::walk::pictures(&about.folder).take_while(|_| !stop.is_cancelled()).for_each(|_| {
                found.fetch_add(1, Ordering::Relaxed);
            });
            listed.store(1, Ordering::Release);
        };
        scope.spawn(counter);
        let (done, finished) = mpsc::channel();
        for digest in digests.iter_mut() {
            let (done, ready, ledger, stop) = (done.clone(), &ready, &ledger, &stop);
            scope.spawn(move || {
                let result = runner::run(digest, maps, ready, ledger, stop);
                if result.is_err() {
                    stop.cancel();
                }
                // The thread that waits is there until all have said so.
                let _ = done.send(result);
            });
        }
        drop(done);
        for _ in 0..count {
            let (walk, ledger, stop, send, shard) = (&walk, &ledger, &stop, send.clone(), about.shard);
            scope.spawn(move || Reader { walk, ledger, stop, preprocess, shard, send }.read());
        }
        drop(send);
        let count = Count { found: &found, listed: &listed, begun: Instant::now() };
        let result = watch(&finished, &count, &ledger, store, every, tell);
        if result.is_err() {
            stop.cancel();
        }
        // The readers wait for room: take what they still send.
        while lock(&ready).recv().is_ok() {}
        result
    })?;
    summary.cancelled = cancel.is_cancelled();
    let whole = !summary.cancelled && !stop.is_cancelled();
    let mut last = ledger.addition();
    let (unread, unfinished) = ledger.into_unread();
    summary.unread = unread;
    last.finished = whole && !unfinished;
    store.write(&last)?;
    summary.progress = Progress { writes: summary.progress.writes + 1, left: None, ..summary.progress };
    tell(&summary.progress);
    Ok(summary)
}

/// The files there are.
struct Count<'a> {
    found: &'a AtomicUsize,
    listed: &'a AtomicUsize,
    begun: Instant,
}

/// Waits for the runners, tells how far they are and writes from time to time.
fn watch(
    finished: &Receiver<Result<(), NetworkError>>,
    count: &Count<'_>,
    ledger: &Ledger,
    store: &mut Store,
    every: Duration,
    tell: &mut dyn FnMut(&Progress),
) -> Result<Summary, IndexError> {
    let (mut writes, mut written, mut took) = (0, Instant::now(), Duration::ZERO);
    let mut marks = std::collections::VecDeque::from([(count.begun, 0, 0)]);
    let mut failed = None;
    loop {
        match finished.recv_timeout(TICK.min(every.max(Duration::from_millis(1)))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => failed = failed.or(Some(error)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let mut progress = ledger.progress();
        progress.found = count.found.load(Ordering::Relaxed);
        progress.listed = count.listed.load(Ordering::Acquire) == 1;
        let now = Instant::now();
        let looked = progress.done + progress.broken + progress.passed;
        marks.push_back((now, progress.done, looked));
        while marks.len() > 2 && now - marks[1].0 > WINDOW {
            marks.pop_front();
        }
        let (since, done, before) = marks[0];
        let seconds = (now - since).as_secs_f64().max(1e-3);
        progress.rate = (progress.done - done) as f64 / seconds;
        let speed = (looked - before) as f64 / seconds;
        let rest = progress.found.saturating_sub(looked) as f64;
        progress.left = (progress.listed && speed > 0.0).then(|| Duration::from_secs_f64((rest / speed).min(1e9)));
        progress.writes = writes;
        tell(&progress);
        if written.elapsed() >= every.max(took.div_f64(WRITING)) {
            let addition = ledger.addition();
            let begun = Instant::now();
            if !addition.files.is_empty() {
                store.write(&addition)?;
                writes += 1;
            }
            (written, took) = (Instant::now(), begun.elapsed());
        }
    }
    let cancelled = |error: &NetworkError| matches!(error, NetworkError::Engine(engine::EngineError::Cancelled));
    let mut progress = ledger.progress();
    (progress.found, progress.listed) = (count.found.load(Ordering::Relaxed), true);
    progress.rate = progress.done as f64 / count.begun.elapsed().as_secs_f64().max(1e-3);
    progress.writes = writes;
    match failed.filter(|error| !cancelled(error)) {
        Some(error) => {
            // What is done by now is kept.
            let addition = ledger.addition();
            store.write(&addition)?;
            Err(error.into())
        }
        None => Ok(Summary { progress, ..Summary::default() }),
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
