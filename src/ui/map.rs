//! A map of attributions in words and numbers: how it is drawn, its range, its colours. Must not place pictures.

use ratatui::layout::Rect;
use ratatui::style::Color;

use super::column::Column;
use super::numbers;
use super::text::{self, first_name};
use crate::app::state::State;
use crate::attribution::{MethodId, Of};
use crate::jobs::Facts;
use crate::look::{Blend, View};
use crate::map::{Map, MapState};
use crate::model::output::Activation;
use crate::paint::legend;

/// What is drawn and how: `overlay 60 % · abs-max · clamp 1–99 % · σ 2 · viridis`.
pub fn title(state: &State) -> Vec<String> {
    let look = &state.look;
    if state.values().is_none() {
        let follows = state.running.as_ref().map(|running| format!("{} follows", running.key.title()));
        return std::iter::once("picture".to_owned()).chain(follows).collect();
    }
    let mut parts = vec![look.view.to_string()];
    if look.view == View::Picture {
        return parts;
    }
    if matches!(look.view, View::Overlay | View::SideBySide) {
        let everywhere = if look.blend == Blend::Uniform { " everywhere" } else { "" };
        parts[0] += &format!(" {:.0} %{everywhere}", look.opacity * 100.0);
    }
    if !matches!(state.method(), MethodId::Cam | MethodId::GradCam) {
        parts.push(look.aggregate.to_string());
    }
    let (low, high) = look.clamp;
    parts.push(if (low, high) == (0.0, 100.0) { "no clamp".to_owned() } else { format!("clamp {low}–{high} %") });
    if look.sigma > 0.0 {
        parts.push(format!("σ {}", look.sigma));
    }
    let signed = state.map().is_some_and(|map| map.signed);
    parts.push(look.colormap.for_map(signed).to_string());
    if let Some(explained) = state.explained().filter(|e| e.attribution.done < e.attribution.total) {
        parts.push(format!("{} of {} steps", explained.attribution.done, explained.attribution.total));
    }
    parts
}

/// Method, layer and class, for the breadcrumb.
pub fn crumbs(state: &State, facts: &Facts) -> Vec<String> {
    let layer = state.layer().map(|layer| facts.layers[layer].name.clone());
    let class = state.target().map(|target| first_name(&facts.labels.name(target.class)).to_owned());
    [Some(state.method().title().to_owned()), layer, class].into_iter().flatten().collect()
}

/// The map in numbers.
pub fn figures(state: &State, facts: &Facts, column: &mut Column<'_>) {
    let theme = column.theme;
    column.section("map");
    column.pair("method", state.method().title(), theme.text);
    if let Some(target) = state.target() {
        let of = match (facts.activation, target.of) {
            (Activation::None, _) => "",
            (_, Of::Logit) => "logit of ",
            (_, Of::Probability) => "probability of ",
        };
        let name = facts.labels.name(target.class);
        column.pair("of", &format!("{of}{}", first_name(&name)), theme.text);
    }
    if let Some(layer) = state.layer().and_then(|layer| facts.layers.get(layer)) {
        let size = format!("{}  {} × {} × {}", layer.name, layer.channels, layer.height, layer.width);
        column.pair("layer", &size, theme.text);
    }
    if state.explained().is_some_and(|explained| explained.attribution.straight_through) {
        column.pair("gradient", "straight-through", theme.warn);
    }
    if let Some(why) = state.refusal() {
        column.say(why, theme.warn);
    }
    if let Some(map) = state.map() {
        values(state, &map, column);
    }
}

/// The range, the colours and what must be said.
pub fn values(state: &State, map: &Map, column: &mut Column<'_>) {
    let theme = column.theme;
    match map.state {
        MapState::Zero => return column.pair("values", "all zero: nothing to see", theme.warn),
        MapState::Constant(value) => {
            return column.pair("values", &format!("all {}: nothing to see", numbers::number(value)), theme.warn);
        }
        MapState::NotFinite { count } => column.pair("values", &format!("{count} are not numbers"), theme.bad),
        MapState::Ok => {}
    }
    let (low, high) = map.raw_range;
    column.pair("raw", &format!("{} … {}", numbers::number(low), numbers::number(high)), theme.text);
    let bar = column.row();
    if bar.height == 0 {
        return;
    }
    // Two colours to a cell.
    let swatches = legend::swatches(state.look.colormap, map.signed, usize::from(bar.width) * 2);
    for (x, pair) in (bar.x..).zip(swatches.chunks(2)) {
        let [left, right] = [pair[0], pair[pair.len() - 1]].map(|[r, g, b]| Color::Rgb(r, g, b));
        if let Some(cell) = column.buffer.cell_mut((x, bar.y)) {
            cell.set_symbol("▌").set_fg(left).set_bg(right);
        }
    }
    let row = column.row();
    let (low, high) = map.shown_range;
    text::left(column.buffer, row, &numbers::number(low), theme.quiet);
    text::right(column.buffer, row, &numbers::number(high), theme.quiet);
    if let Some(zero) = legend::zero(map) {
        let x = row.x + ((f32::from(row.width) * zero) as u16).min(row.width.saturating_sub(1));
        text::left(column.buffer, Rect { x, width: 1, ..row }, "0", theme.strong);
    }
}
