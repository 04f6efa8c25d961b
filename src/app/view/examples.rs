//! View 4: the pictures that excite a unit most.

use super::{View, reproduce};
use crate::app::command::Command;
use crate::app::state::State;
use crate::choice::choice;
use crate::interpretation::prototypes::By;
use crate::jobs::Key;
use crate::jobs::examples::Show;
use crate::jobs::subject::Subject;

pub(super) struct Examples;

choice! {
    /// In which order top pictures lie.
    #[derive(Default)]
    pub enum Grouping {
        /// The highest score first.
        #[default]
        Rank = "rank",
        /// In rows by how the whole layer answers to them.
        Kind = "kind",
    }
}

impl View for Examples {
    fn questions(&self, state: &State) -> Vec<Key> {
        let kinds = (state.examples.grouping == Grouping::Kind && state.examples().is_some())
            .then(|| state.kinds_question())
            .flatten();
        state
            .examples_question()
            .into_iter()
            .chain(kinds)
            .chain([state.census_question(), state.deaths_question()])
            .collect()
    }

    /// What the unit looks for, where that is known.
    fn extras(&self, state: &State) -> Vec<Key> {
        state.unit().map(|unit| Key::Icons { layer: unit.layer, make: false }).into_iter().collect()
    }

    /// The top pictures of the unit.
    fn subject(&self, state: &State) -> Option<Subject> {
        Some(Subject::Sheet(state.examples_page()?))
    }

    fn unit_layers(&self, state: &State) -> Option<Vec<usize>> {
        Some((0..state.facts().map_or(0, |facts| facts.layers.len())).collect())
    }

    fn carry_out(&self, state: &mut State, command: Command) -> bool {
        let examples = &mut state.examples;
        match command {
            Command::OrderNext => examples.by = examples.by.step(1),
            Command::OrderPrevious => examples.by = examples.by.step(-1),
            Command::ViewNext | Command::ViewPrevious => examples.show = examples.show.step(1),
            Command::GroupToggle => examples.grouping = examples.grouping.step(1),
            _ => return false,
        }
        true
    }

    fn command_line(&self, state: &State) -> String {
        let mut line = reproduce::Line::new(state, "top", false);
        state.folder.iter().for_each(|folder| line.argument(folder));
        if let Some(address) = state.address() {
            line.word("--layer", &address);
        }
        line.changed("--by", state.examples.by.name(), By::default().name());
        line.changed("--show", state.examples.show.name(), Show::default().name());
        if state.examples.grouping == Grouping::Kind {
            line.flag("--clusters");
        }
        line.finish()
    }

    fn name_parts(&self, state: &State) -> Vec<String> {
        ["examples".to_owned()].into_iter().chain(state.address()).collect()
    }
}
