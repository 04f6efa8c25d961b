//! Text in sections of named lines, aligned: what `lensor doctor` and `lensor check` print.

use std::fmt::{Display, Write as _};

/// Columns of a name, at least.
const NAME: usize = 17;

/// The text so far.
pub struct Sections {
    text: String,
    width: usize,
}

impl Sections {
    /// No text yet, and room for the longest of these names.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let width = names.into_iter().map(|name| name.chars().count()).max().unwrap_or(0);
        Self { text: String::new(), width: width.max(NAME) }
    }

    /// Begins a section.
    pub fn section(&mut self, title: impl Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "\n{title}");
    }

    /// Adds a named line; further lines of the value are set under its first.
    pub fn line(&mut self, name: &str, value: impl Display) {
        let width = self.width;
        let value = value.to_string().replace('\n', &format!("\n{:1$}", "", width + 3));
        let _ = writeln!(self.text, "  {name:<width$} {value}");
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.text.trim_start()
    }
}
