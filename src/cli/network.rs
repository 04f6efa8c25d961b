//! Flags for what a network does not say about itself: how pictures are prepared for it, and what its output means.

use std::path::PathBuf;

use clap::Args;

use crate::model::card::{Interpolation, Resize};
use crate::model::channels::Channels;
use crate::model::output::Activation;
use crate::model::settings::{Overrides, Said};

/// What the user says about the network. Each flag goes before what a card, the files beside the network and its
/// metadata say.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network, where it should be treated otherwise than its card or files say")]
pub struct NetworkFlags {
    /// Class names, one a line
    #[arg(long, global = true, value_name = "FILE")]
    labels: Option<PathBuf>,

    /// Output with the scores of the classes
    #[arg(long, global = true, value_name = "NAME")]
    output: Option<String>,

    /// What makes probabilities of its logits
    #[arg(long, global = true, value_name = "WHAT")]
    activation: Option<Activation>,

    /// Height and width of the input, pixels
    #[arg(long, global = true, value_name = "HEIGHTxWIDTH", value_parser = size)]
    size: Option<[usize; 2]>,

    /// Channels of the input: rgb, bgr, grey, rgba or a number
    #[arg(long, global = true, value_name = "ORDER")]
    channels: Option<Channels>,

    /// How pictures of another shape are fitted
    #[arg(long, global = true, value_name = "HOW")]
    resize: Option<Resize>,

    /// Side that is scaled to before the centre is cut out, pixels
    #[arg(long, global = true, value_name = "PIXELS")]
    resize_to: Option<usize>,

    /// Filter used for scaling
    #[arg(long, global = true, value_name = "FILTER")]
    interpolation: Option<Interpolation>,

    /// What pixels 0..255 are multiplied with, such as 1/255
    #[arg(long, global = true, value_name = "NUMBER", value_parser = fraction)]
    scale: Option<f64>,

    /// What is subtracted then: one number, or one a channel
    #[arg(long, global = true, value_name = "NUMBERS", value_delimiter = ',', allow_hyphen_values = true)]
    mean: Option<Vec<f32>>,

    /// What the rest is divided by, likewise
    #[arg(long, global = true, value_name = "NUMBERS", value_delimiter = ',', allow_hyphen_values = true)]
    std: Option<Vec<f32>>,
}

impl NetworkFlags {
    /// What is said.
    pub fn overrides(&self) -> Overrides {
        let flags = self.clone();
        let said = Said {
            size: flags.size,
            channels: flags.channels,
            resize: flags.resize,
            resize_to: flags.resize_to,
            interpolation: flags.interpolation,
            scale: flags.scale,
            mean: flags.mean,
            std: flags.std,
            output: flags.output,
            activation: flags.activation,
            labels: None,
        };
        Overrides { labels: flags.labels, said }
    }
}

/// `224`, or `192x256`: height and width.
fn size(text: &str) -> Result<[usize; 2], String> {
    let side = |text: &str| text.trim().parse::<usize>().ok().filter(|side| *side > 0);
    let sides = match text.split_once(['x', 'X', '×']) {
        Some((height, width)) => side(height).zip(side(width)),
        None => side(text).map(|side| (side, side)),
    };
    sides.map(|(height, width)| [height, width]).ok_or_else(|| "give one number of pixels, or HEIGHTxWIDTH".to_owned())
}

/// `0.5`, or `1/255`.
fn fraction(text: &str) -> Result<f64, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let value = match text.split_once('/') {
        Some((above, below)) => number(above).zip(number(below)).map(|(above, below)| above / below),
        None => number(text),
    };
    value.filter(|value| value.is_finite() && *value != 0.0).ok_or_else(|| "give a number such as 1/255".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_fractions_are_read_as_people_write_them() {
        assert_eq!((size("224"), size("192x256")), (Ok([224, 224]), Ok([192, 256])));
        assert_eq!((fraction("1/4"), fraction("2")), (Ok(0.25), Ok(2.0)));
        assert!(["", "0", "3x", "axb"].iter().all(|text| size(text).is_err()));
        assert!(["", "1/0", "x", "0"].iter().all(|text| fraction(text).is_err()));
    }
}
