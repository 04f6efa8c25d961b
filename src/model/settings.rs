//! What is settled about a network: by the user, a card beside it, the files that its publisher put there, its metadata,
//! the habits of ImageNet networks, plain defaults, in that order; and where each setting came from.
//!
//! Owns that order. Must not know how pictures are prepared with it.

use std::fmt;
use std::path::PathBuf;

use crate::onnx::OnnxError;

use super::card::{Card, CardError, InputCard, Interpolation, OutputCard, Resize};
use super::channels::Channels;
use super::hub::HubError;
use super::input::{ImageInput, NoImageInput};
use super::labels::{LabelError, Labels};
use super::output::{Activation, Scores};
use super::source::{CardPlace, Opened};

mod listing;
mod sources;

pub use listing::{Listing, Setting};
pub use sources::Sources;

/// What one source says about a network; `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// Height and width of the input, pixels.
    pub size: Option<[usize; 2]>,
    /// Order of the colour channels.
    pub channels: Option<Channels>,
    /// How a picture of another shape is fitted.
    pub resize: Option<Resize>,
    /// Length of the side that is scaled before the centre is cut out, pixels.
    pub resize_to: Option<usize>,
    /// Filter used for scaling.
    pub interpolation: Option<Interpolation>,
    /// Multiplies the pixels' 0..255.
    pub scale: Option<f64>,
    /// Subtracted then, one number or one a channel.
    pub mean: Option<Vec<f32>>,
    /// Divides what is left, likewise.
    pub std: Option<Vec<f32>>,
    /// Name of the output with the classes.
    pub output: Option<String>,
    /// What makes probabilities of logits.
    pub activation: Option<Activation>,
    /// Class names in index order.
    pub labels: Option<Vec<String>>,
}

/// What the user has said about the network; it goes before everything else.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// A file with one class name a line.
    pub labels: Option<PathBuf>,
    /// Everything else.
    pub said: Said,
}

impl Overrides {
    /// The flags that say it, each with its value.
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        let list = |values: &Vec<f32>| values.iter().map(f32::to_string).collect::<Vec<_>>().join(",");
        let Said { size, channels, resize, resize_to, interpolation, scale, mean, std, output, activation, labels: _ } =
            &self.said;
        let flags = [
            ("--labels", self.labels.as_ref().map(|path| path.display().to_string())),
            ("--output", output.clone()),
            ("--activation", activation.map(|activation| activation.to_string())),
            ("--size", size.map(|[height, width]| format!("{height}x{width}"))),
            ("--channels", channels.map(|channels| channels.to_string())),
            ("--resize", resize.map(|resize| resize.to_string())),
            ("--resize-to", resize_to.map(|side| side.to_string())),
            ("--interpolation", interpolation.map(|filter| filter.to_string())),
            ("--scale", scale.map(|scale| scale.to_string())),
            ("--mean", mean.as_ref().map(list)),
            ("--std", std.as_ref().map(list)),
        ];
        flags.into_iter().filter_map(|(flag, value)| Some((flag, value?))).collect()
    }
}

/// Where a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The user.
    User,
    /// A model card.
    Card(CardPlace),
    /// A file that Hugging Face or timm put beside the network.
    Hub(PathBuf),
    /// The ONNX file's metadata (`Image.*`).
    Metadata,
    /// Type and shape of the network's input.
    Input,
    /// The operator that the network ends in.
    Ending,
    /// It is the only one.
    Only,
    /// It is the likeliest of several outputs.
    Outputs,
    /// The network has as many classes as ImageNet.
    ImageNet,
    /// Nothing better was known.
    Default,
}

impl Origin {
    /// Whether it must be heeded: what contradicts the network is an error then, and passed over otherwise.
    fn binds(&self) -> bool {
        matches!(self, Self::User | Self::Card(_))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User => f.write_str("given"),
            Self::Card(CardPlace::Bundled(bundled)) => write!(f, "card of the bundled network {bundled}"),
            Self::Card(CardPlace::File(path)) => write!(f, "model card {}", path.display()),
            Self::Hub(path) => path.display().fmt(f),
            Self::Metadata => f.write_str("metadata of the ONNX file"),
            Self::Input => f.write_str("the network's input"),
            Self::Ending => f.write_str("the network's last operator"),
            Self::Only => f.write_str("the network has no other"),
            Self::Outputs => f.write_str("the likeliest by name, shape and ending"),
            Self::ImageNet => f.write_str("usual for ImageNet"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Where each setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins {
    /// Height and width of the input.
    pub size: Origin,
    /// Order of the channels.
    pub channels: Origin,
    /// How pictures are fitted, and the side that is scaled to.
    pub resize: Origin,
    /// Filter used for scaling.
    pub interpolation: Origin,
    /// What multiplies the pixels.
    pub scale: Origin,
    /// What is subtracted then.
    pub mean: Origin,
    /// What divides the rest.
    pub std: Origin,
    /// What makes probabilities of logits.
    pub activation: Origin,
    /// Class names.
    pub labels: Origin,
}

/// Everything settled about a network's input and output.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The card, found or made up; its labels are those of [`Settings::labels`].
    pub card: Card,
    /// Names of all classes.
    pub labels: Labels,
    /// What makes probabilities of logits.
    pub activation: Activation,
    /// Where the settings came from.
    pub origins: Origins,
}

/// Why nothing sensible can be assumed.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No input looks like a picture.
    #[error(transparent)]
    NoImageInput(#[from] NoImageInput),
    /// The input could not be made one of 32-bit floats.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// What must be heeded and the network contradict each other.
    #[error("{said} ({origin}) is not what the network takes: {model}")]
    Mismatch {
        /// What is said.
        said: String,
        /// By whom.
        origin: String,
        /// What the network has.
        model: String,
    },
    /// A value that makes no sense.
    #[error("{0}; correct the card, or set it by a flag")]
    Card(#[from] CardError),
    /// A file of the network's publisher.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The label file.
    #[error(transparent)]
    Labels(#[from] LabelError),
}

#[cfg(test)]
mod tests;
