//! What the views of units have in common: address, panel, strip of layers. Must not know what a unit does.

use ratatui::layout::{Rect, Size};

use super::column::Column;
use super::panes::{BESIDE, Pane};
use super::view::Entries;
use super::{numbers, text};
use crate::app::command::Command;
use crate::app::state::State;
use crate::jobs::subject::{Subject, Values};
use crate::jobs::{Facts, Outcome};
use crate::look::{Look, View};
use crate::model::layers::Layer;

/// Columns and rows of an icon in the corner of a panel: a wide one, and any other.
const CORNERS: [Size; 2] = [Size::new(10, 5), Size::new(8, 4)];

/// Columns of text that are left beside such an icon, at least.
const BESIDE_CORNER: [u16; 2] = [34, 24];

/// Rows of the panel that are text.
const TEXT: u16 = 11;

/// The unit's address, for the breadcrumb.
pub fn crumbs(state: &State, view: &str) -> Vec<String> {
    std::iter::once(view.to_owned()).chain(state.address()).collect()
}

/// Rooms of the text and of the unit's picture in the panel: one above the other, or side by side in a low one.
pub fn rooms(inner: Rect) -> [Rect; 2] {
    if inner.height <= TEXT {
        let width = (inner.height * 2).min(inner.width / 2);
        let text = Rect { width: inner.width - width - 1, ..inner };
        return [text, Rect { x: text.right() + 1, width, ..inner }];
    }
    let text = Rect { height: TEXT, ..inner };
    [text, Rect { y: text.bottom(), height: inner.height - TEXT, ..inner }]
}

/// The room of a unit's icon in the corner of a panel of text; `None` where the text needs it.
pub fn corner(inner: Rect) -> Option<Rect> {
    let fits = |(size, text): &(Size, u16)| inner.width > size.width + text && inner.height >= 2 * size.height;
    let (Size { width, height }, _) = CORNERS.into_iter().zip(BESIDE_CORNER).find(fits)?;
    Some(Rect { x: inner.right() - width, width, height, ..inner })
}

/// The unit's picture in the panel.
pub fn beside(inner: Rect, subject: Option<Subject>) -> Vec<Pane> {
    vec![Pane { place: BESIDE, area: rooms(inner)[1], caption: String::new(), subject }]
}

/// Address and layer of the unit, at the top of the panel; what follows has the room beside its picture.
pub fn heading(state: &State, facts: &Facts, column: &mut Column<'_>) {
    column.left = rooms(column.left)[0];
    let theme = column.theme;
    if let Some((unit, address)) = state.unit().zip(state.address()) {
        let dead = state.is_dead(unit) == Some(true);
        let row = column.row();
        let used = if dead { text::right(column.buffer, row, "dead so far", theme.warn) + 1 } else { 0 };
        text::left(column.buffer, Rect { width: row.width.saturating_sub(used), ..row }, &address, theme.strong);
        of_layer(&facts.layers[unit.layer], column);
    }
    refusal(state, column);
}

/// Operator and size of a layer.
pub fn of_layer(layer: &Layer, column: &mut Column<'_>) {
    column.pair("layer", &layer.op, column.theme.text);
    column.pair("maps", &format!("{} × {} × {}", layer.channels, layer.height, layer.width), column.theme.text);
}

/// Why there is no answer.
pub fn refusal(state: &State, column: &mut Column<'_>) {
    if let Some(why) = state.refusal() {
        column.say(why, column.theme.warn);
    }
}

/// What is known of the layer's dead channels.
pub fn dead(state: &State, column: &mut Column<'_>) {
    let Some(unit) = state.unit() else { return };
    let Some((dead, channels)) = state.dead(unit.layer) else {
        return column.pair("dead", "not known yet", column.theme.quiet);
    };
    let style = if dead > 0 { column.theme.warn } else { column.theme.text };
    let over = match state.dead_over_index() {
        Some(count) => format!("{} indexed", numbers::count(count)),
        None => pictures(state),
    };
    column.pair("dead", &format!("{dead} of {channels} in {over}"), style);
}

/// In how many pictures channels have been counted where there is no index.
fn pictures(state: &State) -> String {
    match state.tally.pictures() {
        1 => "1 picture".to_owned(),
        count => format!("{count} pictures"),
    }
}

/// The layers with their share of dead channels.
pub fn strip(state: &State, layers: &[usize]) -> Entries {
    let Some((facts, unit)) = state.facts().zip(state.unit()) else { return Entries::pictures(state) };
    let names = layers.iter().map(|layer| facts.layers[*layer].name.clone()).collect();
    let note = |layer: &usize| {
        let dead = state.dead(*layer);
        dead.map_or_else(String::new, |(dead, of)| format!("{:.0} % dead", dead as f64 / of.max(1) as f64 * 100.0))
    };
    let title = match (state.dead_over_index(), state.tally.pictures()) {
        (Some(count), _) => format!("layers, channels dead in {} pictures of the index", numbers::count(count)),
        (None, 0) => "layers".to_owned(),
        (None, _) => {
            let key = state.keymap.keys(Command::IndexToggle).into_iter().next();
            let hint = key.map_or_else(String::new, |key| format!("; {key} indexes the folder"));
            format!("layers, channels dead in {} seen{hint}", pictures(state))
        }
    };
    let chosen = layers.iter().rposition(|layer| *layer <= unit.layer).unwrap_or(0);
    let notes = layers.iter().map(note).collect();
    Entries { title, names, notes, chosen, sampled: false, of_pictures: false }
}

/// Where a layer is busy, over the picture.
pub fn thumbnail(state: &State, layer: usize) -> Option<Subject> {
    match state.cache.get(&state.census_question())? {
        Outcome::Census { busy, .. } => {
            let look = Look { view: View::Overlay, ..state.look };
            Some(Subject::Map(state.seen()?, Values::Layer(busy, layer), look))
        }
        _ => None,
    }
}
