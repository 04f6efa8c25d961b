//! What the publishers of networks put beside them: Hugging Face's `preprocessor_config.json` and `config.json`, and
//! timm's `pretrained_cfg` in the latter.
//!
//! Owns reading these files. Must not know what else is said about a network.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use super::card::{Interpolation, Resize};
use super::channels::Channels;
use super::output::Activation;
use super::settings::Said;

/// Largest file that is read: names of 21 000 classes are less than one.
const MAX_BYTES: u64 = 16 << 20;

/// Why such a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not what it should be.
    #[error("{}: {source}; mend it, or move it away and set what it says by flags", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// What the files beside a network say, what counts most first, each with its file. `folder` is where the network lies,
/// or the folder `onnx` inside the publisher's, where exporters put it.
pub fn read(folder: &Path) -> Result<Vec<(Said, PathBuf)>, HubError> {
    let above = folder.parent().filter(|_| folder.file_name().is_some_and(|name| name == "onnx"));
    let mut found = Vec::new();
    for place in std::iter::once(folder).chain(above) {
        if let Some((processor, path)) = json::<Processor>(place, "preprocessor_config.json")? {
            found.push((processor.said(), path));
        }
        if let Some((config, path)) = json::<Config>(place, "config.json")? {
            found.push((config.said(), path));
        }
    }
    found.retain(|(said, _)| *said != Said::default());
    Ok(found)
}

/// A JSON file, or `None` where there is none.
fn json<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<Option<(T, PathBuf)>, HubError> {
    let path = folder.join(name);
    let failed = |source| HubError::Read { path: path.clone(), source };
    match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.is_file() => return Ok(None),
        Ok(metadata) if metadata.len() > MAX_BYTES => return Err(failed(std::io::ErrorKind::FileTooLarge.into())),
        Ok(_) => {}
    }
    let bytes = std::fs::read(&path).map_err(failed)?;
    let parsed = serde_json::from_slice(&bytes).map_err(|source| HubError::Json { path: path.clone(), source })?;
    Ok(Some((parsed, path)))
}

/// `preprocessor_config.json`.
#[derive(Deserialize)]
struct Processor {
    #[serde(default, deserialize_with = "understood")]
    size: Option<Size>,
    #[serde(default, deserialize_with = "understood")]
    crop_size: Option<Size>,
    crop_pct: Option<f64>,
    resample: Option<u8>,
    rescale_factor: Option<f64>,
    image_mean: Option<Vec<f32>>,
    image_std: Option<Vec<f32>>,
    do_center_crop: Option<bool>,
    do_resize: Option<bool>,
    do_rescale: Option<bool>,
    do_normalize: Option<bool>,
    do_flip_channel_order: Option<bool>,
}

/// A size that is written in a way that classifiers use; other processors' own ways say nothing here.
fn understood<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Size>, D::Error> {
    Ok(serde_json::from_value(serde_json::Value::deserialize(deserializer)?).ok())
}

/// A size in any of the ways it was written over the years.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Size {
    Side(usize),
    Both { height: usize, width: usize },
    ShortestEdge { shortest_edge: usize },
}

impl Size {
    /// Height and width, where a single number means both.
    fn both(self) -> [usize; 2] {
        match self {
            Self::Side(side) | Self::ShortestEdge { shortest_edge: side } => [side; 2],
            Self::Both { height, width } => [height, width],
        }
    }
}

/// How a picture is fitted.
#[derive(Default)]
struct Fit {
    size: Option<[usize; 2]>,
    resize: Option<Resize>,
    resize_to: Option<usize>,
}

impl Processor {
    fn said(self) -> Said {
        let Fit { size, resize, resize_to } = self.fit();
        let plain = |done: Option<bool>| done == Some(false);
        let none = |value: f32| Some(vec![value]);
        Said {
            size,
            resize,
            resize_to,
            channels: (self.do_flip_channel_order == Some(true)).then_some(Channels::Bgr),
            interpolation: self.resample.and_then(of_pillow),
            scale: if plain(self.do_rescale) { Some(1.0) } else { self.rescale_factor },
            mean: if plain(self.do_normalize) { none(0.0) } else { self.image_mean },
            std: if plain(self.do_normalize) { none(1.0) } else { self.image_std },
            ..Said::default()
        }
    }

