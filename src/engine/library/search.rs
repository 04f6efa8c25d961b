//! The places where an ONNX Runtime library may lie, in order.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Found, Library, LibraryError, Search};
use crate::config::paths;

/// Finds a library without fetching one.
pub fn locate(search: &Search) -> Result<Library, LibraryError> {
    let named = [
        (search.explicit.clone(), Found::Explicit),
        (env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()).map(PathBuf::from), Found::Environment),
    ];
    for (path, found_in) in named {
        let Some(path) = path else { continue };
        if !path.is_file() {
            return Err(LibraryError::Absent { path, named_by: found_in });
        }
        return Ok(library(path, found_in));
    }
    places()
        .find_map(|(folder, found_in)| in_folder(&folder).map(|path| library(path, found_in)))
        .ok_or(LibraryError::Missing)
}

fn library(path: PathBuf, found_in: Found) -> Library {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let version = name.split_once(".so.").map(|(_, version)| version.to_owned()).unwrap_or_default();
    Library { path, version, found_in }
}

/// Folders, in order. Python is asked only when everything before it had nothing, for starting it takes time.
fn places() -> impl Iterator<Item = (PathBuf, Found)> {
    let beside = env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
    let environments = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(env::var_os).map(PathBuf::from);
    let of = |found_in| move |folder| (folder, found_in);
    beside
        .into_iter()
        .map(of(Found::BesideExecutable))
        .chain(paths::data().map(|data| data.join("onnxruntime")).map(of(Found::DataFolder)))
        .chain(environments.flat_map(|prefix| in_prefix(&prefix)).map(of(Found::VirtualEnvironment)))
        .chain(std::iter::once_with(python_packages).flatten().map(of(Found::Python)))
        .chain(system_folders().into_iter().map(of(Found::System)))
}

/// `lib/python3.*/site-packages/onnxruntime/capi` and `lib` of an environment.
fn in_prefix(prefix: &Path) -> Vec<PathBuf> {
    let lib = prefix.join("lib");
    let pythons = std::fs::read_dir(&lib).into_iter().flatten().flatten().map(|entry| entry.path());
    let pythons =
        pythons.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python")));
    pythons.map(|python| python.join("site-packages/onnxruntime/capi")).chain([lib.clone()]).collect()
}

/// Asks `python3` where its packages are.
fn python_packages() -> Vec<PathBuf> {
    let code = "import site, sys; print('\\n'.join(site.getsitepackages() + [site.getusersitepackages()]))";
    let output = Command::new("python3").args(["-c", code]).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let Ok(output) = output else { return Vec::new() };
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    listed.lines().map(|folder| Path::new(folder).join("onnxruntime/capi")).collect()
}

fn system_folders() -> Vec<PathBuf> {
    let variable = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
    let listed = env::var_os(variable).map(|value| env::split_paths(&value).collect::<Vec<_>>()).unwrap_or_default();
    let multiarch = format!("/usr/lib/{}-linux-gnu", env::consts::ARCH);
    let usual = ["/usr/local/lib", "/opt/homebrew/lib", multiarch.as_str(), "/usr/lib64", "/usr/lib"];
    listed.into_iter().chain(usual.map(PathBuf::from)).collect()
}

/// The library in a folder: `libonnxruntime.so`, `libonnxruntime.so.1.32.0`, `libonnxruntime.dylib`, ….
fn in_folder(folder: &Path) -> Option<PathBuf> {
    let names = std::fs::read_dir(folder).ok()?.flatten();
    names
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let rest = name.strip_prefix("libonnxruntime").unwrap_or_default();
            rest.starts_with(".so") || (rest.starts_with('.') && rest.ends_with(".dylib"))
        })
        .filter(|path| path.is_file())
        .max()
}
