//! View 6: which channels excite and inhibit the unit, and walking along them.

use super::{View, reproduce};
use crate::app::command::Command;
use crate::app::state::{State, Toast};
use crate::app::update::step::clamped;
use crate::interpretation::circuits::{By, Place};
use crate::jobs::Key;
use crate::jobs::circuit::{Drawing, Scene};
use crate::jobs::subject::Subject;
use crate::model::unit::Unit;
use crate::ui::view::circuits::in_view;

pub(super) struct Circuits;

/// Neighbours on each side of a picture that is saved.
const SAVED: usize = 8;

impl View for Circuits {
    fn questions(&self, state: &State) -> Vec<Key> {
        // Where the channel cannot be taken apart there is nothing to add up either.
        let refused = |key: &Key| state.refused.iter().any(|(refused, _)| refused == key);
        let circuit = state.circuit_question();
        let found = state.contributions_question().filter(|_| !circuit.as_ref().is_some_and(refused));
        circuit.into_iter().chain(found).chain([state.census_question(), state.deaths_question()]).collect()
    }

    /// Icons and top pictures of the neighbours in view and of the channel itself, as far as they are known.
    fn extras(&self, state: &State) -> Vec<Key> {
        let mut units = in_view(state);
        units.extend(state.unit().filter(|unit| state.place() == Some(Place::Unit(*unit))));
        let mut icons = Vec::new();
        for unit in &units {
            let key = Key::Icons { layer: unit.layer, make: false };
            if !icons.contains(&key) {
                icons.push(key);
            }
        }
        icons.into_iter().chain(units.into_iter().filter_map(|unit| state.glimpse_question(unit))).collect()
    }

    fn subject(&self, state: &State) -> Option<Subject> {
        let name = state.pictures[state.picture].name.clone();
        let scene = Scene::Whole(state.walk.by, state.position(), SAVED);
        let of = state.seen().zip(state.contributions());
        let circuit = state.circuit()?;
        Some(Subject::Circuit(Drawing {
            circuit,
            of,
            scene,
            look: state.look,
            name,
            beside: Vec::new(),
            ground: [0; 3],
        }))
    }

    fn enabled(&self, state: &State, command: Command) -> Result<(), String> {
        match command {
            Command::OrderNext | Command::OrderPrevious => Ok(()),
            Command::WalkBack if state.trail().is_empty() => Err("here the walk began".to_owned()),
            Command::WalkBack => Ok(()),
            Command::CircuitOfClass if state.target().is_none() => Err("there is no prediction yet".to_owned()),
            Command::CircuitOfClass => Ok(()),
            command => command.usually_enabled(state),
        }
    }

    fn unit_layers(&self, state: &State) -> Option<Vec<usize>> {
        Some((0..state.facts().map_or(0, |facts| facts.layers.len())).collect())
    }

    fn carry_out(&self, state: &mut State, command: Command) -> bool {
        match command {
            Command::RowNext => choose(state, |(side, at)| (side, at + 1)),
            Command::RowPrevious => choose(state, |(side, at)| (side, at.saturating_sub(1))),
            Command::StepNext => choose(state, |(_, at)| (true, at)),
            Command::StepPrevious => choose(state, |(_, at)| (false, at)),
            Command::PageNext => channel(state, 1),
            Command::PagePrevious => channel(state, -1),
            Command::StepFarNext => shift(state, (0, 1)),
            Command::StepFarPrevious => shift(state, (0, -1)),
            Command::RowFarNext => shift(state, (1, 0)),
            Command::RowFarPrevious => shift(state, (-1, 0)),
            Command::StepFirst => state.walk.position = None,
            Command::OrderNext => state.walk.by = state.walk.by.step(1),
            Command::OrderPrevious => state.walk.by = state.walk.by.step(-1),
            Command::Recompute if state.refusal().is_none() && state.circuit().is_some() => walk(state),
            Command::WalkBack => back(state),
            Command::CircuitOfClass => {
                if let Some(target) = state.target() {
                    go(state, Place::Class { class: target.class });
                }
            }
            _ => return false,
        }
        true
    }

    fn command_line(&self, state: &State) -> String {
        let mut line = reproduce::Line::new(state, "circuits", true);
        match (state.place(), state.circuit()) {
            (Some(Place::Class { class }), _) => line.word("--target", &class.to_string()),
            (_, Some(circuit)) => line.word("--layer", &circuit.addresses[0]),
            _ => {}
        }
        if state.walk.by != By::Contribution {
            line.word("--by", state.walk.by.name());
        }
        if state.walk.position.is_some() {
            let (row, column) = state.position();
            line.word("--at", &format!("{row},{column}"));
        }
        line.finish()
    }

    fn name_parts(&self, state: &State) -> Vec<String> {
        std::iter::once("circuit".to_owned())
            .chain(state.circuit().map(|circuit| circuit.address().to_owned()))
            .collect()
    }
}

