//! View 3: the feature maps of a layer as tiles, one of them large over the picture.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::column::Column;
use super::super::panes::{BESIDE, Pane, arranged, captioned};
use super::super::{mosaic, numbers, text, unit};
use super::{Hint, View};
use crate::app;
use crate::app::command::Command;
use crate::app::state::{State, Tab};
use crate::interpretation::feature_maps::{FeatureMaps, Figures, Order, Side};
use crate::jobs::sheet::{Page, Sheet};
use crate::jobs::subject::{Subject, Values};
use crate::jobs::{Facts, Seen};
use crate::look::Contrast;
use crate::model::unit::Unit;

pub(super) struct Maps;

/// Why there is no gradient at the layer under the cursor.
fn aside(state: &State) -> Option<String> {
    let (frozen, unit, facts) = (state.frozen_here()?, state.unit()?, state.facts()?);
    let missing = state.pulled()?.layers.iter().all(|(layer, _)| *layer != unit.layer);
    let name = &facts.layers[unit.layer].name;
    missing.then(|| format!("{name} is not on the way to {}", frozen.address(&facts.layers)))
}

/// One map: its values, and over the picture; for the gradient of a unit also what comes of it at the picture.
fn close(state: &State, inner: Rect, (maps, channel): (&Arc<FeatureMaps>, usize), seen: &Arc<Seen>) -> Vec<Pane> {
    let values = Subject::Sheet(Page::whole(Sheet::Maps(maps.clone()), vec![channel], state.inks()));
    let over = Subject::Map(seen.clone(), Values::Channel(maps.clone(), channel), state.look);
    let (_, height, width) = maps.maps.dim();
    let mut shown = vec![(format!("its values, {height} × {width}"), values), ("over the picture".to_owned(), over)];
    if let Some(at_input) = state.frozen_here().and_then(|_| state.pulled()?.input.clone()) {
        let at_input = Subject::Map(seen.clone(), Values::Whole(at_input), state.look);
        shown.push((format!("at the picture, {}", state.look.aggregate), at_input));
    }
    if let Some(icon) = state.unit().and_then(|unit| state.icon(unit)) {
        shown.push(("what it looks for".to_owned(), icon));
    }
    let rooms = arranged(inner, shown.len(), 1);
    let panes = shown.into_iter().zip(rooms).enumerate();
    panes.map(|(place, ((caption, subject), room))| captioned(place as u32, room, caption, Some(subject))).collect()
}

impl View for Maps {
    fn title(&self, state: &State) -> Vec<String> {
        let Some((facts, unit)) = state.facts().zip(state.unit()) else { return vec!["feature maps".to_owned()] };
        let layer = &facts.layers[unit.layer];
        let mut parts = Vec::new();
        match (state.frozen_here(), &layer.pre_activation, state.cursor.side) {
            (Some(frozen), ..) => parts.push(format!("gradient of {}", frozen.address(&facts.layers))),
            (None, activation, side) => {
                parts.push(format!("{} feature maps", layer.channels));
                parts.push(match (activation, side) {
                    (None, _) => "no activation".to_owned(),
                    (_, Side::Before) => "before the activation".to_owned(),
                    (_, Side::After) => "after the activation".to_owned(),
                });
            }
        }
        if state.cursor.close {
            return parts;
        }
        parts.extend(mosaic::position(state, &app::view::of(Tab::Maps).field(state)));
        if state.cursor.order != Order::Index {
            parts.push(format!("by {}", state.cursor.order));
        }
        if state.cursor.contrast == Contrast::Shared {
            parts.push("one range".to_owned());
        }
        parts
    }

    fn crumbs(&self, state: &State, _facts: &Facts) -> Vec<String> {
        unit::crumbs(state, "Maps")
    }

    fn canvas(&self, state: &State, inner: Rect) -> Vec<Pane> {
        let order = || app::view::of(Tab::Maps).field(state).order;
        if let Some(maps) = state.feature_maps() {
            return match state.unit().zip(state.seen()).filter(|_| state.cursor.close) {
                Some((unit, seen)) => close(state, inner, (&maps, unit.channel), &seen),
                None => vec![mosaic::page(state, inner, Sheet::Maps(maps), &order())],
            };
        }
        if aside(state).is_some() {
            return Vec::new();
        }
        let Some((left, Sheet::Maps(maps))) = mosaic::left_over(state, inner) else { return Vec::new() };
        let size = state.facts().zip(state.unit()).map(|(facts, unit)| {
            let layer = &facts.layers[unit.layer];
            (layer.channels, layer.height, layer.width)
        });
        if size != Some(maps.maps.dim()) {
            return vec![left];
        }
        // The same layer for another picture: the cursor can be moved over it.
        let mut pane = mosaic::page(state, inner, Sheet::Maps(maps), &order());
        if let Some(Subject::Sheet(page)) = &mut pane.subject {
            page.old = state.is_late();
        }
        vec![pane]
    }

