//! The bare command: the terminal UI.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::Args;

use super::{Context, Failure, Outcome};
use crate::app::run::{self, Options};
use crate::attribution::MethodId;
use crate::jobs::explainer::Recipe;
use crate::look::Look;
use crate::model::settings::Overrides;
use crate::model::source::Source;
use crate::terminal::graphics::GraphicsChoice;

/// What the bare command takes.
#[derive(Debug, Clone, Args)]
pub struct Ui {
    /// A network (*.onnx), pictures, and folders of pictures
    #[arg(value_name = "MODEL.onnx|PICTURE|FOLDER")]
    paths: Vec<PathBuf>,

    /// How pictures are drawn: auto (ask the terminal), kitty, sixel, iterm2 or halfblocks
    #[arg(long, default_value = "auto", value_name = "HOW")]
    graphics: GraphicsChoice,
}

/// Opens the UI.
pub fn run(args: &Ui, context: &Context) -> Outcome {
    let is_model = |path: &&PathBuf| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx"));
    let (models, pictures): (Vec<&PathBuf>, Vec<&PathBuf>) = args.paths.iter().partition(is_model);
    let global = &context.global;
    let model = match (&global.model, models.as_slice()) {
        (Some(_), [_, ..]) | (None, [_, _, ..]) => {
            return Err(Failure::Usage("name one network, as the first argument or with --model".to_owned()));
        }
        (None, []) => return Err(Failure::Usage("which network? Name an ONNX file".to_owned())),
        (Some(path), []) => path,
        (None, [path]) => *path,
    };
    if pictures.is_empty() {
        return Err(Failure::Usage("which pictures? Name pictures or folders of pictures".to_owned()));
    }
    if !io::stdout().is_terminal() {
        return Err(Failure::Usage("the UI needs a terminal; lensor explain works without one".to_owned()));
    }
    let code = run::run(Options {
        recipe: Recipe {
            source: Source::File(model.clone()),
            overrides: Overrides { labels: global.labels.clone(), resize: global.resize },
            search: global.search(),
            device: global.device,
            threads: global.threads.map(usize::from),
        },
        pictures: pictures.into_iter().cloned().collect(),
        graphics: args.graphics,
        method: MethodId::GradCam,
        look: Look::default(),
    })?;
    Ok(code)
}
