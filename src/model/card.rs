//! The model card: a TOML file beside a network that says how pictures become its input and what its classes are.
//!
//! Owns the format and its checks. Must not know where a card comes from.

use serde::{Deserialize, Serialize};

use super::channels::Channels;
use super::output::Activation;
use crate::choice::choice;

/// Largest side of an input that is accepted, in pixels: one picture of that size is 200 MB.
pub(super) const MAX_SIDE: usize = 4096;

/// How a network is fed and read. Unknown keys are errors, except under `[provenance]`, which is for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Short name, as shown in the breadcrumb.
    pub name: String,
    /// One line about the network.
    #[serde(default)]
    pub description: String,
    /// How a picture becomes the input.
    pub input: InputCard,
    /// What comes out.
    #[serde(default)]
    pub output: OutputCard,
    /// How the network was made and what it was measured to do: free keys.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub provenance: toml::Table,
}

/// The `[input]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputCard {
    /// Height of the input, pixels.
    pub height: usize,
    /// Width of the input, pixels.
    pub width: usize,
    /// Order of the colour channels.
    #[serde(default)]
    pub channels: Channels,
    /// How a picture of another shape is fitted.
    #[serde(default)]
    pub resize: Resize,
    /// Length of the side that is scaled before the centre is cut out, pixels: with `shortest-edge` the shorter side of the
    /// picture, with `squash` that of the larger side of the input. The larger of `height` and `width` where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resize_to: Option<usize>,
    /// Filter used for scaling; all are antialiased, as Pillow's are.
    #[serde(default)]
    pub interpolation: Interpolation,
    /// Multiplies the pixels' 0..255.
    #[serde(default = "one_in_255")]
    pub scale: f64,
    /// Subtracted after scaling, one number or one a channel in the network's channel order.
    #[serde(default = "zero")]
    pub mean: Vec<f32>,
    /// Divides what is left, likewise.
    #[serde(default = "one")]
    pub std: Vec<f32>,
}

/// The `[output]` table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputCard {
    /// Name of the output tensor with the classes; the first suitable one where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logits: Option<String>,
    /// What makes probabilities of the logits; by default what the graph ends in, or `softmax`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// Class names in index order.
    #[serde(default)]
    pub labels: Vec<String>,
}

choice! {
    /// How a picture is fitted to the input.
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum Resize {
        /// Both sides scaled to the input's: the network sees the whole picture, distorted. With `resize_to`, which the
        /// larger side of the input then is before its centre is cut out, the rim is lost.
        #[default]
        Squash = "squash",
        /// The shorter side scaled to `resize_to`, then the centre cut out: no distortion, the rim is lost.
        ShortestEdge = "shortest-edge",
    }
}

choice! {
    /// Resampling filter.
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Interpolation {
        /// Triangle filter.
        #[default]
        Bilinear = "bilinear",
        /// Catmull-Rom (a = −0.5).
        Bicubic = "bicubic",
        /// Lanczos with three lobes.
        Lanczos = "lanczos",
        /// Triangle filter with a cosine's shape.
        Hamming = "hamming",
        /// One pixel of those beneath.
        Nearest = "nearest",
    }
}

fn one_in_255() -> f64 {
    1.0 / 255.0
}

fn zero() -> Vec<f32> {
    vec![0.0]
}

fn one() -> Vec<f32> {
    vec![1.0]
}

/// Why a card was refused.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    /// Not TOML, a key that is unknown or missing, or a value of the wrong type.
    #[error("{0}")]
    Toml(#[from] Box<toml::de::Error>),
    /// A value that makes no sense.
    #[error("`{key}` {problem}")]
    Value {
        /// The key, with its table.
        key: &'static str,
        /// What is wrong with it and what is expected.
        problem: String,
    },
}

impl Card {
    /// A card that says no more than this.
    pub fn named(name: &str, input: InputCard) -> Self {
        let (output, provenance) = (OutputCard::default(), toml::Table::new());
        Self { name: name.to_owned(), description: String::new(), input, output, provenance }
    }

