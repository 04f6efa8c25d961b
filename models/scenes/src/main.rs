//! Renders the pictures that lensor's bundled network is trained on and those it shows: scenes of everyday things made
//! of signed-distance solids, each with a mask of where its things are. Everything follows from the seeds.

mod camera;
mod chance;
mod dataset;
mod gallery;
mod ground;
mod light;
mod march;
mod noise;
mod paint;
mod picture;
mod scene;
mod shape;
mod sky;
mod thing;
mod things;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

#[derive(Parser)]
#[command(about = "Renders scenes of things with masks: training sets and the bundled pictures")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Many small pictures with labels and masks, as NumPy arrays.
    Dataset {
        /// Folder for images.npy, labels.npy, masks.npy and labels.txt.
        #[arg(long)]
        out: PathBuf,
        /// Number of pictures; the classes take turns.
        #[arg(long)]
        count: usize,
        /// Side of the square pictures in pixels.
        #[arg(long, default_value_t = 128)]
        size: usize,
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Share of the pictures that show two kinds of things.
        #[arg(long, default_value_t = 0.0)]
        pairs: f32,
        /// Threads; 0 takes all cores.
        #[arg(long, default_value_t = 0)]
        threads: usize,
    },
    /// The bundled pictures with their masks.
    Gallery {
        /// Folder for the pictures; the masks go into `masks` inside it.
        #[arg(long)]
        out: PathBuf,
        /// Side of the square pictures in pixels.
        #[arg(long, default_value_t = 512)]
        size: usize,
        /// Samples along each side of a pixel.
        #[arg(long, default_value_t = 3)]
        grid: usize,
        /// Renders only the pictures whose name contains this.
        #[arg(long)]
        only: Option<String>,
        /// Added to every picture's seed, to look for a better one.
        #[arg(long, default_value_t = 0)]
        shift: u64,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Dataset { out, count, size, seed, pairs, threads } => {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
            dataset::render(&out, count, size, seed, pairs)
        }
        Command::Gallery { out, size, grid, only, shift } => gallery::render(&out, size, grid, only.as_deref(), shift),
    }
}
