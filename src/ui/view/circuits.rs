//! View 6: the unit's neighbours in two columns, each with its kernel, what enters, what it adds, its icon and top pictures.

use std::sync::Arc;

use image::RgbImage;
use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect, Size};
use ratatui::style::Style;

use super::super::column::Column;
use super::super::layout::regions;
use super::super::panes::{BESIDE, Pane};
use super::super::{text, unit};
use super::{Hint, View};
use crate::app::command::Command;
use crate::app::state::State;
use crate::interpretation::circuits::{By, Circuit, Contributions, Edge, Neighbour, Place};
use crate::jobs::Facts;
use crate::jobs::circuit::words::{sides, signed};
use crate::jobs::circuit::{Drawing, Inks, Row, Scene, TILES};
use crate::jobs::examples::{GLIMPSE, Show};
use crate::jobs::subject::Subject;
use crate::model::unit::Unit;
use crate::paint::legend::number;

pub(super) struct Circuits;

/// Places of the neighbours' pictures begin here.
const ROWS: u32 = 128;
/// Rows of cells of a neighbour that are text: its name, its bar.
const TEXT: u16 = 2;

/// Rows of a column above its neighbours: what they do, and what their tiles are.
const HEAD: u16 = 2;

/// Rows of cells of a tile: at least, and at most.
const ROWS_OF_TILE: [u16; 2] = [3, 5];

/// Rows of cells of the tiles of the channel itself, in the panel.
const OWN_ROWS: u16 = 4;

/// What the first tile of a neighbour is.
const KERNEL: &str = "kernel";

/// Columns from which a neighbour's share is said too, and from which its strength stands beside its name.
const WIDE: u16 = 30;
const NARROW: u16 = 24;

/// A neighbour on the canvas.
struct Spot {
    edge: Edge,
    area: Rect,
    place: u32,
    chosen: bool,
}

/// The two columns.
fn columns(inner: Rect) -> [Rect; 2] {
    let width = inner.width.saturating_sub(2) / 2;
    let left = Rect { width, ..inner };
    [left, Rect { x: inner.x + inner.width - width, ..left }]
}

/// Rows of cells of the tiles and how many there are side by side: the neighbour's own, its icon, and some of its top
/// pictures where there is room; so that some neighbours are in view.
fn tiles(column: Rect) -> (u16, u16) {
    let fitting = |rows: u16| (column.width + 1) / (2 * rows + 1);
    let [least, most] = ROWS_OF_TILE;
    let wide = (least..=most).rev().find(|rows| fitting(*rows) >= TILES + 2);
    let own = || (1..=least).rev().find(|rows| fitting(*rows) >= TILES).unwrap_or(1);
    let rows = wide.unwrap_or_else(own).min((column.height / 2).saturating_sub(TEXT + 1).max(1));
    (rows, fitting(rows).min(TILES + 1 + GLIMPSE as u16).max(TILES))
}

/// Columns of the canvas that a tile's place takes.
fn slot(column: Rect, at: u16) -> Rect {
    let (rows, _) = tiles(column);
    Rect { x: column.x + at * (2 * rows + 1), width: 2 * rows, ..column }
}

/// The units that are the neighbours in view, the chosen one first.
pub fn in_view(state: &State) -> Vec<Unit> {
    let Some(circuit) = state.circuit() else { return Vec::new() };
    let mut spots = spots(state, canvas(state));
    spots.sort_by_key(|spot| !spot.chosen);
    spots.iter().filter_map(|spot| unit_of(neighbour(&circuit, &spot.edge))).collect()
}

fn canvas(state: &State) -> Rect {
    regions(state.size).map_or(Rect::default(), |regions| regions.canvas.inner(Margin::new(1, 1)))
}

fn neighbour<'c>(circuit: &'c Circuit, edge: &Edge) -> &'c Neighbour {
    &circuit.branches[edge.branch].neighbours[edge.neighbour]
}

