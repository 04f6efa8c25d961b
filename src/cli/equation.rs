//! One filter at work on a picture: what it sees at a position, and what comes of it, as `lensor filters PICTURE` tells it.

use std::path::Path;
use std::sync::Arc;

use image::RgbImage;
use ndarray::Axis;
use serde_json::{Value, json};

use super::unit::Position;
use super::{Context, Failure, output};
use crate::interpretation::convolution::Product;
use crate::interpretation::feature_maps::{self, FeatureMaps, Side};
use crate::interpretation::filters::Filters;
use crate::jobs::sheet::{Inks, Sheet};
use crate::look::Colormap;
use crate::model::picture::stretched;
use crate::model::unit::Unit;
use crate::network::Network;
use crate::paint::legend::number;
use crate::paint::{mosaic, overlay, tile};

/// Side of each of the four pictures, pixels.
const SIDE: u32 = 288;
/// Colour of the frame around the position.
const FRAME: [u8; 3] = [255, 170, 40];

/// A filter taken apart at one position.
pub struct Work {
    /// What it sees and what comes of it.
    pub product: Product,
    position: (usize, usize),
    source: FeatureMaps,
    before: Arc<FeatureMaps>,
    after: Arc<FeatureMaps>,
    channel: usize,
}

impl Work {
    /// Takes a filter apart at a position of its feature map, or where that is highest.
    pub fn of(
        path: &Path,
        (filters, unit): (&Filters, Unit),
        position: Option<Position>,
        network: &mut Network,
        context: &Context,
    ) -> Result<Self, Failure> {
        let origin = output::picture(path)?;
        let position = position.map(|position| position.of(&network.layers()[unit.layer])).transpose()?;
        let input = network.preprocess().prepare(&origin.open()?)?.input;
        let cancel = &context.cancel;
        let before = feature_maps::of(network, &input, unit.layer, Side::Before, cancel)?;
        let after = feature_maps::of(network, &input, unit.layer, Side::After, cancel)?;
        let batch = input.insert_axis(Axis(0));
        let source = network.values(&batch, &[&filters.input], cancel)?.pop().unwrap_or_default();
        let source = FeatureMaps::new(source.index_axis_move(Axis(0), 0));
        let position = position.unwrap_or(after.figures[unit.channel].position);
        let product = filters.product(source.maps.view(), unit.channel, position);
        let (before, after) = (Arc::new(before), Arc::new(after));
        Ok(Self { product, position, source, before, after, channel: unit.channel })
    }

    /// What the network computes there: before and after the activation.
    fn computed(&self) -> [f32; 2] {
        [&self.before, &self.after].map(|maps| maps.maps[[self.channel, self.position.0, self.position.1]])
    }

    /// In a line.
    pub fn text(&self) -> String {
        let (row, column) = self.position;
        let Product { sums, bias, value, .. } = &self.product;
        let [before, after] = self.computed();
        format!(
            "at row {row}, column {column}: Σ kernel × patch {} + bias {} = {} → {} (the network: {} → {})\n",
            number(sums.sum()),
            number(*bias),
            number(*value),
            number(after),
            number(before),
            number(after),
        )
    }

    /// As an object.
    pub fn report(&self, filters: &Filters, filter: usize) -> Value {
        let sums = self.product.sums.iter().enumerate();
        let entry = |(input, sum): (usize, &f32)| json!({ "input": filters.input_channel(filter, input), "sum": sum });
        let [before, after] = self.computed();
        json!({
            "position": self.position,
            "corner": filters.corner(self.position),
            "inputs": sums.map(entry).collect::<Value>(),
            "bias": self.product.bias,
            "value": self.product.value,
            "computed": before,
            "after_activation": after,
        })
    }

    /// What it sees ∗ the filter = its map before the activation → after it, with the position marked.
    pub fn picture(
        &self,
        filters: &Filters,
        (filter, input): (usize, Option<usize>),
        drawn: &RgbImage,
        inks: Inks,
    ) -> RgbImage {
        // Diverging colours suit weights; a map that is never negative has none, and gets them where it needs them.
        let colormap = if inks.colormap.is_diverging() { Colormap::Viridis } else { inks.colormap };
        let inks = Inks { colormap, ..inks };
        let (_, height, width) = self.source.maps.dim();
        let (top, left) = filters.corner(self.position);
        let (rows, columns) = filters.reach();
        let seen = match (filters.colours, input) {
            (Some(_), input) => stretched(&self.source.maps, input),
            (None, input) => {
                let channel = filters.input_channel(filter, input.unwrap_or_else(|| self.product.strongest()));
                painted(Arc::new(FeatureMaps::new(self.source.maps.select(Axis(0), &[channel]))), 0, inks)
            }
        };
        let mark = |picture: &RgbImage, corner: (isize, isize), reach: (usize, usize), size: (usize, usize)| {
            let side = |long: u32, other: u32| (SIDE * other / long.max(1)).max(1);
            let (w, h) = picture.dimensions();
            let fitted = tile::fit(picture, if w > h { (SIDE, side(w, h)) } else { (side(h, w), SIDE) });
            overlay::marked(fitted, overlay::edges(corner, reach, size), FRAME)
        };
        let at = (self.position.0 as isize, self.position.1 as isize);
        let (_, map_height, map_width) = self.after.maps.dim();
        let map = |maps: &Arc<FeatureMaps>| {
            mark(&painted(maps.clone(), self.channel, inks), at, (1, 1), (map_height, map_width))
        };
        let seen = mark(&seen, (top, left), (rows, columns), (height, width));
        let (w, h) = drawn.dimensions();
        let kernel = tile::fit(drawn, (SIDE * w / w.max(h), SIDE * h / w.max(h)));
        mosaic::row(&[&seen, &kernel, &map(&self.before), &map(&self.after)], SIDE / 16)
    }
}

/// One map as a picture, a pixel a value.
fn painted(maps: Arc<FeatureMaps>, channel: usize, inks: Inks) -> RgbImage {
    Sheet::Maps(maps).tiles(&[channel], inks, [0; 3]).pop().unwrap_or_default()
}
