//! What comes of looking inside: one picture, its arrays, and figures as an object and as text.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use image::RgbImage;
use ndarray::ArrayD;
use serde_json::{Value, json};

use super::output::Outputs;
use super::{Context, Failure, Outcome, inline};
use crate::export::{Format, gif, json as json_file, npy, npz, png};

/// Time of a frame, in milliseconds.
const FRAME_TIME: u32 = 80;

/// What there is to write down.
pub struct Findings<Name: AsRef<str> = &'static str> {
    /// The picture.
    pub picture: RgbImage,
    /// What it is of, for the picture's file.
    pub title: String,
    /// The arrays by name, the main one first: that one is the `.npy`.
    pub arrays: Vec<(Name, ArrayD<f32>)>,
    /// The figures; an object.
    pub report: Value,
    /// The figures in words.
    pub text: String,
}

/// Reads `--out` for something that is one picture and no animation.
pub fn outputs(out: &[PathBuf]) -> Result<Outputs, Failure> {
    let outputs = Outputs::read(out, 1)?;
    if outputs.has(Format::Gif) {
        return Err(Failure::Usage("--out: a .gif shows what changes, and this does not".to_owned()));
    }
    Ok(outputs)
}

impl<Name: AsRef<str>> Findings<Name> {
    /// Writes the files, `name` standing for `{name}` in their names, and prints the figures; on a terminal the picture
    /// too where no file is asked for.
    pub fn deliver(self, outputs: &Outputs, name: &str, as_json: bool, context: &Context) -> Outcome {
        self.deliver_with(Vec::new(), outputs, name, as_json, context)
    }

    /// As [`Findings::deliver`], with the frames of an animation.
    pub fn deliver_with(
        mut self,
        frames: Vec<RgbImage>,
        outputs: &Outputs,
        name: &str,
        as_json: bool,
        context: &Context,
    ) -> Outcome {
        let files = outputs.files(name);
        self.report["files"] = files.iter().map(|(path, _)| json!(path.display().to_string())).collect();
        for (path, format) in &files {
            match format {
                Format::Png => {
                    let software = concat!("lensor ", env!("CARGO_PKG_VERSION")).to_owned();
                    png::write(path, &self.picture, &[("Software", software), ("Title", self.title.clone())])?;
                }
                Format::Npy => self.arrays.first().map_or(Ok(()), |(_, array)| npy::write(path, array.view()))?,
                Format::Npz => npz::write(path, &self.arrays, &self.report)?,
                Format::Json => json_file::write(path, &self.report)?,
                Format::Gif => gif::write(path, frames.iter().cloned(), FRAME_TIME)?,
            }
        }
        let mut stdout = io::stdout().lock();
        if as_json {
            writeln!(stdout, "{:#}", self.report)?;
            return Ok(ExitCode::SUCCESS);
        }
        if files.is_empty() && stdout.is_terminal() {
            let terminal = inline::terminal(context.global.graphics);
            inline::draw(&self.picture, &terminal).map_err(Failure::Failed)?;
        }
        write!(stdout, "{}", self.text)?;
        Ok(ExitCode::SUCCESS)
    }
}
