//! Flags for a unit: one channel of one layer.

use std::str::FromStr;

use clap::Args;

use super::Failure;
use crate::model::layers::Layer;
use crate::model::unit::{self, Unit};

/// A layer, or one of its channels.
#[derive(Debug, Clone, Args)]
pub struct UnitFlags {
    /// Layer, by name or index; LAYER:CHANNEL names one of its channels as well (`lensor layers` lists the layers)
    #[arg(long, value_name = "LAYER[:CHANNEL]")]
    layer: String,

    /// Channel of that layer, from 0
    #[arg(long, value_name = "K")]
    channel: Option<usize>,
}

impl UnitFlags {
    /// The layer, and the unit where a channel is given. What the network does not have is wrong usage.
    pub fn layer(&self, layers: &[Layer]) -> Result<(usize, Option<Unit>), Failure> {
        let (layer, within) = unit::split(&self.layer, layers).map_err(|error| usage("--layer", &error))?;
        if let (Some(within), Some(channel)) = (within, self.channel)
            && within != channel
        {
            return Err(Failure::Usage(format!("--channel {channel} contradicts --layer {}", self.layer)));
        }
        let unit = self.channel.or(within).map(|channel| Unit::new(layer, channel, layers)).transpose();
        Ok((layer, unit.map_err(|error| usage("--channel", &error))?))
    }

    /// The unit; without a channel it is wrong usage.
    pub fn unit(&self, layers: &[Layer]) -> Result<Unit, Failure> {
        let (_, unit) = self.layer(layers)?;
        unit.ok_or_else(|| {
            let layer = &self.layer;
            Failure::Usage(format!("a channel is needed: --layer {layer} --channel K, or --layer {layer}:K"))
        })
    }
}

/// A row and a column, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position(pub usize, pub usize);

impl FromStr for Position {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split_once(',').map(|(row, column)| (row.trim().parse(), column.trim().parse()));
        match numbers {
            Some((Ok(row), Ok(column))) => Ok(Self(row, column)),
            _ => Err("give a row and a column, from 0, such as 3,5".to_owned()),
        }
    }
}

impl Position {
    /// The position, if a layer has it; else it is wrong usage.
    pub fn of(self, layer: &Layer) -> Result<(usize, usize), Failure> {
        let Self(row, column) = self;
        let Layer { name, height, width, .. } = layer;
        if row < *height && column < *width {
            return Ok((row, column));
        }
        Err(Failure::Usage(format!(
            "--position: there is no {row},{column} in `{name}`: it has {height} rows and {width} columns, from 0"
        )))
    }
}

fn usage(flag: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::Usage(format!("{flag}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::layers::Kind;

    fn flags(layer: &str, channel: Option<usize>) -> UnitFlags {
        UnitFlags { layer: layer.to_owned(), channel }
    }

    #[test]
    fn a_position_is_a_row_and_a_column() {
        assert_eq!("3, 5".parse(), Ok(Position(3, 5)));
        assert!(["3", "3,", "-1,2", "1,2,3"].iter().all(|text| text.parse::<Position>().is_err()));
    }

    #[test]
    fn a_channel_is_given_once_or_not_at_all() {
        let layers = [Layer {
            index: 0,
            name: "conv1".to_owned(),
            kind: Kind::Conv,
            op: "Conv 3×3".to_owned(),
            tensor: "relu1".to_owned(),
            made: "relu1".to_owned(),
            pre_activation: None,
            parameters: 0,
            channels: 8,
            height: 4,
            width: 4,
        }];
        let unit = Unit { layer: 0, channel: 3 };
        assert_eq!(flags("conv1:3", None).unit(&layers).unwrap(), unit);
        assert_eq!(flags("conv1", Some(3)).unit(&layers).unwrap(), unit);
        assert_eq!(flags("0:3", Some(3)).layer(&layers).unwrap(), (0, Some(unit)));
        assert_eq!(flags("conv1", None).layer(&layers).unwrap(), (0, None));
        let wrong = [("conv1", None, "channel is needed"), ("conv1:3", Some(4), "contradicts"), ("x", None, "--layer")];
        for (layer, channel, says) in wrong {
            let Err(Failure::Usage(message)) = flags(layer, channel).unit(&layers) else { unreachable!() };
            assert!(message.contains(says), "{message}");
        }
        let Err(Failure::Usage(message)) = flags("conv1:8", None).layer(&layers) else { unreachable!() };
        assert!(message.contains("it has 8"), "{message}");
    }
}
