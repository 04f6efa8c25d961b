//! Cancelling: a flag that a long run looks at, and hooks for those that cannot look.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

type Hook = Box<dyn Fn() + Send>;

#[derive(Default)]
struct Inner {
    fired: AtomicBool,
    next: AtomicU64,
    hooks: Mutex<Vec<(u64, Hook)>>,
}

/// A request to stop that can be shared between threads. Cloning shares it; once fired it stays fired.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Inner>);

impl Cancel {
    /// A request that has not been made yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks everything that holds this to stop.
    pub fn cancel(&self) {
        self.0.fired.store(true, Ordering::SeqCst);
        let hooks = self.0.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        hooks.iter().for_each(|(_, hook)| hook());
    }

    /// Whether stopping was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.fired.load(Ordering::SeqCst)
    }

    /// How many hooks are registered now.
    #[cfg(test)]
    pub(super) fn hooks(&self) -> usize {
        self.0.hooks.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Calls `hook` when stopping is asked for (at once if it already was), until the guard is dropped.
    pub fn on_cancel(&self, hook: impl Fn() + Send + 'static) -> CancelHook {
        let mut hooks = self.0.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_cancelled() {
            hook();
        }
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        hooks.push((id, Box::new(hook)));
        CancelHook { cancel: self.clone(), id }
    }
}

/// Keeps a hook registered; dropping it takes the hook away.
pub struct CancelHook {
    cancel: Cancel,
    id: u64,
}

impl Drop for CancelHook {
    fn drop(&mut self) {
        let mut hooks = self.cancel.0.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        hooks.retain(|(id, _)| *id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_run_while_registered_and_at_once_when_late() {
        let count = Arc::new(AtomicU64::new(0));
        let hook = |count: &Arc<AtomicU64>| {
            let count = count.clone();
            move || {
                count.fetch_add(1, Ordering::SeqCst);
            }
        };
        let cancel = Cancel::new();
        drop(cancel.on_cancel(hook(&count)));
        let kept = cancel.on_cancel(hook(&count));
        cancel.clone().cancel();
        assert!(cancel.is_cancelled());
        assert_eq!(count.load(Ordering::SeqCst), 1, "the dropped hook must not run");
        let late = cancel.on_cancel(hook(&count));
        assert_eq!(count.load(Ordering::SeqCst), 2);
        drop((kept, late));
    }
}
