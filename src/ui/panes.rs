//! Which pictures are on the screen: for each its place, its room, its caption and what it shows.
//!
//! Both the view and the orders to the painters come from here. Must not paint.

use ratatui::layout::{Constraint, Layout, Margin, Rect, Size};

use super::centred;
use super::layout::regions;
use super::view::{self, Entries};
use crate::app::state::State;
use crate::jobs::row::Row;
use crate::jobs::subject::Subject;

/// Places of the strip begin here; those of the canvas at 0.
const STRIP: u32 = 16;
/// The place of the picture in the panel.
pub const BESIDE: u32 = 12;
/// Least columns of an entry of the strip.
const LEAST_WIDTH: u16 = 9;

/// A picture on the screen.
#[derive(Clone, Debug)]
pub struct Pane {
    /// Tells places apart.
    pub place: u32,
    /// Cells there are for it.
    pub area: Rect,
    /// A line above it; empty where the frame's title says it all.
    pub caption: String,
    /// What it shows, once there is something.
    pub subject: Option<Subject>,
}

/// An entry of the strip.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Its picture.
    pub pane: Pane,
    /// Where its name goes.
    pub label: Rect,
    /// Its name.
    pub name: String,
    /// What is said below the name; its own row where there is one.
    pub note: Option<(Rect, String)>,
    /// Whether it is the one that is shown.
    pub chosen: bool,
    /// The picture of the list that it is, in a strip of pictures.
    pub picture: Option<usize>,
}

/// The strip.
#[derive(Clone, Debug)]
pub struct Strip {
    /// What is stepped through.
    pub title: String,
    /// Which entry of how many is chosen.
    pub position: String,
    /// The entries in view.
    pub cells: Vec<Cell>,
}

impl Strip {
    /// Pictures of the list that are in view.
    pub fn pictures(&self) -> Vec<usize> {
        self.cells.iter().filter_map(|cell| cell.picture).collect()
    }
}

/// Every picture on the screen.
pub fn visible(state: &State) -> Vec<Pane> {
    let mut panes = canvas(state);
    panes.extend(panel(state));
    let small: Vec<Pane> = strip(state).into_iter().flat_map(|strip| strip.cells).map(|cell| cell.pane).collect();
    let too_many = panes.len() + small.len() > state.encoding.most();
    panes.extend(if too_many { joined(state, small) } else { small });
    panes
}

/// Panes side by side as one, or as few as reach that far.
fn joined(state: &State, panes: Vec<Pane>) -> Vec<Pane> {
    let reach = state.encoding.reach(Size::new(u16::MAX, 1)).width;
    let mut rows: Vec<Vec<Pane>> = Vec::new();
    for pane in panes {
        match rows.last_mut() {
            Some(row) if pane.area.right() - row[0].area.x <= reach => row.push(pane),
            _ => rows.push(vec![pane]),
        }
    }
    rows.into_iter().filter_map(|row| one(state, row)).collect()
}

/// Panes side by side as one.
fn one(state: &State, panes: Vec<Pane>) -> Option<Pane> {
    let area = panes.iter().map(|pane| pane.area).reduce(Rect::union)?;
    let place = panes.first()?.place;
    let pixels = |cells| state.encoding.pixels(cells);
    let part = |pane: Pane| {
        let subject = pane.subject?;
        let fitted = centred(state.encoding.fit(subject.dimensions(), pane.area.as_size()), pane.area);
        let (x, y) = pixels(Size::new(fitted.x - area.x, fitted.y - area.y));
        let (width, height) = pixels(fitted.as_size());
        Some(([x, y, width, height], subject))
    };
    let parts: Vec<_> = panes.into_iter().filter_map(part).collect();
    let any = !parts.is_empty();
    let row = Row { parts, size: pixels(area.as_size()), ground: state.ground() };
    Some(Pane { place, area, caption: String::new(), subject: any.then_some(Subject::Row(row)) })
}

/// The pictures of the canvas.
pub fn canvas(state: &State) -> Vec<Pane> {
    let Some(regions) = regions(state.size) else { return Vec::new() };
    let inner = regions.canvas.inner(Margin::new(1, 1));
    view::of(state.tab).canvas(state, inner)
}

/// The pictures of the panel.
pub fn panel(state: &State) -> Vec<Pane> {
    let Some(regions) = regions(state.size) else { return Vec::new() };
    view::of(state.tab).beside(state, regions.panel.inner(Margin::new(2, 1)))
}

/// Two rooms side by side.
pub fn halves(area: Rect) -> [Rect; 2] {
    Layout::horizontal([Constraint::Fill(1); 2]).spacing(1).areas(area)
}

/// Rooms for so many square pictures, each below its caption: in a row, or in more where that makes them a quarter larger.
pub fn arranged(area: Rect, count: usize, spacing: u16) -> Vec<Rect> {
    let count = count.max(1) as u16;
    let side = |rows: u16| {
        let columns = count.div_ceil(rows);
        let width = area.width.saturating_sub(spacing * (columns - 1)) / columns;
        width.min((area.height / rows).saturating_sub(1) * 2)
    };
    let larger = |best: u16, rows: u16| if side(rows) * 4 >= side(best).max(1) * 5 { rows } else { best };
    let rows = (1..=count).fold(1, larger);
    let columns = count.div_ceil(rows);
    let lines = Layout::vertical(vec![Constraint::Fill(1); usize::from(rows)]).split(area);
    // Captions stand close above their pictures.
    let height = side(rows).div_ceil(2) + 1;
    let line = |line: &Rect| {
        let spare = line.height.saturating_sub(height);
        let line = Rect { y: line.y + spare / 2, height: line.height - spare, ..*line };
        let rooms = Layout::horizontal(vec![Constraint::Fill(1); usize::from(columns)]).spacing(spacing).split(line);
        rooms.to_vec()
    };
    lines.iter().flat_map(line).take(usize::from(count)).collect()
}

