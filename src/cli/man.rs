//! `lensor man`: the manual page, made from the flags themselves.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory;

use super::{Cli, Outcome};

/// Print the manual page, or write all pages to a folder
#[derive(Debug, clap::Args)]
pub struct Man {
    /// Folder for lensor.1 and a page for every subcommand
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Prints the page to stdout, or writes all of them.
pub fn run(args: &Man) -> Outcome {
    match &args.out {
        Some(folder) => clap_mangen::generate_to(Cli::command(), folder)?,
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            io::stdout().write_all(&page)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
