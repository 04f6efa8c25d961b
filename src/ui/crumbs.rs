//! The first line: where am I, and which views there are. Must not know what is in the views.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::{text, view};
use crate::app::state::{Model, State, Tab};

/// Draws model ▸ picture ▸ method ▸ layer ▸ class, and the views on the right.
pub fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let theme = &state.theme;
    let views_width: usize = Tab::ALL.iter().map(|(_, _, name)| name.width() + 5).sum();
    let named = views_width + 40 <= usize::from(area.width);
    let mut x = area.right().saturating_sub(if named { views_width as u16 } else { 4 * Tab::ALL.len() as u16 });
    let room = Rect { width: x.saturating_sub(2), x: area.x + 1, ..area };
    for (tab, digit, name) in Tab::ALL {
        let label = if named { format!(" {digit} {name} ") } else { format!(" {digit} ") };
        let style = if tab == state.tab { theme.chosen } else { theme.quiet };
        buffer.set_string(x, area.y, &label, style);
        x += label.width() as u16 + 1;
    }
    let mut crumbs = parts(state);
    let separator = " ▸ ";
    let width =
        |parts: &[String]| parts.iter().map(|p| p.width() + separator.width()).sum::<usize>() - separator.width();
    // What is farthest from the eye goes first.
    while crumbs.len() > 1 && width(&crumbs) > usize::from(room.width) {
        crumbs.remove(0);
    }
    let mut left = room;
    let last = crumbs.len() - 1;
    for (at, crumb) in crumbs.iter().enumerate() {
        let style = if at == last { theme.strong } else { theme.text };
        let mut used = text::left(buffer, left, crumb, style);
        if at < last {
            let rest = Rect { x: left.x + used, width: left.width - used, ..left };
            used += text::left(buffer, rest, separator, theme.frame);
        }
        left = Rect { x: left.x + used, width: left.width.saturating_sub(used), ..left };
    }
}

fn parts(state: &State) -> Vec<String> {
    let model = match &state.model {
        Model::Ready(facts) => facts.name.clone(),
        Model::Opening { .. } => "…".to_owned(),
        Model::Failed(_) => "no model".to_owned(),
    };
    let mut parts = vec!["lensor".to_owned(), model, state.pictures[state.picture].name.clone()];
    if let Some(facts) = state.facts() {
        parts.extend(view::of(state.tab).crumbs(state, facts));
    }
    parts
}