fn unit_of(neighbour: &Neighbour) -> Option<Unit> {
    match neighbour.place {
        Place::Unit(unit) => Some(unit),
        _ => None,
    }
}

/// Whether any of the neighbours in view has an icon: otherwise there is no place for one.
fn have_icons(state: &State) -> bool {
    in_view(state).into_iter().any(|unit| icon(state, unit).is_some())
}

fn icon(state: &State, unit: Unit) -> Option<Arc<RgbImage>> {
    state.icons_of(unit.layer)?.tile(unit.channel).cloned()
}

/// What is known of a unit beside its map: its icon where there is a place for one, and its top pictures.
fn around(state: &State, unit: Unit, icons: bool, count: usize) -> Vec<Option<Arc<RgbImage>>> {
    let own = icons.then(|| icon(state, unit));
    let glimpse = state.glimpse(unit);
    let top = |rank: usize| glimpse.as_ref().and_then(|gallery| gallery.tile(rank, Show::Crop).cloned());
    own.into_iter().chain((0..GLIMPSE).map(top)).take(count).collect()
}

/// So many tiles of so many rows of cells side by side: where they lie, and the columns they take.
fn row_of(state: &State, rows: u16, count: u16) -> (Row, u16) {
    let pixels = |columns: u16, rows: u16| state.encoding.pixels(Size::new(columns, rows));
    let width = (count * (2 * rows + 1)).saturating_sub(1);
    let side = pixels(2 * rows, rows);
    (Row { size: pixels(width, rows), step: pixels(2 * rows + 1, 1).0, side: side.0.min(side.1) }, width)
}

/// The neighbours in view: on each side the page with the chosen one.
fn spots(state: &State, inner: Rect) -> Vec<Spot> {
    let Some(ranking) = state.ranking() else { return Vec::new() };
    let (inhibits, at) = state.chosen_neighbour();
    let chosen = state.chosen_edge();
    let mut spots = Vec::new();
    for (side, (column, edges)) in columns(inner).into_iter().zip([&ranking.excites, &ranking.inhibits]).enumerate() {
        let height = tiles(column).0 + TEXT;
        let fitting = usize::from((column.height.saturating_sub(HEAD) / height).max(1));
        let first = if inhibits == (side == 1) { at.min(edges.len().saturating_sub(1)) / fitting * fitting } else { 0 };
        for (row, edge) in edges.iter().skip(first).take(fitting).enumerate() {
            let y = column.y + HEAD + row as u16 * height;
            let area = Rect { y, height: height.min(column.bottom().saturating_sub(y)), ..column };
            let place = ROWS + 64 * side as u32 + row as u32;
            spots.push(Spot { edge: *edge, area, place, chosen: Some(*edge) == chosen });
        }
    }
    spots
}

fn drawing(state: &State, scene: Scene, beside: Vec<Option<Arc<RgbImage>>>) -> Option<Subject> {
    let of = state.seen().zip(state.contributions());
    let (circuit, look, ground) = (state.circuit()?, state.look, state.ground());
    Some(Subject::Circuit(Drawing { circuit, of, scene, look, name: String::new(), beside, ground }))
}

impl View for Circuits {
    fn title(&self, state: &State) -> Vec<String> {
        let by = match state.walk.by {
            By::Contribution | By::Total if state.contributions().is_none() => "by their kernels",
            By::Contribution => "by what they add here",
            By::Total => "by what they add in all",
            By::Sum => "by the sum of their kernels",
            By::Norm => "by the norm of their kernels",
        };
        vec![format!("neighbours {by}")]
    }

    fn crumbs(&self, state: &State, _facts: &Facts) -> Vec<String> {
        let here = state.circuit().map(|circuit| circuit.addresses[0].clone()).or_else(|| state.address());
        let trail = state.trail().iter().map(|(_, address)| address.clone());
        std::iter::once("Circuits".to_owned()).chain(trail).chain(here).collect()
    }

