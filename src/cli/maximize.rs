//! `lensor maximize`: the picture that excites a unit most, found by climbing.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use image::RgbImage;
use ndarray::{Array1, Array3, ArrayD, Axis};
use ndarray_npy::ReadNpyExt;
use serde_json::{Value, json};

use super::bar::Bar;
use super::output::Outputs;
use super::sheet::Findings;
use super::unit::UnitFlags;
use super::{Context, Failure, Outcome, say};
use crate::export::Format;
use crate::interpretation::maximization::{self, Ascent, Objective, Parameters, Regularization};
use crate::model::gallery::Origin;
use crate::network::Network;
use crate::paint::legend::number;
use crate::paint::{mosaic, tile};

use frames::Frames;

mod frames;
mod icons;

/// Show what a unit looks for: climb to the picture that excites it most
#[derive(Debug, Args)]
#[command(after_help = "\
One of these is climbed: a channel (--layer L --channel K, or --layer L:K), one place of it (--neuron), a class (--class), a \
direction among the channels of a layer (--direction), or all that a layer sees already (--deep-dream).

Ctrl-C ends the climb early: what is done by then is written and labelled, and the exit code is 130.

The ending of --out decides: .png the picture; .gif the climb; .npy the colours 0 to 1 (float32, [channels,H,W], with one \
more axis for several pictures); .npz colours and the value at each step; .json what --json prints.")]
pub struct Maximize {
    #[command(flatten)]
    unit: Option<UnitFlags>,

    /// Climb a class: its logit
    #[arg(long, value_name = "NAME|INDEX", alias = "target", conflicts_with_all = ["layer", "neuron", "direction", "deep_dream"])]
    class: Option<String>,

    /// Climb one place of the channel [default: the middle]
    #[arg(long, value_name = "ROW,COLUMN", num_args = 0..=1, value_parser = place, requires = "layer")]
    neuron: Option<Option<[usize; 2]>>,

    /// Climb a direction: a .npy file of one number a channel of the layer
    #[arg(long, value_name = "FILE", requires = "layer", conflicts_with_all = ["neuron", "deep_dream", "channel"])]
    direction: Option<PathBuf>,

    /// Climb whatever the layer sees already, from a picture or from noise
    #[arg(long, value_name = "PICTURE", num_args = 0..=1, requires = "layer", conflicts_with_all = ["neuron", "channel"])]
    deep_dream: Option<Option<PathBuf>>,

    /// Make so many pictures of the unit that must differ
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    diversity: u8,

    /// How strongly these are driven apart: the share of the unit's value that it costs to be all alike
    #[arg(long, value_name = "W", default_value_t = DIVERSITY)]
    diversity_weight: f32,

    /// Climb naively: plain steps on the pixels, which end in noise
    #[arg(long)]
    naive: bool,

    /// Climb naively and regularised, side by side from the same seed
    #[arg(long, conflicts_with = "naive")]
    both: bool,

    /// Climb every channel of the layer, a small picture each; the same without a channel
    #[arg(long, requires = "layer", conflicts_with_all = ["channel", "neuron", "direction", "deep_dream", "naive", "both", "diversity"])]
    all: bool,

    /// Make these small pictures anew, whatever was kept of an earlier run
    #[arg(long)]
    fresh: bool,

    /// Steps to climb [default: 512, for every channel 96]
    #[arg(long, value_name = "N")]
    steps: Option<usize>,

    /// Shorter side of the picture, pixels [default: the network's input, for every channel 64]
    #[arg(long, value_name = "N")]
    pixels: Option<usize>,

    /// Seed of the noise at the start and of the transforms
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    /// Adam's learning rate; with --naive the size of a step, colours being 0 to 1 [default: 0.05, naive 0.01]
    #[arg(long, value_name = "R", allow_negative_numbers = true)]
    learning_rate: Option<f32>,

    /// Show the network the picture as it is: not shifted, scaled and turned at each step
    #[arg(long)]
    no_transforms: bool,

    /// Leave the colours uncorrelated
    #[arg(long)]
    no_decorrelation: bool,

