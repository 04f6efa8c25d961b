//! How Resize weighs the elements of an axis: its modes, as the ONNX specification defines them.

use crate::onnx::Node;

/// The attributes of a Resize node.
pub(super) struct Interpolation<'n> {
    /// `nearest`, `linear` or `cubic`.
    mode: &'n str,
    /// How positions of the output are laid onto the input.
    coordinates: &'n str,
    /// Which neighbour is nearest where two are as near, or which is taken anyway.
    rounding: &'n str,
    /// The parameter a of the cubic kernel (Keys 1981).
    cubic: f32,
    /// Whether the cubic kernel leaves out what is beyond the border, instead of repeating the border.
    exclude_outside: bool,
}

impl<'n> Interpolation<'n> {
    /// Reads the attributes; what is not supported is said in words.
    pub fn of(node: &'n Node) -> Result<Self, String> {
        let text = |name, default| node.attr_string(name).unwrap_or(default);
        let read = Self {
            mode: text("mode", "nearest"),
            coordinates: text("coordinate_transformation_mode", "half_pixel"),
            rounding: text("nearest_mode", "round_prefer_floor"),
            cubic: node.attr_float("cubic_coeff_a").unwrap_or(-0.75),
            exclude_outside: node.attr_int("exclude_outside").unwrap_or(0) != 0,
        };
        if node.attr_int("antialias").unwrap_or(0) != 0 {
            return Err("antialiased resizing has no rule".to_owned());
        }
        if text("keep_aspect_ratio_policy", "stretch") != "stretch" {
            return Err("resizing that keeps the aspect ratio has no rule".to_owned());
        }
        let modes = ["nearest", "linear", "cubic"].contains(&read.mode);
        let coordinates = ["half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "align_corners", "asymmetric"];
        match modes && coordinates.contains(&read.coordinates) {
            true => Ok(read),
            false => Err(format!("its mode {} with coordinates {} has no rule", read.mode, read.coordinates)),
        }
    }

    /// Adds the weights that the element `at` of the output gives to the elements of the input, `row`. `sizes` are those
    /// of the input and the output.
    pub fn weigh(&self, at: usize, scale: f32, sizes: [usize; 2], row: &mut [f32]) {
        let last = sizes[0] as i64 - 1;
        let position = self.position(at as f32, scale, sizes.map(|size| size as f32));
        let mut add = |index: i64, weight: f32| {
            if let Some(element) = row.get_mut(index.clamp(0, last) as usize) {
                *element += weight;
            }
        };
        let below = position.floor();
        let (first, rest) = (below as i64, position - below);
        match self.mode {
            "nearest" => add(self.nearest(position) as i64, 1.0),
            "linear" => {
                add(first, 1.0 - rest);
                add(first + 1, rest);
            }
            _ => {
                let taps = (-1..=2).map(|tap| (first + tap, keys(self.cubic, (rest - tap as f32).abs())));
                let inside = |(index, _): &(i64, f32)| !self.exclude_outside || (0..=last).contains(index);
                let taps: Vec<(i64, f32)> = taps.filter(inside).collect();
                let total: f32 = if self.exclude_outside { taps.iter().map(|(_, weight)| weight).sum() } else { 1.0 };
                taps.into_iter().for_each(|(index, weight)| add(index, weight / total));
            }
        }
    }

    /// Where the centre of an element of the output lies on the input.
    fn position(&self, at: f32, scale: f32, [input, output]: [f32; 2]) -> f32 {
        let half_pixel = (at + 0.5) / scale - 0.5;
        let position = match self.coordinates {
            "pytorch_half_pixel" if output <= 1.0 => 0.0,
            "align_corners" if output <= 1.0 => 0.0,
            "align_corners" => at * (input - 1.0) / (output - 1.0),
            "asymmetric" => at / scale,
            "half_pixel_symmetric" => half_pixel + input / 2.0 * (1.0 - output / (scale * input)),
            _ => half_pixel,
        };
        if self.mode == "linear" { position.clamp(0.0, input - 1.0) } else { position }
    }

    fn nearest(&self, position: f32) -> f32 {
        match self.rounding {
            "floor" => position.floor(),
            "ceil" => position.ceil(),
            "round_prefer_ceil" => (position + 0.5).floor(),
            _ => (position - 0.5).ceil(),
        }
    }
}

/// The cubic convolution kernel with parameter `a` at this distance.
fn keys(a: f32, distance: f32) -> f32 {
    let d = distance;
    if d <= 1.0 {
        ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
    } else if d < 2.0 {
        (((d - 5.0) * d + 8.0) * d - 4.0) * a
    } else {
        0.0
    }
}
