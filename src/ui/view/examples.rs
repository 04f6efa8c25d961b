//! View 4: the pictures that excite a unit most, as tiles; how often it gave which score, and how far the index is.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};

use super::super::column::Column;
use super::super::panes::{BESIDE, Pane};
use super::super::{mosaic, numbers, text, unit};
use super::{Hint, View};
use crate::app::command::Command;
use crate::app::state::{Making, State};
use crate::app::view::examples::Grouping;
use crate::index::run::Progress;
use crate::interpretation::prototypes::tally::UnitTally;
use crate::jobs::Facts;
use crate::jobs::examples::{Gallery, NO_INDEX};
use crate::jobs::sheet::Sheet;

pub(super) struct Examples;

/// Marks of a bar, from nothing to full.
const BARS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

impl View for Examples {
    fn title(&self, state: &State) -> Vec<String> {
        let examples = &state.examples;
        let mut parts = vec!["top pictures".to_owned(), format!("by {}", examples.by), examples.show.name().to_owned()];
        if examples.grouping == Grouping::Kind {
            parts.push(match state.kinds() {
                None => "grouping".to_owned(),
                Some(kinds) if kinds.count <= 1 => "of one kind".to_owned(),
                Some(kinds) => format!("of {} kinds, a row each", kinds.count),
            });
        }
        parts
    }

    fn crumbs(&self, state: &State, _facts: &Facts) -> Vec<String> {
        unit::crumbs(state, "Examples")
    }

    fn canvas(&self, state: &State, inner: Rect) -> Vec<Pane> {
        let Some((gallery, rows)) = state.examples().zip(state.examples_rows()) else {
            let waits = state.refusal().is_none();
            return mosaic::left_over(state, inner).filter(|_| waits).map(|(pane, _)| pane).into_iter().collect();
        };
        match gallery.examples.is_empty() {
            true => Vec::new(),
            false => vec![mosaic::rows(state, inner, Sheet::Examples(gallery, state.examples.show), &rows)],
        }
    }

    fn text(&self, state: &State, inner: Rect, buffer: &mut Buffer) {
        let middle = inner.inner(Margin::new(1, 0));
        let said = match (state.examples(), state.refusal()) {
            (Some(gallery), _) if gallery.examples.is_empty() => "no picture has been run yet".to_owned(),
            (Some(_), _) => return,
            (None, _) if state.examples.making.is_some() => "the index is being made".to_owned(),
            (None, Some(NO_INDEX)) => {
                let key = key(state, Command::IndexToggle);
                format!("{NO_INDEX}\n{key} makes it; the pictures appear as it grows")
            }
            (None, Some(why)) => why.to_owned(),
            (None, None) => return,
        };
        let lines = text::wrap(&said, usize::from(middle.width));
        for (y, line) in (middle.y + middle.height / 2..middle.bottom()).zip(lines) {
            text::centred(buffer, Rect { y, height: 1, ..middle }, &line, state.theme.quiet);
        }
    }

    fn late(&self, state: &State) -> Option<String> {
        let waits = state.examples().is_none() && state.refusal().is_none();
        waits.then(|| Some(format!("{} follows", state.address()?)))?
    }

    fn subject(&self) -> Option<&'static str> {
        Some("unit")
    }

    /// What the unit looks for, where that is known.
    fn beside(&self, state: &State, inner: Rect) -> Vec<Pane> {
        let icon = unit::corner(inner).zip(state.unit().and_then(|unit| state.icon(unit)));
        let pane = |(area, icon)| Pane { place: BESIDE, area, caption: String::new(), subject: Some(icon) };
        icon.map(pane).into_iter().collect()
    }

    fn panel(&self, state: &State, facts: &Facts, column: &mut Column<'_>) {
        let theme = column.theme;
        let whole = column.left.width;
        if let Some(icon) = self.beside(state, column.left).first() {
            column.left.width -= icon.area.width + 1;
        }
        if let Some((unit, address)) = state.unit().zip(state.address()) {
            column.say(&address, theme.strong);
            let layer = &facts.layers[unit.layer];
            let ways = [format!("{}, {} × {}", layer.op, layer.height, layer.width), layer.op.clone()];
            column.pair_in("layer", &ways, theme.text);
        }
        let gallery = state.examples();
        match gallery.as_deref() {
            Some(gallery) => counts(state, gallery, column),
            None => column.pair("scores", "…", theme.quiet),
        }
        column.left.width = whole;
        column.section("index");
        index(state, gallery.as_deref(), column);
        if let Some(gallery) = gallery.as_deref() {
            column.section("top pictures");
            list(state, gallery, column);
        }
    }

    fn hints(&self, state: &State) -> Vec<Hint> {
        let index: Hint = match state.examples.making.is_some() {
            true => (&[Command::IndexToggle], "stop the index"),
            false => (&[Command::IndexToggle], "make the index"),
        };
        let mut hints: Vec<Hint> = vec![
            (&[Command::StepPrevious, Command::StepNext], "channel"),
            (&[Command::LayerPrevious, Command::LayerNext], "layer"),
            (&[Command::OrderNext], "mean, sum, max"),
            (&[Command::ViewNext], "picture or crop"),
            (&[Command::GroupToggle], "kinds"),
            (&[Command::UnitPick], "address"),
        ];
        // Before there is a complete index, making it is what matters most.
        let complete = state.examples().is_some_and(|gallery| gallery.extent.finished);
        hints.insert(if complete { hints.len() } else { 2 }, index);
        hints
    }
}

