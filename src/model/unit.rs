//! A unit of a network: one channel of one layer, under the address that people type and share.
//!
//! Owns the address `layer3.1.conv2:14` (name of the layer, colon, index of the channel) and finding what it names. Must
//! not know what a unit does.

use serde::Serialize;

use super::layers::{self, Layer, UnknownLayer};

/// One channel of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Unit {
    /// Index of the layer among those of the network.
    pub layer: usize,
    /// Index of the channel in that layer.
    pub channel: usize,
}

/// Why there is no such unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// No layer has that name.
    #[error(transparent)]
    Layer(#[from] UnknownLayer),
    /// The layer has fewer channels.
    #[error("there is no channel {channel} in `{layer}`: it has {channels}, numbered from 0")]
    Channel {
        /// Name of the layer.
        layer: String,
        /// The channel asked for.
        channel: usize,
        /// How many there are.
        channels: usize,
    },
    /// A layer without a channel.
    #[error("`{address}` names no channel: a unit is a layer, a colon and a channel, such as `{example}:0`")]
    NoChannel {
        /// What was given.
        address: String,
        /// Name of that layer.
        example: String,
    },
}

impl Unit {
    /// The channel of a layer, if the layer has it.
    pub fn new(layer: usize, channel: usize, layers: &[Layer]) -> Result<Self, UnitError> {
        let of = layers.get(layer).ok_or_else(|| layers::unknown(&layer.to_string(), layers))?;
        let missing = || UnitError::Channel { layer: of.name.clone(), channel, channels: of.channels };
        (channel < of.channels).then_some(Self { layer, channel }).ok_or_else(missing)
    }

    /// The unit at an address; the layer may be given by its index.
    pub fn parse(address: &str, layers: &[Layer]) -> Result<Self, UnitError> {
        match split(address, layers)? {
            (layer, Some(channel)) => Self::new(layer, channel, layers),
            (layer, None) => {
                let example = layers.get(layer).map_or_else(String::new, |layer| layer.name.clone());
                Err(UnitError::NoChannel { address: address.to_owned(), example })
            }
        }
    }

    /// Its number among the channels of all layers, from input to output.
    pub fn number(self, layers: &[Layer]) -> usize {
        layers.iter().take(self.layer).map(|layer| layer.channels).sum::<usize>() + self.channel
    }

    /// The unit of a number; see [`Unit::number`].
    pub fn of_number(number: usize, layers: &[Layer]) -> Option<Self> {
        let mut channel = number;
        for (layer, of) in layers.iter().enumerate() {
            match channel.checked_sub(of.channels) {
                Some(beyond) => channel = beyond,
                None => return Some(Self { layer, channel }),
            }
        }
        None
    }

    /// Its address: `layer3.1.conv2:14`.
    pub fn address(self, layers: &[Layer]) -> String {
        let name = layers.get(self.layer).map_or("?", |layer| &layer.name);
        format!("{name}:{}", self.channel)
    }
}

/// The layer that `LAYER` or `LAYER:CHANNEL` names, and the channel where one is given. Names of layers may hold colons
/// of their own.
pub fn split(address: &str, layers: &[Layer]) -> Result<(usize, Option<usize>), UnknownLayer> {
    let whole = match layers::named(address, layers) {
        Ok(layer) => return Ok((layer, None)),
        Err(unknown) => unknown,
    };
    match address.rsplit_once(':').map(|(layer, channel)| (layer, channel.parse())) {
        Some((layer, Ok(channel))) => Ok((layers::named(layer, layers)?, Some(channel))),
        _ => Err(whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::layers::Kind;

    fn layers() -> Vec<Layer> {
        let layer = |index, name: &str| Layer {
            index,
            name: name.to_owned(),
            kind: Kind::Conv,
            op: "Conv 3×3".to_owned(),
            tensor: name.to_owned(),
            made: name.to_owned(),
            pre_activation: None,
            parameters: 0,
            channels: 4 * (index + 1),
            height: 8,
            width: 8,
        };
        vec![layer(0, "conv1"), layer(1, "layer1.0:conv"), layer(2, "layer1.0")]
    }

    #[test]
    fn an_address_leads_to_its_unit_and_back() {
        let layers = layers();
        for (address, layer, channel) in [("conv1:0", 0, 0), ("layer1.0:conv:7", 1, 7), ("layer1.0:11", 2, 11)] {
            let unit = Unit::parse(address, &layers).unwrap();
            assert_eq!((unit, unit.address(&layers).as_str()), (Unit { layer, channel }, address));
        }
        let units = (0..3).flat_map(|layer| (0..4 * (layer + 1)).map(move |channel| Unit { layer, channel }));
        for (number, unit) in units.enumerate() {
            assert_eq!((unit.number(&layers), Unit::of_number(number, &layers)), (number, Some(unit)));
        }
        assert_eq!(Unit::of_number(24, &layers), None);
        assert_eq!(Unit::parse("1:3", &layers), Ok(Unit { layer: 1, channel: 3 }));
        assert_eq!(split("layer1.0:conv", &layers), Ok((1, None)));
        assert_eq!(split("2", &layers), Ok((2, None)));
    }

    #[test]
    fn what_is_not_there_is_named_with_what_is_close() {
        let layers = layers();
        let said = |address| Unit::parse(address, &layers).unwrap_err().to_string();
        assert_eq!(said("conv1:4"), "there is no channel 4 in `conv1`: it has 4, numbered from 0");
        assert!(said("conv:2").contains("no layer `conv`; did you mean") && said("conv:2").contains("conv1"));
        assert!(said("conv1").contains("`conv1:0`"));
        for odd in ["", ":", "conv1:", "conv1:-1", "conv1:99999999999999999999"] {
            assert!(Unit::parse(odd, &layers).is_err(), "{odd}");
        }
    }
}
