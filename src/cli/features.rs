//! `lensor features`: what a layer makes of a picture, as pictures, arrays and figures.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use image::RgbImage;
use ndarray::{Array3, ArrayD, Axis, aview1};
use serde_json::{Value, json};

use super::appearance::Appearance;
use super::sheet::{self, Findings};
use super::unit::{Position, UnitFlags};
use super::{Context, Failure, Outcome, output};
use crate::attribution::Raw;
use crate::interpretation::feature_maps::{self, FeatureMaps, Order, Side};
use crate::interpretation::gradient;
use crate::jobs::sheet::{Inks, Page, Sheet};
use crate::look::{Contrast, Look};
use crate::model::preprocess::Prepared;
use crate::model::unit::Unit;
use crate::network::{At, Network};
use crate::paint::legend::number;
use crate::{map, paint};

/// Channels that are named as alike to one.
const ALIKE: usize = 8;

/// Show what a layer makes of a picture: its feature maps
#[derive(Debug, Args)]
#[command(after_help = "\
All channels are drawn side by side, one alone over the picture as a heat map is. With --gradient-of all of it is about the \
gradient of a unit of a later layer.

The ending of --out decides: .png the picture; .npy the raw feature maps (float32, [channels,H,W], [H,W] for one channel); \
.npz the maps with mean, max, min and share of zeros of each; .json what --json prints.")]
pub struct Features {
    /// The picture
    #[arg(value_name = "PICTURE")]
    picture: PathBuf,

    #[command(flatten)]
    unit: UnitFlags,

    /// Look before the activation, where negative values are not cut off yet
    #[arg(long)]
    before: bool,

    /// Instead of the feature maps, the gradient there of a unit that comes after: of the sum of its map
    #[arg(long, value_name = "LAYER:CHANNEL", conflicts_with = "before")]
    gradient_of: Option<String>,

    /// Of the unit's value at one position instead of the sum
    #[arg(long, value_name = "ROW,COLUMN", requires = "gradient_of")]
    position: Option<Position>,

    /// Order of the channels: index, mean, max or zeros; similarity needs --beside
    #[arg(long, value_name = "ORDER", default_value_t = Order::Index, conflicts_with = "channel")]
    order: Order,

    /// Channel to which the most alike come first, with --order similarity
    #[arg(long, value_name = "K")]
    beside: Option<usize>,

    /// Between which values the colours of all channels run
    #[arg(long, value_name = "WHICH", default_value_t = Contrast::Each)]
    contrast: Contrast,

    /// File to write, may be given more than once
    #[arg(long, value_name = "FILE")]
    out: Vec<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    appearance: Appearance,
}

/// Shows the feature maps of a layer, or one of them.
pub fn run(args: &Features, context: &Context) -> Outcome {
    let outputs = sheet::outputs(&args.out)?;
    let origin = output::picture(&args.picture)?;
    let names = output::names(std::slice::from_ref(&origin));
    outputs.spare(std::slice::from_ref(&origin), &names)?;
    let picture = origin.open()?;
    let mut network = context.network()?;
    let (layer, unit) = args.unit.layer(network.layers())?;
    let of = network.layers()[layer].clone();
    let beside = match (args.order, args.beside) {
        (Order::Similarity, None) => return Err(Failure::Usage("--order similarity needs --beside K".to_owned())),
        (_, Some(channel)) if channel >= of.channels => {
            let (name, channels) = (&of.name, of.channels);
            return Err(Failure::Usage(format!(
                "--beside: there is no channel {channel} in `{name}`: it has {channels}"
            )));
        }
        (_, beside) => beside.unwrap_or(0),
    };
    let prepared = network.preprocess().prepare(&picture)?;
    let side = if args.before { Side::Before } else { Side::After };
    let of_unit =
        args.gradient_of.as_ref().map(|address| frozen(address, args.position, &network, layer)).transpose()?;
    let maps = match of_unit {
        Some((unit, position)) => {
            let at = At::Layers(&[layer]);
            let mut maps = gradient::of(&mut network, &prepared.input, unit, position, at, &context.cancel)?;
            maps.pop().unwrap_or_else(|| FeatureMaps::new(Array3::default((0, 0, 0))))
        }
        None => feature_maps::of(&mut network, &prepared.input, layer, side, &context.cancel)?,
    };
    let maps = Arc::new(maps);
    let shown = unit.map_or_else(|| maps.order(args.order, beside), |unit| vec![unit.channel]);
    let look = args.appearance.look();
    let picture = match unit {
        Some(unit) => over(&maps, unit.channel, &prepared, &look),
        None => {
            let inks = Inks { colormap: look.colormap, contrast: args.contrast };
            let page = Page::whole(Sheet::Maps(maps.clone()), shown.clone(), inks);
            page.paint(page.size)
        }
    };
    let address = unit.map_or_else(|| of.name.clone(), |unit| unit.address(network.layers()));
    let mut report = json!({
        "model": network.card().name,
        "picture": origin.argument(),
        "layer": { "index": of.index, "name": of.name, "op": of.op },
        "side": side,
        "shape": maps.maps.shape(),
        "silent": maps.silent(),
        "channels": shown.iter().map(|channel| figures(&maps, *channel)).collect::<Value>(),
    });
    if let Some(unit) = unit {
        let alike = maps.order(Order::Similarity, unit.channel).into_iter().skip(1).take(ALIKE);
        let entry = |other| json!({ "channel": other, "cosine": maps.similarity(unit.channel, other) });
        report["alike"] = alike.map(entry).collect();
    }
    let mut of_what = format!("feature maps of {address} for {}", origin.argument());
    let mut shown_as = if side == Side::Before { ", before the activation".to_owned() } else { String::new() };
    if let Some((unit, position)) = of_unit {
        let unit = unit.address(network.layers());
        let at = position.map_or_else(String::new, |(row, column)| format!(" at row {row}, column {column}"));
        report["gradient_of"] = json!({ "unit": unit, "position": position });
        shown_as = format!(", gradient of {unit}{at}");
        of_what = format!("gradient of {unit}{at} at {address} for {}", origin.argument());
    }
    let findings = Findings {
        picture,
        title: of_what,
        arrays: arrays(&maps, &shown, unit.is_some()),
        report,
        text: text(&maps, &shown, &address, &shown_as),
    };
    let name = names.first().map_or("", String::as_str);
    findings.deliver(&outputs, name, args.json, context)
}

