//! Answers of a terminal that come after patience with it has ended, and would be taken for keys.
//!
//! Must not know the answers, only that they are control strings: begun by ESC and `_`, `P` or `]`, ended by ST or BEL.

use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// An answer comes in one piece: a key later than this is a key.
const BURST: Duration = Duration::from_millis(40);

/// Tells late answers from keys.
pub struct Late {
    expected: bool,
    inside: Option<Instant>,
}

impl Late {
    /// Answers are `expected` where the terminal has not answered in time.
    pub fn new(expected: bool) -> Self {
        Self { expected, inside: None }
    }

    /// Whether this is part of an answer and not a key.
    pub fn is_answer(&mut self, key: &KeyEvent) -> bool {
        if !self.expected {
            return false;
        }
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        let ends = (alt && key.code == KeyCode::Char('\\'))
            || (key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('g'));
        if self.inside.is_some_and(|since| since.elapsed() > BURST) {
            self.inside = None;
        }
        if self.inside.is_some() {
            self.inside = (!ends).then(Instant::now);
            return true;
        }
        let begins = alt && matches!(key.code, KeyCode::Char('_' | 'P' | ']'));
        if begins {
            self.inside = Some(Instant::now());
        }
        begins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(late: &mut Late, text: &str) -> String {
        let mut kept = String::new();
        let mut alt = KeyModifiers::NONE;
        for c in text.chars() {
            if c == '\x1b' {
                alt = KeyModifiers::ALT;
                continue;
            }
            if !late.is_answer(&KeyEvent::new(KeyCode::Char(c), alt)) {
                kept.push(c);
            }
            alt = KeyModifiers::NONE;
        }
        kept
    }

    #[test]
    fn a_late_answer_is_not_typed() {
        assert_eq!(fed(&mut Late::new(true), "a\x1b_Gi=31;OK\x1b\\q\x1bP>|XTerm(379)\x1b\\j"), "aqj");
        assert_eq!(fed(&mut Late::new(false), "a\x1b_Gq\x1b\\"), "a_Gq\\");
    }
}
