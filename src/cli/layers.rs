//! `lensor layers`: the layers of a network, by the names that `--layer` takes.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::json;

use super::{Context, Outcome, settings};
use crate::model::layers::Layer;
use crate::network::Network;

/// List the layers of the network
#[derive(Debug, clap::Args)]
pub struct Layers {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Prints the layers in the order in which they are computed.
pub fn run(args: &Layers, context: &Context) -> Outcome {
    let network = context.network()?;
    let mut stdout = io::stdout().lock();
    if args.json {
        let report = json!({
            "model": network.card().name,
            "input": network.preprocess().shape(),
            "classes": network.classes(),
            "layers": network.layers(),
            "default_layer": network.default_layer(),
            "settings": network.settings(),
            "notes": network.notes(),
        });
        writeln!(stdout, "{report:#}")?;
    } else {
        write!(stdout, "{}", table(&network))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// One line a layer; the one that Grad-CAM looks at by default is marked.
fn table(network: &Network) -> String {
    let [channels, height, width] = network.preprocess().shape();
    let mut text = format!("{}: {channels}×{height}×{width} → {} classes\n", network.card().name, network.classes());
    let longest = |of: fn(&Layer) -> &str| network.layers().iter().map(|l| of(l).chars().count()).max().unwrap_or(0);
    let (name_width, op_width) = (longest(|layer| &layer.name), longest(|layer| &layer.op));
    for layer in network.layers() {
        let mark = if network.default_layer() == Some(layer.index) { '*' } else { ' ' };
        let shape = format!("{}×{}×{}", layer.channels, layer.height, layer.width);
        let parameters = if layer.parameters > 0 { layer.parameters.to_string() } else { String::new() };
        let line = format!(
            "{mark}{:>4}  {:name_width$}  {:op_width$}  {shape:>12}  {parameters:>10}",
            layer.index, layer.name, layer.op
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push_str(match (network.default_layer(), network.layers().is_empty()) {
        (Some(_), _) => "* where Grad-CAM looks by default\n",
        (None, false) => "Grad-CAM looks at none of them by default\n",
        (None, true) => "no layer has feature maps\n",
    });
    text.push_str("\nsettings\n");
    text.push_str(&settings::text(network));
    text
}
