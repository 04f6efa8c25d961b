//! A constant in memory, which may still have to be written: a kernel that is turned for the way back takes as long as the
//! runtime takes to load another part of the model. Must not know what is written.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use bytes::Bytes;

/// Writes 32-bit floats over zeros, each in little-endian order.
type Write = Box<dyn FnOnce(&mut [[u8; 4]]) + Send>;

/// What holds the elements of a constant for good: an array of lensor's own, or one of the runtime's.
pub trait Elements: Any + Send + Sync {
    /// The elements.
    fn floats(&self) -> &[f32];
}

impl Elements for Vec<f32> {
    fn floats(&self) -> &[f32] {
        self
    }
}

/// A constant of 32-bit floats that is there, or is written when it is first needed. Cloning shares it.
#[derive(Clone)]
pub struct Constant(Arc<Inner>);

struct Inner {
    length: usize,
    elements: OnceLock<Arc<dyn Elements>>,
    /// Gone once the elements are held, with the weights that they were made of.
    source: Mutex<Option<Source>>,
}

enum Source {
    /// A part of a file, at any place.
    File(Bytes),
    Write(Write),
}

/// The elements as bytes.
struct Shared(Arc<dyn Elements>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(self.0.floats())
    }
}

impl From<Bytes> for Constant {
    fn from(bytes: Bytes) -> Self {
        Self::new(bytes.len(), Source::File(bytes))
    }
}

impl Constant {
    fn new(length: usize, source: Source) -> Self {
        Self(Arc::new(Inner { length, elements: OnceLock::new(), source: Mutex::new(Some(source)) }))
    }

    /// So many bytes, still to be written.
    pub(in super::super) fn to_write(length: usize, write: impl FnOnce(&mut [[u8; 4]]) + Send + 'static) -> Self {
        Self::new(length, Source::Write(Box::new(write)))
    }

    /// How many bytes it has.
    pub fn size(&self) -> usize {
        self.0.length
    }

    /// The bytes, in little-endian order.
    pub fn bytes(&self) -> Bytes {
        if let Some(elements) = self.0.elements.get() {
            return Bytes::from_owner(Shared(elements.clone()));
        }
        if let Some(Source::File(bytes)) = &*self.0.source.lock().unwrap_or_else(PoisonError::into_inner) {
            return bytes.clone();
        }
        let zeros = vec![0.0; self.0.length / size_of::<f32>()];
        Bytes::from_owner(Shared(self.held(zeros, Vec::as_mut_slice, |floats| Arc::new(floats)).clone()))
    }

    /// What holds the elements, if anything does yet.
    pub fn holder(&self) -> Option<&Arc<dyn Elements>> {
        self.0.elements.get()
    }

    /// What holds the elements: if nothing does yet, what `hold` makes of an array of as many `zeros` once its `floats` are
    /// written.
    pub fn held<T>(
        &self,
        mut zeros: T,
        floats: fn(&mut T) -> &mut [f32],
        hold: fn(T) -> Arc<dyn Elements>,
    ) -> &Arc<dyn Elements> {
        self.0.elements.get_or_init(|| {
            let to: &mut [[u8; 4]] = bytemuck::cast_slice_mut(floats(&mut zeros));
            let source = self.0.source.lock().unwrap_or_else(PoisonError::into_inner).take();
            match source {
                Some(Source::File(bytes)) => to.as_flattened_mut().copy_from_slice(&bytes),
                Some(Source::Write(write)) => write(to),
                None => {}
            }
            hold(zeros)
        })
    }
}

impl fmt::Debug for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.length)
    }
}

/// Does some work for each of these, which have so many bytes together: in several threads where that is much.
pub(crate) fn for_each<T: Sync>(items: &[T], bytes: usize, work: impl Fn(&T) + Sync) {
    /// Bytes that are written in about the time that a thread takes to start.
    const FEW: usize = 1 << 18;
    let next = AtomicUsize::new(0);
    let some = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(item);
        }
    };
    thread::scope(|scope| {
        (1..threads(bytes / FEW)).for_each(|_| _ = scope.spawn(some));
        some();
    });
}

/// How many threads share some work, `most` at most, and one at least.
pub(in super::super) fn threads(most: usize) -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(most).max(1)
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
        for_each(&constants, 64 << 14, |constant| _ = constant.bytes());
        assert_eq!(written.load(Ordering::Relaxed), 64);
        assert!(constants.iter().zip(0..).all(|(constant, number)| constant.bytes()[..] == [number; 1 << 14]));
        assert_eq!(written.load(Ordering::Relaxed), 64);
        assert_eq!(Arc::strong_count(&written), 1, "what it was made of is kept");
    }

    #[test]
    fn a_part_of_a_file_is_let_go_of_once_something_else_holds_it() {
        let file = Bytes::from([1.0_f32, 2.0, 3.0].map(f32::to_le_bytes).concat());
        let constant = Constant::from(file.slice(4..));
        assert_eq!(constant.bytes().as_ptr(), file[4..].as_ptr(), "nothing is copied to look at it");
        constant.held(vec![0.0; 2], Vec::as_mut_slice, |floats| Arc::new(floats));
        assert_eq!(constant.holder().unwrap().floats(), [2.0, 3.0]);
        assert_eq!(constant.bytes(), file.slice(4..));
        drop(constant);
        assert!(file.is_unique());
    }
}
