//! View 1: the picture, and what the network is fed.

use super::View;
use crate::app::state::State;
use crate::jobs::Key;
use crate::jobs::subject::Subject;

pub(super) struct Picture;

impl View for Picture {
    fn questions(&self, _state: &State) -> Vec<Key> {
        Vec::new()
    }

    fn subject(&self, state: &State) -> Option<Subject> {
        state.photo().cloned().map(Subject::Photo)
    }

    fn name_parts(&self, _state: &State) -> Vec<String> {
        Vec::new()
    }
}
