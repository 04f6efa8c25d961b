//! What a pane shows, before it is pixels: arrays and how they are to look.
//!
//! Owns painting a subject at the size it will be seen, by way of [`crate::map`] and [`crate::paint`]. Must not know
//! about terminals; two subjects are equal when they show the very same arrays.

use std::sync::Arc;

use image::RgbImage;
use ndarray::{Array2, Array3, Axis};

use super::circuit::Drawing;
use super::row::Row;
use super::sheet::Page;
use super::{Facts, Seen};
use crate::attribution::{AlphaPath, Attribution, Raw};
use crate::interpretation::feature_maps::FeatureMaps;
use crate::look::{Look, View};
use crate::map::{self, Map};
use crate::model::picture::{Picture, stretched};
use crate::model::preprocess::Rect;
use crate::paint;

/// What is attributed to where.
#[derive(Clone, Debug)]
pub enum Values {
    /// A method's result.
    Result(Arc<Attribution>),
    /// One of several layer maps.
    Layer(Arc<Vec<Array2<f32>>>, usize),
    /// One of the feature maps of a layer.
    Channel(Arc<FeatureMaps>, usize),
    /// Maps in the shape of the input.
    Whole(Arc<FeatureMaps>),
    /// The gradient at a step of the path.
    Gradient(Arc<Attribution>, usize),
    /// What integrated gradients has summed up to a step of the path, as if it ended there.
    Sum(Arc<Attribution>, usize),
}

/// What a pane shows.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A picture as a person knows it.
    Photo(Arc<Picture>),
    /// What the network is fed, stretched to the range of colours for plotting: all channels, or one in grey.
    Fed(Arc<Seen>, Option<usize>),
    /// What a person sees beside all that the network is fed.
    Prepared(Arc<Seen>),
    /// A map, over the picture or alone.
    Map(Arc<Seen>, Values, Look),
    /// The picture between baseline and input at a step of the path.
    Interpolated(Arc<Facts>, Arc<Attribution>, usize),
    /// Tiles of a layer.
    Sheet(Page),
    /// A picture of a circuit.
    Circuit(Drawing),
    /// Another subject with a place on it marked.
    Marked(Box<Subject>, Mark),
    /// Others side by side.
    Row(Row),
}

/// A place on a picture, as parts of its width and height, and the colour of the frame around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// Left, top, right and bottom edge, 0 to 1; what lies outside is cut off.
    pub edges: [f32; 4],
    /// The colour.
    pub colour: [u8; 3],
}

impl PartialEq for Values {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Result(a), Self::Result(b)) => Arc::ptr_eq(a, b),
            (Self::Layer(a, i), Self::Layer(b, j)) => Arc::ptr_eq(a, b) && i == j,
            (Self::Channel(a, i), Self::Channel(b, j)) => Arc::ptr_eq(a, b) && i == j,
            (Self::Whole(a), Self::Whole(b)) => Arc::ptr_eq(a, b),
            (Self::Gradient(a, i), Self::Gradient(b, j)) | (Self::Sum(a, i), Self::Sum(b, j)) => {
                Arc::ptr_eq(a, b) && i == j
            }
            _ => false,
        }
    }
}

impl PartialEq for Subject {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Photo(a), Self::Photo(b)) => Arc::ptr_eq(a, b),
            (Self::Fed(a, i), Self::Fed(b, j)) => Arc::ptr_eq(a, b) && i == j,
            (Self::Prepared(a), Self::Prepared(b)) => Arc::ptr_eq(a, b),
            (Self::Map(a, v, l), Self::Map(b, w, m)) => Arc::ptr_eq(a, b) && v == w && l == m,
            (Self::Interpolated(_, a, i), Self::Interpolated(_, b, j)) => Arc::ptr_eq(a, b) && i == j,
            (Self::Sheet(a), Self::Sheet(b)) => a == b,
            (Self::Circuit(a), Self::Circuit(b)) => a == b,
            (Self::Marked(a, m), Self::Marked(b, n)) => a == b && m == n,
            (Self::Row(a), Self::Row(b)) => a == b,
            _ => false,
        }
    }
}

/// A painted subject: pixels, and the map where there is one.
pub struct Painted {
    /// The pixels.
    pub pixels: RgbImage,
    /// The map they show.
    pub map: Option<Arc<Map>>,
}

/// Scales a view to a size; painters remember what they scaled.
pub type Scale<'a> = &'a mut dyn FnMut(&RgbImage, u32, u32) -> Arc<RgbImage>;

impl Subject {
    /// Width and height of its pixels at full resolution.
    pub fn dimensions(&self) -> (u32, u32) {
        let of_input = |input: &Array3<f32>| (input.dim().2 as u32, input.dim().1 as u32);
        match self {
            Self::Photo(picture) => picture.rgb.dimensions(),
            Self::Fed(seen, _) | Self::Prepared(seen) => of_input(&seen.prepared.input),
            Self::Map(seen, _, look) => {
                let (width, height) = seen.prepared.view.dimensions();
                (if look.view == View::SideBySide { width * 2 + (width / 50).max(1) } else { width }, height)
            }
            Self::Sheet(page) => page.size,
            Self::Circuit(drawing) => drawing.dimensions(),
            Self::Marked(subject, _) => subject.dimensions(),
            Self::Row(row) => row.size,
            Self::Interpolated(_, of, _) => of.path.as_ref().map_or((1, 1), |path| of_input(&path.input)),
        }
    }