    fn canvas(&self, state: &State, inner: Rect) -> Vec<Pane> {
        let spots = spots(state, inner);
        let Some(circuit) = state.circuit() else { return Vec::new() };
        let inks = Inks::of(&circuit, state.contributions().as_deref(), spots.iter().map(|spot| &spot.edge));
        let (rows, count) = tiles(columns(inner)[0]);
        let icons = have_icons(state);
        let pane = |spot: &Spot| {
            let unit = unit_of(neighbour(&circuit, &spot.edge));
            let known = unit.map(|unit| around(state, unit, icons, usize::from(count - TILES))).unwrap_or_default();
            let (row, width) = row_of(state, rows.min(spot.area.height - TEXT), count);
            let area = Rect { y: spot.area.y + TEXT, width: width.min(spot.area.width), ..spot.area };
            let area = Rect { height: rows.min(spot.area.height - TEXT), ..area };
            let subject = drawing(state, Scene::Neighbour(spot.edge, inks, row), known);
            Pane { place: spot.place, area, caption: String::new(), subject }
        };
        spots.iter().filter(|spot| spot.area.height > TEXT).map(pane).collect()
    }

    fn text(&self, state: &State, inner: Rect, buffer: &mut Buffer) {
        let theme = &state.theme;
        let Some((circuit, ranking)) = state.circuit().zip(state.ranking()) else {
            let middle = Rect { y: inner.y + inner.height / 2, height: 1, ..inner };
            let said = if state.refusal().is_some() { "" } else { "reading what feeds it" };
            return text::centred(buffer, middle, said, theme.quiet);
        };
        let found = state.contributions();
        let styles = [theme.accent, theme.bad];
        let counts = [ranking.excites.len(), ranking.inhibits.len()];
        for (side, column) in columns(inner).into_iter().enumerate() {
            let name = ["excites", "inhibits"][side];
            let head = Rect { height: 1, ..column };
            text::left(buffer, head, name, styles[side]);
            let count = if counts[side] == 1 { "1 channel".to_owned() } else { format!("{} channels", counts[side]) };
            text::right(buffer, head, &count, theme.quiet);
            if counts[side] > 0 {
                headings(state, column, found.is_some(), buffer);
            }
        }
        let longest = ranking.excites.first().into_iter().chain(ranking.inhibits.first());
        let longest = longest.fold(f32::MIN_POSITIVE, |longest, edge| longest.max(edge.strength.abs()));
        for spot in spots(state, inner) {
            let style = styles[usize::from(spot.edge.strength < 0.0)];
            let row = Rect { height: 1, ..spot.area };
            let neighbour = neighbour(&circuit, &spot.edge);
            let strength = strength(&circuit, found.as_deref(), &spot.edge, state, row.width >= WIDE);
            // A narrow column has room for a name only where the number stands beside the bar.
            let below = Rect { y: row.y + 1, ..row };
            let beside = if row.width < NARROW { below } else { row };
            let used = text::right(buffer, beside, &strength, if spot.chosen { theme.strong } else { theme.text }) + 1;
            let [name_room, bar_room] = [row, below].map(|line| match line == beside {
                true => Rect { width: line.width.saturating_sub(used), ..line },
                false => line,
            });
            let room = name_room;
            let mark = if spot.chosen { "▸ " } else { "  " };
            text::left(buffer, room, mark, theme.accent);
            let room = Rect { x: room.x + 2, width: room.width.saturating_sub(2), ..room };
            let name = text::clip_front(&neighbour.address, usize::from(room.width));
            text::left(buffer, room, &name, if spot.chosen { theme.strong } else { theme.text });
            if spot.area.height > 1 {
                bar(buffer, bar_room, spot.edge.strength.abs() / longest, (style, theme.track));
            }
        }
    }

    fn late(&self, state: &State) -> Option<String> {
        let awaited = state.circuit().is_some() && state.contributions().is_none() && state.refusal().is_none();
        (awaited && state.seen().is_some()).then(|| "contributions follow".to_owned())
    }

