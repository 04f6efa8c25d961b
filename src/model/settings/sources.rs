//! Who says what about a network, in the order in which it counts.

use super::*;
use crate::model::hub;
use crate::model::input::Layout;
use crate::onnx::{DataType, Model};

/// Side of the input where neither the network nor anybody else says: what most ImageNet networks take.
const USUAL_SIDE: usize = 224;

/// Everything that says something about one network, what counts most first.
pub struct Sources {
    list: Vec<(Said, Origin)>,
    labels: Option<PathBuf>,
    input: ImageInput,
}

impl Sources {
    /// What is said about an opened network with this input; reads the publisher's files beside it.
    pub fn gather(opened: &Opened, input: &ImageInput, overrides: &Overrides) -> Result<Self, SettingsError> {
        let mut list = vec![(overrides.said.clone(), Origin::User)];
        let card = opened.card.iter().map(|(card, place)| (Said::from(card), Origin::Card(place.clone())));
        list.extend(card);
        if input.is_whole() {
            list.push((raw_pixels(input.element), Origin::Input));
        }
        let published = opened.model.named_in().map(hub::read).transpose()?.unwrap_or_default();
        list.extend(published.into_iter().map(|(said, path)| (said, Origin::Hub(path))));
        list.extend(metadata(&opened.model).map(|said| (said, Origin::Metadata)));
        let sources = Self { list, labels: overrides.labels.clone(), input: input.clone() };
        sources.contradictions()?;
        Ok(sources.fitting())
    }

