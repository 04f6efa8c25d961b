//! `lensor check`: what a network is, which methods work on it, and whether its gradients are right on this device.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use ndarray::Axis;

use super::progress::Progress;
use super::{Context, Failure, Outcome};
use crate::evaluation::{gradient_check, methods};
use crate::model::bundled::PICTURES;
use crate::model::gallery;
use crate::network::{Network, prediction};

use report::Report;

mod report;

/// Layers that are checked unless they are named.
const LAYERS: usize = 4;

/// Say what a network is, which methods work on it, and prove its gradients on this device
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The gradients are held against differences of the score: along random lines the score has to change by the integral of \
its gradient, at the input and at layers that are moved by themselves. The error estimates |g' - g| / |g|. A line reaches so many \
standard deviations (σ) of the values there to both sides, and its integral is taken in so many cells. Exit code 1 if one \
of them cannot be computed, or is off by more than 1 %.")]
pub struct Check {
    /// The network [default: the bundled one], and a picture [default: a bundled one]
    #[arg(value_name = "MODEL.onnx|PICTURE", num_args = 0..=2)]
    paths: Vec<PathBuf>,

    /// Layer whose gradient is checked, may be given more than once [default: four, from first to last]
    #[arg(long, value_name = "NAME|INDEX")]
    layer: Vec<String>,

    /// Class whose score is differentiated [default: the predicted one]
    #[arg(long, value_name = "INDEX|LABEL")]
    target: Option<String>,

    /// Seed of the random directions
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Prints the report; exit code 1 if a gradient cannot be computed or is wrong.
pub fn run(args: Check, mut context: Context) -> Outcome {
    let pictures = context.global.take_network(args.paths)?;
    let picture = match gallery::gather(&pictures)?.as_slice() {
        [] => PICTURES[0].clone(),
        [only] => only.clone(),
        _ => return Err(Failure::Usage("name one picture".to_owned())),
    };
    let mut network = context.network()?;
    let usage = |flag: &str, error: &dyn std::fmt::Display| Failure::Usage(format!("{flag}: {error}"));
    let class = args.target.map(|query| network.labels().find(&query)).transpose();
    let class = class.map_err(|error| usage("--target", &error))?;
    let named = args.layer.iter().map(|name| network.layer(name)).collect::<Result<Vec<usize>, _>>();
    let named = named.map_err(|error| usage("--layer", &error))?;
    let layers = if named.is_empty() { spread(network.layers().len(), LAYERS) } else { named };
    let input = network.preprocess().prepare(&picture.open()?)?.input;

    let mut progress = Progress::new();
    let cancel = &context.cancel;
    progress.report("trying the methods", None);
    let x = input.view().insert_axis(Axis(0)).to_owned();
    let logits = network.forward(&x, &[], cancel)?.logits;
    let class = class.unwrap_or_else(|| prediction::predicted(logits.row(0)));
    let trials = methods::try_all(&mut network, &input, class, cancel)?;
    let places = {
        let name = |network: &Network, done: usize| match done.checked_sub(1).and_then(|at| layers.get(at)) {
            Some(layer) => network.layers()[*layer].name.clone(),
            None => "the input".to_owned(),
        };
        let names: Vec<String> = (0..=layers.len()).map(|done| name(&network, done)).collect();
        let mut begin = |done: usize| {
            let share = done as f32 / names.len() as f32;
            progress.report(&format!("checking gradients: {}", names[done]), Some(share));
        };
        gradient_check::check(&mut network, &input, class, &layers, args.seed, cancel, &mut begin)?
    };
    drop(progress);

    let report = Report::new(&mut network, &picture.argument(), (class, logits[[0, class]]), &trials, &places)?;
    let mut stdout = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut stdout, &report).map_err(io::Error::from)?;
        writeln!(stdout)?;
    } else {
        stdout.write_all(report.text().as_bytes())?;
    }
    Ok(if report.holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Up to `count` of `all` indices, from the first to the last, evenly.
fn spread(all: usize, count: usize) -> Vec<usize> {
    let mut indices: Vec<usize> =
        (0..count).filter(|_| all > 0).map(|at| at * (all - 1) / (count - 1).max(1)).collect();
    indices.dedup();
    indices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_spread_from_the_first_to_the_last() {
        assert_eq!(spread(31, 4), [0, 10, 20, 30]);
        assert_eq!(spread(3, 4), [0, 1, 2]);
        assert_eq!(spread(1, 4), [0]);
        assert!(spread(0, 4).is_empty());
    }
}