    /// `size` is what is scaled to and `crop_size` what is cut out of it. ConvNeXt's processor instead cuts `size` out of
    /// `size / crop_pct`, from 384 pixels on nothing.
    fn fit(&self) -> Fit {
        let Some(size) = self.size.filter(|_| self.do_resize != Some(false)) else {
            let cropped = self.crop_size.filter(|_| self.do_center_crop == Some(true));
            return Fit { size: cropped.map(Size::both), ..Fit::default() };
        };
        let side = size.both().into_iter().max().unwrap_or(0);
        let squash = Fit { size: Some(size.both()), resize: Some(Resize::Squash), resize_to: None };
        let crop = self.crop_size.filter(|_| self.do_center_crop == Some(true));
        match (self.crop_pct, crop, size) {
            (Some(share), _, _) if side < 384 && share > 0.0 => {
                Fit { resize: Some(Resize::ShortestEdge), resize_to: Some((side as f64 / share) as usize), ..squash }
            }
            (Some(_), _, _) => squash,
            (None, Some(crop), Size::Both { .. }) => Fit { size: Some(crop.both()), resize_to: Some(side), ..squash },
            (None, crop, Size::ShortestEdge { .. }) | (None, crop @ Some(_), Size::Side(_)) => Fit {
                size: Some(crop.map_or(size.both(), Size::both)),
                resize: Some(Resize::ShortestEdge),
                resize_to: Some(side),
            },
            (None, None, _) => squash,
        }
    }
}

/// Pillow's numbers of its filters; 4 is a box, which is not offered.
fn of_pillow(number: u8) -> Option<Interpolation> {
    Some(match number {
        0 => Interpolation::Nearest,
        1 => Interpolation::Lanczos,
        2 => Interpolation::Bilinear,
        3 => Interpolation::Bicubic,
        5 => Interpolation::Hamming,
        _ => return None,
    })
}

/// `config.json`, of Hugging Face or of timm.
#[derive(Deserialize)]
struct Config {
    id2label: Option<BTreeMap<String, String>>,
    problem_type: Option<String>,
    label_names: Option<Vec<String>>,
    label_descriptions: Option<BTreeMap<String, String>>,
    pretrained_cfg: Option<Pretrained>,
}

/// timm's `pretrained_cfg`.
#[derive(Default, Deserialize)]
struct Pretrained {
    input_size: Option<[usize; 3]>,
    crop_pct: Option<f64>,
    crop_mode: Option<String>,
    interpolation: Option<String>,
    mean: Option<Vec<f32>>,
    std: Option<Vec<f32>>,
    label_names: Option<Vec<String>>,
    label_descriptions: Option<BTreeMap<String, String>>,
}

impl Config {
    fn said(self) -> Said {
        let timm = self.pretrained_cfg.unwrap_or_default();
        let names = self.label_names.or(timm.label_names);
        let described = self.label_descriptions.or(timm.label_descriptions).unwrap_or_default();
        let name = |name: String| described.get(&name).cloned().unwrap_or(name);
        let names = names.map(|names| names.into_iter().map(name).collect());
        let side = timm.input_size.map(|[_, height, width]| height.max(width));
        let resize = timm.crop_mode.as_deref().map_or(Resize::ShortestEdge, |mode| match mode {
            "squash" => Resize::Squash,
            _ => Resize::ShortestEdge,
        });
        let share = timm.crop_pct.filter(|share| *share > 0.0);
        Said {
            size: timm.input_size.map(|[_, height, width]| [height, width]),
            channels: timm.input_size.map(|[channels, ..]| Channels::of_count(channels)),
            resize: side.map(|_| resize),
            resize_to: side.zip(share).map(|(side, share)| (side as f64 / share).floor() as usize),
            interpolation: timm.interpolation.and_then(|name| name.parse().ok()),
            mean: timm.mean,
            std: timm.std,
            activation: self.problem_type.as_deref().and_then(|kind| match kind {
                "regression" => Some(Activation::None),
                "single_label_classification" => Some(Activation::Softmax),
                "multi_label_classification" => Some(Activation::Sigmoid),
                _ => None,
            }),
            labels: names.or_else(|| self.id2label.map(in_order)).filter(|names: &Vec<String>| !names.is_empty()),
            ..Said::default()
        }
    }
}

/// Names by their indices; those between are called by their index.
fn in_order(names: BTreeMap<String, String>) -> Vec<String> {
    let mut by_index: BTreeMap<usize, String> =
        names.into_iter().filter_map(|(index, name)| Some((index.parse().ok()?, name))).collect();
    let count = by_index.len();
    (0..count).map(|index| by_index.remove(&index).unwrap_or_else(|| format!("class {index}"))).collect()
}

#[cfg(test)]
mod tests;
