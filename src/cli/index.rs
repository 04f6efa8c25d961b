//! `lensor index`: the pictures of a folder that excite each unit most, kept in a file.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;

use super::progress::Progress;
use super::{Context, Failure, Outcome, say};
use crate::engine::{self, cores};
use crate::index::run::{self, Runners, Summary};
use crate::index::shard::Shard;
use crate::index::{Store, key, place};

use gauge::Gauge;

mod gauge;
mod merge;

/// Broken files that are named; `--json` has all.
const NAMED: usize = 20;

/// Run a folder of pictures through the network and keep, for every unit, the pictures that excite it most
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "\
Folders in the folder are searched too. The index is written as it grows: started again, lensor goes on where it was, and \
runs only what is new. Pictures are known by their content, so that copies count once. Broken ones are listed and are no \
failure.

In a task of a Slurm array the shard is that of the task: array 1-10 or 0-9 makes ten shards. `lensor index merge` puts \
them together; the result is that of a single run, bit for bit.")]
pub struct Index {
    #[command(subcommand)]
    command: Option<Command>,

    /// Folder with pictures
    #[arg(value_name = "FOLDER", required = true)]
    folder: Option<PathBuf>,

    /// File of the index [default: one for the network and the folder, in lensor's data folder]
    #[arg(long, value_name = "FILE")]
    index: Option<PathBuf>,

    /// Pictures kept for each unit, ranked by the mean and by the max of its feature map
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1000))]
    top: u16,

    /// Run one of several parts, counted from 1 [default: that of the task of a Slurm array, else all]
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,

    /// Seconds between two writes of the index
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = seconds)]
    write_every: f64,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Merge(merge::Merge),
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "give a number of seconds".to_owned())?;
    if (0.0..=86400.0).contains(&seconds) { Ok(seconds) } else { Err("give a number from 0 to 86400".to_owned()) }
}

/// Makes an index or goes on with it; exit code 130 if it was interrupted.
pub fn run(args: &Index, context: &Context) -> Outcome {
    if let Some(Command::Merge(args)) = &args.command {
        return merge::run(args);
    }
    let Some(folder) = &args.folder else { return Err(Failure::Usage("name a folder with pictures".to_owned())) };
    let usage = |error: &dyn std::fmt::Display| Failure::Usage(format!("--shard: {error}"));
    let from_slurm = || Shard::of_slurm(|name| std::env::var(name).ok()).map_err(|error| usage(&error));
    let (shard, said) = match args.shard {
        Some(shard) => (shard, "--shard"),
        None => (from_slurm()?.unwrap_or_default(), "the Slurm array; --shard 1/1 is all"),
    };
    let opened = context.global.recipe().source.open()?;
    let model = key::of_model(&opened.model)?;
    let network = context.network()?;
    let about = run::about(&network, model, folder, shard, usize::from(args.top))?;
    let path = match &args.index {
        Some(path) => path.clone(),
        None => place::of_folder(&about.model, &about.preparation, &about.folder, shard)?,
    };
    let mut store = Store::open_or_create(&path, &about)?;
    if store.about().most != about.most {
        let (has, path) = (store.about().most, path.display());
        return Err(Failure::Usage(format!("--top: the index {path} keeps {has} pictures a unit; name another file")));
    }
    if !shard.is_whole() {
        say(&format!("shard {shard} (from {said})"));
    }
    let threads = context.global.threads.map(usize::from).unwrap_or_else(cores);
    let mut progress = Progress::new();
    let search = context.global.search();
    // Each runner has one thread.
    let engine = engine::open(&search, &context.global.device, Some(1), &mut |text, done| progress.report(text, done))?;
    let mut runners = Runners::new(&network, engine, threads)?;
    // The weights are in the sessions, as far as they are needed.
    drop((network, opened, progress));
    let mut gauge = Gauge::new();
    let every = Duration::from_secs_f64(args.write_every);
    let summary = run::run(&mut runners, &mut store, every, &context.cancel, &mut |progress| gauge.show(progress))?;
    drop(gauge);
    report(args.json, &store, &summary)?;
    Ok(if summary.cancelled { ExitCode::from(super::INTERRUPTED) } else { ExitCode::SUCCESS })
}

fn report(as_json: bool, store: &Store, summary: &Summary) -> Result<(), Failure> {
    use std::io::Write;
    let extent = store.extent()?;
    let broken = store.broken(if as_json { usize::MAX } else { NAMED })?;
    let about = store.about();
    let mut stdout = std::io::stdout().lock();
    if as_json {
        let reason =
            |(path, reason): &(PathBuf, String)| json!({ "file": path.display().to_string(), "reason": reason });
        let report = json!({
            "index": store.path().display().to_string(),
            "network": about.network,
            "folder": about.folder.display().to_string(),
            "shard": about.shard.to_string(),
            "layers": about.layers.len(),
            "units": about.channels().iter().sum::<usize>(),
            "top": about.most,
            "extent": extent,
            "run": summary.progress,
            "interrupted": summary.cancelled,
            "broken": broken.iter().map(reason).collect::<Vec<_>>(),
            "unread": summary.unread.iter().map(reason).collect::<Vec<_>>(),
        });
        writeln!(stdout, "{report:#}")?;
        return Ok(());
    }
    let run = &summary.progress;
    let units: usize = about.channels().iter().sum();
    writeln!(
        stdout,
        "{}: {} pictures for {units} units of {} layers{}\nthis run: {} pictures, {:.1} a second",
        store.path().display(),
        extent.pictures,
        about.layers.len(),
        if extent.finished { "" } else { ", not finished" },
        run.done,
        run.rate
    )?;
    if extent.runners.len() > 1 {
        writeln!(stdout, "run by {}: the last bits of scores may differ", extent.runners.join("; "))?;
    }
    for (path, reason) in summary.unread.iter().chain(&broken) {
        say(&format!("passed over {}: {reason}", path.display()));
    }
    if extent.broken > broken.len() as u64 {
        say(&format!("and {} more: --json lists all", extent.broken - broken.len() as u64));
    }
    if summary.cancelled {
        say("interrupted: what is done is kept, and the same command goes on");
    }
    Ok(())
}
