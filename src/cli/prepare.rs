//! `lensor prepare`: what the network is fed of a picture, as a picture, as an array and in figures.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ndarray::{ArrayView2, Axis, aview1};
use serde_json::{Value, json};

use super::sheet::{self, Findings};
use super::{Context, Failure, Outcome, output};
use crate::model::picture::stretched;
use crate::paint::legend::number;
use crate::paint::preparation;

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    All,
    Picture,
    Fed,
}

/// Show what the network is fed: a picture as a person sees it, and as it is prepared
#[derive(Debug, Args)]
#[command(after_help = "\
What is fed is stretched from its smallest to its largest value for plotting only.

The ending of --out decides: .png the picture; .npy what the network is fed (float32, [C,H,W], [H,W] for one channel); .npz \
the same with what was subtracted from and divided by in each channel; .json what --json prints.")]
pub struct Prepare {
    /// The picture
    #[arg(value_name = "PICTURE")]
    picture: PathBuf,

    /// What is drawn: the picture as a person sees it, what the network is fed, or both and each channel
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Part::All, conflicts_with = "channel")]
    show: Part,

    /// One channel alone, from 0
    #[arg(long, value_name = "K")]
    channel: Option<usize>,

    /// File to write, may be given more than once
    #[arg(long, value_name = "FILE")]
    out: Vec<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Shows a picture as it is prepared.
pub fn run(args: &Prepare, context: &Context) -> Outcome {
    let outputs = sheet::outputs(&args.out)?;
    let origin = output::picture(&args.picture)?;
    let names = output::names(std::slice::from_ref(&origin));
    outputs.spare(std::slice::from_ref(&origin), &names)?;
    let picture = origin.open()?;
    let network = context.network()?;
    let preprocess = network.preprocess();
    let input = preprocess.prepare(&picture)?.input;
    let channels = preprocess.channels().names();
    if let Some(channel) = args.channel.filter(|channel| *channel >= channels.len()) {
        let count = channels.len();
        return Err(Failure::Usage(format!("--channel: there is no channel {channel}: the network is fed {count}")));
    }
    let drawn = match (args.channel, args.show) {
        (Some(channel), _) => stretched(&input, Some(channel)),
        (None, Part::All) => preparation::paint(&picture.rgb, &input),
        (None, Part::Picture) => picture.rgb.clone(),
        (None, Part::Fed) => stretched(&input, None),
    };
    let moments = |which: usize| -> Vec<f32> { (0..channels.len()).map(|at| preprocess.moments(at)[which]).collect() };
    let figures = |(at, name): (usize, &String)| {
        let [mean, std] = preprocess.moments(at);
        let mut figures = figures(input.index_axis(Axis(0), at));
        figures["name"] = json!(name);
        figures["made_by"] = json!({ "less": mean, "over": std });
        figures
    };
    let (width, height) = picture.rgb.dimensions();
    let (_, rows, columns) = input.dim();
    let each: Vec<Value> = channels.iter().enumerate().map(figures).collect();
    let mut text = format!("{} × {rows} × {columns} of {width} × {height} pixels\n", channels.len());
    for (at, channel) in each.iter().enumerate().filter(|(at, _)| args.channel.is_none_or(|only| only == *at)) {
        let figure = |name: &str| number(channel[name].as_f64().unwrap_or(f64::NAN) as f32);
        let [mean, std] = preprocess.moments(at).map(number);
        text += &format!(
            "{:<8} {} … {}, mean {}, std {}; (level − {mean}) / {std}\n",
            channels[at],
            figure("min"),
            figure("max"),
            figure("mean"),
            figure("std")
        );
    }
    let values = match args.channel {
        Some(channel) => input.index_axis(Axis(0), channel).to_owned().into_dyn(),
        None => input.clone().into_dyn(),
    };
    let findings = Findings {
        picture: drawn,
        title: format!("what {} is fed of {}", network.card().name, origin.argument()),
        arrays: vec![
            ("input", values),
            ("mean", aview1(&moments(0)).to_owned().into_dyn()),
            ("std", aview1(&moments(1)).to_owned().into_dyn()),
        ],
        report: json!({
            "model": network.card().name,
            "picture": origin.argument(),
            "pixels": [width, height],
            "shape": input.shape(),
            "channels": each,
        }),
        text,
    };
    findings.deliver(&outputs, names.first().map_or("", String::as_str), args.json, context)
}

/// Range, mean and standard deviation of a channel.
fn figures(values: ArrayView2<'_, f32>) -> Value {
    let wide = || values.iter().map(|value| f64::from(*value));
    let count = values.len().max(1) as f64;
    let mean = wide().sum::<f64>() / count;
    let deviation = (wide().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    let (low, high) =
        values.iter().fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
    json!({ "min": low, "max": high, "mean": mean as f32, "std": deviation as f32 })
}
