//! Baselines: the picture without the thing, where a path of Integrated Gradients begins.

use std::fmt;
use std::sync::Arc;

use ndarray::{Array3, Axis};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Serialize, Serializer};

use crate::blur::gaussian;
use crate::model::preprocess::Preprocess;

/// Standard deviation of the blurred baseline, as a share of the input's shorter side.
pub const BLUR_SHARE: f32 = 0.05;

/// Where a path begins.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Baseline {
    /// Black pixels.
    #[default]
    Black,
    /// White pixels.
    White,
    /// 0 in the network's preprocessed space: the mean colour of the pictures it was trained on, where it has one.
    Mean,
    /// Every pixel and channel drawn evenly from 0..255, from the seed.
    Random,
    /// The picture itself, blurred with σ = [`BLUR_SHARE`] of the input's shorter side.
    Blur,
    /// Another picture.
    Picture {
        /// What to call it.
        name: String,
        /// `[C, H, W]`, preprocessed as the picture that is explained.
        input: Arc<Array3<f32>>,
    },
}

impl Baseline {
    /// The baselines that need nothing else, in the order in which keys step through them.
    pub const ALL: [Self; 5] = [Self::Black, Self::White, Self::Mean, Self::Random, Self::Blur];

    /// Name on the command line and in `--json`; for a picture, the picture's.
    pub fn name(&self) -> &str {
        match self {
            Self::Black => "black",
            Self::White => "white",
            Self::Mean => "mean",
            Self::Random => "random",
            Self::Blur => "blur",
            Self::Picture { name, .. } => name,
        }
    }

    /// The baseline of that name among [`Baseline::ALL`].
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|baseline| baseline.name() == name)
    }

    /// The baseline x′ for a preprocessed picture, `[C, H, W]`; `None` where a picture of another shape was given.
    pub(super) fn make(&self, input: &Array3<f32>, preprocess: &Preprocess, seed: u64) -> Option<Array3<f32>> {
        let filled = |pixel: [u8; 3]| {
            let values = preprocess.value_of(pixel);
            Array3::from_shape_fn(input.dim(), |(channel, _, _)| values.get(channel).copied().unwrap_or(0.0))
        };
        Some(match self {
            Self::Black => filled([0; 3]),
            Self::White => filled([255; 3]),
            Self::Mean => Array3::zeros(input.dim()),
            Self::Random => {
                let mut random = ChaCha8Rng::seed_from_u64(seed);
                let (low, high) = (filled([0; 3]), filled([255; 3]));
                let mut share = || f32::from(random.random::<u8>()) / 255.0;
                let mut pixels = low;
                pixels.zip_mut_with(&high, |value, high| *value += (high - *value) * share());
                pixels
            }
            Self::Blur => {
                let (_, height, width) = input.dim();
                let sigma = BLUR_SHARE * height.min(width) as f32;
                let mut blurred = input.clone();
                for mut channel in blurred.axis_iter_mut(Axis(0)) {
                    let soft = gaussian(channel.view(), sigma);
                    channel.assign(&soft);
                }
                blurred
            }
            Self::Picture { input: other, .. } => (other.dim() == input.dim()).then(|| other.as_ref().clone())?,
        })
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Baseline {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use crate::model::card::{Card, InputCard};

    use super::*;

    fn preprocess() -> Preprocess {
        let input = InputCard::imagenet(4, 6);
        let (name, description) = ("x".to_owned(), String::new());
        Preprocess::from(&Card { name, description, input, output: Default::default(), provenance: Default::default() })
    }

    #[test]
    fn pixels_are_mapped_into_the_networks_space() {
        let input = Array3::from_elem((3, 4, 6), 0.5);
        let make = |baseline: Baseline, seed| baseline.make(&input, &preprocess(), seed).unwrap();
        assert!((make(Baseline::Black, 0)[[0, 1, 1]] + 0.485 / 0.229).abs() < 1e-6);
        assert!((make(Baseline::White, 0)[[2, 3, 5]] - (1.0 - 0.406) / 0.225).abs() < 1e-6);
        assert!(make(Baseline::Mean, 0).iter().all(|value| *value == 0.0));
        assert!(make(Baseline::Blur, 0).iter().all(|value| (value - 0.5).abs() < 1e-6));
        let random = make(Baseline::Random, 7);
        assert_eq!(random, make(Baseline::Random, 7));
        assert_ne!(random, make(Baseline::Random, 8));
        let (black, white) = (make(Baseline::Black, 0), make(Baseline::White, 0));
        ndarray::Zip::from(&random).and(&black).and(&white).for_each(|r, b, w| assert!(b <= r && r <= w));
    }

    #[test]
    fn a_picture_must_have_the_inputs_shape() {
        let other = Baseline::Picture { name: "p".to_owned(), input: Arc::new(Array3::zeros((3, 2, 2))) };
        assert!(other.make(&Array3::zeros((3, 4, 6)), &preprocess(), 0).is_none());
        assert_eq!(Baseline::named("blur"), Some(Baseline::Blur));
        assert_eq!(Baseline::named("p"), None);
    }
}
