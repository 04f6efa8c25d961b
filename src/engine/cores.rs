//! How many threads are worth using. Must not know what for.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

/// Cores this process may use: its affinity and its control group's quota counted, two threads of one core counted once,
/// for they share what a convolution needs.
pub fn cores() -> usize {
    let usable = std::thread::available_parallelism().map_or(1, usize::from);
    physical(Path::new("/proc/self/status"), Path::new("/sys/devices/system/cpu")).map_or(usable, |n| n.min(usable))
}

/// Distinct cores among the processors that the process may run on, where Linux tells.
fn physical(status: &Path, processors: &Path) -> Option<usize> {
    let status = fs::read_to_string(status).ok()?;
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let siblings = list(allowed)?.into_iter().map(|processor| {
        // Siblings share this list, so the list names their core.
        fs::read_to_string(processors.join(format!("cpu{processor}/topology/thread_siblings_list"))).ok()
    });
    siblings.collect::<Option<HashSet<_>>>().map(|cores| cores.len()).filter(|count| *count > 0)
}

/// `0-2,5` → 0, 1, 2, 5.
fn list(text: &str) -> Option<Vec<usize>> {
    let ranges = text.trim().split(',').map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?.min(1 << 16))
    });
    ranges.collect::<Option<Vec<_>>>().map(|ranges| ranges.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_of_one_core_count_once_and_only_where_allowed() {
        let folder = tempfile::tempdir().unwrap();
        let status = folder.path().join("status");
        // Two cores of two threads each; the process may use three of the four.
        for (processor, siblings) in ["0,2", "1,3", "0,2", "1,3"].iter().enumerate() {
            let topology = folder.path().join(format!("cpu{processor}/topology"));
            fs::create_dir_all(&topology).unwrap();
            fs::write(topology.join("thread_siblings_list"), siblings).unwrap();
        }
        fs::write(&status, "Name:\tx\nCpus_allowed_list:\t0,2-3\n").unwrap();
        assert_eq!(physical(&status, folder.path()), Some(2));
        fs::write(&status, "Cpus_allowed_list:\t0,2\n").unwrap();
        assert_eq!(physical(&status, folder.path()), Some(1));
        fs::write(&status, "Cpus_allowed_list:\t0-9\n").unwrap();
        assert_eq!(physical(&status, folder.path()), None, "processors without a topology");
        assert_eq!(physical(&folder.path().join("none"), folder.path()), None);
        assert!(cores() >= 1);
    }
}
