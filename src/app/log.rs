//! The log: a file, never the terminal. Must not decide what is worth a line.

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

use crate::config::paths;

/// File name of the log in the state folder.
const FILE: &str = "lensor.log";

/// Sends what is logged to `lensor.log` in the state folder, at the level `RUST_LOG` says (warnings by default). The log
/// is complete once the guard is dropped. `None` where there is no place for it.
pub fn start() -> Option<WorkerGuard> {
    let folder = paths::state()?;
    std::fs::create_dir_all(&folder).ok()?;
    let (writer, guard) = tracing_appender::non_blocking(tracing_appender::rolling::never(folder, FILE));
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(writer).try_init().ok()?;
    Some(guard)
}
