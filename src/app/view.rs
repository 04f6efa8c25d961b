//! What a view is to the program: one file a view says what it asks of the engine and what keys do in it.
//!
//! Must not draw: how a view looks is in [`crate::ui::view`].

use super::command::Command;
use super::state::{State, Tab};
use super::update::step;
use crate::jobs::Key;
use crate::jobs::subject::Subject;

mod explain;
mod path;
mod picture;
pub mod reproduce;

/// How a view behaves.
pub trait View {
    /// Questions whose answers it shows, the most urgent first. The prediction is asked before any of them.
    fn questions(&self, state: &State) -> Vec<Key>;

    /// What is saved as a picture, once there is something.
    fn subject(&self, state: &State) -> Option<Subject>;

    /// Whether a command does anything now; if not, why.
    fn enabled(&self, state: &State, command: Command) -> Result<(), String> {
        command.usually_enabled(state)
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
        Tab::Explain => &explain::Explain,
        Tab::Path => &path::Path,
    }
}
