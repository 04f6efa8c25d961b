//! What lies over the screen: help, lists to pick from, a question. Must not handle keys.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};
use unicode_width::UnicodeWidthStr;

use super::layout::Regions;
use super::{framed, text};
use crate::app::command::TABLE;
use crate::app::picker::Picker;
use crate::app::state::State;

/// Widest list.
const WIDEST: u16 = 64;

fn open(state: &State, area: Rect, title: &str, buffer: &mut Buffer) -> Rect {
    Clear.render(area, buffer);
    buffer.set_style(area, state.theme.text);
    let mut theme = state.theme.clone();
    theme.frame = theme.accent;
    framed(area, Line::from(Span::styled(format!(" {title} "), state.theme.accent)), &theme, buffer)
        .inner(Margin::new(1, 0))
}

/// Every command by group, from line `top` on; returns what it covers.
pub fn help(state: &State, top: u16, area: Rect, buffer: &mut Buffer) -> Rect {
    let theme = &state.theme;
    let area = area.inner(Margin::new(area.width.saturating_sub(84) / 2, 1));
    let inner = open(state, area, "keys", buffer);
    let mut lines: Vec<(String, &str, &str, bool)> = Vec::new();
    let mut group = "";
    for entry in TABLE {
        let name = entry.id.split('.').next().unwrap_or_default();
        if name != group {
            if !group.is_empty() {
                lines.push((String::new(), "", "", false));
            }
            group = name;
        }
        let keys = state.keymap.keys(entry.command).join("   ");
        lines.push((keys, entry.title, entry.id, entry.command.enabled(state).is_ok()));
    }
    let top = usize::from(top).min(lines.len().saturating_sub(usize::from(inner.height)));
    for (y, (keys, title, id, enabled)) in (inner.y..inner.bottom()).zip(&lines[top..]) {
        let row = Rect { y, height: 1, ..inner };
        text::right(buffer, Rect { width: 18.min(row.width), ..row }, keys, theme.accent);
        let rest = Rect { x: row.x + 20, width: row.width.saturating_sub(20), ..row };
        let used = text::right(buffer, rest, id, theme.frame);
        let rest = Rect { width: rest.width.saturating_sub(used + 1), ..rest };
        text::left(buffer, rest, title, if *enabled { theme.text } else { theme.quiet });
    }
    let foot = Rect { x: area.x + 2, y: area.bottom() - 1, width: area.width.saturating_sub(4), height: 1 };
    let more = if lines.len() > top + usize::from(inner.height) {
        " j k scroll, any other key closes "
    } else {
        " any key closes "
    };
    text::right(buffer, foot, more, theme.quiet);
    area
}

/// A list over the panel, so that the canvas stays in sight; returns what it covers and where the cursor is.
pub fn picker(state: &State, picker: &Picker, regions: &Regions, buffer: &mut Buffer) -> (Rect, Option<Position>) {
    let theme = &state.theme;
    let beside = regions.panel.x > 0;
    let room = if beside { regions.panel } else { regions.canvas.union(regions.panel) };
    let width = room.width.min(WIDEST);
    let area = Rect { x: room.right() - width, width, ..room };
    let inner = open(state, area, picker.list.title(), buffer);
    let prompt = Rect { height: 1, ..inner };
    let used = text::left(buffer, prompt, "› ", theme.accent);
    let typed = Rect { x: prompt.x + used, width: prompt.width - used, ..prompt };
    text::left(buffer, typed, picker.input.value(), theme.strong);
    if picker.input.value().is_empty() {
        text::left(buffer, typed, "type to filter", theme.quiet);
    }
    let cursor =
        Position::new(typed.x + (picker.input.visual_cursor() as u16).min(typed.width.saturating_sub(1)), typed.y);
    let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    let items = picker.items(state);
    if items.is_empty() {
        text::left(buffer, list, "nothing matches", theme.quiet);
    }
    let chosen = picker.chosen.min(items.len().saturating_sub(1));
    let rows = usize::from(list.height);
    let top = chosen.saturating_sub(rows / 2).min(items.len().saturating_sub(rows));
    for (y, (at, item)) in (list.y..list.bottom()).zip(items.iter().enumerate().skip(top)) {
        let row = Rect { y, height: 1, ..list };
        let style = match (at == chosen, &item.disabled) {
            (true, _) => theme.chosen,
            (false, Some(_)) => theme.quiet,
            (false, None) => theme.text,
        };
        buffer.set_style(row, style);
        let note = text::clip(&item.note, usize::from(row.width) / 2);
        text::right(buffer, row, &note, if at == chosen { theme.chosen } else { theme.quiet });
        let rest = Rect { width: row.width.saturating_sub(note.width() as u16 + 1), ..row };
        text::left(buffer, rest, &item.label, style);
    }
    (area, Some(cursor))
}

/// Whether to quit while something runs; returns what it covers.
pub fn quit(state: &State, canvas: Rect, buffer: &mut Buffer) -> Rect {
    let lines = ["Quit lensor?", "", "q or Enter quits, any other key stays"];
    let width = 44.min(canvas.width);
    let height = 5.min(canvas.height);
    let x = canvas.x + (canvas.width - width) / 2;
    let area = Rect { x, y: canvas.y + (canvas.height - height) / 2, width, height };
    let inner = open(state, area, "quit", buffer);
    for (y, line) in (inner.y..inner.bottom()).zip(lines) {
        text::centred(buffer, Rect { y, height: 1, ..inner }, line, state.theme.text);
    }
    area
}
