//! Giving up on a first run: it takes too long, which only loops can, or more memory than any network of its size.
//!
//! A file can ask for sizes that are known only while it runs. Must not know what is run.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::NetworkError;
use crate::engine::{self, Cancel};
use crate::onnx::Model;

/// How long the first run of a network with loops may take: the smallest, and one more second for so many bytes of it.
const SHORTEST: Duration = Duration::from_secs(1);
const BYTES_A_SECOND: f64 = 2e7;

/// How often memory is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// Bytes that a run may take, and how many times its pictures on top of that. EfficientNet-B7 at 600 pixels takes some
/// hundred times its picture, with every feature map kept.
const MOST: u64 = 1 << 30;
const TIMES: u64 = 2000;

/// A watch over one run.
pub(super) struct Patience {
    /// What the run is cancelled by.
    pub cancel: Cancel,
    /// Bytes that were taken when that was too much; 0 before.
    taken: Arc<AtomicU64>,
    /// How long the run may take, where it may not take for ever.
    longest: Option<Duration>,
    /// Dropped with this, which ends the thread that watches.
    _done: mpsc::Sender<()>,
}

impl Patience {
    /// Begins to watch a run of a model on pictures of so many numbers.
    pub fn begin(model: &Model, numbers: usize) -> Self {
        let loops = model.graph().nodes.iter().any(|node| matches!(node.op_type.as_str(), "Loop" | "Scan" | "If"));
        let longest = SHORTEST + Duration::from_secs_f64(model.bytes().len() as f64 / BYTES_A_SECOND);
        Self::within(
            loops.then_some(longest),
            MOST.saturating_add((numbers as u64).saturating_mul(TIMES * size_of::<f32>() as u64)),
        )
    }

    /// A watch for so long, over so many more bytes.
    fn within(longest: Option<Duration>, most: u64) -> Self {
        let ends = longest.map(|longest| Instant::now() + longest);
        let (cancel, taken) = (Cancel::new(), Arc::new(AtomicU64::new(0)));
        let (done, wait) = mpsc::channel();
        let (watched, stop) = (taken.clone(), cancel.clone());
        let before = engine::resident().unwrap_or(u64::MAX);
        thread::spawn(move || {
            while wait.recv_timeout(PAUSE) == Err(mpsc::RecvTimeoutError::Timeout) {
                let grown = engine::resident().unwrap_or(0).saturating_sub(before);
                if grown > most {
                    watched.store(grown, Ordering::Relaxed);
                }
                if grown > most || ends.is_some_and(|ends| Instant::now() > ends) {
                    stop.cancel();
                    break;
                }
            }
        });
        Self { cancel, taken, longest, _done: done }
    }

    /// Why the run was given up.
    pub fn reason(&self) -> NetworkError {
        match self.taken.load(Ordering::Relaxed) {
            0 => NetworkError::Endless { seconds: self.longest.unwrap_or_default().as_secs_f64() },
            bytes => NetworkError::TooMuchMemory { mib: bytes >> 20 },
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_much_or_too_long_is_given_up() {
        let patience = Patience::within(None, 8 << 20);
        let mut taken = Vec::new();
        while !patience.cancel.is_cancelled() {
            taken.push(vec![1u8; 1 << 16]);
        }
        let error = patience.reason();
        assert!(matches!(error, NetworkError::TooMuchMemory { mib: 8.. }), "{error}");
        let patience = Patience::within(Some(Duration::ZERO), u64::MAX);
        while !patience.cancel.is_cancelled() {
            thread::yield_now();
        }
        assert!(matches!(patience.reason(), NetworkError::Endless { .. }));
    }
}
