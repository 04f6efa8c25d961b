//! From a picture to a network's input and back.
//!
//! Owns fitting, normalisation and the geometry that says which part of the picture the network saw. Must not know about models or runtimes.

use image::{ImageBuffer, Rgb, RgbImage};
use ndarray::Array3;

use super::card::{Card, InputCard, Interpolation, Resize};
use super::channels::Channels;
use super::picture::{Beyond, Picture, Reduced, stretched_like};
use super::scale::{Scalable, Window, scale, view};

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
    /// The network does not take pictures.
    #[error(
        "the network takes {channels} channels, and the picture {name} has colours: give an array of shape [{channels}, \
         {height}, {width}] as a .npy file, which is fed as it is"
    )]
    NeedsArray {
        /// Name of the picture.
        name: String,
        /// Channels of the network.
        channels: usize,
        /// Height of the input.
        height: usize,
        /// Width of the input.
        width: usize,
    },
    /// An array of another shape than the network's input.
    #[error("the array {name} has the shape {given:?}, and the network takes {expected:?}: arrays are fed as they are")]
    ArrayShape {
        /// Name of the array.
        name: String,
        /// Its channels, height and width.
        given: [usize; 3],
        /// Those of the input.
        expected: [usize; 3],
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

    /// What the channels are.
    pub fn channels(&self) -> Channels {
        self.0.channels
    }

    /// Which channels of the input are red, green and blue; `None` where not all of them are colours.
    pub fn colours(&self) -> Option<[usize; 3]> {
        match self.0.channels {
            Channels::Rgb => Some([0, 1, 2]),
            Channels::Bgr => Some([2, 1, 0]),
            Channels::Grey | Channels::Rgba | Channels::Other(_) => None,
        }
    }

    /// Scales, crops and normalises a picture; an array is the input already.
    pub fn prepare(&self, picture: &Picture) -> Result<Prepared, PreprocessError> {
        let (window, input) = self.seen_and_input(picture)?;
        let failed = |reason| PreprocessError::Scale { name: picture.name.clone(), reason };
        let view = view(&picture.rgb).map_err(failed)?;
        let [x, w] = window.source(0, f64::from(view.width())).map(|length| length as f32);
        let [y, h] = window.source(1, f64::from(view.height())).map(|length| length as f32);
        let region = Rect { x, y, width: w, height: h };
        Ok(Prepared { input, view, region })
    }

    /// What the network is fed of a picture, `[C, H, W]`: [`Prepared::input`] alone.
    pub fn tensor(&self, picture: &Picture) -> Result<Array3<f32>, PreprocessError> {
        self.seen_and_input(picture).map(|(_, input)| input)
    }

    /// The part of a picture that the input shows, in the picture's own pixels.
    pub fn region(&self, picture: &Picture) -> Rect {
        let (width, height) = picture.rgb.dimensions();
        let window = match &picture.beyond {
            Some(Beyond::Array(_)) => Window::whole([width, height]),
            _ => self.window(width, height),
        };
        let [x, w] = window.source(0, f64::from(width)).map(|length| length as f32);
        let [y, h] = window.source(1, f64::from(height)).map(|length| length as f32);
        Rect { x, y, width: w, height: h }
    }

    /// How many pixels across and down are needed of a picture: to so many it is scaled before the input is cut out of it.
    pub fn needed(&self, width: u32, height: u32) -> [f64; 2] {
        match self.0.interpolation {
            // It picks pixels, so all have to be there.
            Interpolation::Nearest => [f64::INFINITY; 2],
            _ => self.window(width, height).scaled,
        }
    }

    /// As [`Preprocess::tensor`], of a picture that may have fewer pixels than its file; and as [`Preprocess::region`], in
    /// pixels of the file.
    pub fn of_reduced(&self, reduced: &Reduced) -> Result<(Rect, Array3<f32>), PreprocessError> {
        let Reduced { picture, size: (width, height), .. } = reduced;
        if reduced.times == 1 {
            return Ok((self.region(picture), self.tensor(picture)?));
        }
        let window = self.window(*width, *height);
        let [x, w] = window.source(0, f64::from(*width)).map(|length| length as f32);
        let [y, h] = window.source(1, f64::from(*height)).map(|length| length as f32);
        let input = self.input(picture, None, &window, reduced.whole())?;
        Ok((Rect { x, y, width: w, height: h }, input))
    }

    fn seen_and_input(&self, picture: &Picture) -> Result<(Window, Array3<f32>), PreprocessError> {
        let (width, height) = picture.rgb.dimensions();
        if width == 0 || height == 0 {
            return Err(PreprocessError::Empty { name: picture.name.clone() });
        }
        match &picture.beyond {
            Some(Beyond::Array(array)) => Ok((Window::whole([width, height]), self.checked(&picture.name, array)?)),
            beyond => {
                let window = self.window(width, height);
                let whole = [width, height].map(f64::from);
                Ok((window, self.input(picture, beyond.as_ref(), &window, whole)?))
            }
        }
    }

    /// The input that a picture becomes, of which `whole` is the width and height in its own pixels.
    fn input(
        &self,
        picture: &Picture,
        beyond: Option<&Beyond>,
        window: &Window,
        whole: [f64; 2],
    ) -> Result<Array3<f32>, PreprocessError> {
        let name = || picture.name.clone();
        let failed = |reason| PreprocessError::Scale { name: name(), reason };
        let filter = self.0.interpolation;
        match (self.0.channels, beyond) {
            (Channels::Other(channels), _) => {
                let InputCard { height, width, .. } = self.0;
                Err(PreprocessError::NeedsArray { name: name(), channels, height, width })
            }
            (Channels::Rgba, Some(Beyond::Rgba(rgba))) => {
                Ok(self.normalise(&scale(rgba, whole, window, filter).map_err(failed)?))
            }
            _ => Ok(self.normalise(&scale(&picture.rgb, whole, window, filter).map_err(failed)?)),
        }
    }

    fn checked(&self, name: &str, array: &Array3<f32>) -> Result<Array3<f32>, PreprocessError> {
        let (channels, height, width) = array.dim();
        let (given, expected) = ([channels, height, width], self.shape());
        match given == expected {
            true => Ok(array.clone()),
            false => Err(PreprocessError::ArrayShape { name: name.to_owned(), given, expected }),
        }
    }

    /// What each channel of the input holds where the picture has this colour, in the network's channel order.
    pub fn value_of(&self, pixel: [u8; 3]) -> Vec<f32> {
        (0..self.0.channels.count()).map(|channel| self.normalised(channel, self.level(&pixel, channel))).collect()
    }

    /// The picture that an input shows: undoes the normalisation, rounds and clips to 0..255. `input` is `[C, H, W]`.
    /// Where the channels are no colours it is stretched for plotting instead, over the range of `like`.
    pub fn to_picture(&self, input: &Array3<f32>, like: &Array3<f32>) -> RgbImage {
        if let Channels::Other(_) = self.0.channels {
            return stretched_like(input, like, None);
        }
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

    /// What the input is of a scaled picture (torchvision's `Resize` and `CenterCrop`).
    fn window(&self, width: u32, height: u32) -> Window {
        let size = [self.0.width as u32, self.0.height as u32];
        let whole = [f64::from(width), f64::from(height)];
        let larger = self.0.height.max(self.0.width) as f64;
        let side = self.0.resize_to.map_or(larger, |side| side as f64);
        let shorter = whole[0].min(whole[1]);
        let scaled = [0, 1].map(|axis: usize| {
            let scaled = match self.0.resize {
                Resize::ShortestEdge => side * whole[axis] / shorter,
                Resize::Squash => side * f64::from(size[axis]) / larger,
            };
            scaled.floor()
        });
        let start = [0, 1].map(|axis: usize| ((scaled[axis] - f64::from(size[axis])) / 2.0).round_ties_even());
        Window { scaled, start, size }
    }

    fn normalise<P: Scalable>(&self, pixels: &ImageBuffer<P, Vec<u8>>) -> Array3<f32> {
        let (scale, each, count) = (self.0.scale as f32, usize::from(P::CHANNEL_COUNT), self.0.channels.count());
        let mut values = Vec::with_capacity(count * pixels.len() / each.max(1));
        for channel in 0..count {
            let [mean, std] = self.moments(channel);
            let normalised = |level: f32| (level * scale - mean) / std;
            let pixels = pixels.as_raw().chunks_exact(each);
            // Where a channel holds the levels of one colour, there are no more than 256 values.
            let colour = match self.0.channels {
                Channels::Rgb | Channels::Rgba => Some(channel),
                Channels::Bgr => Some(2 - channel.min(2)),
                Channels::Grey | Channels::Other(_) => None,
            };
            match colour.filter(|colour| *colour < each) {
                Some(colour) => {
                    let table: [f32; 256] = std::array::from_fn(|level| normalised(level as f32));
                    values.extend(pixels.map(|pixel| table[usize::from(pixel[colour])]));
                }
                None => values.extend(pixels.map(|pixel| normalised(self.level(pixel, channel)))),
            }
        }
        // A picture of another size than the input, which scaling does not make, would be filled up with zeros.
        let [_, height, width] = self.shape();
        values.resize(count * height * width, 0.0);
        Array3::from_shape_vec((count, height, width), values).unwrap_or_default()
    }

    /// What a channel holds of a pixel, RGB or RGBA, before scaling: 0..255. Without opacity it is opaque; a channel that
    /// is no colour holds the grey.
    fn level(&self, pixel: &[u8], channel: usize) -> f32 {
        let of = |colour: usize| pixel.get(colour).map_or(255.0, |level| f32::from(*level));
        match self.0.channels {
            Channels::Rgb | Channels::Rgba => of(channel),
            Channels::Bgr => of(2 - channel.min(2)),
            Channels::Grey | Channels::Other(_) => (0..3).map(|colour| LUMA[colour] * of(colour)).sum(),
        }
    }

    fn normalised(&self, channel: usize, value: f32) -> f32 {
        let [mean, std] = self.moments(channel);
        (value * self.0.scale as f32 - mean) / std
    }

    /// What a channel's values are made of levels by: subtracted first, then divided by, both in units of the scaled
    /// levels (mean and standard deviation of the pictures that the network was trained on).
    pub fn moments(&self, channel: usize) -> [f32; 2] {
        let at = |values: &[f32], otherwise| values.get(channel).or(values.first()).copied().unwrap_or(otherwise);
        [at(&self.0.mean, 0.0), at(&self.0.std, 1.0)]
    }
}

#[cfg(test)]
mod tests;
