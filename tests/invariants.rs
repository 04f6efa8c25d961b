//! What `src/lib.rs` says is absent is absent.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// Every source file below `folder` with its path relative to `src`.
fn sources(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Whether `line` is code that has `name` as a path of its own: `ort::` but not `export::`.
fn names(line: &str, name: &str) -> bool {
    let before = |at: usize| line[..at].chars().next_back();
    let whole = |at: usize| before(at).is_none_or(|c| !c.is_alphanumeric() && c != '_');
    !line.trim_start().starts_with("//") && line.match_indices(name).any(|(at, _)| whole(at))
}

/// Fails for each line of a file in a `room` (all where empty), other than in `but`, that has one of the `names`.
fn absent(rooms: &[&str], but: &[&str], forbidden: &[&str]) {
    let mut files = Vec::new();
    sources(&root(), &mut files);
    let inside = |path: &Path, room: &&str| path.starts_with(room) || path.with_extension("") == Path::new(room);
    let mut looked_at = 0;
    let mut found = Vec::new();
    for (path, text) in &files {
        let concerned = rooms.is_empty() || rooms.iter().any(|room| inside(path, room));
        if !concerned || but.iter().any(|room| inside(path, room)) {
            continue;
        }
        looked_at += 1;
        for (number, line) in text.lines().enumerate() {
            if forbidden.iter().any(|name| names(line, name)) {
                found.push(format!("src/{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(looked_at > 0, "no file was looked at");
    assert!(found.is_empty(), "{forbidden:?} must not stand here:\n{}", found.join("\n"));
}

#[test]
fn methods_maps_and_painting_never_see_a_terminal() {
    let rooms = [
        "onnx",
        "autodiff",
        "engine",
        "model",
        "network",
        "attribution",
        "evaluation",
        "blur",
        "map",
        "paint",
        "export",
    ];
    let right = ["crate::terminal", "crate::ui", "crate::app", "crate::jobs", "crate::cli", "crossterm", "ratatui"];
    absent(&rooms, &[], &right);
}

#[test]
fn methods_know_nothing_of_maps_and_colours() {
    let rooms = ["onnx", "autodiff", "engine", "model", "network", "attribution", "evaluation"];
    absent(&rooms, &[], &["crate::map", "crate::paint", "crate::look", "crate::export"]);
}

#[test]
fn views_never_see_an_engine() {
    absent(&["ui"], &[], &["crate::engine", "ort::"]);
}

#[test]
fn one_file_names_each_young_library() {
    // `engine.rs` names the module of that name.
    absent(&[], &["engine/ort", "engine.rs"], &["ort::"]);
    absent(&[], &["terminal/picture"], &["ratatui_image"]);
}

#[test]
fn only_the_terminal_and_the_command_line_write_to_stdout() {
    absent(&[], &["terminal", "cli", "network/tests"], &["stdout()", "println!", "print!"]);
}
