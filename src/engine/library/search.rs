//! The places where an ONNX Runtime library may lie, in order. Must not know what makes a file usable.

use std::env;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::{Found, Library, LibraryError, Search, check};
use crate::config::paths;

/// How long `python3` may take to say where its packages are; a hanging one must not hang lensor.
const PATIENCE: Duration = Duration::from_secs(5);

/// Most bytes of its answer that are read.
const LONGEST_ANSWER: u64 = 1 << 16;

/// One place that was looked at.
#[derive(Debug)]
pub struct Look {
    /// Which place it is.
    pub place: Found,
    /// The file or folder.
    pub path: PathBuf,
    /// What was there: nothing, a usable library, or one that is not usable.
    pub outcome: Option<Result<Library, LibraryError>>,
}

/// Finds a library without fetching one. A file that the user names must be usable; what merely lies around and is not
/// usable is passed over.
pub fn locate(search: &Search) -> Result<Library, LibraryError> {
    let mut unusable = Vec::new();
    let mut without_cuda = None;
    for look in look(search) {
        let named = matches!(look.place, Found::Explicit | Found::Environment);
        match look.outcome {
            None => {}
            Some(Ok(library)) if named || !search.cuda || library.has_cuda() => return Ok(library),
            Some(Ok(library)) => without_cuda = without_cuda.or(Some(library)),
            Some(Err(error)) if named => return Err(error),
            Some(Err(error)) => unusable.push(error),
        }
    }
    without_cuda.ok_or(LibraryError::Missing { unusable })
}

/// Looks at one place after another, as far as it is asked to. Python is started only when its turn comes.
pub fn look(search: &Search) -> impl Iterator<Item = Look> {
    let variable = env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()).map(PathBuf::from);
    let named = [(search.explicit.clone(), Found::Explicit), (variable, Found::Environment)];
    let named = named.into_iter().filter_map(|(path, place)| path.map(|path| (path, place)));
    let named = named.map(|(path, place)| {
        let library = if path.exists() {
            library(path.clone(), place)
        } else {
            Err(LibraryError::Absent { path: path.clone(), named_by: place })
        };
        Look { place, path, outcome: Some(library) }
    });
    named.chain(folders().map(|(path, place)| Look { place, outcome: in_folder(&path, place), path }))
}

fn library(path: PathBuf, found_in: Found) -> Result<Library, LibraryError> {
    check::version(&path).map(|version| Library { path, version, found_in })
}

/// The folder that fetched libraries are kept in.
pub(super) fn kept() -> Option<PathBuf> {
    paths::data().map(|data| data.join("onnxruntime"))
}

fn folders() -> impl Iterator<Item = (PathBuf, Found)> {
    let beside = env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
    let environments = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(env::var_os).map(PathBuf::from);
    let in_place = |place| move |folder| (folder, place);
    beside
        .into_iter()
        .map(in_place(Found::BesideExecutable))
        .chain(kept().map(in_place(Found::DataFolder)))
        .chain(environments.flat_map(|prefix| in_prefix(&prefix)).map(in_place(Found::VirtualEnvironment)))
        .chain(std::iter::once_with(python_package).flatten().map(in_place(Found::Python)))
        .chain(system_folders().into_iter().map(in_place(Found::System)))
}

/// `lib/python3.*/site-packages/onnxruntime/capi` and `lib` of a virtual environment.
fn in_prefix(prefix: &Path) -> Vec<PathBuf> {
    let lib = prefix.join("lib");
    let entries = std::fs::read_dir(&lib).into_iter().flatten().flatten();
    let pythons = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("python"));
    pythons.map(|python| python.path().join("site-packages/onnxruntime/capi")).chain([lib.clone()]).collect()
}

/// Asks `python3` where its onnxruntime package is, without importing it.
fn python_package() -> Option<PathBuf> {
    // An empty entry stands for the working directory, from which nothing is to be run.
    let code = "import sys; sys.path = [p for p in sys.path if p]; import importlib.util; \
                print(importlib.util.find_spec('onnxruntime').submodule_search_locations[0])";
    let package = answer(Command::new("python3").args(["-c", code]), PATIENCE)?;
    Some(Path::new(package.trim()).join("capi"))
}

/// What a command prints to stdout, or `None` where it prints nothing, cannot be started or has not finished in time; it
/// is then stopped.
pub(super) fn answer(command: &mut Command, patience: Duration) -> Option<String> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let stdout = child.stdout.take()?;
    let (send, receive) = mpsc::channel();
    // A thread of its own, because what the command started may hold the pipe open for longer than the command lives.
    thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.take(LONGEST_ANSWER).read_to_string(&mut text);
        // Nobody waits any more where it took too long.
        let _ = send.send(read.is_ok().then_some(text));
    });
    let text = receive.recv_timeout(patience);
    if text.is_err() {
        tracing::warn!(?command, ?patience, "no answer in time");
    }
    // Where it has ended already there is nothing to stop.
    let _ = child.kill();
    let _ = child.wait();
    text.ok().flatten().filter(|text| !text.trim().is_empty())
}

fn system_folders() -> Vec<PathBuf> {
    let variable = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
    let listed = env::var_os(variable).map(|value| env::split_paths(&value).collect::<Vec<_>>()).unwrap_or_default();
    let multiarch = format!("/usr/lib/{}-linux-gnu", env::consts::ARCH);
    let usual = ["/usr/local/lib", "/opt/homebrew/lib", multiarch.as_str(), "/usr/lib64", "/usr/lib"];
    listed.into_iter().chain(usual.map(PathBuf::from)).collect()
}

/// The newest usable library in a folder (`libonnxruntime.so`, `libonnxruntime.so.1.32.0`, `libonnxruntime.dylib`, …),
/// else why the last one is not.
fn in_folder(folder: &Path, place: Found) -> Option<Result<Library, LibraryError>> {
    let mut files: Vec<_> = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let rest = name.strip_prefix("libonnxruntime").unwrap_or_default();
        rest.starts_with(".so") || (rest.starts_with('.') && rest.ends_with(".dylib"))
    });
    files.sort();
    let newness =
        |library: &Result<Library, _>| library.as_ref().ok().map(|found: &Library| check::numbers(&found.version));
    files.into_iter().map(|path| library(path, place)).max_by_key(newness)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, patience: Duration) -> Option<String> {
        answer(Command::new("sh").args(["-c", script]), patience)
    }

    #[test]
    fn a_command_that_does_not_answer_in_time_is_given_up() {
        let moment = Duration::from_millis(50);
        assert_eq!(shell("exec sleep 600", moment), None, "it hangs");
        assert_eq!(shell("sleep 3 & echo there", moment), None, "what it started holds the pipe open");
        assert_eq!(shell("while :; do :; done", moment), None, "it works for ever");
        assert_eq!(shell("echo there", PATIENCE).as_deref(), Some("there\n"));
        assert_eq!(shell("while :; do echo x; done", PATIENCE).map(|text| text.len()), Some(LONGEST_ANSWER as usize));
        assert_eq!(shell("exit 1", PATIENCE), None);
        assert_eq!(answer(&mut Command::new("no such command"), PATIENCE), None);
    }
}