/// A picture in a room whose first row is kept for its caption; see [`caption_area`].
pub fn captioned(place: u32, room: Rect, caption: String, subject: Option<Subject>) -> Pane {
    let area = Rect { y: room.y + 1, height: room.height.saturating_sub(1), ..room };
    Pane { place, area, caption, subject }
}

/// Where a pane's caption goes.
pub fn caption_area(pane: &Pane) -> Rect {
    Rect { y: pane.area.y.saturating_sub(1), height: 1, ..pane.area }
}

/// The strip, where the window has one.
pub fn strip(state: &State) -> Option<Strip> {
    let inner = regions(state.size)?.strip?.inner(Margin::new(1, 1));
    let view = view::of(state.tab);
    let entries = view.strip(state);
    let noted = !entries.notes.is_empty();
    let picture_rows = inner.height.saturating_sub(1 + u16::from(noted));
    // Square pictures, a column of air, and room for a short name.
    let width = (picture_rows * 2 + 2).max(LEAST_WIDTH).max(entries.longest(state).min(16) + 2);
    let fitting = usize::from((inner.width / width).max(1));
    let (indices, chosen_at) = window(&entries, entries.count(state), fitting);
    let cells = indices.into_iter().enumerate().map(|(at, index)| {
        let area = Rect { x: inner.x + at as u16 * width, width, ..inner };
        let room = Rect { width: width.saturating_sub(2), x: area.x + 1, height: picture_rows, ..area };
        let subject = view.thumbnail(state, index);
        let name = entries.name(state, index);
        let note = entries.notes.get(index).cloned();
        let label = Rect { y: area.y + picture_rows, height: 1, ..area };
        Cell {
            pane: Pane { place: STRIP + at as u32, area: room, caption: String::new(), subject },
            label,
            name,
            note: note.map(|note| (Rect { y: label.y + 1, ..label }, note)),
            chosen: at == chosen_at,
            picture: entries.of_pictures.then_some(index),
        }
    });
    let position = match entries.count(state) {
        0 => String::new(),
        count => format!("{} of {count}", entries.chosen + 1),
    };
    let cells = cells.collect();
    Some(Strip { title: entries.title, position, cells })
}

/// The entries in view and which of them is chosen: a window around it, or a sample of the whole.
fn window(entries: &Entries, count: usize, fitting: usize) -> (Vec<usize>, usize) {
    let chosen = entries.chosen;
    if entries.sampled && count > fitting && fitting > 1 {
        let nearest = (chosen * (fitting - 1) + (count - 1) / 2) / (count - 1);
        let mut sample: Vec<usize> = (0..fitting).map(|at| at * (count - 1) / (fitting - 1)).collect();
        sample[nearest] = chosen;
        return (sample, nearest);
    }
    let first = chosen.saturating_sub(fitting / 2).min(count.saturating_sub(fitting));
    ((first..count.min(first + fitting)).collect(), chosen - first.min(chosen))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sampled: bool, count: usize, chosen: usize, fitting: usize) -> (Vec<usize>, usize) {
        let (title, names, notes) = (String::new(), Vec::new(), Vec::new());
        window(&Entries { title, names, notes, chosen, sampled, of_pictures: false }, count, fitting)
    }

    #[test]
    fn pictures_are_arranged_as_large_as_can_be() {
        let rooms = |width, height, count| {
            let rooms = arranged(Rect::new(0, 0, width, height), count, 1);
            (rooms.len(), (rooms[0].width, rooms[0].height))
        };
        assert_eq!(rooms(80, 20, 2), (2, (40, 20)));
        assert_eq!(rooms(40, 40, 2), (2, (40, 20)));
        assert_eq!(rooms(63, 15, 4), (4, (15, 9)), "no higher than the pictures and their captions");
        assert_eq!(rooms(80, 40, 4), (4, (40, 20)));
        assert_eq!(rooms(80, 40, 3), (3, (40, 20)));
        assert_eq!(rooms(134, 36, 4).1.1, 17, "a row, where two would make them larger by little");
        assert_eq!(rooms(0, 0, 0), (1, (0, 0)));
    }

    #[test]
    fn the_window_follows_the_chosen_entry() {
        assert_eq!(of(false, 12, 0, 5), (vec![0, 1, 2, 3, 4], 0));
        assert_eq!(of(false, 12, 6, 5), (vec![4, 5, 6, 7, 8], 2));
        assert_eq!(of(false, 12, 11, 5), (vec![7, 8, 9, 10, 11], 4));
        assert_eq!(of(false, 3, 2, 5), (vec![0, 1, 2], 2));
        assert_eq!(of(false, 0, 0, 5), (vec![], 0));
    }

    #[test]
    fn a_long_path_is_sampled_from_end_to_end_with_the_step_in_it() {
        for chosen in 0..50 {
            let (sample, at) = of(true, 50, chosen, 8);
            assert_eq!((sample.len(), sample[at]), (8, chosen));
            assert!(sample.is_sorted(), "{chosen}: {sample:?}");
        }
        assert_eq!(of(true, 50, 0, 8).0, [0, 7, 14, 21, 28, 35, 42, 49]);
    }
}