    /// File to write, may be given more than once
    #[arg(long, value_name = "FILE")]
    out: Vec<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// How strongly several pictures of one unit are driven apart, where nothing else is said.
const DIVERSITY: f32 = 0.5;

/// What is climbed.
struct Climb {
    objective: Objective,
    /// As people call it.
    name: String,
    /// The picture it starts from.
    start: Option<PathBuf>,
}

/// Climbs, and writes down what there is at the end.
pub fn run(args: &Maximize, context: &Context) -> Outcome {
    let outputs = Outputs::read(&args.out, 1)?;
    let mut network = context.network()?;
    network.notes().iter().for_each(|note| say(&format!("note: {note}")));
    if let Some(layer) = args.whole_layer(&network)? {
        return icons::run(args, layer, &mut network, &outputs, context);
    }
    let climb = args.climb(&network)?;
    let steps = args.over(Parameters::default()).steps;
    let count = usize::from(args.diversity);
    let mut ascents = Vec::new();
    for way in args.ways() {
        let parameters = args.parameters(*way);
        let start = climb.start.as_deref().map(|path| start(path, &network, &parameters)).transpose()?;
        let objectives = vec![climb.objective.clone(); count];
        let start = start.as_ref().map(|start| start.view());
        ascents.push(Ascent::new(&mut network, &objectives, &parameters, start).map_err(usage)?);
    }
    let mut frames = Frames::new(outputs.has(Format::Gif), steps);
    let begun = Instant::now();
    let bar = Bar::steps(steps, &climb.name, args.json);
    maximization::climb(&mut network, &mut ascents, &context.cancel, &mut |ascents| {
        let done = ascents.iter().map(Ascent::done).min().unwrap_or(0);
        if done == 1 {
            bar.line(&format!("climbing {} for {steps} steps", climb.name));
        }
        bar.done(done);
        frames.see(done, || painted(ascents));
    })?;
    drop(bar);
    let seconds = begun.elapsed().as_secs_f64();
    let done = ascents.iter().map(Ascent::done).min().unwrap_or(0);
    let interrupted = done < steps;
    if done == 0 {
        return Err(crate::engine::EngineError::Cancelled.into());
    }
    let findings = findings(&network, &climb, &ascents, seconds);
    let frames = frames.finish(done, || painted(&ascents));
    let outcome = findings.deliver_with(frames, &outputs, &climb.name, args.json, context)?;
    if interrupted {
        say(&format!("interrupted after {done} of {} steps: what was done by then is kept", steps));
        return Ok(ExitCode::from(super::INTERRUPTED));
    }
    Ok(outcome)
}

impl Maximize {
    /// The ways to climb, in the order in which they are shown.
    fn ways(&self) -> &'static [Regularization] {
        match (self.both, self.naive) {
            (true, _) => &[Regularization::None, Regularization::Lucid],
            (_, true) => &[Regularization::None],
            _ => &[Regularization::Lucid],
        }
    }

    fn parameters(&self, regularization: Regularization) -> Parameters {
        // The rate is Adam's, unless there is nothing but naive steps.
        let rate = self.learning_rate.filter(|_| self.naive || regularization == Regularization::Lucid);
        Parameters {
            regularization,
            rate,
            diversity: if self.diversity > 1 { self.diversity_weight } else { 0.0 },
            ..self.over(Parameters::default())
        }
    }

    /// Parameters with what is asked for where something is.
    fn over(&self, usual: Parameters) -> Parameters {
        Parameters {
            steps: self.steps.unwrap_or(usual.steps),
            size: self.pixels.or(usual.size),
            seed: self.seed,
            rate: self.learning_rate,
            transforms: !self.no_transforms,
            decorrelate: !self.no_decorrelation,
            ..usual
        }
    }

    /// The layer whose channels are all to be climbed.
    fn whole_layer(&self, network: &Network) -> Result<Option<usize>, Failure> {
        let other = self.class.is_some() || self.direction.is_some() || self.deep_dream.is_some();
        let Some(flags) = self.unit.as_ref().filter(|_| !other && self.neuron.is_none()) else { return Ok(None) };
        Ok(match flags.layer(network.layers())? {
            (_, Some(_)) if self.all => {
                return Err(Failure::Usage("--all climbs every channel: name the layer alone".to_owned()));
            }
            (layer, None) => Some(layer),
            _ => None,
        })
    }

    /// What is to be climbed, in the network's terms.
    fn climb(&self, network: &Network) -> Result<Climb, Failure> {
        if let Some(query) = &self.class {
            let class = network.labels().find(query).map_err(|error| Failure::Usage(format!("--class: {error}")))?;
            let name = network.labels().name(class);
            return Ok(Climb { objective: Objective::Class(class), name, start: None });
        }
        let Some(flags) = &self.unit else {
            return Err(Failure::Usage("say what to climb: --layer L:K, or --class NAME".to_owned()));
        };
        let layers = network.layers();
        let (layer, unit) = flags.layer(layers)?;
        let name = layers[layer].name.clone();
        if let Some(picture) = &self.deep_dream {
            return Ok(Climb { objective: Objective::Dream { layer }, name, start: picture.clone() });
        }
        if let Some(file) = &self.direction {
            let direction = read(file)?;
            return Ok(Climb { objective: Objective::Direction { layer, direction }, name, start: None });
        }
        let unit = unit.map_or_else(|| flags.unit(layers), Ok)?;
        let objective = match self.neuron {
            Some(at) => Objective::Neuron { unit, at },
            None => Objective::Channel(unit),
        };
        Ok(Climb { objective, name: unit.address(layers), start: None })
    }
}