    /// Reads and checks a card.
    pub fn parse(text: &str) -> Result<Self, CardError> {
        let card: Self = toml::from_str(text).map_err(Box::new)?;
        card.input.check()?;
        Ok(card)
    }
}

impl InputCard {
    /// An input of that size with pixels in 0..1 and nothing else done to them.
    pub fn plain(height: usize, width: usize, channels: Channels) -> Self {
        let (scale, mean, std) = (one_in_255(), zero(), one());
        let (resize, interpolation) = (Resize::Squash, Interpolation::Bilinear);
        Self { height, width, channels, resize, resize_to: None, interpolation, scale, mean, std }
    }

    /// The usual normalisation of networks trained on ImageNet in RGB (torchvision, timm).
    pub fn imagenet(height: usize, width: usize) -> Self {
        let (mean, std) = (vec![0.485, 0.456, 0.406], vec![0.229, 0.224, 0.225]);
        Self { mean, std, ..Self::plain(height, width, Channels::Rgb) }
    }

    /// Checks that the numbers make sense.
    pub fn check(&self) -> Result<(), CardError> {
        let wrong = |key, problem: &str| Err(CardError::Value { key, problem: problem.to_owned() });
        if !(1..=MAX_SIDE).contains(&self.height) || !(1..=MAX_SIDE).contains(&self.width) {
            return wrong("input.height, input.width", "must be 1 to 4096 pixels");
        }
        if self.resize_to.is_some_and(|side| side < self.height.max(self.width) || side > MAX_SIDE) {
            return wrong("input.resize_to", "must be at least the larger side of the input and at most 4096");
        }
        if !self.scale.is_finite() || self.scale == 0.0 {
            return wrong("input.scale", "must be a number other than 0");
        }
        let fits = |values: &[f32]| values.len() == 1 || values.len() == self.channels.count();
        if !fits(&self.mean) || !self.mean.iter().all(|v| v.is_finite()) {
            return wrong("input.mean", "must be one number, or one for each channel");
        }
        if !fits(&self.std) || !self.std.iter().all(|v| v.is_finite() && *v != 0.0) {
            return wrong("input.std", "must be one number other than 0, or one for each channel");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &str = r#"
        name = "scenes"
        [input]
        height = 128
        width = 128
        channels = "bgr"
        resize = "shortest-edge"
        resize_to = 146
        interpolation = "bicubic"
        scale = 1.0
        mean = [1, 2, 3]
        std = [0.5]
        [output]
        logits = "logits"
        labels = ["zebra", "mug"]
        [provenance]
        seed = 1
    "#;

    #[test]
    fn a_card_says_what_it_says() {
        let card = Card::parse(CARD).unwrap();
        assert_eq!(card.input.resize_to, Some(146));
        assert_eq!(card.input.mean, [1.0, 2.0, 3.0]);
        assert_eq!(card.output.labels, ["zebra", "mug"]);
        assert_eq!(Card::parse(&toml::to_string(&card).unwrap()).unwrap(), card);
    }

    #[test]
    fn what_is_left_out_is_plain() {
        let card = Card::parse("name = 'x'\n[input]\nheight = 8\nwidth = 9").unwrap();
        assert_eq!(card.input, InputCard::plain(8, 9, Channels::Rgb));
    }

    #[test]
    fn nonsense_is_refused_by_key() {
        for (from, to, key) in [
            ("height = 128", "height = 0", "input.height"),
            ("resize_to = 146", "resize_to = 12", "input.resize_to"),
            ("scale = 1.0", "scale = nan", "input.scale"),
            ("mean = [1, 2, 3]", "mean = [1, 2]", "input.mean"),
            ("std = [0.5]", "std = [0.0]", "input.std"),
            ("seed = 1", "seed = 1\n[extra]", "extra"),
            ("interpolation = \"bicubic\"", "interpolation = \"cubist\"", "cubist"),
        ] {
            let error = Card::parse(&CARD.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(key), "{to}: {error}");
        }
    }
}
