//! The path as curves over α: score, probability, and how complete the sum is. Must not compute them.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::widgets::Widget;
use ratatui::widgets::canvas::{Canvas, Line, Points};

use super::{numbers, text};
use crate::app::state::State;
use crate::attribution::AlphaPath;
use crate::jobs::Explained;

/// Rows of a plot that are of use.
const LEAST: u16 = 4;

/// A curve over α.
struct Curve<'a> {
    name: &'a str,
    values: Vec<(f64, f64)>,
    style: Style,
    /// The value at the step, as text.
    at: String,
}

/// Draws as many of the curves as there are rows for, each with its value at the step.
pub fn draw(state: &State, path: &AlphaPath, explained: &Explained, area: Rect, buffer: &mut Buffer) {
    let theme = &state.theme;
    let over = |values: &mut dyn Iterator<Item = f64>| -> Vec<(f64, f64)> {
        path.alphas.iter().map(|alpha| f64::from(*alpha)).zip(values).collect()
    };
    let step = state.step.min(path.alphas.len().saturating_sub(1));
    let mut sum = 0.0;
    let running = over(&mut explained.contributions.iter().map(|contribution| {
        sum += contribution;
        sum
    }));
    let scores = over(&mut path.scores.iter().map(|score| f64::from(*score)));
    let probabilities = over(&mut path.probabilities.iter().map(|p| f64::from(*p)));
    let at = |values: &[(f64, f64)]| values.get(step).map_or(0.0, |(_, value)| *value);
    let difference = explained.attribution.completeness.map_or(0.0, |c| c.difference);
    let complete = if difference == 0.0 { 0.0 } else { at(&running) / difference * 100.0 };
    let mut curves = vec![
        Curve { name: "score", at: numbers::decimal(at(&scores)), values: scores, style: theme.accent },
        Curve {
            name: "sum so far",
            at: format!("{} ({complete:.0} %)", numbers::decimal(at(&running))),
            values: running,
            style: theme.good,
        },
    ];
    if !probabilities.is_empty() {
        let at = numbers::percent(at(&probabilities) as f32).trim().to_owned();
        curves.insert(1, Curve { name: "probability", at, values: probabilities, style: theme.curve });
    }
    let fitting = usize::from(area.height / LEAST).min(curves.len());
    if fitting == 0 {
        return;
    }
    let rows = Layout::vertical(vec![Constraint::Fill(1); fitting]).split(area);
    let alpha = path.alphas.get(step).copied().map_or(0.0, f64::from);
    for (curve, area) in curves.iter().zip(rows.iter()) {
        plot(curve, alpha, *area, (theme.quiet, theme.frame), buffer);
    }
}

fn plot(curve: &Curve<'_>, alpha: f64, area: Rect, (quiet, rule): (Style, Style), buffer: &mut Buffer) {
    let head = Rect { height: 1, ..area };
    let used = text::left(buffer, head, curve.name, quiet);
    let rest = Rect { x: head.x + used + 1, width: head.width.saturating_sub(used + 1), ..head };
    text::right(buffer, rest, &curve.at, curve.style);
    let area = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let finite = curve.values.iter().map(|v| v.1).filter(|v| v.is_finite());
    let (low, high) = finite.fold((0.0_f64, f64::MIN_POSITIVE), |(l, h), v| (l.min(v), h.max(v)));
    let colour = |style: Style| style.fg.unwrap_or_default();
    let canvas =
        Canvas::default().marker(Marker::Braille).x_bounds([0.0, 1.0]).y_bounds([low, high]).paint(|context| {
            context.draw(&Line::new(alpha, low, alpha, high, colour(rule)));
            context.layer();
            for pair in curve.values.windows(2) {
                context.draw(&Line::new(pair[0].0, pair[0].1, pair[1].0, pair[1].1, colour(curve.style)));
            }
            context.draw(&Points { coords: &curve.values, color: colour(curve.style) });
        });
    canvas.render(area, buffer);
}
