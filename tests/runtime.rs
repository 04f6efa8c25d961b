//! Getting ONNX Runtime, as a user sees it: wrong files, no pip, a failing pip, two processes at once, an interruption.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lensor::engine::library::{Search, locate_or_fetch};
use tempfile::TempDir;

/// lensor with an empty home and nothing in its environment that names a library.
fn lensor(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lensor"));
    for variable in ["ORT_DYLIB_PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "XDG_DATA_HOME", "LD_LIBRARY_PATH"] {
        command.env_remove(variable);
    }
    command.env("HOME", home).stdin(Stdio::null());
    command
}

fn kept(home: &Path) -> PathBuf {
    home.join(".local/share/lensor/onnxruntime")
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Runs it and checks the exit code and what stderr says.
#[track_caller]
fn fails(mut command: Command, code: i32, says: &[&str]) {
    let output = command.output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{error}");
    for part in says {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

/// A PATH on which `python3 -m pip download` is this script, and `python3` has no packages.
fn with_python(folder: &TempDir, script: &str) -> String {
    let python = folder.path().join("python3");
    fs::write(
        &python,
        format!(
            "#!/bin/sh\ncase \"$*\" in *--version*) echo pip 99; exit 0;; *download*) ;; *) exit 1;; esac\n{script}\n"
        ),
    )
    .unwrap();
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:/usr/bin:/bin", folder.path().display())
}

#[test]
fn a_file_that_is_no_runtime_is_named() {
    let home = tempfile::tempdir().unwrap();
    let real = locate_or_fetch(&Search::default(), &mut |_, _| ()).unwrap().path;
    let check = |file: &Path, says: &str| {
        let mut command = lensor(home.path());
        command.arg("runtime").arg("--onnxruntime").arg(file);
        fails(command, 1, &[says, &file.display().to_string()]);
        let mut command = lensor(home.path());
        command.arg("runtime").env("ORT_DYLIB_PATH", file);
        fails(command, 1, &[says]);
    };
    let file = home.path().join("libonnxruntime.so");
    check(&file, "there is no file");
    fs::write(&file, "text").unwrap();
    check(&file, "is not a shared library");
    check(home.path(), "it is a folder");
    check(&std::env::current_exe().unwrap(), "does not export OrtGetApiBase");
    let whole = fs::read(&real).unwrap();
    for length in [whole.len() / 3, whole.len() - 4096] {
        fs::write(&file, &whole[..length]).unwrap();
        check(&file, "is cut short or damaged");
    }
}

#[test]
fn what_cannot_be_fetched_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let empty = tempfile::tempdir().unwrap();
    let mut command = lensor(home.path());
    command.args(["runtime", "--install"]).env("PATH", empty.path());
    fails(command, 1, &["neither pip nor uv was found", "pip install onnxruntime"]);

    let mut command = lensor(home.path());
    command.args(["runtime", "--install", "--offline"]);
    fails(command, 2, &["--offline"]);

    let failing = with_python(&empty, "echo looking >&2; echo 'ERROR: No matching distribution found' >&2; exit 1");
    let mut command = lensor(home.path());
    command.args(["runtime", "--install"]).env("PATH", failing);
    fails(command, 1, &["No matching distribution found", "python3 -m pip download --no-deps"]);

    // The destination is the last argument.
    let other = with_python(&empty, "for to; do :; done; mkdir -p \"$to\"; echo other > \"$to/onnxruntime.whl\"");
    let mut command = lensor(home.path());
    command.args(["runtime", "--install"]).env("PATH", other);
    fails(command, 1, &["SHA-256", "expected"]);
    assert_eq!(names(&kept(home.path())), ["lock"], "nothing half-done is left");
}

#[test]
fn nothing_found_and_offline_is_one_clear_message() {
    let home = tempfile::tempdir().unwrap();
    let mut command = lensor(home.path());
    command.args(["runtime", "--offline"]).env("PATH", home.path());
    let output = command.output().unwrap();
    if String::from_utf8_lossy(&output.stdout).contains("the system's libraries") {
        println!("skipped: this system has an ONNX Runtime of its own");
        return;
    }
    fails(command, 1, &["was not found on this machine", "lensor runtime --install"]);
}

#[test]
fn two_processes_may_fetch_at_once() {
    let home = tempfile::tempdir().unwrap();
    let install = || lensor(home.path()).args(["runtime", "--install"]).stdout(Stdio::piped()).spawn().unwrap();
    for process in [install(), install()] {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8(output.stdout).unwrap().contains("lensor's data folder"));
    }
    let names = names(&kept(home.path()));
    assert!(names.len() == 2 && names[0].starts_with("libonnxruntime.") && names[1] == "lock", "{names:?}");
}

#[test]
fn an_interrupted_fetch_leaves_nothing_that_is_used_and_the_next_clears_up() {
    let home = tempfile::tempdir().unwrap();
    let bin = tempfile::tempdir().unwrap();
    // A pip that has half a wheel and goes on until lensor is gone.
    let slow = with_python(
        &bin,
        "for to; do :; done; mkdir -p \"$to\"; echo half > \"$to/onnxruntime.whl\"\n\
         while kill -0 $PPID 2>/dev/null; do sleep 0.05; done",
    );
    let mut first = lensor(home.path()).args(["runtime", "--install"]).env("PATH", slow).spawn().unwrap();
    let begun = |folder: &Path| {
        fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .any(|entry| entry.path().join("wheel/onnxruntime.whl").exists())
    };
    while !begun(&kept(home.path())) {
        assert!(first.try_wait().unwrap().is_none(), "it ended before it began");
        std::thread::yield_now();
    }
    first.kill().unwrap();
    first.wait().unwrap();

    let mut command = lensor(home.path());
    command.args(["runtime", "--offline"]).env("PATH", bin.path());
    let output = command.output().unwrap();
    assert!(!String::from_utf8(output.stdout).unwrap().contains("data folder"), "half a fetch must not be found");

    let status = lensor(home.path()).args(["runtime", "--install"]).stdout(Stdio::null()).status().unwrap();
    assert!(status.success());
    assert_eq!(names(&kept(home.path())).len(), 2, "the library and the lock");
}

#[test]
fn doctor_reports_the_runtime_and_the_places() {
    let home = tempfile::tempdir().unwrap();
    let real = locate_or_fetch(&Search::default(), &mut |_, _| ()).unwrap().path;
    let output = lensor(home.path()).args(["doctor", "--onnxruntime"]).arg(&real).output().unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{report}");
    for part in [env!("CARGO_PKG_VERSION"), "usable cores", "CPU", "places looked at", "--onnxruntime", "folders"] {
        assert!(report.contains(part), "{part} is missing:\n{report}");
    }
    let output = lensor(home.path()).args(["doctor", "--onnxruntime", "/nowhere"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("there is no file /nowhere"));
}

#[test]
fn a_library_with_cuda_is_preferred_when_cuda_is_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let real = locate_or_fetch(&Search::default(), &mut |_, _| ()).unwrap().path;
    let environment = home.path().join("venv");
    let package = environment.join("lib/python3.12/site-packages/onnxruntime/capi");
    for folder in [&kept(home.path()), &package] {
        fs::create_dir_all(folder).unwrap();
        std::os::unix::fs::symlink(&real, folder.join(real.file_name().unwrap())).unwrap();
    }
    fs::write(package.join("libonnxruntime_providers_cuda.so"), "").unwrap();
    for (device, place) in [("cpu", "lensor's data folder"), ("cuda", "the active virtual environment")] {
        let mut command = lensor(home.path());
        let output = command.args(["runtime", "--device", device]).env("VIRTUAL_ENV", &environment).output().unwrap();
        let report = String::from_utf8(output.stdout).unwrap();
        assert!(report.contains(place), "{device}: {report}");
    }
}
