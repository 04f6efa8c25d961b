//! View 3: the feature maps that a layer makes of the picture.

use super::{Field, View, reproduce};
use crate::app::command::Command;
use crate::app::state::State;
use crate::interpretation::feature_maps::{Order, Side};
use crate::jobs::Key;
use crate::jobs::sheet::{Page, Sheet};
use crate::jobs::subject::Subject;
use crate::look::Contrast;
use crate::ui::mosaic;

pub(super) struct Maps;

impl View for Maps {
    fn questions(&self, state: &State) -> Vec<Key> {
        state.maps_question().into_iter().chain([state.census_question()]).collect()
    }

    /// All feature maps of the layer.
    fn subject(&self, state: &State) -> Option<Subject> {
        let sheet = Sheet::Maps(state.feature_maps()?);
        Some(Subject::Sheet(Page::whole(sheet, self.field(state).order, state.inks())))
    }

    fn unit_layers(&self, state: &State) -> Option<Vec<usize>> {
        Some((0..state.facts().map_or(0, |facts| facts.layers.len())).collect())
    }

    fn field(&self, state: &State) -> Field {
        let order = match (state.cursor.order, state.feature_maps(), state.unit()) {
            (order, Some(maps), Some(unit)) if order != Order::Index => maps.order(order, unit.channel),
            _ => Field::in_order(state).order,
        };
        let tile = state.facts().zip(state.unit()).map_or((1, 1), |(facts, unit)| {
            let layer = &facts.layers[unit.layer];
            (layer.width, layer.height)
        });
        mosaic::field(state, order, tile)
    }

    fn carry_out(&self, state: &mut State, command: Command) -> bool {
        let cursor = &mut state.cursor;
        match command {
            Command::SideToggle => {
                cursor.side = if cursor.side == Side::After { Side::Before } else { Side::After };
            }
            Command::OrderNext => cursor.order = cursor.order.step(1),
            Command::OrderPrevious => cursor.order = cursor.order.step(-1),
            _ => return false,
        }
        true
    }

    fn command_line(&self, state: &State) -> String {
        let mut line = reproduce::of_unit(state, "features", true);
        if state.cursor.side == Side::Before {
            line.flag("--before");
        }
        line.changed("--order", state.cursor.order.name(), Order::Index.name());
        line.changed("--contrast", state.cursor.contrast.name(), Contrast::Each.name());
        line.finish()
    }

    fn name_parts(&self, state: &State) -> Vec<String> {
        reproduce::unit_parts(state, "maps")
    }
}
