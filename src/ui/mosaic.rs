//! Tiles of a layer on the canvas: how large they are, which are in view, where they lie.
//!
//! Keys that walk over rows and pages go by the same reckoning as what is drawn. Must not paint.

use ratatui::layout::{Margin, Rect};
use ratatui::style::Color;

use super::layout::regions;
use super::panes::Pane;
use crate::app::state::{State, in_rows};
use crate::app::view::Field;
use crate::config::theme::Theme;
use crate::jobs::sheet::{Page, Sheet};
use crate::jobs::subject::Subject;
use crate::paint::mosaic::Grid;
use crate::terminal::graphics::Graphics;

/// Pixels between two tiles, and least side of a tile, where pictures are half-blocks and where they are pixels.
const SIZES: [(u32, u32); 2] = [(1, 6), (4, 24)];

/// How `count` tiles of `tile` values each lie in a room, and how many rows there is room for.
fn grid(state: &State, room: Rect, count: usize, tile: (usize, usize)) -> (Grid, usize) {
    let encoding = &state.encoding;
    let (gap, least) = SIZES[usize::from(encoding.graphics != Graphics::Halfblocks)];
    let pixels = encoding.pixels(encoding.reach(room.as_size()));
    Grid::fitting(count, (tile.0 as u32, tile.1 as u32), pixels, gap, least)
}

/// Channels in an order, as tiles of `tile` values each lie on the canvas.
pub fn field(state: &State, order: Vec<usize>, tile: (usize, usize)) -> Field {
    let canvas = regions(state.size).map_or(Rect::default(), |regions| regions.canvas.inner(Margin::new(1, 1)));
    field_in(state, canvas, order, tile)
}

/// As [`field`], in another room.
pub fn field_in(state: &State, room: Rect, order: Vec<usize>, tile: (usize, usize)) -> Field {
    let (grid, rows) = grid(state, room, order.len(), tile);
    Field { order, columns: grid.columns, rows }
}

/// The page of tiles with the unit under the cursor in it; `inner` is the inside of the canvas.
pub fn page(state: &State, inner: Rect, sheet: Sheet, order: &[usize]) -> Pane {
    let (grid, rows) = grid(state, inner, order.len(), sheet.tile_size());
    let channel = state.unit().map_or(0, |unit| unit.channel);
    let at = order.iter().position(|other| *other == channel).unwrap_or(0);
    let per_page = (grid.columns * rows).max(1);
    let channels: Vec<usize> = order.iter().copied().skip(at / per_page * per_page).take(per_page).collect();
    // Pages are of one size, so that the last one does not jump.
    let (width, height) = grid.size(order.len().min(per_page));
    let cells = state.encoding.cells((width + 2 * grid.gap, height + 2 * grid.gap));
    let area = super::centred(cells, inner);
    let size = state.encoding.pixels(area.as_size());
    let cursor = Some((channel, accent(&state.theme)));
    let page = Page { sheet, channels, grid, size, inks: state.inks(), cursor, ground: state.ground(), old: false };
    Pane { place: 0, area, caption: String::new(), subject: Some(Subject::Sheet(page)) }
}

/// Tiles in rows of their own, each row begun anew, as large as the room allows.
pub fn rows(state: &State, inner: Rect, sheet: Sheet, rows: &[Vec<usize>]) -> Pane {
    let encoding = &state.encoding;
    let (gap, _) = SIZES[usize::from(encoding.graphics != Graphics::Halfblocks)];
    let room = encoding.pixels(encoding.reach(inner.as_size()));
    let along = |room: u32, count: usize| (room.saturating_sub(gap) / count.max(1) as u32).saturating_sub(gap);
    let side = |columns: usize| {
        let lines: usize = rows.iter().map(|row| row.len().div_ceil(columns)).sum();
        along(room.0, columns).min(along(room.1, lines)).clamp(1, sheet.tile_size().0 as u32)
    };
    let longest = rows.iter().map(Vec::len).max().unwrap_or(1).max(1);
    let columns = (1..=longest).max_by_key(|columns| (side(*columns), std::cmp::Reverse(*columns))).unwrap_or(1);
    let grid = Grid { columns, tile: (side(columns), side(columns)), gap };
    let channels = in_rows(rows, columns);
    let (width, height) = grid.size(channels.len());
    let area = super::centred(encoding.cells((width + 2 * gap, height + 2 * gap)), inner);
    let size = encoding.pixels(area.as_size());
    let page =
        Page { sheet, channels, grid, size, inks: state.inks(), cursor: None, ground: state.ground(), old: false };
    Pane { place: 0, area, caption: String::new(), subject: Some(Subject::Sheet(page)) }
}

/// The page that the canvas still shows of something else, marked as old.
pub fn left_over(state: &State, inner: Rect) -> Option<(Pane, Sheet)> {
    let shown = state.panes.get(&0)?.shown.as_ref()?;
    let Subject::Sheet(page) = &shown.subject else { return None };
    let old = Page { cursor: None, old: state.is_late(), ..page.clone() };
    let area = super::centred(shown.picture.size, inner);
    Some((Pane { place: 0, area, caption: String::new(), subject: Some(Subject::Sheet(old)) }, page.sheet.clone()))
}

/// The colour of the cursor's frame.
fn accent(theme: &Theme) -> [u8; 3] {
    match theme.accent.fg {
        Some(Color::Rgb(r, g, b)) => [r, g, b],
        _ => [255, 170, 40],
    }
}

/// Which page of how many is in view, where there are several.
pub fn position(state: &State, field: &Field) -> Option<String> {
    let per_page = (field.columns * field.rows).max(1);
    let channel = state.unit()?.channel;
    let at = field.order.iter().position(|other| *other == channel)?;
    let pages = field.order.len().div_ceil(per_page);
    (pages > 1).then(|| format!("page {} of {pages}", at / per_page + 1))
}
