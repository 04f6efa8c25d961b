//! `lensor index merge`: shards put together.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::{Outcome, say};
use crate::index::merge;

/// Put the shards of an index together
#[derive(Debug, Args)]
pub struct Merge {
    /// The shards
    #[arg(value_name = "SHARD", required = true)]
    shards: Vec<PathBuf>,

    /// File of the whole index; one that is there is replaced [default: where a single run would have made it]
    #[arg(long, value_name = "FILE")]
    index: Option<PathBuf>,

    /// Go on where shards are missing or were not finished
    #[arg(long)]
    partial: bool,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Puts them together.
pub fn run(args: &Merge) -> Outcome {
    let merged = merge::merge(&args.shards, args.index.as_deref(), args.partial)?;
    merged.lacking.iter().for_each(|lacking| say(lacking));
    if !merged.runners.is_empty() {
        say(&format!("run by {}: the last bits of scores may differ", merged.runners.join("; ")));
    }
    let mut stdout = std::io::stdout().lock();
    if args.json {
        writeln!(stdout, "{:#}", serde_json::to_value(&merged)?)?;
    } else {
        let (index, pictures, shards) = (merged.index.display(), merged.pictures, merged.shards);
        writeln!(stdout, "{index}: {pictures} pictures of {shards} shards")?;
    }
    Ok(ExitCode::SUCCESS)
}
