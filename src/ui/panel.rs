//! The panel: predictions, the map in numbers, the path in numbers. Must not place pictures.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::text::first_name;
use super::{curves, framed, numbers, text};
use crate::app::state::{Load, Model, State, Tab};
use crate::attribution::{MethodId, Of};
use crate::config::theme::Theme;
use crate::jobs::Facts;
use crate::map::{Map, MapState};
use crate::network::Prediction;
use crate::paint::legend;

/// Classes that are listed.
const CLASSES: usize = 5;
/// Columns of the labels on the left.
const LABEL: u16 = 12;

/// What is left of the panel, filled from the top.
struct Column<'a> {
    frame: Rect,
    left: Rect,
    theme: &'a Theme,
    buffer: &'a mut Buffer,
}

impl Column<'_> {
    /// The next row; empty where there is none left.
    fn row(&mut self) -> Rect {
        let row = Rect { height: self.left.height.min(1), ..self.left };
        self.left = Rect { y: self.left.y + row.height, height: self.left.height - row.height, ..self.left };
        row
    }

    /// A rule with a title across the frame.
    fn section(&mut self, title: &str) {
        if self.left.height < 2 {
            self.left.height = 0;
            return;
        }
        let y = self.row().y;
        let rule = format!("├{}┤", "─".repeat(usize::from(self.frame.width.saturating_sub(2))));
        self.buffer.set_string(self.frame.x, y, rule, self.theme.frame);
        self.buffer.set_string(self.frame.x + 1, y, format!(" {title} "), self.theme.quiet);
    }

    /// A label and what it says.
    fn pair(&mut self, label: &str, value: &str, style: Style) {
        let row = self.row();
        text::left(self.buffer, row, label, self.theme.quiet);
        let rest = Rect { x: row.x + LABEL.min(row.width), width: row.width.saturating_sub(LABEL), ..row };
        text::left(self.buffer, rest, value, style);
    }

    /// Wrapped text.
    fn say(&mut self, what: &str, style: Style) {
        for line in text::wrap(what, usize::from(self.left.width)) {
            let row = self.row();
            text::left(self.buffer, row, &line, style);
        }
    }
}

/// Draws the panel.
pub fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let theme = &state.theme;
    let first = if state.facts().is_some() { " prediction " } else { " model " };
    let inner = framed(area, Line::from(Span::styled(first, theme.quiet)), theme, buffer);
    let left = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    let mut column = Column { frame: area, left, theme, buffer };
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
            predictions(state, facts, &mut column);
            if state.tab != Tab::Picture {
                map(state, facts, &mut column);
            } else {
                input(state, facts, &mut column);
            }
        }
    }
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
    let name_width = (names.iter().map(|n| n.width()).max().unwrap_or(0) as u16).min(width.saturating_sub(26)).max(8);
    let header = column.row();
    text::right(column.buffer, header, "logit", theme.quiet);
    let header = Rect { width: header.width.saturating_sub(8), ..header };
    text::right(column.buffer, header, "probability", theme.quiet);
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
    let row = Rect { width: row.width.saturating_sub(8), ..row };
    text::right(column.buffer, row, &numbers::percent(prediction.probability), style);
    let x = name_area.right() + 1;
    let bar = Rect { x, width: row.right().saturating_sub(10).saturating_sub(x), ..row };
    let length = numbers::bar(f64::from(prediction.probability), usize::from(bar.width));
    text::left(column.buffer, bar, &length, if is_target { theme.accent } else { theme.quiet });
}

/// What the network is fed, in numbers.
fn input(state: &State, facts: &Facts, column: &mut Column<'_>) {
    let theme = column.theme;
    column.section("input");
    if let Some(photo) = state.photo() {
        let (width, height) = photo.rgb.dimensions();
        column.pair("picture", &format!("{width} × {height} pixels"), theme.text);
    }
    let [channels, height, width] = facts.preprocess.shape();
    column.pair("network", &format!("{channels} × {height} × {width}"), theme.text);
    if let Some(seen) = state.seen() {
        let input = &seen.prepared.input;
        let (low, high) = input.iter().fold((f32::MAX, f32::MIN), |(l, h), &v| (l.min(v), h.max(v)));
        column.pair("values", &format!("{} … {}", numbers::number(low), numbers::number(high)), theme.text);
        for (name, channel) in ["red", "green", "blue"].into_iter().zip(input.outer_iter()) {
            let mean = channel.mean().unwrap_or(0.0);
            let deviation = channel.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / channel.len().max(1) as f32;
            let text = format!("mean {:>7}, std {:>6}", numbers::number(mean), numbers::number(deviation.sqrt()));
            column.pair(name, &text, theme.text);
        }
    }
    if let Some(notice) = &facts.notice {
        column.say(notice, theme.warn);
    }
}

/// The map in numbers.
fn map(state: &State, facts: &Facts, column: &mut Column<'_>) {
    let theme = column.theme;
    column.section("map");
    column.pair("method", state.method().title(), theme.text);
    if let Some(target) = state.target() {
        let of = if target.of == Of::Logit { "logit" } else { "probability" };
        let name = facts.labels.name(target.class);
        column.pair("of", &format!("{of} of {}", first_name(&name)), theme.text);
    }
    if let Some(layer) = state.layer().and_then(|layer| facts.layers.get(layer)) {
        let size = format!("{}  {} × {} × {}", layer.name, layer.channels, layer.height, layer.width);
        column.pair("layer", &size, theme.text);
    }
    if let Some(why) = state.refusal() {
        column.say(why, theme.warn);
    }
    if let Some(map) = state.map() {
        values(state, &map, column);
    }
    if state.method() == MethodId::IntegratedGradients {
        path(state, column);
    }
}

/// The range, the colours and what must be said.
fn values(state: &State, map: &Map, column: &mut Column<'_>) {
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

/// Completeness, and in Path the curves.
fn path(state: &State, column: &mut Column<'_>) {
    let theme = column.theme;
    column.section("path");
    let parameters = &state.parameters;
    column.pair("baseline", parameters.baseline.name(), theme.text);
    column.pair("steps", &format!("{}, {}", parameters.steps, parameters.quadrature), theme.text);
    let Some(explained) = state.explained() else { return };
    if let Some(completeness) = explained.attribution.completeness {
        column.pair("sum", &numbers::decimal(completeness.sum), theme.text);
        column.pair("F(x)−F(x′)", &numbers::decimal(completeness.difference), theme.text);
        let residual = completeness.residual();
        let share = residual.abs() / completeness.difference.abs().max(f64::MIN_POSITIVE);
        let (style, sign) = if share < 0.01 { (theme.good, "✓") } else { (theme.warn, "!") };
        let text = format!("{} ({:.2} %) {sign}", numbers::number(residual as f32), share * 100.0);
        column.pair("residual", &text, style);
    }
    if let (Tab::Path, Some(path)) = (state.tab, &explained.attribution.path) {
        curves::draw(state, path, &explained, column.left, column.buffer);
    }
}
