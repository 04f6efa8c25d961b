//! `lensor explain`: pictures in, explanations out, with no terminal needed.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use super::appearance::Appearance;
use super::output::Outputs;
use super::question::QuestionFlags;
use super::task::{Printed, Task};
use super::{Context, Failure, Outcome, inline};
use crate::attribution::MethodId;
use crate::export::Format;
use crate::model::gallery;

/// Say what in a picture speaks for a class, as a picture, as arrays and in figures
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The ending of --out decides: .png the painted picture; .npy the raw attribution before any post-processing (float32, \
[C,H,W] for input attributions, [h,w] for CAM and Grad-CAM); .npz everything; .json what --json prints; .gif the way \
from the baseline to the picture (integrated gradients).

--json prints one object; for several pictures it is {\"results\": [...], \"failed\": [{\"picture\", \"error\"}, ...]}.")]
pub struct Explain {
    /// Pictures, or folders of pictures
    #[arg(required = true, value_name = "PICTURE|FOLDER")]
    pictures: Vec<PathBuf>,

    /// File to write, may be given more than once; for several pictures a folder, or a name with {name} in it
    #[arg(long, value_name = "FILE")]
    out: Vec<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// How many classes to list
    #[arg(long, value_name = "N", default_value_t = 5)]
    top: usize,

    #[command(flatten)]
    question: QuestionFlags,

    #[command(flatten)]
    appearance: Appearance,
}

/// Explains the pictures. A picture that fails is reported and skipped, and the exit code says so.
pub fn run(args: &Explain, context: &Context) -> Outcome {
    let pictures = gallery::gather(&args.pictures)?;
    let outputs = Outputs::read(&args.out, pictures.len())?;
    let mut network = context.network()?;
    let mut asked = args.question.ask(&network)?;
    asked.parameters.path = outputs.has(Format::Gif) || outputs.has(Format::Npz);
    if outputs.has(Format::Gif) && asked.method != MethodId::IntegratedGradients {
        return Err(Failure::Usage(format!(
            "--out: a .gif shows a path from a baseline, and {} has none",
            asked.method
        )));
    }
    let printed = match (args.json, outputs.is_empty() && io::stdout().is_terminal()) {
        (true, _) => Printed::Json,
        (false, true) => Printed::PictureAndText(inline::terminal(context.global.graphics)),
        (false, false) => Printed::Text,
    };
    Task { pictures, asked, look: args.appearance.look(), outputs, printed, top: args.top }.run(&mut network, context)
}
