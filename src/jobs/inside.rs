//! Answers about what is inside the network: filters, feature maps, every layer at once.
//!
//! Must not know which question comes next or how an answer is shown.

use std::sync::Arc;

use super::explainer::failed;
use super::worker::{Stopped, Tell};
use super::{Outcome, Seen};
use crate::engine::Cancel;
use crate::interpretation::circuits::{self, CircuitsError, Place};
use crate::interpretation::{feature_maps, filters};
use crate::network::Network;

/// The filters of a layer.
pub fn filters(network: &Network, layer: usize) -> Result<Outcome, Stopped> {
    Ok(Outcome::Filters(Arc::new(filters::of(network, layer).map_err(failed)?)))
}

/// The feature maps of a layer.
pub fn maps(
    network: &mut Network,
    seen: &Seen,
    (layer, side): (usize, feature_maps::Side),
    cancel: &Cancel,
) -> Result<Outcome, Stopped> {
    Ok(Outcome::Maps(Arc::new(feature_maps::of(network, &seen.prepared.input, layer, side, cancel)?)))
}

/// What feeds a channel.
pub fn circuit(network: &mut Network, place: &Place) -> Result<Outcome, Stopped> {
    Ok(Outcome::Circuit(Arc::new(circuits::of(network, place)?)))
}

/// What each neighbour adds to a channel.
pub fn contributions(network: &mut Network, seen: &Seen, place: &Place, cancel: &Cancel) -> Result<Outcome, Stopped> {
    let circuit = circuits::of(network, place)?;
    let found = circuits::contributions(network, &circuit, &seen.prepared.input, cancel)?;
    Ok(Outcome::Contributions(Arc::new(found)))
}

impl From<CircuitsError> for Stopped {
    fn from(error: CircuitsError) -> Self {
        match error {
            CircuitsError::Network(error) => error.into(),
            other => failed(other),
        }
    }
}

/// One look at every layer.
pub fn census(network: &mut Network, seen: &Seen, cancel: &Cancel, tell: Tell<'_>) -> Result<Outcome, Stopped> {
    let layers = network.layers().len();
    let census =
        feature_maps::census(network, &seen.prepared.input, cancel, &mut |done| tell(None, done, layers, None))?;
    Ok(Outcome::Census { alive: Arc::new(census.alive), busy: Arc::new(census.busy) })
}
