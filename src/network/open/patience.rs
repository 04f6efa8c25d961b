//! Giving up on what a network does before it is asked anything: it takes too long, or more memory than any network of its
//! size.
//!
//! A file can ask for sizes that are known only while it runs. The runtime can be stopped between two nodes; a single one
//! that takes too much at once is refused the memory. Must not know what is run.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use super::NetworkError;
use crate::engine::{self, Bound, Cancel, EngineError};
use crate::network::observe::LOOPS;
use crate::onnx::Model;

/// How long a first run may take: the shortest, and one more second for so many bytes of weights and numbers in its
/// pictures. MaxViT-T gets 27 s and takes 4 s on two cores; a run of EfficientNet-B7 at 600 pixels gets a minute.
const SHORTEST: Duration = Duration::from_secs(1);
const BYTES_A_SECOND: f64 = 5e6;
const NUMBERS_A_SECOND: f64 = 2e5;

/// How often memory is looked at. Time is counted in such pauses, so that a process that was stopped meanwhile, or a laptop
/// that slept, gives nothing up.
const PAUSE: Duration = Duration::from_millis(10);

/// Bytes that a run may take, how many times its weights and how many times its pictures on top of that. Networks that compute
/// their kernels from weights (BiT, NFNet) take up to eight times those; EfficientNet-B7 at 600 pixels takes some hundred
/// times its picture, with every feature map kept.
const MOST: u64 = 256 << 20;
const TIMES_WEIGHTS: u64 = 12;
const TIMES_PICTURES: u64 = 600;

/// A watch over one look.
pub(super) struct Patience {
    /// What the run is cancelled by.
    pub cancel: Cancel,
    /// Bytes that were taken when that was too much; 0 before.
    taken: Arc<AtomicU64>,
    /// How long it may take.
    longest: Duration,
    /// Bytes that it may take.
    most: u64,
    /// Whether what is run has loops.
    loops: bool,
    /// Dropped with this, which ends the thread that watches.
    _done: mpsc::Sender<()>,
}

impl Patience {
    /// Begins to watch what is done with a model and pictures of so many numbers.
    pub fn begin(model: &Model, numbers: usize) -> Self {
        let weights: u64 =
            model.graph().stored().map(|tensor| tensor.dims.iter().product::<i64>().unsigned_abs()).sum();
        let bytes = weights.saturating_mul(size_of::<f32>() as u64);
        let more = bytes as f64 / BYTES_A_SECOND + numbers as f64 / NUMBERS_A_SECOND;
        let pictures = (numbers * size_of::<f32>()) as u64;
        let most = MOST
            .saturating_add(bytes.saturating_mul(TIMES_WEIGHTS))
            .saturating_add(pictures.saturating_mul(TIMES_PICTURES));
        // What is inside an If is not looked into.
        let loops = model.graph().nodes.iter().any(|node| LOOPS.contains(&node.op_type.as_str()));
        Self { loops, ..Self::within(SHORTEST + Duration::from_secs_f64(more), most) }
    }

    /// A watch for so long, over so many more bytes.
    fn within(longest: Duration, most: u64) -> Self {
        let mut left = longest;
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
                if grown > most || left.is_zero() {
                    stop.cancel();
                    break;
                }
                left = left.saturating_sub(PAUSE);
            }
        });
        Self { cancel, taken, longest, most, loops: false, _done: done }
    }

    /// Bounds the memory of what is run from here on, so that no single node takes more than the whole may.
    pub fn bound(&self) -> Bound {
        Bound::of(self.most)
    }

    /// Why it was given up, if it was.
    pub fn reason(&self, error: EngineError) -> NetworkError {
        match (error, self.taken.load(Ordering::Relaxed)) {
            (EngineError::Cancelled, 0) => {
                NetworkError::Endless { seconds: self.longest.as_secs_f64(), loops: self.loops }
            }
            (EngineError::Cancelled, bytes) => NetworkError::TooMuchMemory { mib: bytes >> 20 },
            (error, _) => error.into(),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::fixtures::{sine, with_input};

    #[test]
    fn much_memory_goes_with_many_weights() {
        let most = |side: usize| {
            let mut b = with_input([3, side, side]);
            let weights = b.floats(sine((side, side), [1.0, 0.3, 0.2]).view());
            b.named_node("MatMul", &["x", &weights], &["y"], &[]);
            b.output("y");
            Patience::begin(&Model::from_bytes(b.into_model(17), None).unwrap(), 0).most
        };
        assert!(most(500) - most(1) > 8 * 500 * 500 * size_of::<f32>() as u64);
    }

    #[test]
    fn what_takes_too_much_or_too_long_is_given_up() {
        let patience = Patience::within(Duration::from_secs(600), 8 << 20);
        let mut taken = Vec::new();
        while !patience.cancel.is_cancelled() {
            taken.push(vec![1u8; 1 << 16]);
        }
        let error = patience.reason(EngineError::Cancelled);
        assert!(matches!(error, NetworkError::TooMuchMemory { mib: 8.. }), "{error}");
        let patience = Patience::within(Duration::ZERO, u64::MAX);
        while !patience.cancel.is_cancelled() {
            thread::yield_now();
        }
        let error = patience.reason(EngineError::Cancelled);
        assert!(matches!(error, NetworkError::Endless { loops: false, .. }), "{error}");
        assert!(error.to_string().contains("--size") && !error.to_string().contains("loop"), "{error}");
    }
}
