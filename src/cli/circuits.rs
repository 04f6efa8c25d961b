//! `lensor circuits`: which channels excite and inhibit a channel, as a table, a picture, arrays and figures.

use std::path::PathBuf;

use clap::Args;
use ndarray::ArrayD;

use super::sheet::{self, Findings};
use super::{Context, Failure, Outcome, output};
use crate::interpretation::circuits::{self, By, Circuit, CircuitsError, Contributions, Place};
use crate::jobs::circuit::{Pictured, Shown, figure};
use crate::model::gallery::Origin;
use crate::model::preprocess::Prepared;
use crate::network::Network;

mod report;
mod table;

/// Show which channels excite and inhibit a channel
#[derive(Debug, Args)]
#[command(after_help = "\
The channel of a convolution, a block or a linear layer, before its activation, is a sum over the channels that enter it; \
each is led back to the convolution or block that it comes from. Without a picture they are ranked by their kernels. With \
one, each has an exact contribution: together with the bias they are the value. Channels of pools and concatenations \
stand for the one behind them. Without --layer it is the logit of --target, or of the predicted class.

The ending of --out decides: .png the picture; .npy the contribution maps (float32, [neighbours,H,W]; without a picture \
the kernels); .npz kernels, contributions and what enters, for each branch; .json what --json prints.")]
pub struct Circuits {
    /// The picture [default: none, kernels alone]
    #[arg(value_name = "PICTURE")]
    picture: Option<PathBuf>,

    /// Layer or linear layer, by name; LAYER:CHANNEL names the channel as well (`lensor layers` lists the layers)
    #[arg(long, value_name = "LAYER[:CHANNEL]", conflicts_with = "target")]
    layer: Option<String>,

    /// Channel of that layer, from 0
    #[arg(long, value_name = "K", requires = "layer")]
    channel: Option<usize>,

    /// Class whose logit is taken apart
    #[arg(long, value_name = "INDEX|LABEL")]
    target: Option<String>,

    /// What neighbours are ranked by: contribution, total, sum or norm [default: contribution, or sum without a picture]
    #[arg(long, value_name = "WHICH")]
    by: Option<By>,

    /// Position in the channel's map at which contributions are read [default: its highest value]
    #[arg(long, value_name = "ROW,COLUMN", value_parser = position, requires = "picture")]
    at: Option<(usize, usize)>,

    /// How many to show on each side
    #[arg(long, value_name = "N", default_value_t = 8)]
    top: usize,

