//! `lensor explain`: pictures in, explanations out, with no terminal needed.

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use serde_json::json;

use super::appearance::Appearance;
use super::bar::Bar;
use super::files::Explanation;
use super::output::Outputs;
use super::question::{Asked, QuestionFlags};
use super::report::{Report, Subject};
use super::{Context, Failure, Outcome, inline, pictures, say};
use crate::attribution::{self, MethodId, Question};
use crate::engine::{Cancel, EngineError};
use crate::export::Format;
use crate::look::Look;
use crate::map;
use crate::model::picture::Picture;
use crate::network::Network;

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

    #[command(flatten)]
    question: QuestionFlags,

    #[command(flatten)]
    appearance: Appearance,

    /// File to write, may be given more than once; for several pictures a folder, or a name with {name} in it
    #[arg(long, value_name = "FILE")]
    out: Vec<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// How many classes to list
    #[arg(long, value_name = "N", default_value_t = 5)]
    top: usize,
}

/// Explains the pictures. A picture that fails is reported and skipped, and the exit code says so.
pub fn run(args: &Explain, context: &Context) -> Outcome {
    let paths = pictures::expand(&args.pictures)?;
    let names = pictures::names(&paths);
    let outputs = Outputs::read(&args.out, paths.len())?;
    let mut network = context.network()?;
    let asked = args.question.ask(&network)?;
    if outputs.has(Format::Gif) && asked.method != MethodId::IntegratedGradients {
        return Err(Failure::Usage(format!(
            "--out: a .gif shows a path from a baseline, and {} has none",
            asked.method
        )));
    }
    let look = args.appearance.look();
    let printed = match (args.json, outputs.is_empty() && io::stdout().is_terminal()) {
        (true, _) => Printed::Nothing,
        (false, true) => Printed::PictureAndText,
        (false, false) => Printed::Text,
    };

    let bar = Bar::new(paths.len(), args.json);
    let (mut results, mut failed) = (Vec::new(), Vec::new());
    for (index, (path, name)) in paths.iter().zip(&names).enumerate() {
        let mut step = |done, total| bar.step(index, name, done, total);
        let explained = explain(&mut network, path, &asked, &look, args.top, &context.cancel, &mut step);
        let finished = explained.and_then(|mut explanation| {
            explanation.write(&outputs.files(name), network.preprocess())?;
            bar.while_hidden(|| print(&explanation, printed))?;
            Ok(explanation.report)
        });
        match finished {
            Ok(report) => results.push(report),
            Err(error) if context.cancel.is_cancelled() || error.is::<io::Error>() => {
                return Err(Failure::Failed(error));
            }
            Err(error) => {
                bar.while_hidden(|| say(&format!("error: {error}")));
                failed.push(json!({ "picture": path.display().to_string(), "error": error.to_string() }));
            }
        }
    }
    drop(bar);
    if args.json {
        print_json(&results, &failed)?;
    }
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Explains one picture. `step` hears how far it is.
fn explain(
    network: &mut Network,
    path: &Path,
    asked: &Asked,
    look: &Look,
    top: usize,
    cancel: &Cancel,
    step: &mut dyn FnMut(usize, usize),
) -> Result<Explanation, Box<dyn Error + Send + Sync>> {
    let start = Instant::now();
    step(0, 1);
    let prepared = network.preprocess().prepare(&Picture::open(path)?)?;
    let Asked { method, class, of, layer, ref parameters } = *asked;
    let question = Question { input: &prepared.input, class, of, layer, parameters };
    let attribution = attribution::explain(network, method, &question, cancel, &mut |progress| {
        step(progress.done, progress.total);
    })?;
    if attribution.done < attribution.total {
        return Err(EngineError::Cancelled.into());
    }
    let (_, height, width) = prepared.input.dim();
    let map = map::make(&attribution.raw, look, (height, width));
    let picture = path.display().to_string();
    let seconds = start.elapsed().as_secs_f64();
    let subject = Subject { picture: &picture, attribution: &attribution, map: &map, look, parameters, seconds };
    let report = Report::new(network, &subject, top);
    Ok(Explanation { prepared, attribution, map, report })
}

/// What goes to stdout while pictures are explained.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Printed {
    Nothing,
    Text,
    PictureAndText,
}

fn print(explanation: &Explanation, printed: Printed) -> Result<(), Box<dyn Error + Send + Sync>> {
    if printed == Printed::Nothing {
        return Ok(());
    }
    if printed == Printed::PictureAndText {
        inline::draw(&explanation.painted())?;
    }
    let text = explanation.report.text(&explanation.map)?;
    Ok(writeln!(io::stdout(), "{text}")?)
}

/// One object for one picture; for several, the results and what failed.
fn print_json(results: &[Report], failed: &[serde_json::Value]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match (results, failed) {
        ([report], []) => serde_json::to_writer_pretty(&mut stdout, report).map_err(io::Error::from)?,
        _ => serde_json::to_writer_pretty(&mut stdout, &json!({ "results": results, "failed": failed }))
            .map_err(io::Error::from)?,
    }
    Ok(writeln!(stdout)?)
}
