//! View 8: integrated gradients step by step.

use super::View;
use crate::app::state::State;
use crate::app::update::step;
use crate::jobs::Key;
use crate::jobs::subject::{Subject, Values};

pub(super) struct Path;

impl View for Path {
    fn questions(&self, state: &State) -> Vec<Key> {
        state.question().into_iter().collect()
    }

    /// The sum so far: what it is all for.
    fn subject(&self, state: &State) -> Option<Subject> {
        let (Some(seen), Some(values)) = (state.seen(), state.values()) else {
            return state.photo().cloned().map(Subject::Photo);
        };
        let values = match values {
            Values::Result(of) if of.path.is_some() => Values::Sum(of, state.step),
            values => values,
        };
        Some(Subject::Map(seen, values, state.look))
    }

    fn along(&self, state: &mut State, by: isize) {
        if let Some(path) = state.path() {
            state.playing = false;
            state.step = step::clamped(state.step, by, path.alphas.len());
        }
    }

    /// A tenth of the path.
    fn far(&self, state: &mut State, by: isize) {
        let tenth = state.path().map_or(1, |path| (path.alphas.len() / 10).max(1));
        self.along(state, by * tenth as isize);
    }
}
