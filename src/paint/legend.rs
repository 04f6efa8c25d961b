//! The bar that says which colour is which value.

use image::{Rgb, RgbImage};

use super::colormap;
use crate::look::{Colormap, Look};
use crate::map::{Map, MapState};

/// The colours of a map from low to high, `width` × `height` pixels; a tick marks zero where it lies strictly inside.
pub fn bar(map: &Map, look: &Look, width: u32, height: u32) -> RgbImage {
    let lut = colormap::lut(look.colormap.for_map(map.signed));
    let zero = zero(map).map(|place| ((place * width as f32) as u32).min(width.saturating_sub(1)));
    RgbImage::from_fn(width, height, |x, _| {
        let position = (x as f32 + 0.5) / width as f32;
        Rgb(if zero == Some(x) { [0; 3] } else { colormap::colour(lut, position).unwrap_or_default() })
    })
}

/// `count` colours of a colormap, evenly from low to high: a legend in cells of text.
pub fn swatches(colormap: Colormap, signed: bool, count: usize) -> Vec<[u8; 3]> {
    let lut = colormap::lut(colormap.for_map(signed));
    (0..count).map(|cell| lut[((cell as f32 + 0.5) / count as f32 * 255.0).round() as usize]).collect()
}

/// Where zero lies between the ends of the colours, 0 to 1; `None` at an end, outside, or where there is no contrast.
pub fn zero(map: &Map) -> Option<f32> {
    let (low, high) = map.shown_range;
    (low < 0.0 && high > 0.0).then(|| map.position(0.0))
}

/// One line about the values: the raw range, the range of the colours where it differs, and what must be said.
pub fn text(map: &Map) -> String {
    let range = |(low, high): (f32, f32)| format!("{} … {}", number(low), number(high));
    let raw = range(map.raw_range);
    let shown = range(map.shown_range);
    match map.state {
        MapState::Zero => "all zero: nothing to see".to_owned(),
        MapState::Constant(value) => format!("constant {}: nothing to see", number(value)),
        MapState::NotFinite { count } => format!("raw {raw}, {count} values are not numbers"),
        MapState::Ok if raw == shown => format!("raw {raw}"),
        MapState::Ok => format!("raw {raw}, colours {shown}"),
    }
}

/// A number with three significant digits, as short as it can be said, with a true minus sign.
pub fn number(value: f32) -> String {
    let magnitude = value.abs();
    let digits = match magnitude {
        0.0 => "0".to_owned(),
        _ if !(1e-3..1e5).contains(&magnitude) => format!("{magnitude:.2e}"),
        _ => format!("{magnitude:.*}", (2 - magnitude.log10().floor() as i32).max(0) as usize),
    };
    if value < 0.0 { format!("−{digits}") } else { digits }
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;

    use super::*;
    use crate::attribution::Raw;
    use crate::map;

    fn made(values: [f32; 3], clamp: (f32, f32)) -> (Map, Look) {
        let look = Look { clamp, colormap: Colormap::Grey, ..Look::default() };
        (map::make(&Raw::Layer(arr2(&[values])), &look, (1, 3)), look)
    }

    #[test]
    fn the_bar_runs_from_low_to_high_with_zero_marked_inside() {
        let (map, look) = made([0.0, 1.0, 2.0], (0.0, 100.0));
        let bar = bar(&map, &look, 4, 1);
        assert_eq!(bar.pixels().map(|pixel| pixel.0[0]).collect::<Vec<_>>(), [32, 96, 159, 223]);
        assert_eq!(zero(&map), None);
        let (signed, look) = made([-1.0, 0.0, 2.0], (0.0, 100.0));
        assert_eq!(zero(&signed), Some(0.5));
        assert_eq!(super::bar(&signed, &look, 5, 1).get_pixel(2, 0).0, [0; 3]);
        let swatches = swatches(Colormap::Grey, true, 3);
        assert!(swatches[0][2] > swatches[0][0] && swatches[2][0] > swatches[2][2]);
    }

    #[test]
    fn the_line_names_ranges_and_states() {
        assert_eq!(text(&made([0.0, 0.25, 2.0], (0.0, 100.0)).0), "raw 0 … 2.00");
        assert_eq!(text(&made([-0.012, 0.25, 2.0], (0.0, 100.0)).0), "raw −0.0120 … 2.00, colours −2.00 … 2.00");
        assert_eq!(text(&made([0.0; 3], (1.0, 99.0)).0), "all zero: nothing to see");
        assert_eq!(text(&made([3.0; 3], (1.0, 99.0)).0), "constant 3.00: nothing to see");
        assert!(text(&made([f32::NAN, 0.0, 1.0], (1.0, 99.0)).0).ends_with("1 values are not numbers"));
    }

    #[test]
    fn numbers_have_three_digits() {
        let cases = [
            (0.0, "0"),
            (12.345, "12.3"),
            (-0.5, "−0.500"),
            (123_456.0, "1.23e5"),
            (4.2e-7, "4.20e-7"),
            (999.9, "1000"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }
}
