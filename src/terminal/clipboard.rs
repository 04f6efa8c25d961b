//! The clipboard, through the terminal (OSC 52), so that it works over SSH. Must not know what is copied.

use crossterm::{Command, clipboard::CopyToClipboard};

/// The bytes that put `text` on the clipboard of the terminal; inside tmux wrapped so that they reach the outer one.
pub fn copy(text: &str, tmux: bool) -> Vec<u8> {
    let mut sequence = String::new();
    if CopyToClipboard::to_clipboard_from(text).write_ansi(&mut sequence).is_err() {
        return Vec::new();
    }
    if tmux {
        sequence = format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b"));
    }
    sequence.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_sent_as_base64_and_doubled_for_tmux() {
        assert_eq!(copy("hello", false), b"\x1b]52;c;aGVsbG8=\x1b\\");
        assert_eq!(copy("hello", true), b"\x1bPtmux;\x1b\x1b]52;c;aGVsbG8=\x1b\x1b\\\x1b\\");
    }
}
