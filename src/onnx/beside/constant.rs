//! A constant in memory, which may still have to be written: a kernel that is turned for the way back takes as long as the
//! runtime takes to load another part of the model. Must not know what is written.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

/// Writes 32-bit floats over zeros, each in little-endian order.
type Write = Box<dyn FnOnce(&mut [[u8; 4]]) + Send>;

/// A constant that is there, or is written when it is first needed. Cloning shares it.
#[derive(Clone)]
pub struct Constant(Arc<Inner>);

struct Inner {
    length: usize,
    bytes: OnceLock<Arc<[u8]>>,
    /// Gone once it has written, with the weights that it was made of.
    write: Mutex<Option<Write>>,
}

impl From<Arc<[u8]>> for Constant {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self(Arc::new(Inner { length: bytes.len(), bytes: bytes.into(), write: Mutex::default() }))
    }
}

impl Constant {
    /// So many bytes, still to be written.
    pub(in super::super) fn to_write(length: usize, write: impl FnOnce(&mut [[u8; 4]]) + Send + 'static) -> Self {
        Self(Arc::new(Inner { length, bytes: OnceLock::new(), write: Mutex::new(Some(Box::new(write))) }))
    }

    /// How many bytes it has.
    pub fn size(&self) -> usize {
        self.0.length
    }

    /// The bytes.
    pub fn bytes(&self) -> &Arc<[u8]> {
        self.0.bytes.get_or_init(|| {
            let mut bytes = zeros(self.0.length);
            let write = self.0.write.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some((bytes, write)) = Arc::get_mut(&mut bytes).zip(write) {
                write(bytes.as_chunks_mut().0);
            }
            bytes
        })
    }
}

impl fmt::Debug for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.length)
    }
}

/// Writes those that are not written yet, in several threads where they are large.
pub(in super::super) fn write<'a>(constants: impl Iterator<Item = &'a Constant>) {
    /// Bytes that are written in about the time that a thread takes to start.
    const FEW: usize = 1 << 18;
    let open: Vec<&Constant> = constants.filter(|constant| constant.0.bytes.get().is_none()).collect();
    let threads = threads(open.iter().map(|constant| constant.size()).sum::<usize>() / FEW);
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(constant) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
            constant.bytes();
        }
    };
    thread::scope(|scope| {
        (1..threads).for_each(|_| _ = scope.spawn(work));
        work();
    });
}

/// How many threads share some work, `most` at most, and one at least.
pub(in super::super) fn threads(most: usize) -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(most).max(1)
}

/// So many zeros of which the system makes each page when it is first written: large buffers are written at once, by several
/// threads, and zeros written before would be as much work again.
#[allow(unsafe_code, reason = "the standard library has zeros from the system only as what may be uninitialised")]
pub(in super::super) fn zeros(length: usize) -> Arc<[u8]> {
    // SAFETY: the bytes are zeros, which are a `u8` each.
    unsafe { Arc::new_zeroed_slice(length).assume_init() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_is_written_once_when_it_is_needed() {
        let written = Arc::new(AtomicUsize::new(0));
        let constants: Vec<Constant> = (0..64)
            .map(|number: u8| {
                let written = written.clone();
                Constant::to_write(1 << 14, move |to| {
                    written.fetch_add(1, Ordering::Relaxed);
                    to.iter_mut().for_each(|bytes| *bytes = [number; 4]);
                })
            })
            .collect();
        assert_eq!(constants[3].clone().bytes()[..], [3; 1 << 14]);
        assert_eq!(written.load(Ordering::Relaxed), 1);
        write(constants.iter());
        assert_eq!(written.load(Ordering::Relaxed), 64);
        assert!(constants.iter().zip(0..).all(|(constant, number)| constant.bytes()[..] == [number; 1 << 14]));
        assert_eq!(written.load(Ordering::Relaxed), 64);
        assert_eq!(Arc::strong_count(&written), 1, "what it was made of is kept");
    }
}
