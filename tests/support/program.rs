//! The built program, run in a studio on the colours network, and what comes of it.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use ndarray_npy::ReadNpyExt;

use crate::colours::Studio;

/// A command on the colours network, on the CPU and with nothing to read.
pub fn on_colours(studio: &Studio, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lensor"));
    command.current_dir(studio.folder()).args(arguments).args(["--model", "colours.onnx", "--device", "cpu"]);
    command.stdin(Stdio::null());
    command
}

/// Runs a command on the colours network.
pub fn run(studio: &Studio, arguments: &[&str]) -> Output {
    on_colours(studio, arguments).output().unwrap()
}

/// What a run that went well wrote to stdout.
pub fn succeeded(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a run of wrong usage wrote to stderr.
pub fn refused(output: Output) -> String {
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    text
}

/// The array in a file.
pub fn read<A: ReadNpyExt>(path: &Path) -> A {
    A::read_npy(std::fs::File::open(path).unwrap()).unwrap()
}
