//! The screen as a pure function of the state: text into a buffer, and which pictures go where.
//!
//! One frame with five parts: breadcrumb, canvas, panel, strip, hints and status. Must not see an engine or a terminal,
//! nor change the state.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect, Size};
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Block, BorderType, Widget};

use crate::app::state::{Popup, State};
use crate::config::theme::Theme;
use crate::terminal::screen::{Frame, Placed};

mod canvas;
mod climb;
mod column;
mod crumbs;
mod curves;
mod equation;
mod footer;
pub mod layout;
mod map;
pub mod mosaic;
mod numbers;
pub mod panel;
pub mod panes;
mod popup;
mod strip;
mod text;
mod unit;
pub mod view;

/// Draws the state.
pub fn view(state: &State) -> Frame {
    let area = Rect::new(0, 0, state.size.width, state.size.height);
    let mut cells = Buffer::empty(area);
    cells.set_style(area, state.theme.text);
    let Some(regions) = layout::regions(state.size) else {
        too_small(state, &mut cells);
        return Frame { cells, pictures: Vec::new(), cursor: None };
    };
    crumbs::draw(state, regions.crumbs, &mut cells);
    canvas::draw(state, regions.canvas, &mut cells);
    panel::draw(state, regions.panel, &mut cells);
    if let Some(area) = regions.strip {
        strip::draw(state, area, &mut cells);
    }
    footer::hints(state, regions.hints, &mut cells);
    footer::status(state, regions.status, &mut cells);
    let (covered, cursor) = match &state.popup {
        None => (Rect::default(), None),
        Some(Popup::Help(top)) => (popup::help(state, *top, area, &mut cells), None),
        Some(Popup::Picker(picker)) => popup::picker(state, picker, &regions, &mut cells),
        Some(Popup::Quit) => (popup::quit(state, regions.canvas, &mut cells), None),
    };
    let mut pictures = pictures(state);
    // A picture would hide what lies over it.
    pictures.retain(|placed| placed.area.intersection(covered).is_empty());
    Frame { cells, pictures, cursor }
}

/// The pictures that are ready, centred where they belong.
fn pictures(state: &State) -> Vec<Placed> {
    let visible = panes::visible(state);
    let placed = visible.iter().filter_map(|pane| {
        let shown = state.panes.get(&pane.place)?.shown.as_ref()?;
        let size = shown.picture.size;
        if size.width > pane.area.width || size.height > pane.area.height {
            return None;
        }
        Some(Placed { place: pane.place, area: centred(size, pane.area), picture: shown.picture.clone() })
    });
    placed.collect()
}

fn centred(size: Size, room: Rect) -> Rect {
    let x = room.x + room.width.saturating_sub(size.width) / 2;
    let y = room.y + room.height.saturating_sub(size.height) / 2;
    Rect::new(x, y, size.width.min(room.width), size.height.min(room.height))
}

/// A frame with a title; returns what is inside.
fn framed<'a>(area: Rect, title: impl Into<Line<'a>>, theme: &Theme, buffer: &mut Buffer) -> Rect {
    let block = Block::bordered().border_type(BorderType::Rounded).border_style(theme.frame).title(title.into());
    let inner = block.inner(area);
    block.render(area, buffer);
    inner
}

fn too_small(state: &State, buffer: &mut Buffer) {
    let Size { width, height } = state.size;
    let (least_width, least_height) = (layout::LEAST.width, layout::LEAST.height);
    let lines = [
        ("lensor needs a larger window".to_owned(), state.theme.strong),
        (format!("at least {least_width} × {least_height}, this is {width} × {height}"), Style::new()),
        ("q quits".to_owned(), state.theme.quiet),
    ];
    let area = buffer.area.inner(Margin::new(1, 0));
    let top = area.y + area.height.saturating_sub(lines.len() as u16) / 2;
    for (row, (line, style)) in lines.iter().enumerate().filter(|(row, _)| top + (*row as u16) < area.bottom()) {
        text::centred(buffer, Rect { y: top + row as u16, height: 1, ..area }, line, *style);
    }
}

#[cfg(test)]
mod tests;