/// The unit whose gradient is asked for at a layer, and its position; what has none there is wrong usage.
fn frozen(
    address: &str,
    position: Option<Position>,
    network: &Network,
    layer: usize,
) -> Result<(Unit, Option<(usize, usize)>), Failure> {
    let layers = network.layers();
    let unit = Unit::parse(address, layers).map_err(|error| Failure::Usage(format!("--gradient-of: {error}")))?;
    if !network.sources(unit.layer).contains(&layer) {
        let name = &layers[layer].name;
        return Err(Failure::Usage(format!("--gradient-of: `{name}` is no layer that {address} is made from")));
    }
    let position = position.map(|position| position.of(&layers[unit.layer])).transpose()?;
    Ok((unit, position))
}

/// One feature map over the picture, as a heat map is drawn.
fn over(maps: &FeatureMaps, channel: usize, prepared: &Prepared, look: &Look) -> RgbImage {
    let (_, height, width) = prepared.input.dim();
    let map = map::make(&Raw::Layer(maps.map(channel).to_owned()), look, (height, width));
    paint::paint(Some(&map), &prepared.view, prepared.region, look)
}

fn figures(maps: &FeatureMaps, channel: usize) -> Value {
    let mut figures = json!(maps.figures[channel]);
    figures["channel"] = json!(channel);
    figures
}

/// The maps in the order in which they are shown, and their figures.
fn arrays(maps: &FeatureMaps, shown: &[usize], single: bool) -> Vec<(&'static str, ArrayD<f32>)> {
    let values = maps.maps.select(Axis(0), shown).into_dyn();
    let values = if single { values.index_axis_move(Axis(0), 0) } else { values };
    let figure = |of: fn(&feature_maps::Figures) -> f32| {
        let each: Vec<f32> = shown.iter().map(|channel| of(&maps.figures[*channel])).collect();
        aview1(&each).to_owned().into_dyn()
    };
    vec![
        ("maps", values),
        ("channels", shown.iter().map(|channel| *channel as f32).collect::<ndarray::Array1<f32>>().into_dyn()),
        ("mean", figure(|figures| figures.mean)),
        ("max", figure(|figures| figures.max)),
        ("min", figure(|figures| figures.min)),
        ("zeros", figure(|figures| figures.zeros)),
    ]
}

fn text(maps: &FeatureMaps, shown: &[usize], address: &str, side: &str) -> String {
    let (count, height, width) = maps.maps.dim();
    if let [channel] = shown {
        let figures = &maps.figures[*channel];
        let (row, column) = figures.position;
        return format!(
            "{address}: {height} × {width}{side}\nmean {}, max {} at row {row}, column {column}, {:.1} % zero\n",
            number(figures.mean),
            number(figures.max),
            figures.zeros * 100.0
        );
    }
    let (low, high) = maps.range();
    let silent = maps.silent();
    format!(
        "{address}: {count} feature maps of {height} × {width}{side}\nvalues {} … {}, {silent} channels all zero\n",
        number(low),
        number(high)
    )
}