/// To another neighbour, among those there are.
fn choose(state: &mut State, to: impl Fn((bool, usize)) -> (bool, usize)) {
    let (Some(place), Some(ranking)) = (state.place(), state.ranking()) else { return };
    let (inhibits, at) = to(state.chosen_neighbour());
    let count = if inhibits { ranking.inhibits.len() } else { ranking.excites.len() };
    if count > 0 {
        state.walk.chosen = Some((place, inhibits, at.min(count - 1)));
    }
}

/// So many channels of the layer on.
fn channel(state: &mut State, by: isize) {
    if let (Some(unit), Some(facts)) = (state.unit(), state.facts()) {
        state.cursor.channel = clamped(unit.channel, by, facts.layers[unit.layer].channels);
    }
}

/// The position so many rows and columns on, not beyond the edges.
fn shift(state: &mut State, (down, right): (isize, isize)) {
    let (Some(place), Some(found)) = (state.place(), state.contributions()) else { return };
    let ((row, column), (height, width)) = (state.position(), found.value.dim());
    state.walk.position = Some((place, (clamped(row, down, height), clamped(column, right, width))));
}

/// Along the edge to the chosen neighbour.
fn walk(state: &mut State) {
    let (Some(circuit), Some(edge)) = (state.circuit(), state.chosen_edge()) else { return };
    let neighbour = &circuit.branches[edge.branch].neighbours[edge.neighbour];
    if neighbour.place.leads_on() {
        go(state, neighbour.place.clone());
    } else {
        let text = format!("{} is where the way back ends", neighbour.address);
        state.toast = Some(Toast { text, bad: false });
    }
}

/// To a channel, remembering the way.
fn go(state: &mut State, to: Place) {
    let Some(here) = state.place() else { return };
    if here == to {
        return;
    }
    let address = state.circuit().map(|circuit| circuit.address().to_owned()).or_else(|| state.address());
    let mut trail = state.trail().to_vec();
    trail.push((here, address.unwrap_or_default()));
    arrive(state, to, trail);
}

fn arrive(state: &mut State, at: Place, trail: Vec<(Place, String)>) {
    if let Place::Unit(Unit { layer, channel }) = at {
        (state.cursor.layer, state.cursor.channel) = (layer, channel);
    }
    if let Some(unit) = state.unit() {
        state.walk.here = Some((at, unit));
        state.walk.trail = trail;
    }
}

/// Back to where the walk came from.
fn back(state: &mut State) {
    let mut trail = state.trail().to_vec();
    if let Some((to, _)) = trail.pop() {
        arrive(state, to, trail);
    }
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Size;

    use super::*;
    use crate::app::fixture::{settle, start};
    use crate::app::state::Tab;
    use crate::app::update::{Msg, update};
    use crate::config::keys::sequence;

    fn press(state: &mut State, keys: &str) {
        for key in keys.split_whitespace().map(|key| sequence(key).unwrap()[0]) {
            let event = crossterm::event::KeyEvent::new(key.code, key.modifiers);
            let effects = update(state, Msg::Key(event));
            settle(state, effects);
        }
    }

    fn at_circuits() -> State {
        let mut state = start("dark");
        let effects = update(&mut state, Msg::Resize(Size::new(120, 40), None));
        settle(&mut state, effects);
        press(&mut state, "3 ] ] 6");
        state
    }

    #[test]
    fn enter_goes_to_the_chosen_neighbour_and_backspace_comes_back() {
        let mut state = at_circuits();
        assert_eq!((state.tab, state.address().as_deref()), (Tab::Circuits, Some("layer1.0:0")));
        press(&mut state, "Right Down");
        let (circuit, edge) = (state.circuit().unwrap(), state.chosen_edge().unwrap());
        assert!(edge.strength < 0.0);
        let address = circuit.branches[0].neighbours[edge.neighbour].address.clone();
        press(&mut state, "Enter");
        assert_eq!(state.address(), Some(address.clone()));
        assert_eq!(state.trail(), [(Place::Unit(Unit { layer: 2, channel: 0 }), "layer1.0:0".to_owned())]);
        press(&mut state, "Enter Enter");
        assert_eq!((state.trail().len(), state.unit().unwrap().layer), (2, 0), "at the picture the way back ends");
        press(&mut state, "Backspace Backspace");
        assert_eq!((state.address().as_deref(), state.trail().len()), (Some("layer1.0:0"), 0));
        press(&mut state, "Enter ]");
        assert!(state.trail().is_empty(), "another way to move begins another walk");
    }

    #[test]
    fn the_position_is_moved_and_found_again() {
        let mut state = at_circuits();
        let peak = state.position();
        press(&mut state, "Shift-Left");
        let moved = if peak.1 == 0 { "Shift-Right" } else { "Shift-Left" };
        if state.position() == peak {
            press(&mut state, moved);
        }
        assert_ne!(state.position(), peak);
        let (row, column) = state.position();
        assert!(Circuits.command_line(&state).contains(&format!("--at {row},{column}")));
        press(&mut state, "Home");
        assert_eq!(state.position(), peak);
        press(&mut state, "u u");
        assert!(
            Circuits.command_line(&state).ends_with("--layer layer1.0:0 --by sum"),
            "{}",
            Circuits.command_line(&state)
        );
    }
}
