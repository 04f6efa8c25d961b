//! Keys, read on a thread of their own.
//!
//! Owns reading them and noticing that the terminal is gone. Decoding a terminal that was hung up never returns, so it
//! must not be done where signals are answered. Must not know what a key means.

use std::time::Duration;

use crossterm::event::{Event, KeyEvent, poll, read};
use rustix::event::{PollFd, PollFlags};

use super::screen::WORKER_THREADS;

/// Starts reading; `key` is called for each key, `gone` once when there is nothing to read any more.
pub fn start(key: impl Fn(KeyEvent) + Send + 'static, gone: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name(format!("{WORKER_THREADS}-input")).spawn(move || {
        while wait() {
            while let Ok(true) = poll(Duration::ZERO) {
                if let Ok(Event::Key(event)) = read() {
                    key(event);
                }
            }
        }
        gone();
    })?;
    Ok(())
}

/// Waits for bytes; `false` when none will come.
fn wait() -> bool {
    let stdin = rustix::stdio::stdin();
    loop {
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        match rustix::event::poll(&mut fds, None) {
            Ok(_) => {
                let found = fds[0].revents();
                return found.contains(PollFlags::IN)
                    && !found.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}
