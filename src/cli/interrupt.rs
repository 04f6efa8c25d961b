//! Ctrl-C: the first asks the work to stop, the second does not wait for it.

use std::thread;

use crate::engine::Cancel;

/// Listens for Ctrl-C from now on; the first fires `cancel`. Files are written whole or not at all, so the second one may end the process at any
/// moment.
pub fn on_ctrl_c(cancel: &Cancel) {
    let fire = cancel.clone();
    thread::spawn(move || {
        // Without a listener the system's own handling stays: Ctrl-C ends the process.
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
        runtime.block_on(async {
            while tokio::signal::ctrl_c().await.is_ok() {
                if fire.is_cancelled() {
                    #[allow(clippy::exit)]
                    std::process::exit(i32::from(super::INTERRUPTED));
                }
                fire.cancel();
            }
        });
    });
}
