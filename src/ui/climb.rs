//! The climb as curves over its steps, one for each way. Must not compute them.

use ratatui::layout::{Constraint, Layout};
use ratatui::symbols::Marker;
use ratatui::widgets::Widget;
use ratatui::widgets::canvas::{Canvas, Line};

use super::column::Column;
use super::{numbers, text};
use crate::jobs::climb::Climb;

/// Rows of a plot that are of use, with its heading.
const LEAST: u16 = 4;

/// Draws a plot for each way in what is left of the column: the value of the objective over the steps asked for. Each has a
/// scale of its own: the naive way is another order of magnitude.
pub fn curves(climb: &Climb, column: &mut Column<'_>) {
    let fitting = usize::from(column.left.height / LEAST).min(2);
    if fitting == 0 {
        return;
    }
    let rows = Layout::vertical(vec![Constraint::Fill(1); fitting]).split(column.left);
    let ways = [("naive", column.theme.curve, 0), ("regularised", column.theme.accent, 1)];
    for ((name, style, way), area) in ways.into_iter().skip(2 - fitting).zip(rows.iter()) {
        let values = &climb.ways[way].values;
        let finite = values.iter().copied().filter(|value| value.is_finite());
        let (low, high) = finite.fold((0.0f32, 0.0f32), |(low, high), value| (low.min(value), high.max(value)));
        let head = ratatui::layout::Rect { height: 1, ..*area };
        text::left(column.buffer, head, name, column.theme.quiet);
        text::right(column.buffer, head, &format!("up to {}", numbers::number(high)), style);
        let area = ratatui::layout::Rect { y: area.y + 1, height: area.height - 1, ..*area };
        let colour = style.fg.unwrap_or_default();
        let canvas = Canvas::default()
            .marker(Marker::Braille)
            .x_bounds([0.0, climb.total.max(1) as f64])
            .y_bounds([f64::from(low), f64::from(high.max(f32::MIN_POSITIVE))])
            .paint(|context| {
                for (at, pair) in values.windows(2).enumerate() {
                    let [from, to] = [pair[0], pair[1]].map(f64::from);
                    context.draw(&Line::new(at as f64, from, at as f64 + 1.0, to, colour));
                }
            });
        canvas.render(area, column.buffer);
    }
}
