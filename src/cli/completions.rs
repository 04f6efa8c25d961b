//! `lensor completions SHELL`: what a shell needs to complete lensor's flags.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Outcome};

/// Print completions for a shell
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// Shell to complete in
    shell: Shell,
}

/// Prints the completions to stdout.
pub fn run(args: &Completions) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "lensor", &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
