//! View 1: the picture as a person sees it, and what the network is fed.

use ndarray::Axis;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use unicode_width::UnicodeWidthStr;

use super::super::column::Column;
use super::super::panes::{Pane, captioned, halves};
use super::super::{numbers, text};
use super::{Hint, View};
use crate::app;
use crate::app::command::Command;
use crate::app::state::{State, Tab};
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
            let room = usize::from(column.left.width.saturating_sub(NAMES));
            match setting.value.width() <= room {
                true => column.listed(&format!("  {}", setting.name), NAMES, &setting.value, theme.text),
                false => {
                    column.left =
                        Rect { x: column.left.x + 2, width: column.left.width.saturating_sub(2), ..column.left };
                    column.say(&format!("{}: {}", setting.name, setting.value), theme.text);
                    column.left = Rect { x: column.left.x - 2, width: column.left.width + 2, ..column.left };
                }
            }
        }
    }
}

/// What is above a picture: of the person (1), of the network (2), of each channel (3 on).
fn caption(state: &State, part: usize, width: u16) -> String {
    let names = state.facts().map(|facts| facts.preprocess.channels().names()).unwrap_or_default();
    let name = |part: usize| names.get(part - 3).cloned().unwrap_or_default();
    let fed = || state.seen().map(|seen| seen.prepared.input.dim()).map(|(c, h, w)| format!("{c} × {h} × {w}"));
    let ways: Vec<String> = match part {
        1 => vec!["as a person sees it".to_owned(), "to a person".to_owned()],
        2 => {
            let [long, short] = ["as the network is fed", "to the network"].map(str::to_owned);
            fed().map(|size| format!("{long}, {size}")).into_iter().chain([long, short]).collect()
        }
        part => vec![format!("{}, normalised", name(part)), name(part)],
    };
    text::fitting(&ways, usize::from(width)).to_owned()
}

impl View for Picture {
    fn title(&self, _state: &State) -> Vec<String> {
        vec!["picture".to_owned()]
    }

    fn crumbs(&self, _state: &State, _facts: &Facts) -> Vec<String> {
        Vec::new()
    }

    fn canvas(&self, state: &State, inner: Rect) -> Vec<Pane> {
        let photo = state.photo().cloned().map(Subject::Photo);
        let seen = state.seen();
        if state.part > 0 {
            let subject = app::view::of(Tab::Picture).subject(state);
            return vec![captioned(0, inner, caption(state, state.part, inner.width), subject)];
        }
        let [top, bottom] = Layout::vertical([Constraint::Fill(3), Constraint::Fill(2)]).areas(inner);
        let channels = seen.as_ref().map_or(3, |seen| seen.prepared.input.dim().0);
        let apart = inner.height >= 16 && channels == 3;
        let [left, right] = halves(if apart { top } else { inner });
        let fed = |channel| seen.clone().map(|seen| Subject::Fed(seen, channel));
        let shown = |place: u32, room: Rect, subject| {
            captioned(place, room, caption(state, place as usize + 1, room.width), subject)
        };
        let mut panes = vec![shown(0, left, photo), shown(1, right, fed(None))];
        if apart {
            let columns: [Rect; 3] = Layout::horizontal([Constraint::Fill(1); 3]).spacing(1).areas(bottom);
            for (channel, area) in columns.into_iter().enumerate() {
                // The numbers stand below the picture.
                let room = Rect { height: area.height.saturating_sub(1), ..area };
                panes.push(shown(2 + channel as u32, room, fed(Some(channel))));
            }
        }
        panes
    }

    /// Below each channel the range of its values.
    fn text(&self, state: &State, inner: Rect, buffer: &mut Buffer) {
        let Some(seen) = state.seen() else { return };
        for pane in self.canvas(state, inner) {
            let Some(Subject::Fed(_, Some(channel))) = pane.subject else { continue };
            let row = Rect { y: pane.area.bottom(), height: 1, ..pane.area };
            if row.y < inner.bottom() && channel < seen.prepared.input.dim().0 {
                let values = seen.prepared.input.index_axis(Axis(0), channel);
                let (low, high) = values.iter().fold((f32::MAX, f32::MIN), |(l, h), &v| (l.min(v), h.max(v)));
                let range = format!("{} … {}", numbers::number(low), numbers::number(high));
                text::centred(buffer, row, &range, state.theme.text);
            }
        }
    }

    fn scrolls(&self) -> bool {
        true
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
                let [mean, deviation] = [mean, deviation.sqrt()].map(numbers::number);
                let text = format!("mean {mean:>7}, std {deviation:>6}");
                column.pair_in(name, &[text, format!("{mean:>7} ± {deviation}")], theme.text);
            }
        }
        for (channel, name) in facts.preprocess.channels().names().iter().enumerate().take(LISTED) {
            let [mean, std] = facts.preprocess.moments(channel).map(numbers::number);
            let ways = [format!("(level − {mean}) / {std}"), format!("(level − {mean})/{std}")];
            column.pair_in(&format!("{name} is"), &ways, theme.text);
        }
        settings(facts, column);
        if let Some(notice) = &facts.notice {
            column.say(notice, theme.warn);
        }
    }

    fn hints(&self, state: &State) -> Vec<Hint> {
        let last = 2 + state.seen().map_or(0, |seen| seen.prepared.input.dim().0);
        vec![
            (&[Command::PictureNext, Command::PicturePrevious], "picture"),
            (&[Command::ViewNext], if state.part == 0 || state.part < last { "one alone" } else { "all of them" }),
            (&[Command::ClassNext], "class"),
        ]
    }
}
