//! View 2: the filters of a convolution as tiles, one of them large.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::column::Column;
use super::super::panes::Pane;
use super::super::{mosaic, numbers, text, unit};
use super::{Entries, Hint, View};
use crate::app;
use crate::app::command::Command;
use crate::app::state::{State, Tab};
use crate::interpretation::filters::Folded;
use crate::jobs::Facts;
use crate::jobs::sheet::{Page, Sheet};
use crate::jobs::subject::Subject;
use crate::model::layers::Kind;

pub(super) struct Filters;

fn layers(state: &State) -> Vec<usize> {
    app::view::of(Tab::Filters).unit_layers(state).unwrap_or_default()
}

/// Name and operator of a layer under the cursor that has no filters.
fn without(state: &State) -> Option<(&str, &str)> {
    let layer = state.facts()?.layers.get(state.unit()?.layer)?;
    (layer.kind != Kind::Conv).then_some((&layer.name, &layer.op))
}

impl View for Filters {
    fn title(&self, state: &State) -> String {
        let Some(filters) = state.filters() else { return "filters".to_owned() };
        let mut parts = vec![format!("{} filters", filters.count())];
        parts.push(match (filters.colours, filters.inputs()) {
            (Some(_), _) => "in colours, zero is grey".to_owned(),
            (None, 1) => "of one input".to_owned(),
            (None, inputs) => format!("mean over {inputs} inputs"),
        });
        parts.push(format!("{} range", state.cursor.contrast));
        parts.extend(mosaic::position(state, &app::view::of(Tab::Filters).field(state)));
        parts.join(" · ")
    }

    fn crumbs(&self, state: &State, _facts: &Facts) -> Vec<String> {
        unit::crumbs(state, "Filters")
    }

    fn canvas(&self, state: &State, inner: Rect) -> Vec<Pane> {
        let Some(filters) = state.filters() else { return Vec::new() };
        let order = app::view::of(Tab::Filters).field(state).order;
        vec![mosaic::page(state, inner, Sheet::Filters(filters, None), &order)]
    }

    fn text(&self, state: &State, inner: Rect, buffer: &mut Buffer) {
        let line = |row: u16| Rect { y: inner.y + inner.height / 2 + row, height: 1, ..inner };
        if let Some((name, op)) = without(state) {
            text::centred(
                buffer,
                line(0),
                &format!("{name} is a {op} and has no filters of its own"),
                state.theme.quiet,
            );
            text::centred(buffer, line(1), "[ and ] go to the convolutions beside it", state.theme.quiet);
        }
    }

    fn subject(&self) -> Option<&'static str> {
        Some("filter")
    }

    fn beside(&self, state: &State, inner: Rect) -> Vec<Pane> {
        let subject = state.filters().zip(state.unit()).map(|(filters, unit)| {
            Subject::Sheet(Page::whole(Sheet::Filters(filters, None), vec![unit.channel], state.inks()))
        });
        unit::beside(inner, subject)
    }

    fn panel(&self, state: &State, facts: &Facts, column: &mut Column<'_>) {
        unit::heading(state, facts, column);
        let theme = column.theme;
        if let Some((filters, unit)) = state.filters().zip(state.unit()) {
            let (_, inputs, height, width) = filters.weights.dim();
            column.pair("filter", &format!("{inputs} × {height} × {width}"), theme.text);
            let filter = filters.filter(unit.channel);
            let fold = |(low, high): (f32, f32), w: &f32| (low.min(*w), high.max(*w));
            let (low, high) = filter.iter().fold((f32::INFINITY, f32::NEG_INFINITY), fold);
            column.pair("weights", &format!("{} … {}", numbers::number(low), numbers::number(high)), theme.text);
            column.pair("bias", &numbers::number(filters.bias[unit.channel]), theme.text);
            column.pair("weights are", folding(&filters.folded), theme.text);
        }
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
            (&[Command::StepPrevious, Command::RowNext, Command::RowPrevious, Command::StepNext], "filter"),
            (&[Command::LayerPrevious, Command::LayerNext], "layer"),
            (&[Command::UnitPick], "address"),
            (&[Command::ContrastNext], "range"),
        ]
    }
}

/// What has been multiplied into the weights, in a few words.
fn folding(folded: &Folded) -> &'static str {
    match folded {
        Folded::Nothing => "the layer's own",
        Folded::ByExporter => "folded by the exporter",
        Folded::Here(_) => "folded with what scales them",
    }
}
