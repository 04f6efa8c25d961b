//! The canvas: its frame, captions, and what is said where there is no picture. Must not place pictures.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::text::Line;

use super::{framed, panes, text, view};
use crate::app::state::{Load, State};

/// Draws the canvas without its pictures.
pub fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let (theme, view) = (&state.theme, view::of(state.tab));
    let inner = framed(area, Line::default(), theme, buffer);
    let mut line = Rect { x: area.x + 1, width: area.width.saturating_sub(3), height: 1, ..area };
    if let Some(follows) = view.late(state) {
        line.width = line.width.saturating_sub(text::right(buffer, line, &format!(" {follows} "), theme.warn) + 1);
    }
    let title = text::parts(&view.title(state), usize::from(line.width).saturating_sub(2));
    text::left(buffer, line, &format!(" {title} "), theme.quiet);
    if let Some(why) = view::lacks_units(state) {
        return message(area, why, theme.quiet, buffer);
    }
    for pane in panes::canvas(state) {
        if !pane.caption.is_empty() {
            text::centred(buffer, panes::caption_area(&pane), &pane.caption, theme.quiet);
        }
    }
    view.text(state, inner, buffer);
    match &state.pictures[state.picture].load {
        Load::Failed(why) => message(area, why, theme.bad, buffer),
        Load::Not | Load::Asked if state.photo().is_none() => message(area, "reading the picture", theme.quiet, buffer),
        _ => {}
    }
}

fn message(area: Rect, what: &str, style: ratatui::style::Style, buffer: &mut Buffer) {
    let inner = area.inner(Margin::new(3, 1));
    let lines = text::wrap(what, usize::from(inner.width));
    let top = inner.y + inner.height.saturating_sub(lines.len() as u16) / 2;
    for (row, line) in (top..inner.bottom()).zip(&lines) {
        text::centred(buffer, Rect { y: row, height: 1, ..inner }, line, style);
    }
}
