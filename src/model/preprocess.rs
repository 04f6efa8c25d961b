//! From a picture to a network's input and back.
//!
//! Owns fitting, normalisation and the geometry that says which part of the picture the network saw. Must not know about models or runtimes.

use image::{Rgb, RgbImage};
use ndarray::Array3;

use super::card::{Card, Channels, InputCard, Resize};
use super::picture::Picture;
use super::scale::{Window, scale, view};

/// Weights of red, green and blue in grey (ITU-R 601, as Pillow's `convert("L")`).
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// Why a picture could not be made into an input.
#[derive(Debug, thiserror::Error)]
pub enum PreprocessError {
    /// No pixels.
    #[error("the picture {name} has no pixels")]
    Empty {
        /// Name of the picture.
        name: String,
    },
    /// Scaling failed.
    #[error("the picture {name} cannot be scaled: {reason}")]
    Scale {
        /// Name of the picture.
        name: String,
        /// What the scaler said.
        reason: String,
    },
}

/// A rectangle in pixels; fractions of pixels are meant as such.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

/// A picture ready for a network, and for the eyes.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// `[C, H, W]`, scaled, cropped and normalised: what the network is fed.
    pub input: Array3<f32>,
    /// The whole picture as a person knows it, its longer side at most [`VIEW_SIDE`](super::scale::VIEW_SIDE).
    pub view: RgbImage,
    /// The part of `view` that `input` shows, in pixels of `view`.
    pub region: Rect,
}

/// How a network's card wants pictures prepared.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocess(InputCard);

impl From<&Card> for Preprocess {
    fn from(card: &Card) -> Self {
        Self(card.input.clone())
    }
}

impl Preprocess {
    /// `[C, H, W]` of the input.
    pub fn shape(&self) -> [usize; 3] {
        [self.0.channels.count(), self.0.height, self.0.width]
    }

    /// Which channels of the input are red, green and blue; `None` for a grey one.
    pub fn colours(&self) -> Option<[usize; 3]> {
        match self.0.channels {
            Channels::Rgb => Some([0, 1, 2]),
            Channels::Bgr => Some([2, 1, 0]),
            Channels::Grey => None,
        }
    }

    /// Scales, crops and normalises a picture.
    pub fn prepare(&self, picture: &Picture) -> Result<Prepared, PreprocessError> {
        let rgb = &picture.rgb;
        let (width, height) = rgb.dimensions();
        if width == 0 || height == 0 {
            return Err(PreprocessError::Empty { name: picture.name.clone() });
        }
        let failed = |reason| PreprocessError::Scale { name: picture.name.clone(), reason };
        let window = self.window(width, height);
        let seen = scale(rgb, &window, self.0.interpolation).map_err(failed)?;
        let view = view(rgb).map_err(failed)?;
        let [x, y, w, h] = window.source;
        let (kx, ky) = (f64::from(view.width()) / f64::from(width), f64::from(view.height()) / f64::from(height));
        let region = Rect { x: (x * kx) as f32, y: (y * ky) as f32, width: (w * kx) as f32, height: (h * ky) as f32 };
        Ok(Prepared { input: self.normalise(&seen), view, region })
    }

    /// What each channel of the input holds where the picture has this colour, in the network's channel order.
    pub fn value_of(&self, pixel: [u8; 3]) -> Vec<f32> {
        let [r, g, b] = pixel.map(f32::from);
        let values = match self.0.channels {
            Channels::Rgb => vec![r, g, b],
            Channels::Bgr => vec![b, g, r],
            Channels::Grey => vec![r * LUMA[0] + g * LUMA[1] + b * LUMA[2]],
        };
        values.into_iter().enumerate().map(|(channel, value)| self.normalised(channel, value)).collect()
    }

    /// The picture that an input shows: undoes the normalisation, rounds and clips to 0..255. `input` is `[C, H, W]`.
    pub fn to_picture(&self, input: &Array3<f32>) -> RgbImage {
        let (channels, height, width) = input.dim();
        RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let colour = |channel: usize| {
                let channel = channel.min(channels.saturating_sub(1));
                let value = input.get([channel, y as usize, x as usize]).copied().unwrap_or(0.0);
                let [mean, std] = self.moments(channel);
                ((f64::from(value * std + mean) / self.0.scale).round()).clamp(0.0, 255.0) as u8
            };
            Rgb(match self.0.channels {
                Channels::Bgr => [colour(2), colour(1), colour(0)],
                _ => [colour(0), colour(1), colour(2)],
            })
        })
    }

    /// Where in a source picture the input comes from (torchvision's `Resize` and `CenterCrop`).
    fn window(&self, width: u32, height: u32) -> Window {
        let size = [self.0.width as u32, self.0.height as u32];
        let whole = [f64::from(width), f64::from(height)];
        if self.0.resize == Resize::Squash {
            return Window { source: [0.0, 0.0, whole[0], whole[1]], size };
        }
        let short = self.0.resize_to.unwrap_or(self.0.height.max(self.0.width)) as f64;
        let shorter = whole[0].min(whole[1]);
        let axis = |side: f64, crop: u32| {
            let scaled = (short * side / shorter).floor();
            let start = ((scaled - f64::from(crop)) / 2.0).round_ties_even();
            (start * side / scaled, f64::from(crop) * side / scaled)
        };
        let ((x, w), (y, h)) = (axis(whole[0], size[0]), axis(whole[1], size[1]));
        Window { source: [x, y, w, h], size }
    }

    fn normalise(&self, rgb: &RgbImage) -> Array3<f32> {
        let tables: Vec<[f32; 2]> = (0..self.0.channels.count()).map(|channel| self.moments(channel)).collect();
        let scale = self.0.scale as f32;
        let pixels = rgb.as_raw();
        let width = rgb.width() as usize;
        Array3::from_shape_fn(self.shape(), |(channel, y, x)| {
            let at = (y * width + x) * 3;
            let value = match self.0.channels {
                Channels::Rgb => f32::from(pixels[at + channel]),
                Channels::Bgr => f32::from(pixels[at + 2 - channel]),
                Channels::Grey => (0..3).map(|c| LUMA[c] * f32::from(pixels[at + c])).sum(),
            };
            let [mean, std] = tables[channel];
            (value * scale - mean) / std
        })
    }

    fn normalised(&self, channel: usize, value: f32) -> f32 {
        let [mean, std] = self.moments(channel);
        (value * self.0.scale as f32 - mean) / std
    }

    /// Mean and standard deviation of a channel.
    fn moments(&self, channel: usize) -> [f32; 2] {
        let at = |values: &[f32], otherwise| values.get(channel).or(values.first()).copied().unwrap_or(otherwise);
        [at(&self.0.mean, 0.0), at(&self.0.std, 1.0)]
    }
}

#[cfg(test)]
mod tests;