    fn subject(&self) -> Option<&'static str> {
        Some("circuit")
    }

    fn beside(&self, state: &State, inner: Rect) -> Vec<Pane> {
        let map = state.contributions().and_then(|_| drawing(state, Scene::Unit(state.position()), Vec::new()));
        let mut panes = unit::beside(inner, map);
        let unit = state.unit().filter(|unit| state.place() == Some(Place::Unit(*unit)));
        let mut known = unit.map(|unit| around(state, unit, true, GLIMPSE + 1)).unwrap_or_default();
        known.retain(Option::is_some);
        let room = panes[0].area;
        if !known.is_empty() && room.height >= 3 * OWN_ROWS {
            // Below the map, a row of its own tiles.
            let (row, width) = row_of(state, OWN_ROWS, known.len() as u16);
            let area = Rect { y: room.bottom() - OWN_ROWS, height: OWN_ROWS, ..room };
            let area = Rect { x: room.x + room.width.saturating_sub(width) / 2, width: width.min(room.width), ..area };
            panes[0].area.height -= OWN_ROWS + 1;
            let subject = drawing(state, Scene::Beside(row), known);
            panes.push(Pane { place: BESIDE + 1, area, caption: String::new(), subject });
        }
        panes
    }

    fn panel(&self, state: &State, _facts: &Facts, column: &mut Column<'_>) {
        column.left = unit::rooms(column.left)[0];
        let theme = column.theme;
        let Some(circuit) = state.circuit() else {
            column.say(&state.address().unwrap_or_default(), theme.strong);
            return column
                .say(state.refusal().unwrap_or("…"), if state.refusal().is_some() { theme.warn } else { theme.quiet });
        };
        column.say(circuit.address(), theme.strong);
        if circuit.addresses[0] != circuit.addresses[1] {
            column.pair("behind", &circuit.addresses[0], theme.text);
        }
        let found = state.contributions();
        if let Some(found) = &found {
            let (row, column_at) = state.position();
            let value = found.value.get((row, column_at)).copied().unwrap_or(0.0);
            let ways = match found.value.len() > 1 {
                true => [format!(" at row {row}, col {column_at}"), format!(" at ({row}, {column_at})")],
                false => [String::new(), String::new()],
            };
            column.pair_in("value", &ways.map(|place| format!("{}{place}", number(value))), theme.text);
            let (excites, inhibits, bias) = sides(&circuit, found, (row, column_at));
            let sum = format!("{} {} {}", number(excites), signed(inhibits), signed(bias));
            column.pair_in("is", &[format!("{sum} bias"), sum], theme.text);
        } else if let Some(why) = state.refusal() {
            column.say(why, theme.warn);
        }
        if let Some(edge) = state.chosen_edge() {
            of_neighbour(state, &circuit, found.as_deref(), &edge, column);
        }
    }

    fn hints(&self, state: &State) -> Vec<Hint> {
        let several = state.contributions().is_some_and(|found| found.value.len() > 1);
        let position: Option<Hint> = several.then_some((&[Command::StepFarPrevious, Command::StepFarNext], "position"));
        let first: [Hint; 4] = [
            (&[Command::RowPrevious, Command::RowNext, Command::StepPrevious, Command::StepNext], "neighbour"),
            (&[Command::Recompute], "go there"),
            (&[Command::WalkBack], "back"),
            (&[Command::OrderNext], "ranking"),
        ];
        let last: [Hint; 5] = [
            (&[Command::LayerPrevious, Command::LayerNext], "layer"),
            (&[Command::ChannelPrevious, Command::ChannelNext], "channel"),
            (&[Command::CircuitOfClass], "class"),
            (&[Command::PictureNext, Command::PicturePrevious], "picture"),
            (&[Command::UnitPick], "address"),
        ];
        first.into_iter().chain(position).chain(last).collect()
    }
}

