//! The strip: what one steps through, by name, with the chosen one marked. Must not place pictures.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{framed, panes, text};
use crate::app::state::State;

/// Draws the strip without its pictures.
pub fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let theme = &state.theme;
    let Some(strip) = panes::strip(state) else { return };
    let title = Line::from(Span::styled(format!(" {} ", strip.title), theme.quiet));
    framed(area, title, theme, buffer);
    if !strip.position.is_empty() {
        let line = Rect { x: area.x + 2, width: area.width.saturating_sub(4), height: 1, ..area };
        text::right(buffer, line, &format!(" {} ", strip.position), theme.quiet);
    }
    for cell in &strip.cells {
        let style = if cell.chosen { theme.chosen } else { theme.quiet };
        let room = usize::from(cell.label.width).saturating_sub(2);
        let name = text::clip_front(&cell.name, room);
        let name = if cell.chosen { format!(" {name} ") } else { name };
        text::centred(buffer, cell.label, &name, style);
        if let Some((row, note)) = &cell.note {
            text::centred(buffer, *row, note, theme.quiet);
        }
    }
}
