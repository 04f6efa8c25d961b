//! View 7: the map of a method over the picture.

use ratatui::layout::Rect;

use super::super::column::Column;
use super::super::map;
use super::super::panes::Pane;
use super::{Entries, Hint, View, path, small};
use crate::app;
use crate::app::command::Command;
use crate::app::state::{State, Tab};
use crate::attribution::MethodId;
use crate::jobs::subject::{Subject, Values};
use crate::jobs::{Facts, Outcome};
use crate::look::{self, Look};

pub(super) struct Explain;

impl View for Explain {
    fn title(&self, state: &State) -> Vec<String> {
        map::title(state)
    }

    fn crumbs(&self, state: &State, facts: &Facts) -> Vec<String> {
        map::crumbs(state, facts)
    }

    fn canvas(&self, state: &State, inner: Rect) -> Vec<Pane> {
        let subject = app::view::of(Tab::Explain).subject(state);
        vec![Pane { place: 0, area: inner, caption: String::new(), subject }]
    }

    fn panel(&self, state: &State, facts: &Facts, column: &mut Column<'_>) {
        map::figures(state, facts, column);
        if state.method() == MethodId::IntegratedGradients {
            path::completeness(state, column);
        }
    }

    fn strip(&self, state: &State) -> Entries {
        let (MethodId::GradCam, Some(facts)) = (state.method(), state.facts()) else {
            return Entries::pictures(state);
        };
        let layers = state.layers();
        let names = layers.iter().map(|layer| facts.layers[*layer].name.clone()).collect();
        let current = state.layer().unwrap_or(0);
        let chosen = layers.iter().rposition(|layer| *layer <= current).unwrap_or(0);
        let notes = Vec::new();
        Entries { title: "Grad-CAM by layer".to_owned(), names, notes, chosen, sampled: false, of_pictures: false }
    }

    fn thumbnail(&self, state: &State, index: usize) -> Option<Subject> {
        if state.method() != MethodId::GradCam || state.facts().is_none() {
            return small(state, index);
        }
        match state.cache.get(&state.layers_question()?)? {
            Outcome::Layers(maps) => {
                let look = Look { view: look::View::Overlay, ..state.look };
                Some(Subject::Map(state.seen()?, Values::Layer(maps, index), look))
            }
            _ => None,
        }
    }

    fn hints(&self, _state: &State) -> Vec<Hint> {
        vec![
            (&[Command::LayerPrevious, Command::LayerNext], "layer"),
            (&[Command::PictureNext, Command::PicturePrevious], "picture"),
            (&[Command::MethodNext], "method"),
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
