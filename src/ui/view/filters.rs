//! View 2: the filters of a convolution as tiles, one of them large.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::column::Column;
use super::super::panes::Pane;
use super::super::{equation, mosaic, numbers, text, unit};
use super::{Hint, View};
use crate::app;
use crate::app::command::Command;
use crate::app::state::{State, Tab};
use crate::interpretation::filters::Folded;
use crate::jobs::Facts;
use crate::jobs::sheet::{Page, Sheet};
use crate::jobs::subject::Subject;
use crate::look::Contrast;
use crate::model::layers::Kind;

pub(super) struct Filters;

/// Name and operator of a layer under the cursor that has no filters.
fn without(state: &State) -> Option<(&str, &str)> {
    let layer = state.facts()?.layers.get(state.unit()?.layer)?;
    (layer.kind != Kind::Conv).then_some((&layer.name, &layer.op))
}

impl View for Filters {
    fn title(&self, state: &State) -> Vec<String> {
        let Some(filters) = state.filters() else { return vec!["filters".to_owned()] };
        if state.cursor.close {
            let at = state.work_at().map(|(row, column)| format!("row {row}, column {column}"));
            return std::iter::once(format!("{} at work", state.address().unwrap_or_default())).chain(at).collect();
        }
        let mut parts = vec![format!("{} filters", filters.count())];
        parts.push(match (state.cursor.input, filters.colours, filters.inputs()) {
            (Some(input), _, inputs) => format!("input {input} of {inputs}"),
            (None, Some(_), _) => "in colours, zero is grey".to_owned(),
            (None, None, 1) => "of one input".to_owned(),
            (None, None, inputs) => format!("mean over {inputs} inputs"),
        });
        parts.extend(mosaic::position(state, &app::view::of(Tab::Filters).field(state)));
        if state.cursor.contrast == Contrast::Shared {
            parts.push("one range".to_owned());
        }
        parts
    }

    fn crumbs(&self, state: &State, _facts: &Facts) -> Vec<String> {
        unit::crumbs(state, "Filters")
    }

    fn canvas(&self, state: &State, inner: Rect) -> Vec<Pane> {
        let Some(filters) = state.filters() else { return Vec::new() };
        if let Some(unit) = state.unit().filter(|unit| state.cursor.close && unit.channel < filters.count()) {
            return equation::panes(state, &filters, unit, inner);
        }
        let order = app::view::of(Tab::Filters).field(state).order;
        vec![mosaic::page(state, inner, Sheet::Filters(filters, state.cursor.input), &order)]
    }

    fn text(&self, state: &State, inner: Rect, buffer: &mut Buffer) {
        if let Some((filters, unit)) = state.filters().zip(state.unit()).filter(|_| state.cursor.close) {
            return equation::text(state, &filters, unit, inner, buffer);
        }
        let line = |row: u16| Rect { y: inner.y + inner.height / 2 + row, height: 1, ..inner };
        if let Some((name, op)) = without(state) {
            let said = format!("{name} ({op}) has no filters of its own");
            let lines = text::wrap(&said, usize::from(inner.width));
            let beside = "[ and ] go to the convolutions beside it";
            for (row, said) in (0..).zip(lines.iter().map(String::as_str).chain([beside])) {
                text::centred(buffer, line(row), said, state.theme.quiet);
            }
        }
    }

    fn subject(&self) -> Option<&'static str> {
        Some("filter")
    }

    fn beside(&self, state: &State, inner: Rect) -> Vec<Pane> {
        let subject = state.filters().zip(state.unit()).map(|(filters, unit)| {
            Subject::Sheet(Page::whole(Sheet::Filters(filters, state.cursor.input), vec![unit.channel], state.inks()))
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
            column.pair("folded in", &folding(&filters.folded), theme.text);
        }
        unit::dead(state, column);
    }

    fn hints(&self, state: &State) -> Vec<Hint> {
        const ARROWS: &[Command] = &[Command::StepPrevious, Command::RowNext, Command::RowPrevious, Command::StepNext];
        if without(state).is_some() {
            return vec![(&[Command::LayerPrevious, Command::LayerNext], "layer"), (&[Command::UnitPick], "address")];
        }
        if state.cursor.close {
            return vec![
                (ARROWS, "position"),
                (&[Command::StepFirst], "where it is strongest"),
                (&[Command::ChannelPrevious, Command::ChannelNext], "filter"),
                (&[Command::LayerPrevious, Command::LayerNext], "layer"),
                (&[Command::Recompute], "back"),
                (&[Command::InputNext], "input"),
                (&[Command::PictureNext, Command::PicturePrevious], "picture"),
                (&[Command::UnitPick], "address"),
            ];
        }
        vec![
            (ARROWS, "move"),
            (&[Command::LayerPrevious, Command::LayerNext], "layer"),
            (&[Command::Recompute], "see it at work"),
            (&[Command::InputNext], "inputs apart"),
            (&[Command::ContrastNext], "range"),
            (&[Command::UnitPick], "address"),
        ]
    }
}

/// What has been multiplied into the weights, in a few words.
fn folding(folded: &Folded) -> String {
    match folded {
        Folded::Nothing => "nothing".to_owned(),
        Folded::ByExporter => "normalisation, by the exporter".to_owned(),
        Folded::Here(nodes) => nodes.join(", "),
    }
}
