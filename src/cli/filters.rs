//! `lensor filters`: the weights of a convolution as pictures, arrays and figures.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use ndarray::{ArrayView3, Axis};
use serde_json::{Value, json};

use super::equation::Work;
use super::sheet::{self, Findings};
use super::unit::{Position, UnitFlags};
use super::{Context, Failure, Outcome};
use crate::interpretation::filters::{self, Folded};
use crate::jobs::sheet::{Inks, Page, Sheet};
use crate::look::{Colormap, Contrast};
use crate::paint::legend::number;

/// Show the filters of a convolution
#[derive(Debug, Args)]
#[command(after_help = "\
Filters over a picture are drawn in its colours with zero as middle grey, others as the mean over their inputs, or one \
input each with --input; blue below zero, red above. Batch normalisation after the convolution is folded into the weights. \
With PICTURE one filter is shown at work: what it sees ∗ the filter = its map before and after the activation.

The ending of --out decides: .png the picture; .npy the weights (float32, [filters,inputs,H,W], [inputs,H,W] for one \
channel); .npz weights, bias and mean over the inputs; .json what --json prints.")]
pub struct Filters {
    /// Picture at which one filter is taken apart: kernel × patch, summed, plus the bias
    #[arg(value_name = "PICTURE")]
    picture: Option<PathBuf>,

    #[command(flatten)]
    unit: UnitFlags,

    /// Draw this input of each filter [default: all of them, in colours or as their mean]
    #[arg(long, value_name = "N")]
    input: Option<usize>,

    /// Where on the feature map of PICTURE the filter is taken apart [default: where the map is highest]
    #[arg(long, value_name = "ROW,COLUMN", requires = "picture")]
    position: Option<Position>,

    /// Between which values the colours run
    #[arg(long, value_name = "WHICH", default_value_t = Contrast::Each)]
    contrast: Contrast,

    /// Colours; a diverging one is used unless this is one
    #[arg(long, value_name = "NAME", default_value_t = Colormap::BlueRed)]
    colormap: Colormap,

    /// File to write, may be given more than once
    #[arg(long, value_name = "FILE")]
    out: Vec<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Shows the filters of a layer, or one of them.
pub fn run(args: &Filters, context: &Context) -> Outcome {
    let outputs = sheet::outputs(&args.out)?;
    let mut network = context.network()?;
    let (layer, unit) = args.unit.layer(network.layers())?;
    let filters = Arc::new(filters::of(&network, layer).map_err(|error| Failure::Usage(format!("--layer: {error}")))?);
    if let Some(input) = args.input.filter(|input| *input >= filters.inputs()) {
        let inputs = filters.inputs();
        return Err(Failure::Usage(format!("--input: there is no input {input}: these filters have {inputs}, from 0")));
    }
    let shown: Vec<usize> = unit.map_or_else(|| (0..filters.count()).collect(), |unit| vec![unit.channel]);
    let drawn = Sheet::Filters(filters.clone(), args.input);
    let inks = Inks { colormap: args.colormap, contrast: args.contrast };
    let of = &network.layers()[layer];
    let title = unit.map_or_else(|| of.name.clone(), |unit| unit.address(network.layers()));
    let (weights, bias) = (filters.weights.select(Axis(0), &shown), filters.bias.select(Axis(0), &shown));
    let mean = weights.mean_axis(Axis(1)).unwrap_or_default().into_dyn();
    let only = |array: ndarray::ArrayD<f32>| if unit.is_some() { array.index_axis_move(Axis(0), 0) } else { array };
    let (_, _, height, width) = weights.dim();
    let text = format!(
        "{}: {} of {} × {height} × {width}{}, weights {} … {}\n{}\n",
        title,
        if unit.is_some() { "filter".to_owned() } else { format!("{} filters", shown.len()) },
        filters.inputs(),
        if filters.groups > 1 { format!(" in {} groups", filters.groups) } else { String::new() },
        number(weights.iter().copied().fold(f32::INFINITY, f32::min)),
        number(weights.iter().copied().fold(f32::NEG_INFINITY, f32::max)),
        folding(&filters.folded),
    );
    let mut text = text;
    let mut report = json!({
        "model": network.card().name,
        "layer": { "index": of.index, "name": of.name, "op": of.op },
        "shape": filters.weights.shape(),
        "groups": filters.groups,
        "strides": filters.strides,
        "dilations": filters.dilations,
        "folded": folding(&filters.folded),
        "filters": shown.iter().map(|k| figures(*k, filters.filter(*k), filters.bias[*k])).collect::<Value>(),
    });
    let mut arrays = vec![("weights", only(weights.into_dyn())), ("bias", bias.into_dyn()), ("mean", only(mean))];
    let page = Page::whole(drawn, shown, inks);
    let mut picture = page.paint(page.size);
    if let Some(path) = &args.picture {
        let unit = unit.ok_or_else(|| Failure::Usage("PICTURE: name one filter, with --channel K".to_owned()))?;
        let work = Work::of(path, (&filters, unit), args.position, &mut network, context)?;
        text += &work.text();
        report["product"] = work.report(&filters, unit.channel);
        picture = work.picture(&filters, (unit.channel, args.input), &picture, inks);
        arrays.push(("patch", work.product.patch.into_dyn()));
        arrays.push(("sums", work.product.sums.into_dyn()));
    }
    let findings = Findings { picture, title: format!("filters of {title}"), arrays, report, text };
    findings.deliver(&outputs, &title, args.json, context)
}

/// What has been multiplied into the weights, in words.
pub fn folding(folded: &Folded) -> String {
    match folded {
        Folded::Nothing => "the layer's own weights".to_owned(),
        Folded::ByExporter => "weights with their normalisation folded in by the exporter".to_owned(),
        Folded::Here(nodes) => format!("weights with {} folded in", nodes.join(", ")),
    }
}

fn figures(channel: usize, filter: ArrayView3<'_, f32>, bias: f32) -> Value {
    let norm = filter.iter().map(|weight| f64::from(*weight).powi(2)).sum::<f64>().sqrt();
    json!({
        "channel": channel,
        "bias": bias,
        "sum": filter.iter().map(|weight| f64::from(*weight)).sum::<f64>(),
        "norm": norm,
        "min": filter.iter().copied().fold(f32::INFINITY, f32::min),
        "max": filter.iter().copied().fold(f32::NEG_INFINITY, f32::max),
    })
}
