//! The canvas: its frame, captions, and what is said where there is no picture. Must not place pictures.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::text::{Line, Span};

use super::{framed, panes, text};
use crate::app::state::{Load, State, Tab};
use crate::attribution::MethodId;
use crate::look::{Blend, View};

/// Draws the canvas without its pictures.
pub fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let theme = &state.theme;
    let title = Line::from(vec![Span::raw(" "), Span::styled(title(state), theme.quiet), Span::raw(" ")]);
    framed(area, title, theme, buffer);
    for pane in panes::canvas(state) {
        if !pane.caption.is_empty() {
            text::centred(buffer, panes::caption_area(&pane), &pane.caption, theme.quiet);
        }
    }
    match &state.pictures[state.picture].load {
        Load::Failed(why) => message(area, why, theme.bad, buffer),
        Load::Not | Load::Asked if state.photo().is_none() => message(area, "reading the picture", theme.quiet, buffer),
        _ => {}
    }
}

fn message(area: Rect, what: &str, style: ratatui::style::Style, buffer: &mut Buffer) {
    let inner = area.inner(Margin::new(3, 1));
    let lines = text::wrap(what, usize::from(inner.width));
    let top = inner.y + inner.height.saturating_sub(lines.len() as u16) / 2;
    for (row, line) in (top..inner.bottom()).zip(&lines) {
        text::centred(buffer, Rect { y: row, height: 1, ..inner }, line, style);
    }
}

/// What is drawn and how: `overlay 60 % · abs-max · clamp 1–99 % · σ 2 · viridis`.
fn title(state: &State) -> String {
    let look = &state.look;
    if state.tab == Tab::Picture || state.values().is_none() {
        return match (state.tab, &state.running) {
            (Tab::Picture, _) | (_, None) => "picture".to_owned(),
            (_, Some(running)) => format!("picture · {} follows", running.key.title()),
        };
    }
    let mut parts = vec![look.view.to_string()];
    if look.view == View::Picture {
        return parts.remove(0);
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
    parts.join(" · ")
}
