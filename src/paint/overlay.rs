//! A map over the picture a person knows.

use image::{Rgb, RgbImage};

use super::colormap;
use crate::look::{Blend, Look, Resample, View};
use crate::map::{Map, resample::Tap};
use crate::model::preprocess::Rect;

/// How much black lies over the part of the picture that the network does not see, out of [`FULL`].
const UNSEEN: u32 = FULL * 11 / 20;

/// Width of the gap between two pictures side by side, in pixels per 100 of the picture's width.
const GAP: u32 = 2;

/// Paints `view` as `look` asks. `region` is where in `view` (in its pixels) the network's input, and so the map, lies;
/// what is outside is dimmed. The result has the size of `view`, twice as wide and a gap for [`View::SideBySide`].
/// Without a map it is the picture.
pub fn paint(map: Option<&Map>, view: &RgbImage, region: Rect, look: &Look) -> RgbImage {
    let over = |opacity| map.map_or_else(|| view.clone(), |map| cover(map, view, region, look, opacity));
    match look.view {
        View::Picture => view.clone(),
        View::Overlay => over(Some(look.opacity)),
        View::Map => over(None),
        View::SideBySide => beside(view, &over(Some(look.opacity))),
    }
}

/// Two pictures of the same height with a black gap between them.
fn beside(left: &RgbImage, right: &RgbImage) -> RgbImage {
    let gap = (left.width() * GAP / 100).max(1);
    super::mosaic::row(&[left, right], gap)
}

/// Lays the map over the picture, or replaces the picture inside the region where there is no opacity. NaN leaves the
/// picture as it is; on a map alone it is black.
fn cover(map: &Map, view: &RgbImage, region: Rect, look: &Look, opacity: Option<f32>) -> RgbImage {
    let inks = inks(map, look, opacity);
    let nothing = Ink { colour: [0; 3], share: if opacity.is_some() { 0 } else { FULL } };
    let unseen = Ink { colour: [0; 3], share: UNSEEN };
    let mut painted = view.clone();
    let (rows, columns) = map.values.dim();
    let across = taps(region.x, region.width, view.width(), columns, look.resample);
    let down = taps(region.y, region.height, view.height(), rows, look.resample);
    let values = map.values.as_standard_layout();
    let mut line = vec![0.0; columns];
    for (row, tap) in painted.rows_mut().zip(down) {
        let Some(tap) = tap else {
            row.for_each(|pixel| unseen.on(pixel));
            continue;
        };
        let (low, high) = (values.row(tap.low), values.row(tap.high));
        line.iter_mut().zip(low.iter().zip(high)).for_each(|(value, (low, high))| *value = tap.mix(*low, *high));
        for (pixel, across) in row.zip(&across) {
            let ink = across.map_or(&unseen, |tap| {
                let position = map.position(tap.mix(line[tap.low], line[tap.high]));
                colormap::place(position).map_or(&nothing, |place| &inks[place])
            });
            ink.on(pixel);
        }
    }
    painted
}

/// Rows and columns from a corner on as parts of a map of `size` (height, width): left, top, right and bottom edge.
pub fn edges((row, column): (isize, isize), reach: (usize, usize), size: (usize, usize)) -> [f32; 4] {
    let along = |at: isize, side: usize| at as f32 / side.max(1) as f32;
    let (bottom, right) = (row + reach.0 as isize, column + reach.1 as isize);
    [along(column, size.1), along(row, size.0), along(right, size.1), along(bottom, size.0)]
}

/// Draws a frame around a place given by its left, top, right and bottom edge as parts of the width and height.
pub fn marked(mut picture: RgbImage, [left, top, right, bottom]: [f32; 4], colour: [u8; 3]) -> RgbImage {
    let (width, height) = picture.dimensions();
    let longest = width.max(height);
    let thick = (longest / 80).clamp(1, 4);
    // A place too small to be seen is drawn larger, around its middle.
    let least = (longest / 24).max(1) as f32;
    let along = |low: f32, high: f32, side: u32| {
        let (low, high) = (low.clamp(0.0, 1.0) * side as f32, high.clamp(0.0, 1.0) * side as f32);
        let more = ((least - (high - low)) / 2.0).max(0.0);
        let low = ((low - more).round().max(0.0) as u32).min(side.saturating_sub(1));
        (low, ((high + more).round() as u32).clamp(low, side))
    };
    let ((left, right), (top, bottom)) = (along(left, right, width), along(top, bottom, height));
    // Around the place, not over it; at the edge of the picture there is no room for that.
    let (outer_left, outer_top) = (left.saturating_sub(thick), top.saturating_sub(thick));
    let (outer_right, outer_bottom) = ((right + thick).min(width), (bottom + thick).min(height));
    let inner_left = left.max(outer_left + thick);
    let inner_top = top.max(outer_top + thick);
    let inner_right = right.min(outer_right.saturating_sub(thick)).max(inner_left);
    let inner_bottom = bottom.min(outer_bottom.saturating_sub(thick)).max(inner_top);
    for (y, x) in (outer_top..outer_bottom).flat_map(|y| (outer_left..outer_right).map(move |x| (y, x))) {
        if !((inner_left..inner_right).contains(&x) && (inner_top..inner_bottom).contains(&y)) {
            // A dark line inside a bright one is seen on any ground.
            let edge = x == outer_left || y == outer_top || x + 1 == outer_right || y + 1 == outer_bottom;
            picture.put_pixel(x, y, if thick > 2 && edge { Rgb([0; 3]) } else { Rgb(colour) });
        }
    }
    picture
}

