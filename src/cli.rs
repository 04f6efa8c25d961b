//! The command line: one file per subcommand.
//!
//! Owns the flags, the exit codes and what goes to stdout (data) and stderr (messages, progress). Must not know how
//! anything is computed or painted.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};

use crate::config::paths;
use crate::engine::device::DeviceChoice;
use crate::engine::library::Search;
use crate::engine::{self, Cancel, Engine, OpenError};
use crate::jobs::explainer::Recipe;
use crate::model::source::{self, Source};
use crate::network::Network;
use crate::terminal::graphics::GraphicsChoice;

use progress::Progress;

mod appearance;
mod bar;
mod check;
mod circuits;
mod completions;
mod differentiate;
mod doctor;
mod equation;
mod explain;
mod features;
mod files;
mod filters;
mod index;
mod inline;
mod interrupt;
mod layers;
mod man;
mod maximize;
mod models;
mod network;
mod output;
mod prepare;
pub mod progress;
mod question;
mod report;
mod runtime;
mod sections;
mod settings;
mod sheet;
mod task;
mod top;
mod ui;
pub mod unit;

/// A terminal microscope for convolutional networks: explains any ONNX CNN on your own pictures.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, subcommand_negates_reqs = true)]
#[command(after_help = "\
Without a command the terminal UI opens; where stdout is no terminal, predictions and explanations are printed as text.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.")]
struct Cli {
    #[command(flatten)]
    ui: ui::Ui,

    #[command(flatten)]
    global: Global,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Explain(Box<explain::Explain>),
    Check(check::Check),
    Layers(layers::Layers),
    Differentiate(differentiate::Differentiate),
    Prepare(prepare::Prepare),
    Filters(filters::Filters),
    Features(Box<features::Features>),
    Index(Box<index::Index>),
    Top(Box<top::Top>),
    Maximize(Box<maximize::Maximize>),
    Circuits(Box<circuits::Circuits>),
    Models(models::Models),
    Runtime(runtime::Runtime),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Flags that every command takes. In its help they come after its own.
#[derive(Debug, Clone, Args)]
#[command(next_display_order = 900)]
pub struct Global {
    /// Network to explain, a .onnx file, a folder with one or a bundled one's name [default: the first that is bundled]
    #[arg(long, global = true, value_name = "FILE")]
    pub model: Option<PathBuf>,

    /// ONNX Runtime library to use [default: looked for, then fetched]
    #[arg(long, global = true, value_name = "FILE")]
    pub onnxruntime: Option<PathBuf>,

    /// Fetch nothing
    #[arg(long, global = true)]
    pub offline: bool,

    /// Where to run: auto, cpu, cuda or cuda:N; cuda:N:tf32 rounds to TensorFloat-32, which is faster
    #[arg(long, global = true, default_value_t)]
    pub device: DeviceChoice,

    /// How to draw pictures: auto, kitty, sixel, iterm2 or halfblocks
    #[arg(long, global = true, value_name = "HOW", default_value = "auto")]
    pub graphics: GraphicsChoice,

    /// Threads of one run [default: the cores there are]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// What the user says about the network.
    #[command(flatten)]
    pub network: network::NetworkFlags,
}

impl Global {
    /// Where to look for ONNX Runtime.
    pub fn search(&self) -> Search {
        let cuda = engine::wants_cuda(self.device);
        Search { explicit: self.onnxruntime.clone(), offline: self.offline, cuda }
    }

    /// Takes the network out of what was named: a file that ends in `.onnx`, a folder with one, or the name of a bundled
    /// one. The other paths are given back.
    fn take_network(&mut self, paths: Vec<PathBuf>) -> Result<Vec<PathBuf>, Failure> {
        let is_file = |path: &PathBuf| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx"));
        let is_bundled = |path: &PathBuf| matches!(Source::named(path.clone()), Source::Bundled(_));
        let is_folder = |path: &PathBuf| path.is_dir() && source::in_folder(path).is_some();
        let is_network = |path: &PathBuf| is_file(path) || is_folder(path) || is_bundled(path);
        let (networks, others): (Vec<PathBuf>, Vec<PathBuf>) = paths.into_iter().partition(is_network);
        if networks.len() + usize::from(self.model.is_some()) > 1 {
            return Err(Failure::Usage("name one network, as the first argument or with --model".to_owned()));
        }
        self.model = networks.into_iter().next().or(self.model.take());
        Ok(others)
    }

    /// The network and what it runs on.
    fn recipe(&self) -> Recipe {
        Recipe {
            source: self.model.clone().map_or_else(Source::default, Source::named),
            overrides: self.network.overrides(),
            search: self.search(),
            device: self.device,
            threads: self.threads.map(usize::from),
        }
    }
}

/// What a command works with.
pub struct Context {
    /// The flags that every command takes.
    pub global: Global,
    /// Fires at the first Ctrl-C.
    pub cancel: Cancel,
}

impl Context {
    /// Opens ONNX Runtime on the device asked for. `progress` hears what takes long.
    pub fn engine(&self, progress: &mut dyn FnMut(&str, Option<f32>)) -> Result<Arc<dyn Engine>, OpenError> {
        let threads = self.global.threads.map(usize::from);
        engine::open(&self.global.search(), &self.global.device, threads, progress)
    }