    fn text(&self, state: &State, inner: Rect, buffer: &mut Buffer) {
        if let Some(why) = aside(state) {
            let line = Rect { y: inner.y + inner.height / 2, height: 1, ..inner };
            text::centred(buffer, line, &why, state.theme.quiet);
        }
    }

    fn late(&self, state: &State) -> Option<String> {
        let unit = state.unit().filter(|_| state.feature_maps().is_none() && state.refusal().is_none())?;
        if aside(state).is_some() {
            return None;
        }
        Some(format!("{} follows", state.facts()?.layers[unit.layer].name))
    }

    fn subject(&self) -> Option<&'static str> {
        Some("feature map")
    }

    /// The map over the picture, or where that is on the canvas the tiles among which it is.
    fn beside(&self, state: &State, inner: Rect) -> Vec<Pane> {
        let of_unit = state.seen().zip(state.feature_maps()).zip(state.unit());
        match of_unit {
            Some(((_, maps), _)) if state.cursor.close => {
                let order = app::view::of(Tab::Maps).field(state).order;
                let room = unit::rooms(inner)[1];
                vec![Pane { place: BESIDE, ..mosaic::page(state, room, Sheet::Maps(maps), &order) }]
            }
            of_unit => {
                let over = |((seen, maps), unit): ((_, _), Unit)| {
                    Subject::Map(seen, Values::Channel(maps, unit.channel), state.look)
                };
                unit::beside(inner, of_unit.map(over))
            }
        }
    }

    fn panel(&self, state: &State, facts: &Facts, column: &mut Column<'_>) {
        unit::heading(state, facts, column);
        let theme = column.theme;
        if let Some(frozen) = state.cursor.frozen {
            let label = if state.frozen_here().is_some() { "gradient of" } else { "frozen" };
            column.pair(label, &frozen.address(&facts.layers), theme.accent);
        }
        let figures = state.feature_maps().zip(state.unit()).and_then(|(maps, u)| maps.figures.get(u.channel).copied());
        let said = |of: fn(&Figures) -> String| figures.as_ref().map_or_else(|| "…".to_owned(), of);
        column.pair("mean", &said(|f| numbers::number(f.mean)), theme.text);
        let max = |f: &Figures| numbers::number(f.max);
        let ways = [|(row, col)| format!("at row {row}, col {col}"), |(row, col)| format!("at ({row}, {col})")];
        let ways =
            ways.map(|at| figures.as_ref().map_or("…".to_owned(), |f| format!("{} {}", max(f), at(f.position))));
        column.pair_in("max", &ways, theme.text);
        column.pair("min", &said(|f| numbers::number(f.min)), theme.text);
        column.pair("zeros", &said(|f| numbers::percent(f.zeros).trim().to_owned()), theme.text);
        unit::dead(state, column);
    }

    fn hints(&self, state: &State) -> Vec<Hint> {
        let layer: Hint = (&[Command::LayerPrevious, Command::LayerNext], "layer");
        let picture: Hint = (&[Command::PictureNext, Command::PicturePrevious], "picture");
        let activates =
            state.unit().zip(state.facts()).is_some_and(|(u, f)| f.layers[u.layer].pre_activation.is_some());
        let side: Option<Hint> = (activates && state.frozen_here().is_none()).then(|| match state.side() {
            Side::After => (&[Command::SideToggle][..], "before the activation"),
            Side::Before => (&[Command::SideToggle][..], "after the activation"),
        });
        let freeze: Hint = match state.cursor.frozen {
            None => (&[Command::Freeze], "freeze"),
            Some(_) => (&[Command::Freeze], "let go"),
        };
        if state.cursor.close {
            let first: [Hint; 5] = [
                (&[Command::ChannelPrevious, Command::ChannelNext], "channel"),
                layer,
                picture,
                (&[Command::Recompute], "back"),
                freeze,
            ];
            let last: [Hint; 4] = [
                (&[Command::OpacityDown, Command::OpacityUp], "opacity"),
                (&[Command::ViewNext], "overlay or map"),
                (&[Command::ColormapNext], "colours"),
                (&[Command::UnitPick], "address"),
            ];
            return first.into_iter().chain(side).chain(last).collect();
        }
        let first: [Hint; 6] = [
            (&[Command::StepPrevious, Command::RowNext, Command::RowPrevious, Command::StepNext], "move"),
            layer,
            (&[Command::Recompute], "closer"),
            picture,
            freeze,
            (&[Command::OrderNext], "order"),
        ];
        let last: [Hint; 3] = [
            (&[Command::ContrastNext], "range"),
            (&[Command::UnitPick], "address"),
            (&[Command::ViewNext], "overlay or map"),
        ];
        first.into_iter().chain(side).chain(last).collect()
    }
}