/// The first key of a command.
fn key(state: &State, command: Command) -> String {
    state.keymap.keys(command).first().cloned().unwrap_or_else(|| ":".to_owned())
}

/// What the unit said to all pictures.
fn counts(state: &State, gallery: &Gallery, column: &mut Column<'_>) {
    let (theme, tally) = (column.theme, &gallery.tally);
    let scores = tally.column(state.examples.by);
    if tally.pictures == 0 {
        return column.pair("scores", "none yet", theme.quiet);
    }
    if tally.is_dead() {
        let ways = ["silent for every picture", "always silent"].map(str::to_owned);
        return column.pair_in("dead", &ways, theme.warn);
    }
    let silent = match tally.silent {
        0 => ["for no picture".to_owned(), "never".to_owned()],
        silent => {
            let share = numbers::percent(silent as f32 / tally.pictures as f32).trim().to_owned();
            [format!("for {share} of pictures"), share]
        }
    };
    column.pair_in("silent", &silent, theme.text);
    let area = area(state);
    if let Some(average) = tally.average(state.examples.by) {
        column.pair("average", &numbers::number(average as f32 * area), theme.text);
    }
    let ends = format!("{} … {}", numbers::number(scores.low * area), numbers::number(scores.high * area));
    column.pair("scores", &ends, theme.text);
    let row = column.row();
    let bars = bars(tally, state, usize::from(row.width));
    text::left(column.buffer, row, &bars, theme.accent);
}

/// What the average is multiplied with to be the sum, where that is asked for.
fn area(state: &State) -> f32 {
    use crate::interpretation::prototypes::By;
    let layer = state.unit().zip(state.facts()).map(|(unit, facts)| facts.layers[unit.layer].clone());
    layer.filter(|_| state.examples.by == By::Sum).map_or(1.0, |layer| (layer.height * layer.width) as f32)
}

/// How often which score, from the lowest to the highest; heights are logarithmic, so that rare high scores are seen.
fn bars(tally: &UnitTally, state: &State, width: usize) -> String {
    let scores = tally.column(state.examples.by);
    let counts = scores.histogram.spread(width, scores.low, scores.high);
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let height = |count: u32| (f64::from(count).ln_1p() / f64::from(most).ln_1p() * 8.0).ceil() as usize;
    counts.into_iter().map(|count| BARS[height(count).min(8)]).collect()
}

/// How far the index is.
fn index(state: &State, gallery: Option<&Gallery>, column: &mut Column<'_>) {
    let theme = column.theme;
    if let Some(gallery) = gallery {
        let extent = &gallery.extent;
        let whole = if extent.finished { "complete" } else { "not complete" };
        column.pair("pictures", &format!("{}, {whole}", numbers::count(extent.pictures)), theme.text);
        let gone = gallery.gone.iter().filter(|gone| **gone).count();
        if gone > 0 {
            column.pair("gone", &format!("{gone} of these, still counted"), theme.warn);
        }
        if extent.broken > 0 {
            column.pair("broken", &extent.broken.to_string(), theme.warn);
        }
    } else if let Some(why) = state.refusal() {
        column.say(why, theme.quiet);
    }
    match &state.examples.making {
        None => {}
        Some(Making::Opening(what)) => column.say(what, theme.quiet),
        Some(Making::Progress(progress)) => making(progress, column),
    }
}

fn making(progress: &Progress, column: &mut Column<'_>) {
    let theme = column.theme;
    let looked = progress.done + progress.broken + progress.passed;
    let of = if progress.listed { "of" } else { "of at least" };
    column.pair("made", &format!("{looked} {of} {}", progress.found.max(looked)), theme.text);
    let left = |left: std::time::Duration| format!(", {} left", numbers::duration(left.as_secs_f64()));
    let left = progress.left.map_or_else(String::new, left);
    column.pair("speed", &format!("{:.1} a second{left}", progress.rate), theme.text);
}

/// The pictures by rank, with the letter of their kind.
fn list(state: &State, gallery: &Gallery, column: &mut Column<'_>) {
    let theme = column.theme;
    let kinds = state.kinds().filter(|_| state.examples.grouping == Grouping::Kind);
    for (rank, example) in gallery.examples.iter().enumerate() {
        let kind = kinds.as_ref().and_then(|kinds| kinds.of.get(rank).copied().flatten());
        let letter = kind.map_or_else(String::new, |kind| format!("{} ", char::from(b'A' + (kind % 26) as u8)));
        let name = example.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let label = format!("{:>2} {:>8}", rank + 1, numbers::number(example.score).trim());
        let gone = gallery.gone.get(rank) == Some(&true);
        let (mark, style) = if gone { ("gone: ", theme.quiet) } else { ("", theme.text) };
        column.listed(&label, 13, &format!("{letter}{mark}{name}"), style);
    }
}