    /// Opens the network asked for. What is wrong with its file is said before a runtime is looked for.
    pub fn network(&self) -> Result<Network, Failure> {
        let Recipe { source, overrides, .. } = self.global.recipe();
        let opened = source.open()?;
        let mut progress = Progress::new();
        let engine = self.engine(&mut |text, done| progress.report(text, done))?;
        Ok(Network::load_remembering(opened, engine, &overrides, paths::cache())?)
    }
}

/// How a command ends when it does not end well. Any error can be turned into one with `?`.
#[derive(Debug)]
pub enum Failure {
    /// The flags ask for something that is not there: exit code 2.
    Usage(String),
    /// Something went wrong: exit code 1, or 130 if Ctrl-C was pressed.
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl Failure {
    /// Whether whoever read our output has had enough, which is no failure.
    fn is_broken_pipe(&self) -> bool {
        let Self::Failed(error) = self else { return false };
        error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// What a command returns.
pub type Outcome = Result<ExitCode, Failure>;

/// Exit code of a run ended by Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Parses the arguments, runs what they ask for and returns the exit code (0 done, 1 failed, 2 wrong usage, 130
/// interrupted).
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help that nobody reads any more is no failure.
            let _ = error.print();
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    let cancel = Cancel::new();
    match run(cli, &cancel) {
        Ok(code) => code,
        Err(_) if cancel.is_cancelled() => {
            say("interrupted");
            ExitCode::from(INTERRUPTED)
        }
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            say(&format!("error: {message}\n\nFor more information, try '--help'."));
            ExitCode::from(2)
        }
        Err(Failure::Failed(error)) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli, cancel: &Cancel) -> Outcome {
    let Cli { global, ui, command } = cli;
    let Some(command) = command else { return ui::run(ui, global, cancel) };
    interrupt::on_ctrl_c(cancel);
    let context = Context { global, cancel: cancel.clone() };
    match command {
        Command::Explain(args) => explain::run(&args, &context),
        Command::Check(args) => check::run(args, context),
        Command::Layers(args) => layers::run(&args, &context),
        Command::Differentiate(args) => differentiate::run(&args, &context),
        Command::Filters(args) => filters::run(&args, &context),
        Command::Prepare(args) => prepare::run(&args, &context),
        Command::Features(args) => features::run(&args, &context),
        Command::Index(args) => index::run(&args, &context),
        Command::Top(args) => top::run(&args, &context),
        Command::Maximize(args) => maximize::run(&args, &context),
        Command::Circuits(args) => circuits::run(&args, &context),
        Command::Models(args) => models::run(&args),
        Command::Runtime(args) => runtime::run(&args, &context),
        Command::Doctor(args) => doctor::run(&args, &context),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

/// A message for the person at the terminal, on stderr.
pub fn say(message: &str) {
    // Where stderr is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "{}", printable(message));
}

/// Most characters of a message.
const LONGEST_MESSAGE: usize = 4000;

/// A message as a terminal can show it: names in files may be of any length and hold what moves its cursor.
fn printable(message: &str) -> String {
    let plain = |c: char| if c.is_control() && !matches!(c, '\n' | '\t') { char::REPLACEMENT_CHARACTER } else { c };
    let count = message.chars().count();
    if count <= LONGEST_MESSAGE {
        return message.chars().map(plain).collect();
    }
    let (begin, end) = (message.chars().take(LONGEST_MESSAGE / 2), message.chars().skip(count - LONGEST_MESSAGE / 4));
    begin.chain(" … ".chars()).chain(end).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn messages_are_short_and_leave_the_terminal_alone() {
        assert_eq!(printable("node `a\x1b[2J`:\n\tno"), "node `a\u{fffd}[2J`:\n\tno");
        let long = printable(&format!("node `{}` is unknown", "n".repeat(1_000_000)));
        assert!(long.chars().count() < LONGEST_MESSAGE && long.starts_with("node `n") && long.ends_with("is unknown"));
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_commands_own_flags_come_first_in_its_help_and_under_their_headings() {
        let mut lensor = Cli::command();
        lensor.build();
        let help = |command: &mut clap::Command| command.render_long_help().to_string();
        assert!(help(&mut lensor).contains("\nArguments:\n  [MODEL.onnx|PICTURE|FOLDER]..."));
        for command in lensor.get_subcommands_mut().filter(|command| command.get_name() != "help") {
            let (name, text) = (command.get_name().to_owned(), help(command));
            let options = text.split("\nOptions:\n").nth(1).unwrap().split("\n\n").next().unwrap();
            let place = |flag: &str| options.find(&format!("{flag} "));
            let own = ["--json", "--out <FILE>"].map(place).into_iter().flatten().max();
            assert!(own < place("--model <FILE>").or(Some(usize::MAX)), "{name}: {options}");
            let look = text.split("\nAppearance:\n").nth(1).and_then(|rest| rest.split("\n\n").next());
            assert!(!look.is_some_and(|flags| flags.contains("--out") || flags.contains("--json")), "{name}");
        }
    }
}
