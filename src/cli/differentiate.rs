//! `lensor differentiate`: the gradient of a network as an ONNX file, for other programs.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::{Context, Failure, Outcome};
use crate::export::onnx;
use crate::network::{At, NetworkError};
use crate::onnx::{Dim, Model, ValueInfo};

/// Write the network with its gradient as an ONNX file, which any program that runs ONNX computes
#[derive(Debug, Args)]
#[command(after_help = "\
The file holds the network as it was and its way back, in ONNX's own operators. The score that is differentiated is \
Σ seed_logit · logit + Σ seed_probability · probability: fill both seeds with zeros, and put a one at the class. Pictures are \
fed as the network is fed them (`lensor prepare`). In Python:

  session = onnxruntime.InferenceSession(\"gradient.onnx\")
  logits, gradient = session.run([\"logits\", \"lensor/gradient\"],
                                 {\"input\": x, \"lensor/seed_logit\": seed, \"lensor/seed_probability\": 0 * seed})

A file that would be larger than 2 GiB has its weights beside it, in FILE.data.")]
pub struct Differentiate {
    /// Take the gradient at this layer, by name or index, and give its feature maps too; may be given more than once
    /// [default: the gradient at the input]
    #[arg(long, value_name = "NAME|INDEX")]
    layer: Vec<String>,

    /// The .onnx file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// One input or output of the file.
struct End {
    name: String,
    shape: Vec<Dim>,
    what: String,
}

/// Writes the file and says what it takes and gives.
pub fn run(args: &Differentiate, context: &Context) -> Outcome {
    if !args.out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx")) {
        return Err(Failure::Usage(format!("--out: {} does not end in .onnx", args.out.display())));
    }
    let mut network = context.network()?;
    let layers = args.layer.iter().map(|name| network.layer(name)).collect::<Result<Vec<usize>, NetworkError>>()?;
    let made = network.gradient_model(if layers.is_empty() { At::Input } else { At::Layers(&layers) })?;
    let model = Model::from_bytes(made.bytes, made.beside)?;
    let files = onnx::write(&args.out, &model)?;

    let graph = model.graph();
    let shape = |all: &[ValueInfo], name: &str| {
        all.iter().find(|info| info.name == name).map(|info| info.shape.clone()).unwrap_or_default()
    };
    let input = |name: &str, what: String| End { shape: shape(&graph.inputs, name), name: name.to_owned(), what };
    let output = |name: &str, what: String| End { shape: shape(&graph.outputs, name), name: name.to_owned(), what };
    let inputs = [
        input(network.input(), "pictures, prepared".to_owned()),
        input(&made.seed_logit, "weight of each class's logit in the score".to_owned()),
        input(&made.seed_probability, "weight of each class's probability".to_owned()),
    ];
    let mut outputs = vec![output(&made.logits, "logits".to_owned())];
    let places: Vec<&str> = match &layers[..] {
        [] => vec!["the input"],
        layers => layers.iter().map(|layer| network.layers()[*layer].name.as_str()).collect(),
    };
    outputs.extend(made.gradients.iter().zip(&places).map(|(name, at)| output(name, format!("gradient at {at}"))));
    outputs.extend(made.taps.iter().zip(&places).map(|(name, of)| output(name, format!("feature maps of {of}"))));

    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let mut stdout = io::stdout().lock();
    if args.json {
        let each = |ends: &[End]| ends.iter().map(End::json).collect::<Vec<Value>>();
        let report = json!({
            "model": network.card().name,
            "files": files,
            "opset": model.opset(),
            "nodes": graph.nodes.len(),
            "inputs": each(&inputs),
            "outputs": each(&outputs),
            "straight_through": made.straight_through,
        });
        writeln!(stdout, "{report:#}")?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(stdout, "{}: {} nodes, opset {}", files.join(", "), graph.nodes.len(), model.opset())?;
    if made.straight_through {
        writeln!(stdout, "the gradient passes quantisation as if it were not there")?;
    }
    let all = || inputs.iter().chain(&outputs);
    let name_width = all().map(|end| end.name.chars().count()).max().unwrap_or(0);
    let shape_width = all().map(|end| end.sizes().chars().count()).max().unwrap_or(0);
    for (title, ends) in [("inputs", &inputs[..]), ("outputs", &outputs)] {
        writeln!(stdout, "{title}")?;
        for end in ends {
            writeln!(stdout, "  {:name_width$}  {:shape_width$}  {}", end.name, end.sizes(), end.what)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl End {
    fn json(&self) -> Value {
        let size = |dim: &Dim| match dim {
            Dim::Fixed(size) => json!(size),
            Dim::Symbol(name) => json!(name),
            Dim::Unknown => Value::Null,
        };
        json!({ "name": self.name, "shape": self.shape.iter().map(size).collect::<Vec<_>>(), "what": self.what })
    }

    /// `batch×3×224×224`.
    fn sizes(&self) -> String {
        let size = |dim: &Dim| match dim {
            Dim::Fixed(size) => size.to_string(),
            Dim::Symbol(name) => name.clone(),
            Dim::Unknown => "?".to_owned(),
        };
        self.shape.iter().map(size).collect::<Vec<_>>().join("×")
    }
}
