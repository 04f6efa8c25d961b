//! View 2: the filters of a convolution, and one of them at work at one position.

use super::{Field, View, reproduce};
use crate::app::command::Command;
use crate::app::state::State;
use crate::app::update::{step::clamped, units};
use crate::interpretation::feature_maps::Side;
use crate::jobs::Key;
use crate::jobs::sheet::{Page, Sheet};
use crate::jobs::subject::Subject;
use crate::look::{Contrast, Look};
use crate::model::layers::Kind;
use crate::ui::mosaic;

/// Positions of a greater step.
const FAR: isize = 8;

pub(super) struct Filters;

impl View for Filters {
    fn questions(&self, state: &State) -> Vec<Key> {
        let Some((unit, facts)) = state.unit().zip(state.facts()) else { return Vec::new() };
        let convolution = facts.layers[unit.layer].kind == Kind::Conv;
        let mut keys: Vec<Key> = state.filters_question().filter(|_| convolution).into_iter().collect();
        if state.cursor.close && convolution {
            let maps = |side| {
                let key = state.maps_at(unit.layer, side);
                (state.cache.holds(&key) || state.maps_of(unit.layer, side).is_none()).then_some(key)
            };
            keys.extend(state.source_question());
            keys.extend([Side::After, Side::Before].into_iter().filter_map(maps));
        }
        keys.extend([state.census_question(), state.deaths_question()]);
        keys
    }

    /// All filters of the layer, or one of them.
    fn subject(&self, state: &State) -> Option<Subject> {
        let sheet = Sheet::Filters(state.filters()?, state.cursor.input);
        let shown = if state.cursor.close { vec![state.unit()?.channel] } else { self.field(state).order };
        Some(Subject::Sheet(Page::whole(sheet, shown, state.inks())))
    }

    fn unit_layers(&self, state: &State) -> Option<Vec<usize>> {
        let layers = state.facts().map(|facts| facts.layers.as_slice()).unwrap_or_default();
        Some(layers.iter().filter(|layer| layer.kind == Kind::Conv).map(|layer| layer.index).collect())
    }

    fn field(&self, state: &State) -> Field {
        let tile = state.filters().map_or((1, 1), |filters| Sheet::Filters(filters, None).tile_size());
        mosaic::field(state, Field::in_order(state).order, tile)
    }

    /// Close by, the keys that walk over tiles walk over the positions of the feature map.
    fn carry_out(&self, state: &mut State, command: Command) -> bool {
        let inputs = state.filters().map_or(0, |filters| filters.inputs());
        let by = match command {
            Command::InputNext => {
                let next = state.cursor.input.map_or(0, |input| input + 1);
                state.cursor.input = (next < inputs).then_some(next);
                return true;
            }
            Command::InputPrevious => {
                state.cursor.input = state.cursor.input.unwrap_or(inputs).checked_sub(1);
                return true;
            }
            _ if units::look_closer(state, command) => return true,
            _ if !state.cursor.close => return false,
            Command::StepNext => (0, 1),
            Command::StepPrevious => (0, -1),
            Command::StepFarNext => (0, FAR),
            Command::StepFarPrevious => (0, -FAR),
            Command::RowNext => (1, 0),
            Command::RowPrevious => (-1, 0),
            Command::RowFarNext => (FAR, 0),
            Command::RowFarPrevious => (-FAR, 0),
            Command::StepFirst => {
                state.cursor.work_at = None;
                return true;
            }
            _ => return false,
        };
        let size = state.unit().zip(state.facts()).map(|(unit, facts)| {
            let layer = &facts.layers[unit.layer];
            (layer.height, layer.width)
        });
        if let Some(((row, column), (height, width))) = state.work_at().zip(size) {
            state.cursor.work_at = Some((clamped(row, by.0, height), clamped(column, by.1, width)));
        }
        true
    }

    fn command_line(&self, state: &State) -> String {
        let mut line = reproduce::of_unit(state, "filters", state.cursor.close);
        if let Some((row, column)) = state.work_at().filter(|_| state.cursor.close) {
            line.word("--position", &format!("{row},{column}"));
        }
        if let Some(input) = state.cursor.input {
            line.word("--input", &input.to_string());
        }
        line.changed("--contrast", state.cursor.contrast.name(), Contrast::Each.name());
        line.changed("--colormap", state.look.colormap.name(), Look::default().colormap.name());
        line.finish()
    }

    fn name_parts(&self, state: &State) -> Vec<String> {
        reproduce::unit_parts(state, "filters")
    }
}
