//! The walk along circuits: which channel is taken apart, where it was come from, which neighbour is chosen. Must not walk.

use std::sync::Arc;

use super::State;
use crate::interpretation::circuits::{self, By, Circuit, Contributions, Edge, Place, Ranking};
use crate::jobs::{Key, Outcome};
use crate::model::unit::Unit;

/// Where the walk is and how neighbours are looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Walk {
    /// Where it is, with the unit that was then under the cursor: once that is moved, the walk begins anew there.
    pub here: Option<(Place, Unit)>,
    /// The places before, with their addresses, the first one first.
    pub trail: Vec<(Place, String)>,
    /// By what neighbours are ranked.
    pub by: By,
    /// Whether the chosen neighbour is among those that inhibit, and its place there; of which channel.
    pub chosen: Option<(Place, bool, usize)>,
    /// The position at which contributions are read, and in which channel's map; else at its highest value.
    pub position: Option<(Place, (usize, usize))>,
}

impl Default for Walk {
    fn default() -> Self {
        Self { here: None, trail: Vec::new(), by: By::Contribution, chosen: None, position: None }
    }
}

impl State {
    /// The channel that is taken apart.
    pub fn place(&self) -> Option<Place> {
        let unit = self.unit()?;
        match &self.walk.here {
            Some((place, then)) if *then == unit => Some(place.clone()),
            _ => Some(Place::Unit(unit)),
        }
    }

    /// The places walked through to it, with their addresses.
    pub fn trail(&self) -> &[(Place, String)] {
        match (&self.walk.here, self.unit()) {
            (Some((_, then)), Some(unit)) if *then == unit => &self.walk.trail,
            _ => &[],
        }
    }

    /// The question for its circuit.
    pub fn circuit_question(&self) -> Option<Key> {
        Some(Key::Circuit { place: self.place()? })
    }

    /// The question for what each neighbour adds.
    pub fn contributions_question(&self) -> Option<Key> {
        Some(Key::Contributions { picture: self.picture, place: self.place()? })
    }

    /// Its circuit, once it is read.
    pub fn circuit(&self) -> Option<Arc<Circuit>> {
        match self.cache.get(&self.circuit_question()?)? {
            Outcome::Circuit(circuit) => Some(circuit),
            _ => None,
        }
    }

    /// What each neighbour adds, once it is computed.
    pub fn contributions(&self) -> Option<Arc<Contributions>> {
        match self.cache.get(&self.contributions_question()?)? {
            Outcome::Contributions(found) => Some(found),
            _ => None,
        }
    }

    /// The position at which contributions are read.
    pub fn position(&self) -> (usize, usize) {
        let found = self.contributions();
        let inside =
            |position: &(usize, usize)| found.as_ref().is_none_or(|found| found.value.get(*position).is_some());
        let chosen = self.walk.position.as_ref().filter(|(place, _)| Some(place) == self.place().as_ref());
        let peak = || found.as_ref().map(|found| found.peak()).unwrap_or_default();
        chosen.map(|(_, position)| *position).filter(inside).unwrap_or_else(peak)
    }

    /// The neighbours on both sides.
    pub fn ranking(&self) -> Option<Ranking> {
        let circuit = self.circuit()?;
        Some(circuits::rank(&circuit, self.contributions().as_deref(), self.walk.by, self.position(), None))
    }

    /// On which side the chosen neighbour is, and where there.
    pub fn chosen_neighbour(&self) -> (bool, usize) {
        let chosen = self.walk.chosen.as_ref().filter(|(place, ..)| Some(place) == self.place().as_ref());
        chosen.map(|(_, inhibits, at)| (*inhibits, *at)).unwrap_or_default()
    }

    /// The chosen neighbour.
    pub fn chosen_edge(&self) -> Option<Edge> {
        let (ranking, (inhibits, at)) = (self.ranking()?, self.chosen_neighbour());
        let [own, other] =
            if inhibits { [ranking.inhibits, ranking.excites] } else { [ranking.excites, ranking.inhibits] };
        own.get(at.min(own.len().saturating_sub(1))).or(other.first()).copied()
    }
}
