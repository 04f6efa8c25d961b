//! What a view is to the program: one file a view says what it asks of the engine and what keys do in it.
//!
//! Must not draw: how a view looks is in [`crate::ui::view`].

use super::command::Command;
use super::state::{State, Tab};
use super::update::step;
use crate::jobs::Key;
use crate::jobs::subject::Subject;

mod circuits;
pub mod examples;
mod explain;
mod filters;
mod maps;
mod maximise;
mod path;
mod picture;
pub mod reproduce;

/// Channels as they lie in rows and on pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The channels, in the order in which they lie.
    pub order: Vec<usize>,
    /// Channels in a row.
    pub columns: usize,
    /// Rows of a page.
    pub rows: usize,
}

impl Field {
    /// The channels of the unit's layer by their numbers, in one row.
    pub fn in_order(state: &State) -> Self {
        let channels = state.unit().zip(state.facts()).map_or(0, |(unit, facts)| facts.layers[unit.layer].channels);
        Self { order: (0..channels).collect(), columns: 1, rows: 8 }
    }
}

/// How a view behaves.
pub trait View {
    /// Questions whose answers it shows, the most urgent first. The prediction is asked before the first that is about the
    /// picture.
    fn questions(&self, state: &State) -> Vec<Key>;

    /// Questions that make it richer, asked when all others are answered. It does not matter if they are refused.
    fn extras(&self, _state: &State) -> Vec<Key> {
        Vec::new()
    }

    /// What is saved as a picture, once there is something.
    fn subject(&self, state: &State) -> Option<Subject>;

    /// Whether a command does anything now; if not, why.
    fn enabled(&self, state: &State, command: Command) -> Result<(), String> {
        command.usually_enabled(state)
    }

    /// The layers through which its unit under the cursor moves; `None` for a view without one.
    fn unit_layers(&self, _state: &State) -> Option<Vec<usize>> {
        None
    }

    /// How the channels of the unit's layer lie: what the keys of rows and pages walk over.
    fn field(&self, state: &State) -> Field {
        Field::in_order(state)
    }

    /// So many entries along the strip, not beyond its ends; `isize::MIN` and `MAX` go to the ends.
    fn along(&self, state: &mut State, by: isize) {
        step::picture_to(state, step::clamped(state.picture, by, state.pictures.len()));
    }

    /// A greater step along the strip.
    fn far(&self, state: &mut State, by: isize) {
        self.along(state, by);
    }

    /// Carries out a command in the view's own way; false where it has none.
    fn carry_out(&self, _state: &mut State, _command: Command) -> bool {
        false
    }

    /// The command that makes the same from the same question.
    fn command_line(&self, state: &State) -> String {
        reproduce::explain(state)
    }

    /// What a file name says after the picture's name.
    fn name_parts(&self, state: &State) -> Vec<String> {
        reproduce::explained(state)
    }
}

/// How the view behind a digit behaves.
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
