//! View 1: the picture as a person sees it, and what the network is fed.

use ratatui::layout::{Constraint, Layout, Rect};

use super::super::column::Column;
use super::super::numbers;
use super::super::panes::{Pane, captioned, halves};
use super::{Hint, View};
use crate::app::command::Command;
use crate::app::state::State;
use crate::jobs::Facts;
use crate::jobs::subject::Subject;

/// Columns of the settings' names.
const NAMES: u16 = 16;
/// Channels whose figures are listed.
const LISTED: usize = 4;

pub(super) struct Picture;

/// What is settled about the network, by where it came from, and what should be known about it.
fn settings(facts: &Facts, column: &mut Column<'_>) {
    let theme = column.theme;
    column.section("settings");
    facts.notes.iter().for_each(|note| column.say(note, theme.warn));
    let mut sources: Vec<&str> = Vec::new();
    for setting in &facts.settings.0 {
        if !sources.contains(&setting.source.as_str()) {
            sources.push(&setting.source);
        }
    }
    for source in sources {
        column.say(&format!("{source}:"), theme.quiet);
        for setting in facts.settings.0.iter().filter(|setting| setting.source == source) {
            column.listed(&format!("  {}", setting.name), NAMES, &setting.value, theme.text);
        }
    }
}

impl View for Picture {
    fn title(&self, _state: &State) -> String {
        "picture".to_owned()
    }

    fn crumbs(&self, _state: &State, _facts: &Facts) -> Vec<String> {
        Vec::new()
    }

    fn canvas(&self, state: &State, inner: Rect) -> Vec<Pane> {
        let photo = state.photo().cloned().map(Subject::Photo);
        let seen = state.seen();
        let [top, bottom] = Layout::vertical([Constraint::Fill(3), Constraint::Fill(2)]).areas(inner);
        let channels = seen.as_ref().map_or(3, |seen| seen.prepared.input.dim().0);
        let apart = inner.height >= 16 && channels == 3;
        let [left, right] = halves(if apart { top } else { inner });
        let fed = |channel| seen.clone().map(|seen| Subject::Fed(seen, channel));
        let size = seen.as_ref().map_or(String::new(), |seen| {
            let (c, h, w) = seen.prepared.input.dim();
            format!(", {c} × {h} × {w}")
        });
        let mut panes = vec![
            captioned(0, left, "as a person sees it".to_owned(), photo),
            captioned(1, right, format!("as the network is fed{size}"), fed(None)),
        ];
        if apart {
            let columns: [Rect; 3] = Layout::horizontal([Constraint::Fill(1); 3]).spacing(1).areas(bottom);
            let names = state.facts().map(|facts| facts.preprocess.channels().names()).unwrap_or_default();
            for (channel, (area, name)) in columns.into_iter().zip(names).enumerate() {
                panes.push(captioned(2 + channel as u32, area, format!("{name}, normalised"), fed(Some(channel))));
            }
        }
        panes
    }

    fn panel(&self, state: &State, facts: &Facts, column: &mut Column<'_>) {
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
            for (name, channel) in facts.preprocess.channels().names().iter().zip(input.outer_iter()).take(LISTED) {
                let mean = channel.mean().unwrap_or(0.0);
                let deviation = channel.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / channel.len().max(1) as f32;
                let text = format!("mean {:>7}, std {:>6}", numbers::number(mean), numbers::number(deviation.sqrt()));
                column.pair(name, &text, theme.text);
            }
        }
        settings(facts, column);
        if let Some(notice) = &facts.notice {
            column.say(notice, theme.warn);
        }
    }

    fn hints(&self) -> &'static [Hint] {
        &[(&[Command::PictureNext, Command::PicturePrevious], "picture"), (&[Command::ClassNext], "class")]
    }
}
