//! The panel as a column that is filled from the top: pairs, sections, wrapped text. Must not know what they say.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::text;
use crate::config::theme::Theme;

/// Columns of the labels on the left.
const LABEL: u16 = 12;

/// What is left of the panel, filled from the top.
pub struct Column<'a> {
    /// The whole frame, borders included.
    pub frame: Rect,
    /// What is left.
    pub left: Rect,
    /// Colours.
    pub theme: &'a Theme,
    /// Where it is drawn.
    pub buffer: &'a mut Buffer,
    /// Rows to pass over before the first that is drawn.
    pub skip: u16,
    /// Rows for which there was no room.
    pub lacking: u16,
}

impl Column<'_> {
    /// The next row; empty where it is passed over or there is none left.
    pub fn row(&mut self) -> Rect {
        if self.passes_over() {
            return Rect { height: 0, ..self.left };
        }
        self.lacking += u16::from(self.left.height == 0);
        let row = Rect { height: self.left.height.min(1), ..self.left };
        self.left = Rect { y: self.left.y + row.height, height: self.left.height - row.height, ..self.left };
        row
    }

    fn passes_over(&mut self) -> bool {
        let passes = self.skip > 0;
        self.skip -= u16::from(passes);
        passes
    }

    /// A rule with a title across the frame.
    pub fn section(&mut self, title: &str) {
        if self.passes_over() {
            return;
        }
        if self.left.height < 2 {
            self.left.height = 0;
            self.lacking += 1;
            return;
        }
        let y = self.row().y;
        let rule = format!("├{}┤", "─".repeat(usize::from(self.frame.width.saturating_sub(2))));
        self.buffer.set_string(self.frame.x, y, rule, self.theme.frame);
        self.buffer.set_string(self.frame.x + 1, y, format!(" {title} "), self.theme.quiet);
    }

    /// A label and what it says.
    pub fn pair(&mut self, label: &str, value: &str, style: Style) {
        self.listed(label, LABEL, value, style);
    }

    /// As [`Column::pair`], with the labels in so many columns.
    pub fn listed(&mut self, label: &str, columns: u16, value: &str, style: Style) {
        let row = self.row();
        text::left(self.buffer, row, label, self.theme.quiet);
        let rest = Rect { x: row.x + columns.min(row.width), width: row.width.saturating_sub(columns), ..row };
        text::left(self.buffer, rest, value, style);
    }

    /// As [`Column::pair`], said in the first of some ways that fits, or else in the last.
    pub fn pair_in(&mut self, label: &str, ways: &[String], style: Style) {
        let room = usize::from(self.left.width.saturating_sub(LABEL));
        self.pair(label, text::fitting(ways, room), style);
    }

    /// Wrapped text.
    pub fn say(&mut self, what: &str, style: Style) {
        for line in text::wrap(what, usize::from(self.left.width)) {
            let row = self.row();
            text::left(self.buffer, row, &line, style);
        }
    }
}