/// A colour and how much of it is put on the picture, out of [`FULL`].
struct Ink {
    colour: [u8; 3],
    share: u32,
}

/// The share that covers the picture.
const FULL: u32 = 1 << 16;

impl Ink {
    fn on(&self, pixel: &mut Rgb<u8>) {
        for (level, colour) in pixel.0.iter_mut().zip(self.colour) {
            let mixed = u32::from(*level) * (FULL - self.share) + u32::from(colour) * self.share;
            *level = ((mixed + FULL / 2) / FULL) as u8;
        }
    }
}

/// The ink for each place in the colormap; opaque where there is no opacity.
fn inks(map: &Map, look: &Look, opacity: Option<f32>) -> Vec<Ink> {
    let share = |place: usize| match (opacity, look.blend) {
        (None, _) => 1.0,
        (Some(opacity), Blend::Uniform) => opacity,
        (Some(opacity), Blend::Strength) => opacity * map.strength(place as f32 / 255.0),
    };
    let lut = colormap::lut(look.colormap.for_map(map.signed));
    let ink = |(place, colour): (usize, &[u8; 3])| Ink {
        colour: *colour,
        share: (share(place).clamp(0.0, 1.0) * FULL as f32) as u32,
    };
    lut.iter().enumerate().map(ink).collect()
}

/// For every pixel of an axis of the picture, the cells of the map under its centre; `None` outside the region.
fn taps(start: f32, length: f32, pixels: u32, cells: usize, how: Resample) -> Vec<Option<Tap>> {
    (0..pixels)
        .map(|pixel| {
            let along = (pixel as f32 + 0.5 - start) / length;
            ((0.0..=1.0).contains(&along) && cells > 0).then(|| Tap::at(along * cells as f32, cells, how))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;

    use super::*;
    use crate::attribution::Raw;
    use crate::look::Colormap;
    use crate::map;

    fn look(view: View) -> Look {
        Look {
            clamp: (0.0, 100.0),
            opacity: 0.5,
            blend: Blend::Uniform,
            colormap: Colormap::Grey,
            resample: Resample::Nearest,
            view,
            ..Look::default()
        }
    }

    /// A 4 × 2 picture of level 100 whose middle two columns the network sees as 2 × 2.
    fn scene() -> (Map, RgbImage, Rect) {
        let map = map::make(&Raw::Layer(arr2(&[[0.0, 1.0], [f32::NAN, 1.0]])), &look(View::Map), (2, 2));
        (map, RgbImage::from_pixel(4, 2, Rgb([100; 3])), Rect { x: 1.0, y: 0.0, width: 2.0, height: 2.0 })
    }

    fn levels(painted: &RgbImage) -> Vec<u8> {
        painted.pixels().map(|pixel| pixel.0[1]).collect()
    }

    #[test]
    fn overlay_blends_inside_dims_outside_and_leaves_nan_alone() {
        let (map, view, region) = scene();
        let painted = paint(Some(&map), &view, region, &look(View::Overlay));
        assert_eq!(levels(&painted), [45, 50, 178, 45, 45, 100, 178, 45]);
    }

    #[test]
    fn map_alone_is_opaque_and_a_picture_is_untouched() {
        let (map, view, region) = scene();
        assert_eq!(levels(&paint(Some(&map), &view, region, &look(View::Map))), [45, 0, 255, 45, 45, 0, 255, 45]);
        assert_eq!(paint(Some(&map), &view, region, &look(View::Picture)), view);
        assert_eq!(paint(None, &view, region, &look(View::Overlay)), view);
    }

    #[test]
    fn opacity_by_strength_keeps_the_picture_where_the_map_is_low() {
        let (map, view, region) = scene();
        let look = Look { blend: Blend::Strength, ..look(View::Overlay) };
        assert_eq!(levels(&paint(Some(&map), &view, region, &look))[1..3], [100, 178]);
    }

    #[test]
    fn side_by_side_has_both() {
        let (map, view, region) = scene();
        let painted = paint(Some(&map), &view, region, &look(View::SideBySide));
        assert_eq!(painted.dimensions(), (9, 2));
        assert_eq!(levels(&painted)[..9], [100, 100, 100, 100, 0, 45, 50, 178, 45]);
    }

    #[test]
    fn a_place_is_framed_around_it_and_inside_at_the_edge_of_the_picture() {
        let framed = |edges| levels(&marked(RgbImage::new(4, 4), edges, [9; 3]));
        assert_eq!(framed([0.25, 0.25, 0.75, 0.75]), [9, 9, 9, 9, 9, 0, 0, 9, 9, 0, 0, 9, 9, 9, 9, 9]);
        assert_eq!(framed([-1.0, -1.0, 0.25, 0.25]), [9, 9, 0, 0, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(
            framed([2.0, 2.0, 3.0, 3.0]).iter().filter(|level| **level == 9).count(),
            4,
            "beyond: at the corner"
        );
    }

    #[test]
    fn a_region_of_no_size_paints_nothing() {
        let (map, view, _) = scene();
        let region = Rect { x: 0.0, y: 0.0, width: 0.0, height: 0.0 };
        assert!(levels(&paint(Some(&map), &view, region, &look(View::Map))).iter().all(|level| *level == 45));
    }
}