/// `3,4`: a row and a column.
fn place(text: &str) -> Result<[usize; 2], String> {
    let number = |text: &str| text.trim().parse::<usize>().ok();
    let place = text.split_once(',').and_then(|(row, column)| Some([number(row)?, number(column)?]));
    place.ok_or_else(|| "give ROW,COLUMN in the feature map, such as 3,4".to_owned())
}

fn usage(error: maximization::MaximizationError) -> Failure {
    match error {
        maximization::MaximizationError::Network(error) => error.into(),
        wrong => Failure::Usage(wrong.to_string()),
    }
}

/// The numbers of a direction.
fn read(path: &Path) -> Result<Vec<f32>, Failure> {
    let wrong = |reason: &dyn std::fmt::Display| Failure::Usage(format!("--direction {}: {reason}", path.display()));
    let file = std::fs::File::open(path).map_err(|error| wrong(&error))?;
    let numbers = Array1::<f32>::read_npy(file).map_err(|error| wrong(&format!("it is no row of float32: {error}")))?;
    Ok(numbers.to_vec())
}

/// A picture to start from, `[channels, height, width]`, colours 0 to 1, as the network would see it.
fn start(path: &Path, network: &Network, parameters: &Parameters) -> Result<Array3<f32>, Failure> {
    let none = || Failure::Usage(format!("--deep-dream: {} is no picture", path.display()));
    let picture = Origin::named(path).ok_or_else(none)?.open()?;
    let prepared = network.preprocess().prepare(&picture)?;
    let seen = network.preprocess().to_picture(&prepared.input, &prepared.input);
    let [height, width] = Ascent::size_for(network, parameters);
    Ok(tile::colours_of(&seen, (width as u32, height as u32), maximization::colours(network)))
}

/// All pictures of all ascents side by side.
fn painted(ascents: &[Ascent]) -> RgbImage {
    let tiles: Vec<RgbImage> =
        ascents.iter().flat_map(|ascent| ascent.pictures().outer_iter()).map(tile::picture).collect();
    let gap = tiles.first().map_or(0, |tile| (tile.width() / 32).max(2));
    mosaic::row(&tiles.iter().collect::<Vec<_>>(), gap)
}

fn findings(network: &Network, climb: &Climb, ascents: &[Ascent], seconds: f64) -> Findings {
    let steps: usize = ascents.iter().map(Ascent::done).sum();
    let (done, total) = ascents.iter().map(|each| (each.done(), each.total())).min().unwrap_or_default();
    let layer = climb.objective.layer().and_then(|layer| network.layers().get(layer));
    let report = json!({
        "model": network.card().name,
        "of": climb.name,
        "objective": climb.objective,
        "layer": layer.map(|of| json!({ "index": of.index, "name": of.name, "op": of.op })),
        "ascents": ascents.iter().map(figures).collect::<Value>(),
        "done": done,
        "total": total,
        "interrupted": done < total,
        "seconds": seconds,
        "steps_per_second": steps as f64 / seconds.max(f64::MIN_POSITIVE),
        "device": network.engine().device(),
    });
    let pictures: Vec<ArrayD<f32>> = ascents.iter().map(|ascent| ascent.pictures().clone().into_dyn()).collect();
    let views: Vec<_> = pictures.iter().map(|pictures| pictures.view()).collect();
    let mut colours = ndarray::concatenate(Axis(0), &views).unwrap_or_default();
    if colours.len_of(Axis(0)) == 1 {
        colours.index_axis_inplace(Axis(0), 0);
    }
    let rows: Vec<&Vec<f32>> = ascents.iter().flat_map(|ascent| ascent.history().iter()).collect();
    let history = ArrayD::from_shape_fn(vec![rows.len(), done], |at| rows[at[0]][at[1]]);
    let rate = format!("{:.1} steps a second on {}", steps as f64 / seconds, network.engine().device());
    let mut text = format!("{}: {done} of {total} steps, {rate}\n", climb.name);
    for ascent in ascents {
        let way = if ascent.parameters().regularization == Regularization::None { "naive" } else { "regularised" };
        for values in ascent.history() {
            let [from, to] = [values.first(), values.last()].map(|value| number(value.copied().unwrap_or(0.0)));
            text.push_str(&format!("{way}: {from} → {to}\n"));
        }
    }
    let interrupted = if done < total { format!(", interrupted after {done} of {total} steps") } else { String::new() };
    Findings {
        picture: painted(ascents),
        title: format!("what excites {} most{interrupted}", climb.name),
        arrays: vec![("pictures", colours), ("values", history)],
        report,
        text,
    }
}

fn figures(ascent: &Ascent) -> Value {
    json!({
        "parameters": ascent.parameters(),
        "shape": ascent.pictures().shape(),
        "values": ascent.history(),
    })
}