    /// Fails where somebody who must be heeded says what the network cannot do.
    fn contradictions(&self) -> Result<(), SettingsError> {
        let fits = |axis: usize, side: usize| self.input.size[axis].is_none_or(|size| size == side);
        for (said, origin) in self.list.iter().filter(|(_, origin)| origin.binds()) {
            let mismatch = |said: String| {
                let (origin, model) = (origin.to_string(), self.input.to_string());
                Err(SettingsError::Mismatch { said, origin, model })
            };
            match (said.size, said.channels) {
                (Some([height, width]), _) if !fits(0, height) || !fits(1, width) => {
                    return mismatch(format!("the size {height} × {width}"));
                }
                (_, Some(channels)) if self.input.channels.is_some_and(|count| count != channels.count()) => {
                    return mismatch(format!("{channels}, {} channels,", channels.count()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Without what somebody who need not be heeded says about pixels with another number of channels.
    fn fitting(mut self) -> Self {
        let count = self.channels().0.count();
        let fits = |values: &Option<Vec<f32>>| values.as_ref().is_none_or(|all| all.len() == 1 || all.len() == count);
        for (said, _) in self.list.iter_mut().filter(|(_, origin)| !origin.binds()) {
            if said.channels.is_some_and(|channels| channels.count() != count) || !fits(&said.mean) || !fits(&said.std)
            {
                *said = Said { channels: None, scale: None, mean: None, std: None, ..std::mem::take(said) };
            }
        }
        self
    }

    fn first<T>(&self, of: impl Fn(&Said) -> Option<T>) -> Option<(T, Origin)> {
        self.list.iter().find_map(|(said, origin)| Some((of(said)?, origin.clone())))
    }

    /// The output that is named, and by whom.
    pub fn output(&self) -> Option<(String, Origin)> {
        self.first(|said| said.output.clone())
    }

    /// Height and width to run with: the network's own, else what is said, else the usual.
    pub fn size(&self) -> ([usize; 2], Origin) {
        let (said, origin) = self.first(|said| said.size).unwrap_or(([USUAL_SIDE; 2], Origin::Default));
        let fixed = self.input.size.iter().all(Option::is_some);
        let size = [0, 1].map(|axis: usize| self.input.size[axis].unwrap_or(said[axis]));
        (size, if fixed { Origin::Input } else { origin })
    }

    /// Order and number of the channels.
    pub fn channels(&self) -> (Channels, Origin) {
        let known = self.input.channels;
        let said = self.first(|said| said.channels.filter(|channels| known.is_none_or(|n| n == channels.count())));
        let usual = Channels::of_count(known.unwrap_or(3));
        said.unwrap_or((usual, if usual == Channels::Rgb { Origin::Default } else { Origin::Input }))
    }

    /// Settles everything about a network with these scores; `name` is what it is called.
    pub fn settle(&self, opened: &Opened, scores: Scores) -> Result<Settings, SettingsError> {
        let (activation, of_activation) = self.activation(scores);
        let classes = scores.classes(activation);
        let (size, of_size) = self.size();
        let (channels, of_channels) = self.channels();
        let habits = self.habits(classes, channels);
        let pick = |values: fn(&Said) -> Option<Vec<f32>>, usual: f32| {
            let said = self.first(values);
            said.or_else(|| Some((values(habits.as_ref()?)?, Origin::ImageNet)))
                .unwrap_or((vec![usual], Origin::Default))
        };
        let (mean, of_mean) = pick(|said| said.mean.clone(), 0.0);
        let (std, of_std) = pick(|said| said.std.clone(), 1.0);
        let (scale, of_scale) = self.first(|said| said.scale).unwrap_or((1.0 / 255.0, Origin::Default));
        let (resize, resize_to, of_resize) = self.fit(size, &of_size);
        let (interpolation, of_interpolation) =
            self.first(|said| said.interpolation).unwrap_or((Interpolation::default(), Origin::Default));
        let (labels, of_labels) = self.labels(classes, activation)?;
        let [height, width] = size;
        let input = InputCard { height, width, channels, resize, resize_to, interpolation, scale, mean, std };
        input.check()?;
        let known = opened.card.as_ref().map(|(card, _)| card.clone());
        let mut card = known.unwrap_or_else(|| Card::named(&opened.name, input.clone()));
        card.input = input;
        card.output = OutputCard { labels: labels.names().to_vec(), ..card.output };
        let origins = Origins {
            size: of_size,
            channels: of_channels,
            resize: of_resize,
            interpolation: of_interpolation,
            scale: of_scale,
            mean: of_mean,
            std: of_std,
            activation: of_activation,
            labels: of_labels,
        };
        Ok(Settings { card, labels, activation, origins })
    }

    /// How pictures are fitted. A side to scale to that is too small for an input of this size is passed over, unless who
    /// said it said the size too.
    fn fit(&self, size: [usize; 2], of_size: &Origin) -> (Resize, Option<usize>, Origin) {
        let (resize, of_resize) = self.first(|said| said.resize).unwrap_or((Resize::default(), Origin::Default));
        let who = self.list.iter().find(|(said, _)| said.resize.is_some() || said.resize_to.is_some());
        let side = who.and_then(|(said, origin)| Some((said.resize_to?, origin)));
        let side = side.filter(|(side, origin)| *origin == of_size || origin.binds() || *side >= size[0].max(size[1]));
        let origin = match &side {
            Some((_, origin)) if of_resize == Origin::Default => (*origin).clone(),
            _ => of_resize,
        };
        (resize, side.map(|(side, _)| side), origin)
    }

    /// What makes probabilities: what is said, what the network ends in, or softmax over several classes. One score with
    /// two names is that of the second.
    fn activation(&self, scores: Scores) -> (Activation, Origin) {
        let said = self.first(|said| said.activation);
        let seen = || scores.ends_in.map(|activation| (activation, Origin::Ending));
        let two_names = || self.first(|said| said.labels.as_ref().filter(|names| names.len() == 2).map(|_| ()));
        let usual = || match (scores.count, two_names()) {
            (1, Some(((), origin))) => (Activation::Sigmoid, origin),
            (1, None) => (Activation::None, Origin::Default),
            _ => (Activation::Softmax, Origin::Default),
        };
        said.or_else(seen).unwrap_or_else(usual)
    }

    fn labels(&self, classes: usize, activation: Activation) -> Result<(Labels, Origin), SettingsError> {
        if let Some(path) = &self.labels {
            return Ok((Labels::read(path, classes)?, Origin::User));
        }
        let said = self.list.iter().find_map(|(said, origin)| {
            let names = said.labels.as_ref().filter(|names| !names.is_empty())?;
            (origin.binds() || names.len() == classes).then(|| (names.clone(), origin.clone()))
        });
        Ok(match (said, Labels::imagenet(classes)) {
            (Some((names, origin)), _) => (Labels::new(names, classes), origin),
            (None, Some(imagenet)) => (imagenet, Origin::ImageNet),
            (None, None) => (Labels::unnamed(activation, classes), Origin::Default),
        })
    }

    /// Mean and standard deviation of the usual ImageNet networks: of torchvision and timm, or −1..1 as most networks of
    /// TensorFlow have it, which are those with channels last or a class for the background.
    fn habits(&self, classes: usize, channels: Channels) -> Option<Said> {
        let InputCard { mean, std, .. } = match classes {
            _ if channels.count() != 3 || self.input.is_whole() => return None,
            1000 if self.input.layout == Layout::ChannelsFirst => InputCard::imagenet(1, 1),
            1000 | 1001 => InputCard { mean: vec![0.5], std: vec![0.5], ..InputCard::imagenet(1, 1) },
            _ => return None,
        };
        Some(Said { mean: Some(mean), std: Some(std), ..Said::default() })
    }
}

impl From<&Card> for Said {
    fn from(card: &Card) -> Self {
        let InputCard { height, width, channels, resize, resize_to, interpolation, scale, mean, std } = &card.input;
        Self {
            size: Some([*height, *width]),
            channels: Some(*channels),
            resize: Some(*resize),
            resize_to: *resize_to,
            interpolation: Some(*interpolation),
            scale: Some(*scale),
            mean: Some(mean.clone()),
            std: Some(std.clone()),
            output: card.output.logits.clone(),
            activation: card.output.activation,
            labels: Some(card.output.labels.clone()).filter(|names| !names.is_empty()),
        }
    }
}

/// Pixels as they are, 0..255, or −128..127 where the type has a sign.
fn raw_pixels(element: DataType) -> Said {
    let mean = if element == DataType::Int8 { 128.0 } else { 0.0 };
    Said { scale: Some(1.0), mean: Some(vec![mean]), std: Some(vec![1.0]), ..Said::default() }
}

/// The image metadata that ONNX defines (`Image.BitmapPixelFormat`, `Image.NominalPixelRange`), if the file has them.
fn metadata(model: &Model) -> Option<Said> {
    let value = |key: &str| model.metadata().iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
    let channels = match value("Image.BitmapPixelFormat") {
        Some("Rgb8") => Channels::Rgb,
        Some("Bgr8") => Channels::Bgr,
        Some("Gray8") => Channels::Grey,
        Some("Rgba8") => Channels::Rgba,
        _ => return None,
    };
    let (scale, mean, std) = match value("Image.NominalPixelRange") {
        Some("Normalized_0_1") => (1.0 / 255.0, 0.0, 1.0),
        Some("Normalized_1_1") => (1.0 / 255.0, 0.5, 0.5),
        Some("NominalRange_0_255") | None => (1.0, 0.0, 1.0),
        Some(_) => return None,
    };
    let (scale, mean, std) = (Some(scale), Some(vec![mean]), Some(vec![std]));
    Some(Said { channels: Some(channels), scale, mean, std, ..Said::default() })
}
