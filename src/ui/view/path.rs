//! View 8: interpolated picture, gradient and sum at a step of the path, and the curves.

use ratatui::layout::{Constraint, Layout, Rect};

use super::super::column::Column;
use super::super::panes::{Pane, captioned, halves};
use super::super::{curves, map, numbers, text};
use super::{Entries, Hint, View, small};
use crate::app;
use crate::app::command::Command;
use crate::app::state::{State, Tab};
use crate::jobs::subject::{Subject, Values};
use crate::jobs::{Explained, Facts};
use crate::look::{self, Look};

pub(super) struct Path;

impl View for Path {
    fn title(&self, state: &State) -> Vec<String> {
        map::title(state)
    }

    fn crumbs(&self, state: &State, facts: &Facts) -> Vec<String> {
        map::crumbs(state, facts)
    }

    fn canvas(&self, state: &State, inner: Rect) -> Vec<Pane> {
        let [between, gradient, sum] = if inner.width >= inner.height * 3 {
            Layout::horizontal([Constraint::Fill(1); 3]).spacing(1).areas(inner)
        } else {
            let [top, bottom] = Layout::vertical([Constraint::Fill(2), Constraint::Fill(3)]).areas(inner);
            let [left, right] = halves(top);
            [left, right, bottom]
        };
        let whole = || {
            let subject = app::view::of(Tab::Path).subject(state);
            vec![Pane { place: 0, area: inner, caption: String::new(), subject }]
        };
        let (Some(Explained { attribution, .. }), Some(seen), Some(facts)) =
            (state.explained(), state.seen(), state.facts())
        else {
            return whole();
        };
        let Some(path) = &attribution.path else { return whole() };
        let step = state.step.min(path.alphas.len().saturating_sub(1));
        let alpha = path.alphas.get(step).copied().unwrap_or(1.0);
        let map = Look { view: look::View::Map, ..state.look };
        let fitting = |ways: [String; 2], room: Rect| text::fitting(&ways, usize::from(room.width)).to_owned();
        let (done, all) = (step + 1, path.alphas.len());
        vec![
            captioned(
                0,
                between,
                fitting([format!("x′ + α (x − x′), α = {alpha:.3}"), format!("α = {alpha:.3}")], between),
                Some(Subject::Interpolated(facts.clone(), attribution.clone(), step)),
            ),
            captioned(
                1,
                gradient,
                "gradient at α".to_owned(),
                Some(Subject::Map(seen.clone(), Values::Gradient(attribution.clone(), step), map)),
            ),
            captioned(
                2,
                sum,
                fitting([format!("sum of the first {done} of {all} steps"), format!("sum, {done} of {all}")], sum),
                Some(Subject::Map(seen, Values::Sum(attribution.clone(), step), state.look)),
            ),
        ]
    }

    fn panel(&self, state: &State, facts: &Facts, column: &mut Column<'_>) {
        map::figures(state, facts, column);
        completeness(state, column);
        if let Some(explained) = state.explained()
            && let Some(path) = &explained.attribution.path
        {
            curves::draw(state, path, &explained, column.left, column.buffer);
        }
    }

    fn strip(&self, state: &State) -> Entries {
        let Some(path) = state.path() else { return Entries::pictures(state) };
        let names = path.alphas.iter().map(|alpha| format!("α {alpha:.3}")).collect::<Vec<_>>();
        let chosen = state.step.min(names.len().saturating_sub(1));
        let notes = Vec::new();
        Entries {
            title: "from baseline to picture".to_owned(),
            names,
            notes,
            chosen,
            sampled: true,
            of_pictures: false,
        }
    }

    fn thumbnail(&self, state: &State, index: usize) -> Option<Subject> {
        let Some(explained) = state.explained().filter(|explained| explained.attribution.path.is_some()) else {
            return small(state, index);
        };
        Some(Subject::Interpolated(state.facts()?.clone(), explained.attribution, index))
    }

    fn hints(&self, _state: &State) -> Vec<Hint> {
        vec![
            (&[Command::Play], "play"),
            (&[Command::StepPrevious, Command::StepNext], "α"),
            (&[Command::PictureNext, Command::PicturePrevious], "picture"),
            (&[Command::ClassNext], "class"),
            (&[Command::ViewNext], "view"),
            (&[Command::OpacityDown, Command::OpacityUp], "opacity"),
            (&[Command::AggregateNext], "channels"),
            (&[Command::ClampDown, Command::ClampUp], "clamp"),
            (&[Command::SigmaUp], "blur"),
            (&[Command::ColormapNext], "colormap"),
            (&[Command::BaselineNext], "baseline"),
            (&[Command::StepsMore], "steps"),
        ]
    }
}

/// The path's settings, and how complete the sum is.
pub(super) fn completeness(state: &State, column: &mut Column<'_>) {
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
        let (style, sign) = match share < 0.01 {
            _ if explained.attribution.done < explained.attribution.total => (theme.quiet, "so far"),
            true => (theme.good, "✓"),
            false => (theme.warn, "!"),
        };
        let text = format!("{} ({:.2} %) {sign}", numbers::number(residual as f32), share * 100.0);
        column.pair("residual", &text, style);
    }
}