    /// File to write, may be given more than once
    #[arg(long, value_name = "FILE")]
    out: Vec<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn position(text: &str) -> Result<(usize, usize), String> {
    let parsed =
        text.split_once(',').and_then(|(row, column)| Some((row.trim().parse().ok()?, column.trim().parse().ok()?)));
    parsed.ok_or_else(|| format!("{text} is no ROW,COLUMN such as 3,5"))
}

/// Shows a circuit.
pub fn run(args: &Circuits, context: &Context) -> Outcome {
    let outputs = sheet::outputs(&args.out)?;
    let origin = args.picture.as_deref().map(output::picture).transpose()?;
    let origins: Vec<Origin> = origin.iter().cloned().collect();
    let names = output::names(&origins);
    outputs.spare(&origins, &names)?;
    let by = match (args.by, &origin) {
        (Some(by), None) if by.needs_picture() => {
            return Err(Failure::Usage(format!("--by {by} needs a picture: name one, or use --by sum or norm")));
        }
        (by, None) => by.unwrap_or(By::Sum),
        (by, Some(_)) => by.unwrap_or(By::Contribution),
    };
    if origin.is_none() && args.layer.is_none() && args.target.is_none() {
        return Err(Failure::Usage(
            "name a channel (--layer LAYER:CHANNEL), a class (--target) or a picture".to_owned(),
        ));
    }
    let picture = origin.as_ref().map(|origin| origin.open()).transpose()?;
    let mut network = context.network()?;
    let prepared = picture.map(|picture| network.preprocess().prepare(&picture)).transpose()?;
    let place = place(args, &mut network, prepared.as_ref(), context)?;
    let circuit = circuits::of(&mut network, &place).map_err(refused)?;
    let found = prepared
        .as_ref()
        .map(|prepared| circuits::contributions(&mut network, &circuit, &prepared.input, &context.cancel))
        .transpose()?;
    let position = match (args.at, &found) {
        (Some((row, column)), Some(found)) if found.value.get((row, column)).is_none() => {
            let (height, width) = found.value.dim();
            return Err(Failure::Usage(format!("--at {row},{column}: the map is {height} × {width}, counted from 0")));
        }
        (Some(at), _) => at,
        (None, found) => found.as_ref().map(Contributions::peak).unwrap_or_default(),
    };
    let seen = prepared.as_ref().zip(found.as_ref()).zip(origin.as_ref());
    let seen = seen.map(|((prepared, found), origin)| Pictured { name: origin.argument(), prepared, found });
    let shown = Shown { circuit: &circuit, by, position, top: args.top, picture: seen };
    let of = shown.picture.as_ref().map(|seen| format!(" for {}", seen.name)).unwrap_or_default();
    let findings = Findings {
        picture: figure::paint(&shown),
        title: format!("circuit of {}{of}", circuit.address()),
        arrays: arrays(&circuit, found.as_ref()),
        report: report::report(&shown, &network.card().name),
        text: table::text(&shown),
    };
    let name = names.first().cloned().unwrap_or_else(|| circuit.address().replace(':', "-"));
    findings.deliver(&outputs, &name, args.json, context)
}

/// The channel that is asked for.
fn place(args: &Circuits, network: &mut Network, seen: Option<&Prepared>, context: &Context) -> Result<Place, Failure> {
    if let Some(layer) = &args.layer {
        return circuits::parse(network, layer, args.channel).map_err(refused);
    }
    let class = match (&args.target, seen) {
        (Some(target), _) => {
            network.labels().find(target).map_err(|error| Failure::Usage(format!("--target: {error}")))?
        }
        (None, Some(prepared)) => {
            let batch = prepared.input.view().insert_axis(ndarray::Axis(0)).to_owned();
            let logits = network.forward(&batch, &[], &context.cancel)?.logits;
            let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            best.map_or(0, |(class, _)| class)
        }
        (None, None) => 0,
    };
    Place::class(network, class).map_err(refused)
}

/// What the network does not have is wrong usage.
fn refused(error: CircuitsError) -> Failure {
    match error {
        CircuitsError::Unit(_) | CircuitsError::NothingBefore { .. } | CircuitsError::TheEnd { .. } => {
            Failure::Usage(format!("--layer: {error}"))
        }
        other => other.into(),
    }
}

/// The arrays by name; those of further branches have the branch's name in front.
fn arrays(circuit: &Circuit, found: Option<&Contributions>) -> Vec<(String, ArrayD<f32>)> {
    let mut arrays = Vec::new();
    for (at, branch) in circuit.branches.iter().enumerate() {
        let named = |name: &str| if at == 0 { name.to_owned() } else { format!("{}/{name}", branch.name) };
        let of = found.and_then(|found| found.branches.get(at));
        arrays.extend(of.map(|of| (named("contributions"), of.maps.clone().into_dyn())));
        arrays.push((named("kernels"), branch.kernels().into_dyn()));
        arrays.extend(of.map(|of| (named("inputs"), of.inputs.clone().into_dyn())));
        let list = |of: fn(&circuits::Neighbour) -> f32| -> ArrayD<f32> {
            branch.neighbours.iter().map(of).collect::<ndarray::Array1<f32>>().into_dyn()
        };
        arrays.push((named("sums"), list(|neighbour| neighbour.sum)));
        arrays.push((named("norms"), list(|neighbour| neighbour.norm)));
        arrays.push((named("bias"), ndarray::arr0(branch.bias).into_dyn()));
    }
    arrays.extend(found.map(|found| ("value".to_owned(), found.value.clone().into_dyn())));
    arrays
}
