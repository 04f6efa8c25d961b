//! The only file that knows the XDG folders.

use std::path::PathBuf;

use etcetera::{BaseStrategy, choose_base_strategy};

/// Where downloaded libraries go: `$XDG_DATA_HOME/lensor`. `None` where the machine has no home folder.
pub fn data() -> Option<PathBuf> {
    choose_base_strategy().ok().map(|base| base.data_dir().join("lensor"))
}

/// Where settings, keys and themes are read: `$XDG_CONFIG_HOME/lensor`.
pub fn config() -> Option<PathBuf> {
    choose_base_strategy().ok().map(|base| base.config_dir().join("lensor"))
}

/// What can be made again: `$XDG_CACHE_HOME/lensor`.
pub fn cache() -> Option<PathBuf> {
    choose_base_strategy().ok().map(|base| base.cache_dir().join("lensor"))
}

/// Logs: `$XDG_STATE_HOME/lensor`, or the data folder where the system has no state folder.
pub fn state() -> Option<PathBuf> {
    let base = choose_base_strategy().ok()?;
    Some(base.state_dir().unwrap_or_else(|| base.data_dir()).join("lensor"))
}
