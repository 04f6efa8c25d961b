//! Answers about what is inside the network: filters, feature maps, every layer at once.
//!
//! Must not know which question comes next or how an answer is shown.

use std::sync::Arc;

use ndarray::Axis;

use super::explainer::failed;
use super::worker::{Stopped, Tell};
use super::{Outcome, Pulled, Seen};
use crate::engine::Cancel;
use crate::interpretation::circuits::{self, CircuitsError, Place};
use crate::interpretation::feature_maps::{self, FeatureMaps, Order, Side};
use crate::interpretation::{filters, gradient};
use crate::model::unit::Unit;
use crate::network::{At, Network};

/// The filters of a layer.
pub fn filters(network: &Network, layer: usize) -> Result<Outcome, Stopped> {
    Ok(Outcome::Filters(Arc::new(filters::of(network, layer).map_err(failed)?)))
}

/// The feature maps of a layer.
pub fn maps(
    network: &mut Network,
    seen: &Seen,
    (layer, side): (usize, Side),
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
    let maps = census.maps.into_iter().map(Arc::new).collect();
    Ok(Outcome::Census { alive: Arc::new(census.alive), busy: Arc::new(census.busy), maps })
}

/// The tensor over which a layer's filters are slid.
pub fn source(network: &mut Network, seen: &Seen, layer: usize, cancel: &Cancel) -> Result<Outcome, Stopped> {
    let tensor = filters::of(network, layer).map_err(failed)?.input;
    let batch = seen.prepared.input.view().insert_axis(Axis(0)).to_owned();
    let values = network.values(&batch, &[&tensor], cancel)?.pop().unwrap_or_default();
    Ok(Outcome::Maps(Arc::new(FeatureMaps::new(values.index_axis_move(Axis(0), 0)))))
}

/// The channels of a layer, the most alike to one of them first.
pub fn alike(
    network: &mut Network,
    seen: &Seen,
    (layer, side, channel): (usize, Side, usize),
    cancel: &Cancel,
) -> Result<Outcome, Stopped> {
    let maps = feature_maps::of(network, &seen.prepared.input, layer, side, cancel)?;
    Ok(Outcome::Order(Arc::new(maps.order(Order::Similarity, channel))))
}

/// The gradient of a unit at the layers of a group, with the first group at the input too.
pub fn pull(
    network: &mut Network,
    seen: &Seen,
    (unit, group): (Unit, usize),
    cancel: &Cancel,
) -> Result<Outcome, Stopped> {
    let group = feature_maps::groups(network.layers()).into_iter().nth(group).unwrap_or(0..0);
    let layers: Vec<usize> = network.sources(unit.layer).into_iter().filter(|layer| group.contains(layer)).collect();
    let mut ask = |at: At<'_>| gradient::of(network, &seen.prepared.input, unit, None, at, cancel);
    let maps = if layers.is_empty() { Vec::new() } else { ask(At::Layers(&layers))? };
    let input = if group.start == 0 { ask(At::Input)?.pop().map(Arc::new) } else { None };
    let layers = layers.into_iter().zip(maps.into_iter().map(Arc::new)).collect();
    Ok(Outcome::Pulled(Arc::new(Pulled { layers, input })))
}
