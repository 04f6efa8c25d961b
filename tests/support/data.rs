//! A data folder of a test's own, in which the runtime that was fetched for the user is found.

use std::path::{Path, PathBuf};

/// Makes it in `folder` and returns what `XDG_DATA_HOME` is to be.
pub fn home(folder: &Path) -> PathBuf {
    let data = folder.join("data");
    std::fs::create_dir_all(data.join("lensor")).unwrap();
    let usual = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/share"));
    let of_user = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).or_else(usual);
    let entries = of_user.and_then(|of_user| std::fs::read_dir(of_user.join("lensor")).ok());
    for entry in entries.into_iter().flatten().flatten().filter(|entry| entry.file_name() != "indexes") {
        // There already where a test asks twice.
        #[cfg(unix)]
        let _ = std::os::unix::fs::symlink(entry.path(), data.join("lensor").join(entry.file_name()));
    }
    data
}
