//! Appearance: everything about a picture that can change without asking the network again.
//!
//! Owns the settings and their names. Must not know how they are carried out: [`crate::map`] reads the first half,
//! [`crate::paint`] the second.

use serde::Serialize;

use crate::choice::choice;

choice! {
    /// How the channels of an input attribution become one value per pixel. A layer map has one already.
    pub enum Aggregate {
        /// max_c |a|: the lecture's abs+max.
        AbsMax = "abs-max",
        /// Σ_c |a|: abs+sum.
        AbsSum = "abs-sum",
        /// |Σ_c a|: sum+abs.
        SumAbs = "sum-abs",
        /// Σ_c a, signed.
        Sum = "sum",
        /// The first channel alone, signed.
        Red = "red",
        /// The second channel alone, signed.
        Green = "green",
        /// The third channel alone, signed.
        Blue = "blue",
    }
}

choice! {
    /// How a coarse map is brought to the size of the picture.
    pub enum Resample {
        /// Bilinear between the centres of the cells (PyTorch's `align_corners=False`, OpenCV's `INTER_LINEAR`).
        Bilinear = "bilinear",
        /// The nearest cell: shows the resolution that is really there.
        Nearest = "nearest",
    }
}

choice! {
    /// Colours of a map, from low to high.
    pub enum Colormap {
        /// Perceptually even, dark violet to yellow.
        Viridis = "viridis",
        /// Perceptually even, black to pale yellow through purple.
        Magma = "magma",
        /// Perceptually even, black to yellow through red.
        Inferno = "inferno",
        /// Perceptually even, blue to yellow through purple.
        Plasma = "plasma",
        /// Perceptually even and the same for colour-blind eyes, blue to yellow.
        Cividis = "cividis",
        /// Black to white.
        Grey = "grey",
        /// Rainbow: not perceptually even, it draws edges where there are none. For comparing with other tools.
        Turbo = "turbo",
        /// Diverging: blue below zero, white at zero, red above.
        BlueRed = "blue-red",
        /// Diverging, as circuits are drawn: red below zero (inhibits), white at zero, blue above (excites).
        RedBlue = "red-blue",
        /// Diverging: purple below zero, white at zero, orange above.
        PurpleOrange = "purple-orange",
    }
}

impl Colormap {
    /// Whether the middle means zero.
    pub const fn is_diverging(self) -> bool {
        matches!(self, Self::BlueRed | Self::RedBlue | Self::PurpleOrange)
    }

    /// Whether equal steps in the value look like equal steps in the colour.
    pub const fn is_even(self) -> bool {
        !matches!(self, Self::Turbo)
    }

    /// The colormap really used: a signed map gets a diverging one, so that zero can be seen.
    pub const fn for_map(self, signed: bool) -> Self {
        if signed && !self.is_diverging() { Self::BlueRed } else { self }
    }
}

choice! {
    /// How the map is laid over the picture.
    pub enum Blend {
        /// The same opacity everywhere.
        Uniform = "uniform",
        /// Opacity times the strength of the map: where it is low, the picture stays.
        Strength = "strength",
    }
}

choice! {
    /// What is drawn.
    pub enum View {
        /// The map over the picture.
        Overlay = "overlay",
        /// The map alone.
        Map = "map",
        /// The picture, and beside it the map over the picture.
        SideBySide = "side-by-side",
        /// The picture alone.
        Picture = "picture",
    }
}

choice! {
    /// Between which values the colours of a tile among others run.
    pub enum Contrast {
        /// Its own extremes: the pattern of each can be seen.
        Each = "each",
        /// The extremes of all: tiles can be compared.
        Shared = "shared",
    }
}

/// How a raw attribution is shown.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Look {
    /// Channels to one value.
    pub aggregate: Aggregate,
    /// Quantiles in percent, `0 ≤ low < high ≤ 100`, to which values are clamped. `(0, 100)` clamps nothing.
    pub clamp: (f32, f32),
    /// Standard deviation of the Gaussian blur in pixels of the network's input; 0 blurs nothing.
    pub sigma: f32,
    /// How a layer map is brought to the input's size.
    pub resample: Resample,
    /// Colours; a signed map uses a diverging one ([`Colormap::for_map`]).
    pub colormap: Colormap,
    /// Opacity of the map over the picture, 0 to 1.
    pub opacity: f32,
    /// Where that opacity applies.
    pub blend: Blend,
    /// What is drawn.
    pub view: View,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            aggregate: Aggregate::AbsMax,
            clamp: (1.0, 99.0),
            sigma: 0.0,
            resample: Resample::Bilinear,
            colormap: Colormap::Viridis,
            opacity: 0.8,
            blend: Blend::Strength,
            view: View::Overlay,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_map_never_gets_a_sequential_colormap() {
        for colormap in Colormap::ALL {
            assert!(colormap.for_map(true).is_diverging());
            assert_eq!(colormap.for_map(false), *colormap);
        }
    }
}
