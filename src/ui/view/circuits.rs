//! View 6: the unit's neighbours in two columns, each with its kernel, what enters and what it adds.

use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::style::Style;

use super::super::column::Column;
use super::super::panes::Pane;
use super::super::{text, unit};
use super::{Entries, Hint, View};
use crate::app::command::Command;
use crate::app::state::State;
use crate::interpretation::circuits::{By, Circuit, Contributions, Edge};
use crate::jobs::Facts;
use crate::jobs::circuit::words::{sides, signed};
use crate::jobs::circuit::{Drawing, Inks, Scene, TILES};
use crate::jobs::subject::Subject;
use crate::paint::legend::number;

pub(super) struct Circuits;

/// Places of the neighbours' pictures begin here.
const ROWS: u32 = 128;
/// Rows of cells of a neighbour that are text: its name, its bar.
const TEXT: u16 = 2;

/// Columns from which a neighbour's share is said too.
const WIDE: u16 = 30;

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

/// Rows of cells of the tiles: as wide as a column has room for, but so that some neighbours are in view.
fn tile_rows(column: Rect) -> u16 {
    (column.width / (2 * TILES as u16 + 1)).clamp(1, 5).min((column.height / 2).saturating_sub(TEXT + 1).max(1))
}

/// The neighbours in view: on each side the page with the chosen one.
fn spots(state: &State, inner: Rect) -> Vec<Spot> {
    let Some(ranking) = state.ranking() else { return Vec::new() };
    let (inhibits, at) = state.chosen_neighbour();
    let chosen = state.chosen_edge();
    let mut spots = Vec::new();
    for (side, (column, edges)) in columns(inner).into_iter().zip([&ranking.excites, &ranking.inhibits]).enumerate() {
        let height = tile_rows(column) + TEXT;
        let fitting = usize::from((column.height.saturating_sub(2) / height).max(1));
        let first = if inhibits == (side == 1) { at.min(edges.len().saturating_sub(1)) / fitting * fitting } else { 0 };
        for (row, edge) in edges.iter().skip(first).take(fitting).enumerate() {
            let y = column.y + 2 + row as u16 * height;
            let area = Rect { y, height: height.min(column.bottom().saturating_sub(y)), ..column };
            let place = ROWS + 64 * side as u32 + row as u32;
            spots.push(Spot { edge: *edge, area, place, chosen: Some(*edge) == chosen });
        }
    }
    spots
}

fn drawing(state: &State, scene: Scene) -> Option<Subject> {
    let of = state.seen().zip(state.contributions());
    Some(Subject::Circuit(Drawing { circuit: state.circuit()?, of, scene, look: state.look, name: String::new() }))
}

impl View for Circuits {
    fn title(&self, state: &State) -> String {
        let mut parts = vec![match state.walk.by {
            _ if state.contributions().is_none() => "neighbours by their kernels".to_owned(),
            By::Contribution => "neighbours by contribution at the position".to_owned(),
            By::Total => "neighbours by contribution to the whole map".to_owned(),
            By::Sum => "neighbours by the sum of their kernels".to_owned(),
            By::Norm => "neighbours by the norm of their kernels".to_owned(),
        }];
        if state.contributions().is_some() {
            parts.push("kernel · what enters · what it adds".to_owned());
        }
        parts.join(" · ")
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
        let pane = |spot: &Spot| {
            let rows = spot.area.height.saturating_sub(TEXT);
            let size = state.encoding.fit((TILES * 1000 + 160, 1000), Size::new(spot.area.width, rows));
            let area = Rect { y: spot.area.y + TEXT, width: size.width, height: size.height, ..spot.area };
            let subject = drawing(state, Scene::Neighbour(spot.edge, inks));
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
            text::right(buffer, head, &format!("{} channels", counts[side]), theme.quiet);
        }
        let longest = ranking.excites.first().into_iter().chain(ranking.inhibits.first());
        let longest = longest.fold(f32::MIN_POSITIVE, |longest, edge| longest.max(edge.strength.abs()));
        for spot in spots(state, inner) {
            let style = styles[usize::from(spot.edge.strength < 0.0)];
            let row = Rect { height: 1, ..spot.area };
            let neighbour = &circuit.branches[spot.edge.branch].neighbours[spot.edge.neighbour];
            let strength = strength(&circuit, found.as_deref(), &spot.edge, state, row.width >= WIDE);
            let used = text::right(buffer, row, &strength, if spot.chosen { theme.strong } else { theme.text });
            let room = Rect { width: row.width.saturating_sub(used + 1), ..row };
            let mark = if spot.chosen { "▸ " } else { "  " };
            text::left(buffer, room, mark, theme.accent);
            let room = Rect { x: room.x + 2, width: room.width.saturating_sub(2), ..room };
            let name = text::clip_front(&neighbour.address, usize::from(room.width));
            text::left(buffer, room, &name, if spot.chosen { theme.strong } else { theme.text });
            if spot.area.height > 1 {
                bar(buffer, Rect { y: row.y + 1, ..row }, spot.edge.strength.abs() / longest, (style, theme.track));
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
        let subject = state.contributions().and_then(|_| drawing(state, Scene::Unit(state.position())));
        unit::beside(inner, subject)
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
            let place =
                if found.value.len() > 1 { format!(" at row {row}, column {column_at}") } else { String::new() };
            column.pair("value", &format!("{}{place}", number(value)), theme.text);
            let (excites, inhibits, bias) = sides(&circuit, found, (row, column_at));
            column.pair("is", &format!("{} {} {} bias", number(excites), signed(inhibits), signed(bias)), theme.text);
        } else if let Some(why) = state.refusal() {
            column.say(why, theme.warn);
        }
        if let Some(edge) = state.chosen_edge() {
            of_neighbour(state, &circuit, found.as_deref(), &edge, column);
        }
    }

    fn strip(&self, state: &State) -> Entries {
        let layers: Vec<usize> = (0..state.facts().map_or(0, |facts| facts.layers.len())).collect();
        unit::strip(state, &layers)
    }

    fn thumbnail(&self, state: &State, index: usize) -> Option<Subject> {
        unit::thumbnail(state, index)
    }

    fn hints(&self) -> &'static [Hint] {
        &[
            (&[Command::RowPrevious, Command::RowNext, Command::StepPrevious, Command::StepNext], "neighbour"),
            (&[Command::Recompute], "go there"),
            (&[Command::WalkBack], "back"),
            (&[Command::OrderNext], "ranking"),
            (&[Command::StepFarPrevious, Command::StepFarNext], "position"),
            (&[Command::LayerPrevious, Command::LayerNext], "layer"),
            (&[Command::PagePrevious, Command::PageNext], "channel"),
            (&[Command::CircuitOfClass], "class"),
            (&[Command::PictureNext, Command::PicturePrevious], "picture"),
            (&[Command::UnitPick], "address"),
        ]
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
        column.pair("adds", &format!("{}, to the whole map {}", number(here), number(total)), theme.text);
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
