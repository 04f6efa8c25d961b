//! `lensor doctor`: everything a bug report needs, as text.

use std::env;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::sections::Sections;
use super::{Context, Failure, Outcome};
use crate::config::paths;
use crate::engine;
use crate::engine::library::{self, Library};
use crate::terminal::graphics::GraphicsChoice;
use crate::terminal::probe;

/// Show everything a bug report needs
#[derive(Debug, clap::Args)]
pub struct Doctor {}

/// Prints the report to stdout; exit code 1 if nothing could be run on this machine as it is.
pub fn run(_args: &Doctor, context: &Context) -> Outcome {
    let mut report = Sections::new([]);
    machine(&mut report);
    let healthy = runtime(&mut report, context);
    if healthy {
        network(&mut report, context);
    }
    terminal(&mut report);
    folders(&mut report);
    environment(&mut report);
    io::stdout().write_all(report.text().as_bytes())?;
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn machine(report: &mut Sections) {
    report.section("lensor");
    report.line("version", env!("CARGO_PKG_VERSION"));
    report.line("built for", format!("{} {}", env::consts::OS, env::consts::ARCH));
    report.section("machine");
    // Linux tells these in files; elsewhere they are left out.
    let field = |file: &str, key: &str, separator: char| {
        let text = fs::read_to_string(file).ok()?;
        let (_, value) =
            text.lines().filter_map(|line| line.split_once(separator)).find(|(name, _)| name.trim() == key)?;
        Some(value.trim().trim_matches('"').to_owned())
    };
    let system = field("/etc/os-release", "PRETTY_NAME", '=');
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok();
    for (name, value) in [
        ("system", system),
        ("kernel", kernel.map(|text| text.trim().to_owned())),
        ("processor", field("/proc/cpuinfo", "model name", ':')),
        ("memory", field("/proc/meminfo", "MemTotal", ':')),
        ("memory free", field("/proc/meminfo", "MemAvailable", ':')),
    ] {
        if let Some(value) = value {
            report.line(name, value);
        }
    }
    report.line("usable cores", engine::cores());
}

/// What was found, on what it runs, and every place that was looked at. Whether there is an engine.
fn runtime(report: &mut Sections, context: &Context) -> bool {
    report.section("ONNX Runtime");
    let search = context.global.search();
    let healthy = match library::locate(&search) {
        Ok(library) => used(report, context, &library),
        Err(error) => {
            report.line("not usable", error);
            false
        }
    };
    report.section("places looked at for ONNX Runtime, in order");
    for look in library::look(&search) {
        let outcome = match look.outcome {
            None => "nothing".to_owned(),
            Some(Ok(library)) => format!("ONNX Runtime {}", library.version),
            Some(Err(error)) => error.to_string(),
        };
        report.line(&look.path.display().to_string(), format!("({}): {outcome}", look.place));
    }
    healthy
}

fn used(report: &mut Sections, context: &Context, library: &Library) -> bool {
    report.line("version", &library.version);
    report.line("found in", library.found_in);
    report.line("file", library.path.display());
    match engine::providers(library) {
        Ok(providers) => report.line("providers", providers.join(", ")),
        Err(error) => {
            report.line("not usable", error);
            return false;
        }
    }
    match context.engine(&mut |_, _| ()) {
        Ok(engine) => {
            report.line("runs on", engine.device());
            if let Some(notice) = engine.notice() {
                report.line("note", notice);
            }
            true
        }
        Err(error) => {
            report.line("device", error);
            false
        }
    }
}

/// What is settled about the network that is asked for.
fn network(report: &mut Sections, context: &Context) {
    report.section("network");
    let network = match context.network() {
        Ok(network) => network,
        Err(Failure::Usage(why)) => return report.line("cannot be opened", why),
        Err(Failure::Failed(error)) => return report.line("cannot be opened", error),
    };
    report.line("name", &network.card().name);
    for setting in &network.settings().0 {
        report.line(setting.name, format!("{} ({})", setting.value, setting.source));
    }
    network.notes().iter().for_each(|note| report.line("note", note));
}

fn terminal(report: &mut Sections) {
    report.section("terminal");
    let kind = |terminal: bool| if terminal { "a terminal" } else { "no terminal" };
    report.line("stdin", kind(io::stdin().is_terminal()));
    report.line("stdout", kind(io::stdout().is_terminal()));
    if let Ok(size) = crossterm::terminal::window_size() {
        report.line("size", format!("{}×{} cells, {}×{} pixels", size.columns, size.rows, size.width, size.height));
    }
    if io::stdin().is_terminal() && io::stdout().is_terminal() && crossterm::terminal::enable_raw_mode().is_ok() {
        let found = probe::ask(GraphicsChoice::Auto);
        // A terminal that could be put in raw mode can be taken out of it.
        let _ = crossterm::terminal::disable_raw_mode();
        report.line("pictures by", found.graphics);
        report.line("cell", format!("{}×{} pixels", found.cell.0, found.cell.1));
        report.line("colours", format!("{:?}", found.depth).to_lowercase());
        report.line("answered", if found.late { "not in time" } else { "yes" });
        report.line("tmux", if found.tmux { "yes" } else { "no" });
    }
}

fn folders(report: &mut Sections) {
    report.section("folders");
    let line = |folder: Option<PathBuf>| match folder {
        None => "none: there is no home folder".to_owned(),
        Some(folder) if folder.is_dir() => folder.display().to_string(),
        Some(folder) => format!("{} (not made yet)", folder.display()),
    };
    report.line("data", line(paths::data()));
    report.line("config", line(paths::config()));
    report.line("cache", line(paths::cache()));
    report.line("state", line(paths::state()));
}

/// Only variables that change what lensor does.
fn environment(report: &mut Sections) {
    report.section("environment");
    let names = [
        "ORT_DYLIB_PATH",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
        "XDG_DATA_HOME",
        "XDG_CONFIG_HOME",
        "XDG_CACHE_HOME",
        "XDG_STATE_HOME",
        "TERM",
        "TERM_PROGRAM",
        "TERM_PROGRAM_VERSION",
        "COLORTERM",
        "NO_COLOR",
        "TMUX",
        "STY",
        "SSH_TTY",
        "LANG",
        "LC_ALL",
        "RUST_LOG",
    ];
    for name in names {
        if let Some(value) = env::var_os(name) {
            report.line(name, value.to_string_lossy());
        }
    }
}
