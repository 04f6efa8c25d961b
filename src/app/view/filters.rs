//! View 2: the filters of a convolution.

use super::{Field, View, reproduce};
use crate::app::state::State;
use crate::jobs::Key;
use crate::jobs::sheet::{Page, Sheet};
use crate::jobs::subject::Subject;
use crate::model::layers::Kind;
use crate::ui::mosaic;

pub(super) struct Filters;

impl View for Filters {
    fn questions(&self, state: &State) -> Vec<Key> {
        let of_convolution =
            state.unit().zip(state.facts()).is_some_and(|(unit, f)| f.layers[unit.layer].kind == Kind::Conv);
        let filters = state.filters_question().filter(|_| of_convolution);
        filters.into_iter().chain([state.census_question()]).collect()
    }

    /// All filters of the layer.
    fn subject(&self, state: &State) -> Option<Subject> {
        let sheet = Sheet::Filters(state.filters()?, None);
        Some(Subject::Sheet(Page::whole(sheet, self.field(state).order, state.inks())))
    }

    fn unit_layers(&self, state: &State) -> Option<Vec<usize>> {
        let layers = state.facts().map(|facts| facts.layers.as_slice()).unwrap_or_default();
        Some(layers.iter().filter(|layer| layer.kind == Kind::Conv).map(|layer| layer.index).collect())
    }

    fn field(&self, state: &State) -> Field {
        let tile = state.filters().map_or((1, 1), |filters| Sheet::Filters(filters, None).tile_size());
        mosaic::field(state, Field::in_order(state).order, tile)
    }

    fn command_line(&self, state: &State) -> String {
        reproduce::of_unit(state, "filters", false).finish()
    }

    fn name_parts(&self, state: &State) -> Vec<String> {
        reproduce::unit_parts(state, "filters")
    }
}
