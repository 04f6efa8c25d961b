//! What a view is to the screen: one file a view says what fills canvas, panel and strip.
//!
//! A view reads the state and nothing else. Must not change it: what keys do in a view is in [`crate::app::view`].

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::column::Column;
use super::panes::Pane;
use super::unit;
use crate::app;
use crate::app::command::Command;
use crate::app::state::{Load, State, Tab, stem};
use crate::jobs::Facts;
use crate::jobs::subject::Subject;

pub mod circuits;
mod examples;
mod explain;
mod filters;
mod maps;
pub mod maximise;
mod path;
mod picture;

/// Commands worth a hint, under one word.
pub type Hint = (&'static [Command], &'static str);

/// What one steps through, below the canvas.
pub struct Entries {
    /// What it is called.
    pub title: String,
    /// Name of each entry; of none where they are the pictures of the list, of which there may be very many.
    pub names: Vec<String>,
    /// A line below each name; empty where there is nothing to say of any.
    pub notes: Vec<String>,
    /// Which of them is shown.
    pub chosen: usize,
    /// Whether entries that do not fit are left out evenly, so that the whole is always in view.
    pub sampled: bool,
    /// Whether the entries are the pictures of the list.
    pub of_pictures: bool,
}

impl Entries {
    /// The pictures of the list.
    pub fn pictures(state: &State) -> Self {
        let (names, notes, chosen) = (Vec::new(), Vec::new(), state.picture);
        Self { title: "pictures".to_owned(), names, notes, chosen, sampled: false, of_pictures: true }
    }

    /// How many there are.
    pub fn count(&self, state: &State) -> usize {
        if self.of_pictures { state.pictures.len() } else { self.names.len() }
    }

    /// Name of one of them.
    pub fn name(&self, state: &State, index: usize) -> String {
        match self.of_pictures {
            true => state.pictures.get(index).map_or_else(String::new, |entry| stem(&entry.name).into_owned()),
            false => self.names.get(index).cloned().unwrap_or_default(),
        }
    }

    /// Columns of the longest name.
    pub fn longest(&self, state: &State) -> u16 {
        match self.of_pictures {
            true => state.longest_name,
            false => self.names.iter().map(|name| name.chars().count()).max().unwrap_or(0) as u16,
        }
    }
}

/// The small copy of a picture of the list.
pub fn small(state: &State, index: usize) -> Option<Subject> {
    match &state.pictures.get(index)?.load {
        Load::Ready { small, .. } => Some(Subject::Photo(small.clone())),
        _ => None,
    }
}

/// The layers through which the unit under the cursor moves in the view that is shown.
fn unit_layers(state: &State) -> Option<Vec<usize>> {
    app::view::of(state.tab).unit_layers(state)
}

/// Why there is nothing to see in a view of units, where the network has none.
pub fn lacks_units(state: &State) -> Option<&'static str> {
    let empty = state.facts().is_some_and(|facts| facts.layers.is_empty());
    let climbs = state.tab == Tab::Maximise && state.objective().is_some();
    let lacks = empty && unit_layers(state).is_some() && !climbs;
    lacks.then_some("this network has no layers with feature maps to look into; what explains its scores works (7, 8)")
}

/// How a view is drawn.
pub trait View {
    /// What is drawn and how, for the frame of the canvas: in parts, of which the last goes first where there is no room.
    fn title(&self, state: &State) -> Vec<String>;

    /// What follows the picture in the breadcrumb.
    fn crumbs(&self, state: &State, facts: &Facts) -> Vec<String>;

    /// The pictures of the canvas, whose inside is `inner`.
    fn canvas(&self, state: &State, inner: Rect) -> Vec<Pane>;

    /// Text on the canvas beside the captions of its pictures.
    fn text(&self, _state: &State, _inner: Rect, _buffer: &mut Buffer) {}

    /// What the canvas shows is no longer, or not yet, what is asked for: what will follow.
    fn late(&self, _state: &State) -> Option<String> {
        None
    }

    /// The pictures of the panel, whose inside is `inner`.
    fn beside(&self, _state: &State, _inner: Rect) -> Vec<Pane> {
        Vec::new()
    }

    /// What the panel is about, where it does not begin with the predictions.
    fn subject(&self) -> Option<&'static str> {
        None
    }

    /// Whether the panel is scrolled where there is no room for all of it.
    fn scrolls(&self) -> bool {
        false
    }

    /// What the panel says, below the predictions where it begins with them.
    fn panel(&self, state: &State, facts: &Facts, column: &mut Column<'_>);

    /// What the strip steps through: the layers of a view of units, otherwise the pictures.
    fn strip(&self, state: &State) -> Entries {
        match unit_layers(state) {
            Some(layers) => unit::strip(state, &layers),
            None => Entries::pictures(state),
        }
    }

    /// What the strip shows of one of its entries.
    fn thumbnail(&self, state: &State, index: usize) -> Option<Subject> {
        match unit_layers(state).filter(|_| state.unit().is_some()) {
            Some(layers) => unit::thumbnail(state, *layers.get(index)?),
            None => small(state, index),
        }
    }

    /// What can be done here and now, in the order of its use.
    fn hints(&self, state: &State) -> Vec<Hint>;
}

/// How the view behind a digit is drawn.
pub fn of(tab: Tab) -> &'static dyn View {
    match tab {
        Tab::Picture => &picture::Picture,
        Tab::Filters => &filters::Filters,
        Tab::Maps => &maps::Maps,
        Tab::Examples => &examples::Examples,
        Tab::Maximise => &maximise::Maximise,
        Tab::Circuits => &circuits::Circuits,
        Tab::Explain => &explain::Explain,
        Tab::Path => &path::Path,
    }
}
