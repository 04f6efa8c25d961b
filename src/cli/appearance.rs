//! Flags for how a map looks; they never change what is computed.

use clap::Args;

use crate::look::{Aggregate, Blend, Colormap, Look, Resample, View};

/// The appearance of maps.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Appearance")]
pub struct Appearance {
    /// How the colour channels of an input attribution become one value
    #[arg(long, value_name = "HOW", default_value_t = Look::default().aggregate)]
    aggregate: Aggregate,

    /// Quantiles, in percent, to which values are clamped; 0,100 clamps nothing
    #[arg(long, value_name = "LOW,HIGH", default_value = "1,99", value_parser = clamp)]
    clamp: (f32, f32),

    /// Gaussian blur, in pixels of the network's input
    #[arg(long, value_name = "S", default_value = "0", value_parser = sigma)]
    sigma: f32,

    /// How a layer map is brought to the size of the input
    #[arg(long, value_name = "HOW", default_value_t = Look::default().resample)]
    resample: Resample,

    /// Colours; a signed map gets a diverging one
    #[arg(long, value_name = "NAME", default_value_t = Look::default().colormap)]
    colormap: Colormap,

    /// Opacity of the map over the picture, 0 to 1
    #[arg(long, value_name = "A", default_value_t = Look::default().opacity, value_parser = unit)]
    opacity: f32,

    /// Where that opacity applies
    #[arg(long, value_name = "HOW", default_value_t = Look::default().blend)]
    blend: Blend,

    /// What is drawn
    #[arg(long, value_name = "WHAT", default_value_t = Look::default().view)]
    view: View,
}

impl Appearance {
    /// The look that the flags describe.
    pub fn look(&self) -> Look {
        Look {
            aggregate: self.aggregate,
            clamp: self.clamp,
            sigma: self.sigma,
            resample: self.resample,
            colormap: self.colormap,
            opacity: self.opacity,
            blend: self.blend,
            view: self.view,
        }
    }
}

fn clamp(text: &str) -> Result<(f32, f32), String> {
    let wrong = || "two percentages are needed, LOW,HIGH, with 0 ≤ LOW < HIGH ≤ 100".to_owned();
    let (low, high) = text.split_once(',').ok_or_else(wrong)?;
    let parse = |part: &str| part.trim().trim_end_matches('%').parse::<f32>().map_err(|_| wrong());
    let (low, high) = (parse(low)?, parse(high)?);
    if 0.0 <= low && low < high && high <= 100.0 { Ok((low, high)) } else { Err(wrong()) }
}

fn sigma(text: &str) -> Result<f32, String> {
    let sigma = text.parse().ok().filter(|sigma| (0.0..=256.0).contains(sigma));
    sigma.ok_or_else(|| "a number of pixels from 0 to 256 is needed".to_owned())
}

fn unit(text: &str) -> Result<f32, String> {
    text.parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "a number from 0 to 1 is needed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert_eq!(clamp("0,100"), Ok((0.0, 100.0)));
        assert_eq!(clamp("2.5, 97%"), Ok((2.5, 97.0)));
        for wrong in ["", "5", "99,1", "-1,50", "1,101", "nan,5", "5,nan", "50,50"] {
            assert!(clamp(wrong).is_err(), "{wrong}");
        }
        assert!(sigma("-1").is_err() && sigma("nan").is_err() && sigma("1e9").is_err());
        assert!(unit("1.5").is_err() && unit("inf").is_err());
    }
}
