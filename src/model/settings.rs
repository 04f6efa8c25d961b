//! What is assumed about a network: its card where it has one, its own metadata, the habits of ImageNet networks,
//! plain defaults, in that order; and where each setting came from.

use std::fmt;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

use crate::onnx::{DataType, Dim, Graph, Model, ValueInfo};

use super::card::{Card, CardError, Channels, InputCard, MAX_SIDE, OutputCard, Resize};
use super::labels::{LabelError, Labels};
use super::output::Activation;
use super::source::{CardPlace, Opened};

/// Side of the input where neither the network nor a card says: what most ImageNet networks take.
const USUAL_SIDE: usize = 224;

/// What the user has said about the network; it goes before everything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// A file with one class name a line.
    pub labels: Option<PathBuf>,
    /// How pictures of another shape are fitted.
    pub resize: Option<Resize>,
}

/// Where a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A model card.
    Card(CardPlace),
    /// The ONNX file's metadata (`Image.*`).
    Metadata,
    /// The shape of the network's input.
    Input,
    /// The operator that the network ends in.
    Ending,
    /// The network has as many classes as ImageNet.
    ImageNet,
    /// Nothing better was known.
    Default,
    /// The user.
    User,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Card(CardPlace::Bundled(bundled)) => write!(f, "card of the bundled network {bundled}"),
            Self::Card(CardPlace::File(path)) => write!(f, "model card {}", path.display()),
            Self::Metadata => f.write_str("metadata of the ONNX file"),
            Self::Input => f.write_str("the network's input"),
            Self::Ending => f.write_str("the network's last operator"),
            Self::ImageNet => f.write_str("ImageNet habits"),
            Self::Default => f.write_str("default"),
            Self::User => f.write_str("given"),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where each group of settings came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Origins {
    /// Height and width of the input.
    pub size: Origin,
    /// How pictures are fitted.
    pub resize: Origin,
    /// Channel order, scale, mean and standard deviation.
    pub pixels: Origin,
    /// Class names.
    pub labels: Origin,
    /// What makes probabilities of logits.
    pub activation: Origin,
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

/// The image input of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageInput {
    /// Name of the tensor, `[batch, channels, height, width]`.
    pub name: String,
    /// 3 or 1.
    pub channels: usize,
    /// Height and width; `None` where the network takes any.
    pub size: [Option<usize>; 2],
    /// The batch size the network insists on, if it does.
    pub batch: Option<usize>,
}

