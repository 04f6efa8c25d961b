//! Bare `lensor`: the terminal UI, or the same as text where there is no terminal.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use clap::Args;

use super::output::Outputs;
use super::question::Asked;
use super::task::{Printed, Task};
use super::{Context, Global, Outcome, interrupt};
use crate::app::run::{self, Options};
use crate::engine::Cancel;
use crate::look::Look;
use crate::model::bundled::PICTURES;
use crate::model::gallery;

/// What bare `lensor` is given.
#[derive(Debug, Args)]
pub struct Ui {
    /// A network to explain, and pictures or folders of pictures
    #[arg(value_name = "MODEL.onnx|PICTURE|FOLDER")]
    paths: Vec<PathBuf>,
}

/// Opens the UI, or prints text.
pub fn run(args: Ui, mut global: Global, cancel: &Cancel) -> Outcome {
    let pictures = global.take_network(args.paths)?;
    let recipe = global.recipe();
    let pictures = if pictures.is_empty() { PICTURES.to_vec() } else { gallery::gather(&pictures)? };
    let look = Look::default();
    if io::stdout().is_terminal() && io::stdin().is_terminal() {
        let graphics = global.graphics;
        return Ok(run::run(Options { recipe, pictures, graphics, look })?);
    }
    interrupt::on_ctrl_c(cancel);
    let context = Context { global, cancel: cancel.clone() };
    let mut network = context.network()?;
    let asked = Asked::usual(&network);
    let task = Task { pictures, asked, look, outputs: Outputs::default(), printed: Printed::Text, top: 5 };
    let code = task.run(&mut network, &context)?;
    writeln!(
        io::stdout(),
        "This is the text form: there is no terminal here. On one, lensor opens its UI;\n\
         lensor explain PICTURE --out map.png writes the painted picture."
    )?;
    Ok(code)
}
