//! View 3: the feature maps of a layer as tiles, one of them large over the picture.

use ratatui::layout::Rect;

use super::super::column::Column;
use super::super::panes::Pane;
use super::super::{mosaic, numbers, unit};
use super::{Entries, Hint, View};
use crate::app;
use crate::app::command::Command;
use crate::app::state::{State, Tab};
use crate::interpretation::feature_maps::Side;
use crate::jobs::Facts;
use crate::jobs::sheet::Sheet;
use crate::jobs::subject::{Subject, Values};

pub(super) struct Maps;

fn layers(state: &State) -> Vec<usize> {
    app::view::of(Tab::Maps).unit_layers(state).unwrap_or_default()
}

impl View for Maps {
    fn title(&self, state: &State) -> String {
        let Some((facts, unit)) = state.facts().zip(state.unit()) else { return "feature maps".to_owned() };
        let layer = &facts.layers[unit.layer];
        let mut parts = vec![format!("{} feature maps", layer.channels)];
        parts.push(match (&layer.pre_activation, state.cursor.side) {
            (None, _) => "no activation".to_owned(),
            (_, Side::Before) => "before the activation".to_owned(),
            (_, Side::After) => "after the activation".to_owned(),
        });
        parts.push(format!("by {}", state.cursor.order));
        parts.push(format!("{} range", state.cursor.contrast));
        parts.extend(mosaic::position(state, &app::view::of(Tab::Maps).field(state)));
        parts.join(" · ")
    }

    fn crumbs(&self, state: &State, _facts: &Facts) -> Vec<String> {
        unit::crumbs(state, "Maps")
    }

    fn canvas(&self, state: &State, inner: Rect) -> Vec<Pane> {
        let order = || app::view::of(Tab::Maps).field(state).order;
        if let Some(maps) = state.feature_maps() {
            return vec![mosaic::page(state, inner, Sheet::Maps(maps), &order())];
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

    fn late(&self, state: &State) -> Option<String> {
        let unit = state.unit().filter(|_| state.feature_maps().is_none() && state.refusal().is_none())?;
        Some(format!("{} follows", state.facts()?.layers[unit.layer].name))
    }

    fn subject(&self) -> Option<&'static str> {
        Some("feature map")
    }

    fn beside(&self, state: &State, inner: Rect) -> Vec<Pane> {
        let subject = state
            .seen()
            .zip(state.feature_maps())
            .zip(state.unit())
            .map(|((seen, maps), unit)| Subject::Map(seen, Values::Channel(maps, unit.channel), state.look));
        unit::beside(inner, subject)
    }

    fn panel(&self, state: &State, facts: &Facts, column: &mut Column<'_>) {
        unit::heading(state, facts, column);
        let theme = column.theme;
        let figures = state.feature_maps().zip(state.unit()).and_then(|(maps, u)| maps.figures.get(u.channel).copied());
        let said = |of: fn(&crate::interpretation::feature_maps::Figures) -> String| {
            figures.as_ref().map_or_else(|| "…".to_owned(), of)
        };
        column.pair("mean", &said(|f| numbers::number(f.mean)), theme.text);
        column.pair(
            "max",
            &said(|f| format!("{} at row {}, column {}", numbers::number(f.max), f.position.0, f.position.1)),
            theme.text,
        );
        column.pair("min", &said(|f| numbers::number(f.min)), theme.text);
        column.pair("zeros", &said(|f| numbers::percent(f.zeros).trim().to_owned()), theme.text);
        unit::dead(state, column);
    }

    fn strip(&self, state: &State) -> Entries {
        unit::strip(state, &layers(state))
    }

    fn thumbnail(&self, state: &State, index: usize) -> Option<Subject> {
        unit::thumbnail(state, *layers(state).get(index)?)
    }

    fn hints(&self) -> &'static [Hint] {
        &[
            (&[Command::StepPrevious, Command::RowNext, Command::RowPrevious, Command::StepNext], "channel"),
            (&[Command::LayerPrevious, Command::LayerNext], "layer"),
            (&[Command::PictureNext, Command::PicturePrevious], "picture"),
            (&[Command::UnitPick], "address"),
            (&[Command::SideToggle], "activation"),
            (&[Command::OrderNext], "order"),
            (&[Command::ContrastNext], "range"),
            (&[Command::ViewNext], "view"),
        ]
    }
}
