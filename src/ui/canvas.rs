//! The canvas: its frame, captions, and what is said where there is no picture. Must not place pictures.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::text::{Line, Span};

use super::{framed, panes, text, view};
use crate::app::state::{Load, State};

/// Draws the canvas without its pictures.
pub fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let (theme, view) = (&state.theme, view::of(state.tab));
    let title = Line::from(vec![Span::raw(" "), Span::styled(view.title(state), theme.quiet), Span::raw(" ")]);
    let inner = framed(area, title, theme, buffer);
    if let Some(follows) = view.late(state) {
        let line = Rect { x: area.x + 2, width: area.width.saturating_sub(4), height: 1, ..area };
        text::right(buffer, line, &format!(" {follows} "), theme.warn);
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