/// Why nothing sensible can be assumed.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No input looks like a picture.
    #[error(
        "the network has no image input: one float32 input of shape [batch, 3 or 1, height, width] with sides up to 4096 is needed, it has {found}"
    )]
    NoImageInput {
        /// What it has.
        found: String,
    },
    /// The network takes batches of a fixed size only.
    #[error("the network insists on batches of {batch}; export it with a dynamic batch axis, or a batch of 1")]
    FixedBatch {
        /// That size.
        batch: usize,
    },
    /// Card and network contradict each other.
    #[error("the card says {card}, the network takes {model}: correct the card")]
    Mismatch {
        /// What the card says.
        card: String,
        /// What the network has.
        model: String,
    },
    /// A value that makes no sense.
    #[error(transparent)]
    Card(#[from] CardError),
    /// The label file.
    #[error(transparent)]
    Labels(#[from] LabelError),
}

impl ImageInput {
    /// The input of a graph that takes pictures.
    pub fn find(graph: &Graph) -> Result<Self, SettingsError> {
        match graph.inputs.as_slice() {
            [only] => Self::of(only).ok_or_else(|| none(&graph.inputs)),
            inputs => Err(none(inputs)),
        }
    }

    fn of(info: &ValueInfo) -> Option<Self> {
        let [batch, channels, height, width] = info.shape.as_slice() else { return None };
        let fixed = |dim: &Dim| if let Dim::Fixed(size) = dim { Some(*size) } else { None };
        let channels = fixed(channels).unwrap_or(3);
        let float = info.elem == DataType::Float;
        let size = [fixed(height), fixed(width)];
        let modest = size.iter().flatten().all(|side| *side <= MAX_SIDE);
        (float && modest && matches!(channels, 1 | 3)).then(|| Self {
            name: info.name.clone(),
            channels,
            size,
            batch: fixed(batch),
        })
    }

    /// Height and width to run with: the network's own, else the card's, else the usual.
    pub fn size(&self, card: Option<&Card>) -> [usize; 2] {
        let of_card = card.map(|card| [card.input.height, card.input.width]);
        [0, 1].map(|axis| self.size[axis].or(of_card.map(|size| size[axis])).unwrap_or(USUAL_SIDE))
    }
}

fn none(inputs: &[ValueInfo]) -> SettingsError {
    let shape = |info: &ValueInfo| {
        let dims = info.shape.iter().map(|dim| match dim {
            Dim::Fixed(size) => size.to_string(),
            Dim::Symbol(name) => name.clone(),
            Dim::Unknown => "?".to_owned(),
        });
        format!("{} {:?}[{}]", info.name, info.elem, dims.collect::<Vec<_>>().join(", "))
    };
    let found: Vec<String> = inputs.iter().take(8).map(shape).collect();
    let found = if found.is_empty() { "no input at all".to_owned() } else { found.join("; ") };
    SettingsError::NoImageInput { found }
}

/// What a network gives for a picture.
#[derive(Clone, Copy, Debug)]
pub struct Scores {
    /// How many numbers.
    pub count: usize,
    /// What makes probabilities of them in the network, where it does.
    pub ends_in: Option<Activation>,
}

impl Scores {
    /// Number of classes: a single sigmoid is about two, no and yes.
    pub fn classes(self, activation: Activation) -> usize {
        if self.is_yes_or_no(activation) { 2 } else { self.count }
    }

    /// Whether the only score is that of yes, and the one of no is its negative.
    pub fn is_yes_or_no(self, activation: Activation) -> bool {
        self.count == 1 && activation == Activation::Sigmoid
    }
}

/// Settles everything about a network with these scores.
pub fn settle(
    opened: &Opened,
    input: &ImageInput,
    scores: Scores,
    overrides: &Overrides,
) -> Result<Settings, SettingsError> {
    let (activation, of_activation) = activation(opened, scores);
    let classes = scores.classes(activation);
    let (mut card, mut origins) = match &opened.card {
        Some((card, place)) => {
            let origin = Origin::Card(place.clone());
            let [size, resize, pixels, labels] = [0; 4].map(|_| origin.clone());
            (card.clone(), Origins { size, resize, pixels, labels, activation: of_activation })
        }
        None => assumed(opened, input, classes, of_activation),
    };
    check(&card.input, input)?;
    if let Some(resize) = overrides.resize {
        (card.input.resize, origins.resize) = (resize, Origin::User);
    }
    let labels = match &overrides.labels {
        Some(path) => {
            origins.labels = Origin::User;
            Labels::read(path, classes)?
        }
        None if card.output.labels.is_empty() => {
            let imagenet = Labels::imagenet(classes);
            origins.labels = if imagenet.is_some() { Origin::ImageNet } else { Origin::Default };
            imagenet.unwrap_or_else(|| Labels::unnamed(activation, classes))
        }
        None => Labels::new(card.output.labels.iter().cloned(), classes),
    };
    card.output.labels = labels.names().to_vec();
    card.input.check()?;
    Ok(Settings { card, labels, activation, origins })
}

/// What makes probabilities: what the card says, what the network ends in, or softmax over several classes.
fn activation(opened: &Opened, scores: Scores) -> (Activation, Origin) {
    let said =
        opened.card.as_ref().and_then(|(card, place)| Some((card.output.activation?, Origin::Card(place.clone()))));
    let seen = || scores.ends_in.map(|activation| (activation, Origin::Ending));
    let usual = if scores.count == 1 { Activation::None } else { Activation::Softmax };
    said.or_else(seen).unwrap_or((usual, Origin::Default))
}

/// A card for a network that has none.
fn assumed(opened: &Opened, input: &ImageInput, classes: usize, activation: Origin) -> (Card, Origins) {
    let [height, width] = input.size(None);
    let imagenet = matches!(classes, 1000 | 1001) && input.channels == 3;
    let plain = InputCard::plain(height, width, if input.channels == 3 { Channels::Rgb } else { Channels::Grey });
    let (pixels, of_pixels) = match metadata(&opened.model, plain.clone()) {
        Some(card) if card.channels.count() == input.channels => (card, Origin::Metadata),
        _ if imagenet => (InputCard::imagenet(height, width), Origin::ImageNet),
        _ => (plain, Origin::Default),
    };
    let size = if input.size == [None, None] { Origin::Default } else { Origin::Input };
    let card = Card {
        name: opened.name.clone(),
        description: String::new(),
        input: pixels,
        output: OutputCard::default(),
        provenance: toml::Table::new(),
    };
    (card, Origins { size, resize: Origin::Default, pixels: of_pixels, labels: Origin::Default, activation })
}

/// The image metadata that ONNX defines (`Image.BitmapPixelFormat`, `Image.NominalPixelRange`), if the file has them.
fn metadata(model: &Model, plain: InputCard) -> Option<InputCard> {
    let value = |key: &str| model.metadata().iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
    let channels = match value("Image.BitmapPixelFormat") {
        Some("Rgb8") => Channels::Rgb,
        Some("Bgr8") => Channels::Bgr,
        Some("Gray8") => Channels::Grey,
        _ => return None,
    };
    let (scale, mean, std) = match value("Image.NominalPixelRange") {
        Some("Normalized_0_1") => (1.0 / 255.0, 0.0, 1.0),
        Some("Normalized_1_1") => (1.0 / 255.0, 0.5, 0.5),
        Some("NominalRange_0_255") | None => (1.0, 0.0, 1.0),
        Some(_) => return None,
    };
    Some(InputCard { channels, scale, mean: vec![mean], std: vec![std], ..plain })
}

fn check(card: &InputCard, input: &ImageInput) -> Result<(), SettingsError> {
    let fits = |axis: usize, side: usize| input.size[axis].is_none_or(|size| size == side);
    if card.channels.count() == input.channels && fits(0, card.height) && fits(1, card.width) {
        return Ok(());
    }
    let side = |axis: usize| input.size[axis].map_or_else(|| "any".to_owned(), |side| side.to_string());
    Err(SettingsError::Mismatch {
        card: format!("{} channels, {} × {}", card.channels.count(), card.height, card.width),
        model: format!("{} channels, {} × {}", input.channels, side(0), side(1)),
    })
}

#[cfg(test)]
mod tests;