    /// Paints it at about `width` × `height` pixels, or smaller where it has no more to show. `scale` is called with the
    /// picture below, which many looks share.
    pub fn paint(&self, (width, height): (u32, u32), scale: Scale<'_>) -> Painted {
        let plain = |pixels| Painted { pixels, map: None };
        match self {
            Self::Photo(picture) => plain((*scale(&picture.rgb, width, height)).clone()),
            Self::Sheet(page) => plain(page.paint((width, height))),
            Self::Circuit(drawing) => plain(drawing.paint((width, height), scale)),
            Self::Row(row) => plain(row.paint(scale)),
            Self::Marked(subject, Mark { edges, colour }) => {
                let painted = subject.paint((width, height), scale);
                // A frame of a pixel of the screen, however few pixels the picture has.
                let pixels = (*scale(&painted.pixels, width, height)).clone();
                Painted { pixels: paint::overlay::marked(pixels, *edges, *colour), ..painted }
            }
            Self::Fed(seen, channel) => plain(stretched(&seen.prepared.input, *channel)),
            Self::Prepared(seen) => plain(paint::preparation::paint(&seen.prepared.view, &seen.prepared.input)),
            Self::Interpolated(facts, of, step) => {
                let shown = |path: &AlphaPath| facts.preprocess.to_picture(&path.interpolated(*step), &path.input);
                plain(of.path.as_ref().map_or_else(|| RgbImage::new(1, 1), shown))
            }
            Self::Map(seen, values, look) => {
                let (_, rows, columns) = seen.prepared.input.dim();
                let map = values.raw().map(|raw| map::make(&raw, look, (rows, columns)));
                let full = seen.prepared.view.dimensions();
                let width = if look.view == View::SideBySide { width * 50 / 101 } else { width };
                // No more pixels than there are, but enough for the map over a tiny picture.
                let most = (full.0.max(columns as u32), full.1.max(rows as u32));
                let view = scale(&seen.prepared.view, width.min(most.0).max(1), height.min(most.1).max(1));
                let (kx, ky) = (view.width() as f32 / full.0 as f32, view.height() as f32 / full.1 as f32);
                let region = seen.prepared.region;
                let region =
                    Rect { x: region.x * kx, y: region.y * ky, width: region.width * kx, height: region.height * ky };
                let pixels = paint::paint(map.as_ref(), &view, region, look);
                Painted { pixels, map: map.map(Arc::new) }
            }
        }
    }
}

impl Values {
    /// The raw attribution; `None` where a step is asked of something that has no path.
    pub fn raw(&self) -> Option<Raw> {
        match self {
            Self::Result(of) => Some(of.raw.clone()),
            Self::Layer(maps, at) => maps.get(*at).cloned().map(Raw::Layer),
            Self::Whole(maps) => Some(Raw::Input(maps.maps.clone())),
            Self::Channel(maps, channel) => {
                (*channel < maps.count()).then(|| Raw::Layer(maps.map(*channel).to_owned()))
            }
            Self::Gradient(of, step) => {
                let path = of.path.as_ref()?;
                (*step < path.gradients.dim().0)
                    .then(|| Raw::Input(path.gradients.index_axis(Axis(0), *step).to_owned()))
            }
            Self::Sum(of, step) => {
                let path = of.path.as_ref()?;
                if step + 1 >= path.alphas.len() {
                    return Some(of.raw.clone());
                }
                let mut sum = Array3::<f32>::zeros(path.input.dim());
                for (gradient, weight) in path.gradients.outer_iter().zip(&path.weights).take(step + 1) {
                    sum.scaled_add(*weight, &gradient);
                }
                Some(Raw::Input(sum * (&*path.input - &*path.baseline)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;
    use crate::attribution::{AlphaPath, MethodId, Of, Target};

    fn integrated() -> Arc<Attribution> {
        let path = AlphaPath {
            alphas: vec![0.25, 0.75],
            weights: vec![0.5, 0.5],
            scores: vec![0.0; 2],
            probabilities: vec![0.0; 2],
            gradients: Arc::new(Array4::from_shape_fn((2, 1, 1, 2), |(step, _, _, x)| (step * 10 + x) as f32)),
            input: Arc::new(Array3::from_elem((1, 1, 2), 3.0)),
            baseline: Arc::new(Array3::from_elem((1, 1, 2), 1.0)),
        };
        let raw = Raw::Input(Array3::from_shape_vec((1, 1, 2), vec![10.0, 12.0]).unwrap());
        let target = Target { class: 0, of: Of::Logit };
        Arc::new(Attribution {
            method: MethodId::IntegratedGradients,
            target,
            layer: None,
            raw,
            logits: vec![1.0],
            score: 1.0,
            straight_through: false,
            completeness: None,
            path: Some(path),
            done: 2,
            total: 2,
        })
    }

    #[test]
    fn a_sum_weighs_its_steps_and_the_last_is_the_result() {
        let of = integrated();
        // 0.5 · (0, 1) · (3 − 1)
        let first = Array3::from_shape_vec((1, 1, 2), vec![0.0, 1.0]).unwrap();
        assert_eq!(Values::Sum(of.clone(), 0).raw(), Some(Raw::Input(first)));
        assert_eq!(Values::Sum(of.clone(), 1).raw(), Some(of.raw.clone()));
        assert_eq!(Values::Gradient(of, 7).raw(), None);
    }

    #[test]
    fn stretching_uses_the_whole_range_over_all_channels() {
        let input = Array3::from_shape_vec((3, 1, 2), vec![-2.0, 0.0, 1.0, 2.0, 0.0, 0.0]).unwrap();
        let painted = stretched(&input, None);
        assert_eq!((painted.get_pixel(0, 0).0, painted.get_pixel(1, 0).0), ([0, 191, 128], [128, 255, 128]));
        assert_eq!(stretched(&input, Some(1)).get_pixel(1, 0).0, [255; 3]);
    }
}
