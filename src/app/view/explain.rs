//! View 7: the map of a method.

use super::View;
use crate::app::state::State;
use crate::app::update::step;
use crate::attribution::MethodId;
use crate::jobs::Key;
use crate::jobs::subject::Subject;

pub(super) struct Explain;

impl View for Explain {
    fn questions(&self, state: &State) -> Vec<Key> {
        // A step to another layer is answered by the maps of all layers, once they are there.
        let question = state.question().filter(|key| state.cache.holds(key) || state.layer_map().is_none());
        [question, state.layers_question()].into_iter().flatten().collect()
    }

    fn subject(&self, state: &State) -> Option<Subject> {
        match (state.seen(), state.values()) {
            (Some(seen), Some(values)) => Some(Subject::Map(seen, values, state.look)),
            _ => state.photo().cloned().map(Subject::Photo),
        }
    }

    fn along(&self, state: &mut State, by: isize) {
        match state.method() {
            MethodId::GradCam => step::layer(state, by),
            _ => step::picture_to(state, step::clamped(state.picture, by, state.pictures.len())),
        }
    }
}
