//! View 1: the picture, and what the network is fed.

use super::{View, reproduce};
use crate::app::command::Command;
use crate::app::state::State;
use crate::jobs::Key;
use crate::jobs::subject::Subject;
use crate::ui::panel;

pub(super) struct Picture;

impl View for Picture {
    fn questions(&self, _state: &State) -> Vec<Key> {
        Vec::new()
    }

    /// All of it, or what is shown of it alone.
    fn subject(&self, state: &State) -> Option<Subject> {
        match (state.part, state.seen()) {
            (0, Some(seen)) => Some(Subject::Prepared(seen)),
            (0 | 1, _) => state.photo().cloned().map(Subject::Photo),
            (part, seen) => Some(Subject::Fed(seen?, part.checked_sub(3))),
        }
    }

    fn enabled(&self, state: &State, command: Command) -> Result<(), String> {
        match command {
            Command::PageNext | Command::PagePrevious => Ok(()),
            command => command.usually_enabled(state),
        }
    }

    /// One of its pictures after the other alone: of the person, of the network, of each channel. Pages are of the panel.
    fn carry_out(&self, state: &mut State, command: Command) -> bool {
        let parts = 3 + state.seen().map_or(0, |seen| seen.prepared.input.dim().0);
        match command {
            Command::ViewNext => state.part = (state.part + 1) % parts,
            Command::ViewPrevious => state.part = (state.part + parts - 1) % parts,
            Command::PageNext => state.scrolled = panel::scroll(state, 1),
            Command::PagePrevious => state.scrolled = panel::scroll(state, -1),
            _ => return false,
        }
        true
    }

    fn command_line(&self, state: &State) -> String {
        let mut line = reproduce::Line::new(state, "prepare", true);
        match state.part {
            0 => {}
            1 => line.word("--show", "picture"),
            2 => line.word("--show", "fed"),
            part => line.word("--channel", &(part - 3).to_string()),
        }
        line.finish()
    }

    fn name_parts(&self, state: &State) -> Vec<String> {
        let names = state.facts().map(|facts| facts.preprocess.channels().names()).unwrap_or_default();
        match state.part {
            0 => vec!["prepared".to_owned()],
            1 => Vec::new(),
            2 => vec!["fed".to_owned()],
            part => std::iter::once("fed".to_owned()).chain(names.get(part - 3).cloned()).collect(),
        }
    }
}
