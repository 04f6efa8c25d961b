//! The channels of an input: which colours they are, and in which order.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Order of the colour channels of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Spelling", into = "Spelling")]
pub enum Channels {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// One channel: 0.299 R + 0.587 G + 0.114 B (ITU-R 601, as Pillow's `convert("L")`).
    Grey,
    /// Red, green, blue and opacity.
    Rgba,
    /// So many channels that are no colours: the network is given arrays, not pictures.
    Other(usize),
}

/// As a card has it: a word or a number.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Spelling {
    Word(String),
    Count(usize),
}

/// Not a word or a number for channels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" are no channels: give rgb, bgr, grey, rgba or a number")]
pub struct UnknownChannels(String);

impl Channels {
    /// The usual channels where there are so many.
    pub fn of_count(count: usize) -> Self {
        match count {
            1 => Self::Grey,
            3 => Self::Rgb,
            4 => Self::Rgba,
            other => Self::Other(other),
        }
    }

    /// Number of channels.
    pub fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb | Self::Bgr => 3,
            Self::Rgba => 4,
            Self::Other(count) => count,
        }
    }

    /// What each channel is called.
    pub fn names(self) -> Vec<String> {
        let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        match self {
            Self::Rgb => named(&["red", "green", "blue"]),
            Self::Bgr => named(&["blue", "green", "red"]),
            Self::Grey => named(&["grey"]),
            Self::Rgba => named(&["red", "green", "blue", "opacity"]),
            Self::Other(count) => (0..count).map(|channel| format!("channel {channel}")).collect(),
        }
    }
}

impl fmt::Display for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rgb => f.pad("rgb"),
            Self::Bgr => f.pad("bgr"),
            Self::Grey => f.pad("grey"),
            Self::Rgba => f.pad("rgba"),
            Self::Other(count) => count.fmt(f),
        }
    }
}

impl FromStr for Channels {
    type Err = UnknownChannels;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownChannels(text.to_owned());
        Ok(match text.to_lowercase().as_str() {
            "rgb" => Self::Rgb,
            "bgr" => Self::Bgr,
            "grey" | "gray" => Self::Grey,
            "rgba" => Self::Rgba,
            count => Self::of_count(count.parse().ok().filter(|count| *count > 0).ok_or_else(unknown)?),
        })
    }
}

impl TryFrom<Spelling> for Channels {
    type Error = UnknownChannels;

    fn try_from(spelling: Spelling) -> Result<Self, Self::Error> {
        match spelling {
            Spelling::Word(word) => word.parse(),
            Spelling::Count(count) => count.to_string().parse(),
        }
    }
}

impl From<Channels> for Spelling {
    fn from(channels: Channels) -> Self {
        match channels {
            Channels::Other(count) => Self::Count(count),
            named => Self::Word(named.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_are_read() {
        for (text, channels) in
            [("rgb", Channels::Rgb), ("GRAY", Channels::Grey), ("4", Channels::Rgba), ("13", Channels::Other(13))]
        {
            assert_eq!(text.parse(), Ok(channels));
            assert_eq!(channels.to_string().parse(), Ok(channels));
        }
        assert!("0".parse::<Channels>().is_err() && "cmyk".parse::<Channels>().is_err());
    }
}
