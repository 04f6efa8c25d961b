//! Memory: no more than the machine has.
//!
//! A network can ask for any amount, by sizes that it computes while it runs. Linux promises memory that it does not have
//! and ends a process when it is used; with a limit the request fails instead, and the runtime reports the node.

#[cfg(target_os = "linux")]
use std::sync::{Mutex, PoisonError};

#[cfg(target_os = "linux")]
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Limits the process to the machine's memory, or to what its container may use. Does nothing where neither is known, or
/// where a lower limit is set already.
#[cfg(target_os = "linux")]
pub(super) fn limit() {
    let Some(most) = most() else { return };
    let Rlimit { current, maximum } = getrlimit(Resource::Data);
    if current.is_none_or(|current| current > most) {
        set(Rlimit { current: Some(maximum.map_or(most, |maximum| maximum.min(most))), maximum });
    }
}

/// Does nothing on this system.
#[cfg(not(target_os = "linux"))]
pub(super) fn limit() {}

/// The bounds that are held now, and the limit without them.
#[cfg(target_os = "linux")]
static BOUNDS: Mutex<(usize, Option<Rlimit>)> = Mutex::new((0, None));

/// Bounds what the process takes from now on, until it is dropped: a request for more fails. Of several at once the widest
/// counts.
#[derive(Debug)]
pub struct Bound(());

impl Bound {
    /// A bound of so many more bytes. Does nothing where it is not known what the process takes.
    pub fn of(more: u64) -> Self {
        #[cfg(target_os = "linux")]
        if let Some(now) = kilobytes("/proc/self/status", "VmData:") {
            let (count, before) = &mut *BOUNDS.lock().unwrap_or_else(PoisonError::into_inner);
            let held = getrlimit(Resource::Data);
            let first = *count == 0;
            let without = *before.get_or_insert(held);
            let bound = now.saturating_add(more).max(if first { 0 } else { held.current.unwrap_or(u64::MAX) });
            let current = Some(without.current.map_or(bound, |most| most.min(bound)));
            set(Rlimit { current, ..without });
            *count += 1;
        }
        Self(())
    }
}

#[cfg(target_os = "linux")]
impl Drop for Bound {
    fn drop(&mut self) {
        let (count, before) = &mut *BOUNDS.lock().unwrap_or_else(PoisonError::into_inner);
        *count = count.saturating_sub(1);
        if *count == 0 {
            before.take().into_iter().for_each(set);
        }
    }
}

#[cfg(target_os = "linux")]
fn set(limit: Rlimit) {
    if let Err(error) = setrlimit(Resource::Data, limit) {
        tracing::warn!(%error, "memory could not be limited");
    }
}

/// Bytes of memory that the process may use; `None` where that is not known.
#[cfg(target_os = "linux")]
pub fn most() -> Option<u64> {
    machine().into_iter().chain(container()).min()
}

/// Not known on this system.
#[cfg(not(target_os = "linux"))]
pub fn most() -> Option<u64> {
    None
}

/// Bytes of memory that the process takes now; `None` where that is not known.
#[cfg(target_os = "linux")]
pub fn resident() -> Option<u64> {
    kilobytes("/proc/self/status", "VmRSS:")
}

/// Not known on this system.
#[cfg(not(target_os = "linux"))]
pub fn resident() -> Option<u64> {
    None
}

/// Bytes of memory that the machine has.
#[cfg(target_os = "linux")]
fn machine() -> Option<u64> {
    kilobytes("/proc/meminfo", "MemTotal:")
}

/// A line of a file of the system's that says how many kilobytes something has, in bytes.
#[cfg(target_os = "linux")]
fn kilobytes(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Bytes of memory that the container may use, where there is one with a limit.
#[cfg(target_os = "linux")]
fn container() -> Option<u64> {
    std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok()?.trim().parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_what_the_machine_has_at_most() {
        let machine = machine().unwrap();
        assert!(machine > 1 << 20, "{machine}");
        assert!(resident().unwrap() > 1 << 20 && resident().unwrap() < machine);
        limit();
        assert!(getrlimit(Resource::Data).current.unwrap() <= machine);
    }

    #[test]
    fn a_bound_is_as_wide_as_the_widest_and_goes_when_it_is_dropped() {
        limit();
        let current = || getrlimit(Resource::Data).current.unwrap();
        let before = current();
        let narrow = Bound::of(1 << 32);
        let first = current();
        let wide = Bound::of(1 << 33);
        assert!(first <= current() && current() <= before);
        drop(narrow);
        assert!(current() >= first, "the wider one is still held");
        drop(wide);
        assert_eq!(current(), before);
    }
}
