//! View 1: the picture, and what the network is fed.

use super::View;
use crate::app::command::Command;
use crate::app::state::State;
use crate::jobs::Key;
use crate::jobs::subject::Subject;

pub(super) struct Picture;

impl View for Picture {
    fn questions(&self, _state: &State) -> Vec<Key> {
        Vec::new()
    }

    /// The picture, or what is shown of it alone.
    fn subject(&self, state: &State) -> Option<Subject> {
        match state.part.checked_sub(2) {
            Some(part) => Some(Subject::Fed(state.seen()?, part.checked_sub(1))),
            None => state.photo().cloned().map(Subject::Photo),
        }
    }

    /// One of its pictures after the other alone: of the person, of the network, of each channel.
    fn carry_out(&self, state: &mut State, command: Command) -> bool {
        let parts = 3 + state.seen().map_or(0, |seen| seen.prepared.input.dim().0);
        match command {
            Command::ViewNext => state.part = (state.part + 1) % parts,
            Command::ViewPrevious => state.part = (state.part + parts - 1) % parts,
            _ => return false,
        }
        true
    }

    fn name_parts(&self, state: &State) -> Vec<String> {
        let names = state.facts().map(|facts| facts.preprocess.channels().names()).unwrap_or_default();
        match state.part {
            0 | 1 => Vec::new(),
            2 => vec!["fed".to_owned()],
            part => std::iter::once("fed".to_owned()).chain(names.get(part - 3).cloned()).collect(),
        }
    }
}
