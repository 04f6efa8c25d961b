//! View 3: the feature maps that a layer makes of the picture, or the gradient of a frozen unit there.

use super::{Field, View, reproduce};
use crate::app::command::Command;
use crate::app::state::State;
use crate::app::update::units;
use crate::interpretation::feature_maps::{Order, Side};
use crate::jobs::Key;
use crate::jobs::sheet::{Page, Sheet};
use crate::jobs::subject::{Subject, Values};
use crate::look::{Contrast, Look};
use crate::ui::mosaic;

pub(super) struct Maps;

impl View for Maps {
    fn questions(&self, state: &State) -> Vec<Key> {
        // They may be there with those of all layers.
        let maps = state.pull_question().or_else(|| state.maps_question());
        maps.filter(|key| state.cache.holds(key) || state.feature_maps().is_none())
            .into_iter()
            .chain(state.alike_question())
            .chain([state.census_question(), state.deaths_question()])
            .collect()
    }

    /// What the unit looks for, where that is known.
    fn extras(&self, state: &State) -> Vec<Key> {
        let unit = state.unit().filter(|_| state.cursor.close);
        unit.map(|unit| Key::Icons { layer: unit.layer, make: false }).into_iter().collect()
    }

    /// All feature maps of the layer, or one of them over the picture.
    fn subject(&self, state: &State) -> Option<Subject> {
        let maps = state.feature_maps()?;
        match state.cursor.close {
            true => Some(Subject::Map(state.seen()?, Values::Channel(maps, state.unit()?.channel), state.look)),
            false => Some(Subject::Sheet(Page::whole(Sheet::Maps(maps), state.order(), state.inks()))),
        }
    }

    fn unit_layers(&self, state: &State) -> Option<Vec<usize>> {
        Some((0..state.facts().map_or(0, |facts| facts.layers.len())).collect())
    }

    fn field(&self, state: &State) -> Field {
        let tile = state.facts().zip(state.unit()).map_or((1, 1), |(facts, unit)| {
            let layer = &facts.layers[unit.layer];
            (layer.width, layer.height)
        });
        mosaic::field(state, state.order(), tile)
    }

    fn carry_out(&self, state: &mut State, command: Command) -> bool {
        let by = if command == Command::OrderNext { 1 } else { -1 };
        match command {
            Command::SideToggle => {
                let side = state.cursor.side;
                state.cursor.side = if side == Side::After { Side::Before } else { Side::After };
            }
            Command::OrderNext | Command::OrderPrevious => {
                state.cursor.order = state.cursor.order.step(by);
                state.cursor.beside = state.unit().map_or(0, |unit| unit.channel);
            }
            Command::Freeze => {
                state.cursor.frozen = if state.cursor.frozen.is_some() { None } else { state.unit() };
            }
            Command::Back if !state.cursor.close && state.cursor.frozen.is_some() => state.cursor.frozen = None,
            _ => return units::look_closer(state, command),
        }
        true
    }

    fn command_line(&self, state: &State) -> String {
        let mut line = reproduce::of_unit(state, "features", true);
        let layers = state.facts().map(|facts| facts.layers.as_slice()).unwrap_or_default();
        match state.frozen_here() {
            Some(frozen) => line.word("--gradient-of", &frozen.address(layers)),
            None if state.side() == Side::Before => line.flag("--before"),
            None => {}
        }
        if !state.cursor.close {
            line.changed("--order", state.cursor.order.name(), Order::Index.name());
            if state.cursor.order == Order::Similarity {
                line.word("--beside", &state.cursor.beside.to_string());
            }
            line.changed("--contrast", state.cursor.contrast.name(), Contrast::Each.name());
            line.changed("--colormap", state.look.colormap.name(), Look::default().colormap.name());
            return line.finish();
        }
        line.look(state);
        line.finish()
    }

    fn name_parts(&self, state: &State) -> Vec<String> {
        let layers = state.facts().map(|facts| facts.layers.as_slice()).unwrap_or_default();
        match state.frozen_here() {
            Some(frozen) => reproduce::unit_parts(state, &format!("gradient-of-{}-at", frozen.address(layers))),
            None => reproduce::unit_parts(state, "maps"),
        }
    }
}