/// What the tiles of a column are, above them.
fn headings(state: &State, column: Rect, found: bool, buffer: &mut Buffer) {
    let (rows, count) = tiles(column);
    let line = Rect { y: column.y + 1, height: 1, ..column };
    // Where a name is wider than its tile, the first three are one.
    let together = 2 * rows < KERNEL.len() as u16;
    if together {
        text::left(buffer, line, if found { "kernel∗map=adds" } else { KERNEL }, state.theme.quiet);
    }
    let top = in_view(state).into_iter().any(|unit| state.glimpse(unit).is_some());
    let own = [(KERNEL, true), ("enters", found), ("adds", found)];
    let beside = have_icons(state).then_some(("icon", true)).into_iter().chain([("top", top)]);
    let all = (0..count).zip(own.into_iter().chain(beside)).filter(|(_, (_, shown))| *shown);
    for (at, (name, _)) in all.filter(|(at, _)| !together || *at >= TILES) {
        let mut place = Rect { y: line.y, height: 1, ..slot(column, at) };
        let mut name = name;
        if name == "top" && count > at + 1 {
            let slots = (count - at).min(GLIMPSE as u16);
            (name, place.width) = ("top pictures", slots * (2 * rows + 1) - 1);
        }
        text::centred(buffer, place, name, state.theme.quiet);
    }
}

/// How strong a neighbour is, in a few letters.
fn strength(circuit: &Circuit, found: Option<&Contributions>, edge: &Edge, state: &State, wide: bool) -> String {
    let neighbour = &circuit.branches[edge.branch].neighbours[edge.neighbour];
    match (found, state.walk.by) {
        (Some(found), By::Contribution) => {
            let share = 100.0 * edge.strength.abs() / found.magnitude(state.position()).max(f32::MIN_POSITIVE);
            if wide { format!("{} {share:>4.0} %", number(edge.strength)) } else { number(edge.strength) }
        }
        (Some(_), By::Total) => number(edge.strength),
        (_, By::Norm) => number(neighbour.norm),
        _ => number(neighbour.sum),
    }
}

fn bar(buffer: &mut Buffer, row: Rect, fraction: f32, (style, track): (Style, Style)) {
    let width = usize::from(row.width);
    text::left(buffer, row, &"─".repeat(width), track);
    text::left(buffer, row, &"━".repeat((fraction.clamp(0.0, 1.0) * width as f32).round() as usize), style);
}

/// What is known of the chosen neighbour.
fn of_neighbour(state: &State, circuit: &Circuit, found: Option<&Contributions>, edge: &Edge, column: &mut Column<'_>) {
    let theme = column.theme;
    let branch = &circuit.branches[edge.branch];
    let neighbour = &branch.neighbours[edge.neighbour];
    column.say(&format!("▸ {}", neighbour.address), theme.strong);
    if circuit.branches.len() > 1 {
        column.pair("branch", &branch.name, theme.text);
    }
    column.pair("kernel", &format!("Σ {}, norm {}", number(neighbour.sum), number(neighbour.norm)), theme.text);
    if let Some(found) = found {
        let here = found.at(edge.branch, edge.neighbour, state.position());
        let total = found.total(edge.branch, edge.neighbour);
        let [here, total] = [here, total].map(number);
        column.pair_in(
            "adds",
            &[format!("{here}, to the whole map {total}"), format!("{here}, in all {total}")],
            theme.text,
        );
        let of = &found.branches[edge.branch];
        let part = |(index, origin): (usize, &crate::interpretation::circuits::Origin)| {
            let part = origin.parts.iter().position(|(at, _)| *at == edge.neighbour)?;
            Some(format!("{} {}", number(of.part(index, part, state.position())), origin.parts[part].1))
        };
        let parts: Vec<String> = of.origins.iter().enumerate().filter_map(part).collect();
        if parts.len() > 1 {
            column.pair("of which", &parts.join(", "), theme.text);
        }
    }
    if !neighbour.between.is_empty() {
        column.pair("through", &neighbour.between.join(", "), theme.text);
    }
}
