//! The panel: predictions, and below them what the view has to say; what there is no room for is counted, and in some views
//! scrolled to. Must not place pictures.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::column::Column;
use super::text::first_name;
use super::{framed, layout, numbers, text, view};
use crate::app::command::Command;
use crate::app::state::{Load, Model, State};
use crate::jobs::Facts;
use crate::model::output::Activation;
use crate::network::Prediction;

/// Classes that are listed.
const CLASSES: usize = 5;

/// Draws the panel.
pub fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let skip = scrolled(state, area);
    let lacking = fill(state, area, skip, buffer);
    let key = |command| state.keymap.keys(command).first().cloned().unwrap_or_default();
    let note = match (lacking, view::of(state.tab).scrolls() && state.facts().is_some()) {
        (0, _) if skip == 0 => return,
        (0, _) => format!(" {} back ", key(Command::PagePrevious)),
        (_, true) => format!(" {} {lacking} more ", key(Command::PageNext)),
        (_, false) => format!(" {lacking} more "),
    };
    let foot = Rect { y: area.bottom().saturating_sub(1), height: 1, ..area }.inner(Margin::new(2, 0));
    text::right(buffer, foot, &note, state.theme.quiet);
}

/// The rows to pass over after so many pages more.
pub fn scroll(state: &State, pages: i32) -> u16 {
    let Some(regions) = layout::regions(state.size) else { return 0 };
    let page = i32::from(regions.panel.height.saturating_sub(3).max(1));
    let asked = i32::from(scrolled(state, regions.panel)) + pages * page;
    asked.clamp(0, i32::from(lacking(state, regions.panel))) as u16
}

/// The rows that are passed over.
fn scrolled(state: &State, area: Rect) -> u16 {
    match state.scrolled {
        0 => 0,
        _ if !view::of(state.tab).scrolls() => 0,
        asked => asked.min(lacking(state, area)),
    }
}

/// The rows for which there is no room where none are passed over.
fn lacking(state: &State, area: Rect) -> u16 {
    fill(state, area, 0, &mut Buffer::empty(area))
}

/// Draws the panel without the rows to pass over; returns how many more there is no room for.
fn fill(state: &State, area: Rect, skip: u16, buffer: &mut Buffer) -> u16 {
    let theme = &state.theme;
    let view = view::of(state.tab);
    let first = if state.facts().is_some() { view.subject().unwrap_or("prediction") } else { "model" };
    let inner = framed(area, Line::from(Span::styled(format!(" {first} "), theme.quiet)), theme, buffer);
    let left = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    let mut column = Column { frame: area, left, theme, buffer, skip, lacking: 0 };
    match &state.model {
        Model::Opening { note } => {
            column.say(note, theme.text);
            if let Some(fraction) = state.running.as_ref().and_then(|running| running.progress.fraction()) {
                let row = column.row();
                progress(&mut column, row, fraction);
            }
        }
        Model::Failed(why) => {
            column.say(why, theme.bad);
            column.row();
            column.say("Enter tries again, q quits.", theme.quiet);
        }
        Model::Ready(facts) => {
            if view.subject().is_none() {
                predictions(state, facts, &mut column);
            }
            match view::lacks_units(state) {
                Some(_) => column.say("no layers", theme.quiet),
                None => view.panel(state, facts, &mut column),
            }
        }
    }
    column.lacking
}

fn progress(column: &mut Column<'_>, row: Rect, fraction: f64) {
    let width = usize::from(row.width);
    text::left(column.buffer, row, &"─".repeat(width), column.theme.track);
    text::left(column.buffer, row, &numbers::bar(fraction, width), column.theme.accent);
}

fn predictions(state: &State, facts: &Facts, column: &mut Column<'_>) {
    let theme = column.theme;
    let Some(seen) = state.seen() else {
        let what = match (state.refusal(), &state.running) {
            (Some(why), _) => (why.to_owned(), theme.bad),
            (None, Some(_)) => ("asking the network".to_owned(), theme.quiet),
            (None, None) => match &state.pictures[state.picture].load {
                Load::Failed(_) => ("there is no picture to ask about".to_owned(), theme.quiet),
                _ => ("waiting for the picture".to_owned(), theme.quiet),
            },
        };
        column.say(&what.0, what.1);
        return;
    };
    let mut shown: Vec<Prediction> = seen.ranking.iter().copied().take(CLASSES).collect();
    let target = state.target().and_then(|target| seen.ranking.get(seen.rank(target.class)?).copied());
    if let Some(target) = target.filter(|target| !shown.contains(target)) {
        shown.pop();
        shown.push(target);
    }
    let names: Vec<String> = shown.iter().map(|p| first_name(&facts.labels.name(p.class)).to_owned()).collect();
    let width = column.left.width;
    // The numbers are always there; name and bar share what is left.
    let name_width = (names.iter().map(|n| n.width()).max().unwrap_or(0) as u16).min(width.saturating_sub(22)).max(8);
    let header = column.row();
    if facts.activation == Activation::None {
        text::right(column.buffer, header, "output", theme.quiet);
    } else {
        text::right(column.buffer, header, "logit", theme.quiet);
        let header = Rect { width: header.width.saturating_sub(8), ..header };
        text::right(column.buffer, header, "probability", theme.quiet);
    }
    for (prediction, name) in shown.into_iter().zip(names) {
        let row = column.row();
        let is_first = seen.ranking.first() == Some(&prediction);
        class_row(column, row, &prediction, (&name, name_width), is_first, target == Some(prediction));
    }
}

fn class_row(
    column: &mut Column<'_>,
    row: Rect,
    prediction: &Prediction,
    (name, name_width): (&str, u16),
    is_first: bool,
    is_target: bool,
) {
    let theme = column.theme;
    let style = if is_target { theme.strong } else { theme.text };
    if is_first {
        text::left(column.buffer, row, "●", theme.accent);
    } else if is_target {
        text::left(column.buffer, row, "○", theme.accent);
    }
    let name_area = Rect { x: row.x + 2, width: name_width, ..row };
    text::left(column.buffer, name_area, name, style);
    text::right(column.buffer, row, &numbers::decimal(f64::from(prediction.logit)), style);
    let Some(probability) = prediction.probability else { return };
    let row = Rect { width: row.width.saturating_sub(8), ..row };
    text::right(column.buffer, row, &numbers::percent(probability), style);
    let x = name_area.right() + 1;
    let bar = Rect { x, width: row.right().saturating_sub(10).saturating_sub(x), ..row };
    let length = numbers::bar(f64::from(probability), usize::from(bar.width));
    text::left(column.buffer, bar, &length, if is_target { theme.accent } else { theme.quiet });
}
