//! View 5: the picture that excites a unit most, naive and regularised, above the icons of the unit's layer.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};

use super::super::column::Column;
use super::super::layout::regions;
use super::super::panes::{Pane, captioned, halves};
use super::super::{climb, mosaic, numbers, text, unit};
use super::{Hint, View};
use crate::app;
use crate::app::command::Command;
use crate::app::state::{Peak, State, Tab};
use crate::jobs::Facts;
use crate::jobs::sheet::Sheet;
use crate::jobs::subject::Subject;

pub(super) struct Maximise;

/// Place of the icons; the two pictures are 0 and 1.
const ICONS: u32 = 2;

/// Rows of the canvas from which there is room for icons.
const TALL: u16 = 18;

/// Rooms of the two pictures and of the icons; that of the icons is empty where there is none.
pub fn rooms(state: &State) -> (Rect, Rect) {
    let canvas = regions(state.size).map_or(Rect::default(), |regions| regions.canvas.inner(Margin::new(1, 1)));
    split(canvas)
}

fn split(inner: Rect) -> (Rect, Rect) {
    if inner.height < TALL {
        return (inner, Rect { height: 0, y: inner.bottom(), ..inner });
    }
    // As large as two square pictures side by side can be, but not more than three fifths.
    let square = inner.width / 4 + 1;
    let above = (inner.height * 3 / 5).min(square);
    let below = Rect { y: inner.y + above + 1, height: inner.height - above - 1, ..inner };
    (Rect { height: above, ..inner }, below)
}

/// What is climbed: a class, a layer or a unit.
fn climbed(state: &State, facts: &Facts) -> Option<String> {
    match state.climbing.peak {
        Peak::Class => Some(facts.labels.name(state.target()?.class)),
        Peak::Dream => Some(facts.layers[state.unit()?.layer].name.clone()),
        Peak::Channel | Peak::Neuron => state.address(),
    }
}

/// What is climbed and where it is, at the top of the panel.
fn heading(state: &State, facts: &Facts, column: &mut Column<'_>) {
    let (peak, theme) = (state.climbing.peak, column.theme);
    if matches!(peak, Peak::Channel | Peak::Neuron) {
        return unit::heading(state, facts, column);
    }
    column.say(&climbed(state, facts).unwrap_or_default(), theme.strong);
    match (peak, state.target(), state.unit()) {
        (Peak::Class, Some(target), _) => {
            column.pair("class", &format!("{} of {}", target.class, facts.labels.len()), theme.text);
        }
        (Peak::Dream, _, Some(unit)) => unit::of_layer(&facts.layers[unit.layer], column),
        _ => {}
    }
    unit::refusal(state, column);
}

impl View for Maximise {
    fn title(&self, state: &State) -> Vec<String> {
        let climbing = state.climbing;
        let mut parts = vec![climbing.peak.to_string(), format!("{} steps", climbing.steps)];
        parts.push(format!("seed {}", climbing.seed));
        if rooms(state).1.height > 0 {
            parts.extend(mosaic::position(state, &app::view::of(Tab::Maximise).field(state)));
        }
        parts
    }

    fn crumbs(&self, state: &State, facts: &Facts) -> Vec<String> {
        std::iter::once("Maximise".to_owned()).chain(climbed(state, facts)).collect()
    }

    fn canvas(&self, state: &State, inner: Rect) -> Vec<Pane> {
        let (above, below) = split(inner);
        let climb = state.climb();
        let picture = |way: usize| climb.as_ref().map(|climb| Subject::Photo(climb.ways[way].picture.clone()));
        let [left, right] = halves(above);
        let mut panes = vec![
            captioned(0, left, "naive".to_owned(), picture(0)),
            captioned(1, right, "regularised".to_owned(), picture(1)),
        ];
        if let Some(icons) = state.icons().filter(|_| below.height > 0) {
            let order = app::view::of(Tab::Maximise).field(state).order;
            panes.push(Pane { place: ICONS, ..mosaic::page(state, below, Sheet::Icons(icons), &order) });
        }
        panes
    }

    /// What the icons are, above them.
    fn text(&self, state: &State, inner: Rect, buffer: &mut Buffer) {
        let below = split(inner).1;
        let layer = state.facts().zip(state.unit()).map(|(facts, unit)| &facts.layers[unit.layer].name);
        if let Some((icons, layer)) = state.icons().zip(layer).filter(|_| below.height > 0) {
            let (made, all) = (icons.made(), icons.tiles.len());
            let so_far = if made < all { format!(", {made} of {all} so far") } else { String::new() };
            let line = Rect { y: below.y - 1, height: 1, ..below };
            text::centred(buffer, line, &format!("all channels of {layer}{so_far}"), state.theme.quiet);
        }
    }

    fn late(&self, state: &State) -> Option<String> {
        let climb = state.climb();
        match climb {
            Some(climb) if climb.done < climb.total && !state.is_climbing() => {
                Some(format!("stopped after {} of {} steps", climb.done, climb.total))
            }
            _ => None,
        }
    }

    fn subject(&self) -> Option<&'static str> {
        Some("activation maximisation")
    }

    fn panel(&self, state: &State, facts: &Facts, column: &mut Column<'_>) {
        let (theme, whole) = (column.theme, column.left);
        heading(state, facts, column);
        // No picture stands below the text here, but curves.
        column.left = Rect { y: column.left.y, height: whole.bottom().saturating_sub(column.left.y), ..whole };
        let what = match (state.climbing.peak, state.target()) {
            (Peak::Channel, _) => "mean of the channel".to_owned(),
            (Peak::Neuron, _) => "middle of the channel".to_owned(),
            (Peak::Class, Some(target)) => format!("logit of {}", facts.labels.name(target.class)),
            (Peak::Class, None) => "logit of the predicted class".to_owned(),
            (Peak::Dream, _) => "all of the layer".to_owned(),
        };
        column.pair("climbs", &what, theme.text);
        let climb = state.climb();
        let (done, total) = climb.as_ref().map_or((0, state.climbing.steps), |climb| (climb.done, climb.total));
        column.pair("steps", &format!("{done} of {total}"), theme.text);
        let last = |way: usize| match climb.as_ref().map_or(&[][..], |climb| &climb.ways[way].values) {
            [] => "…".to_owned(),
            // The gradient of a ReLU that sleeps is zero, and nothing moves.
            [0.0, .., 0.0] if way == 0 => "0, its gradient is zero".to_owned(),
            [.., value] => numbers::number(*value),
        };
        column.pair("naive", &last(0), theme.curve);
        column.pair("regularised", &last(1), theme.accent);
        let icons =
            state.icons().map_or_else(|| "…".to_owned(), |icons| format!("{} of {}", icons.made(), icons.tiles.len()));
        column.pair("icons", &icons, theme.text);
        unit::dead(state, column);
        if let Some(climb) = climb {
            climb::curves(&climb, column);
        }
    }

    fn hints(&self, _state: &State) -> Vec<Hint> {
        vec![
            (&[Command::StepPrevious, Command::RowNext, Command::RowPrevious, Command::StepNext], "channel"),
            (&[Command::LayerPrevious, Command::LayerNext], "layer"),
            (&[Command::UnitPick], "address"),
            (&[Command::PeakNext], "objective"),
            (&[Command::SeedNext], "seed"),
            (&[Command::StepsFewer, Command::StepsMore], "steps"),
        ]
    }
}
