//! `lensor runtime`: which ONNX Runtime is used and where it was found; installs one.

use std::io::{self, Write};
use std::process::ExitCode;

use super::progress::Progress;
use super::{Context, Failure, Outcome};
use crate::engine;
use crate::engine::library::{self, Library, PINNED};

/// Show which ONNX Runtime is used, or install one
#[derive(Debug, clap::Args)]
pub struct Runtime {
    /// Fetch the pinned release with pip into lensor's data folder, unless it is there already
    #[arg(long)]
    install: bool,
}

/// Prints version, place, file and providers to stdout.
pub fn run(args: &Runtime, context: &Context) -> Outcome {
    let search = context.global.search();
    let library = if args.install {
        if search.offline {
            return Err(Failure::Usage(
                "--install fetches, and --offline forbids it: leave one of them out".to_owned(),
            ));
        }
        let mut progress = Progress::new();
        library::fetch(&mut |text, done| progress.report(text, done))?
    } else {
        library::locate(&search)?
    };
    io::stdout().write_all(describe(&library)?.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn describe(library: &Library) -> Result<String, library::LibraryError> {
    let Library { path, version, found_in } = library;
    let providers = engine::providers(library)?.join(", ");
    let pinned = if version == PINNED { " (the release lensor fetches)" } else { "" };
    Ok(format!(
        "ONNX Runtime  {version}{pinned}\nfound in      {found_in}\nfile          {}\nproviders     {providers}\n",
        path.display()
    ))
}
