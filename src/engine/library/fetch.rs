//! Fetching the pinned wheel with pip, and unpacking just the library.
//!
//! Owns the pin, the lock between processes and the staging folder. Must not know any index's address: pip has its own
//! settings for that.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempDir};

use super::search::{answer, kept};
use super::{Found, Library, LibraryError, check};

/// The version that is fetched.
pub const PINNED: &str = "1.32.0";

/// The wheel of one platform.
struct Wheel {
    /// Platform tag, as pip's `--platform` takes it.
    platform: &'static str,
    /// Bytes of the wheel.
    size: u64,
    sha256: &'static str,
    /// The library inside.
    library: &'static str,
}

/// The wheel for this machine, if its makers publish one.
fn wheel() -> Option<Wheel> {
    if cfg!(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64")) {
        Some(Wheel {
            platform: "manylinux_2_28_x86_64",
            size: 27_780_211,
            sha256: "99e1074c4b2197accd5073052a465361be17b89c093b8ffb6e6bd8f986c52df8",
            library: "libonnxruntime.so.1.32.0",
        })
    } else if cfg!(all(target_os = "linux", target_env = "gnu", target_arch = "aarch64")) {
        Some(Wheel {
            platform: "manylinux_2_28_aarch64",
            size: 23_196_724,
            sha256: "e36c187006e7a7c8b8d6d57f1a209dd63f52430dca6c282b177718ad6b841054",
            library: "libonnxruntime.so.1.32.0",
        })
    } else if cfg!(all(target_os = "macos", target_arch = "aarch64")) {
        Some(Wheel {
            platform: "macosx_14_0_arm64",
            size: 22_519_308,
            sha256: "d52510bbbcc880c13b826f7d75cdf33ac5cf0bb864d960000fc29ce73f0cb83e",
            library: "libonnxruntime.1.32.0.dylib",
        })
    } else {
        None
    }
}

/// Commands that run pip, the first that answers is taken.
const PIPS: [&[&str]; 4] = [&["python3", "-m", "pip"], &["pip3"], &["pip"], &["uv", "tool", "run", "pip"]];

/// How long one of them may take to say its version: `uv` fetches pip first.
const PIP_PATIENCE: Duration = Duration::from_secs(30);

/// Fetches the pinned library into lensor's data folder. Several processes may do so at once: one fetches, the others
/// wait for it. Interrupted at any point it leaves no half library; what it leaves is cleared by the next fetch.
/// `progress` hears what goes on, with the done fraction where it is known.
pub fn fetch(progress: &mut dyn FnMut(&str, Option<f32>)) -> Result<Library, LibraryError> {
    let wheel = wheel().ok_or_else(|| LibraryError::NoWheel {
        platform: format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH),
    })?;
    into(&kept().ok_or(LibraryError::NoDataFolder)?, &wheel, progress)
}

fn into(folder: &Path, wheel: &Wheel, progress: &mut dyn FnMut(&str, Option<f32>)) -> Result<Library, LibraryError> {
    let write = |source| LibraryError::Write { path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(write)?;
    let _lock = lock(&folder.join("lock"), progress).map_err(write)?;
    let path = folder.join(wheel.library);
    if let Ok(version) = check::version(&path) {
        return Ok(Library { path, version, found_in: Found::DataFolder });
    }
    clear_stale(folder).map_err(write)?;
    let staging = tempfile::Builder::new().prefix(STAGING).tempdir_in(folder).map_err(write)?;
    let file = download(wheel, &staging, progress)?;
    progress("checking ONNX Runtime", None);
    let found = sha256(&file).map_err(write)?;
    if found != wheel.sha256 {
        return Err(LibraryError::OtherWheel { found, expected: wheel.sha256.to_owned() });
    }
    let unpacked = unpack(&file, wheel, &staging)?;
    let version = check::version(unpacked.path())?;
    unpacked.persist(&path).map_err(|error| write(error.error))?;
    Ok(Library { path, version, found_in: Found::DataFolder })
}

const STAGING: &str = ".fetching-";

/// Holds the lock until the file is dropped; the system gives it up when the process dies.
fn lock(path: &Path, progress: &mut dyn FnMut(&str, Option<f32>)) -> io::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            progress("waiting for another lensor that is fetching ONNX Runtime", None);
            file.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    Ok(file)
}

/// Removes what an interrupted fetch left. Only under the lock.
fn clear_stale(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(STAGING) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Runs pip until the wheel lies in the staging folder.
fn download(
    wheel: &Wheel,
    staging: &TempDir,
    progress: &mut dyn FnMut(&str, Option<f32>),
) -> Result<PathBuf, LibraryError> {
    let requirement = format!("onnxruntime=={PINNED}");
    // The tags of the wheel, not of the interpreter that pip happens to run on: nothing of Python is used.
    let arguments =
        ["download", "--no-deps", "--only-binary=:all:", "--python-version=3.12", "--implementation=cp", "--abi=cp312"];
    let arguments = [&arguments[..], &["--platform", wheel.platform, &requirement]].concat();
    let pip = PIPS.into_iter().find(|pip| answers(pip)).ok_or(LibraryError::NoPip)?;
    let command = [pip, &arguments].concat().join(" ");
    let failed = |last_lines: String| LibraryError::Pip { command: command.clone(), last_lines };
    let io = |error: io::Error| failed(error.to_string());

    let target = staging.path().join("wheel");
    let log = staging.path().join("log");
    let output = File::create(&log).map_err(io)?;
    let child = Command::new(pip[0])
        .args(&pip[1..])
        .args(&arguments)
        .arg("--dest")
        .arg(&target)
        // pip loads into its temporary folder: there its progress can be seen, and what it leaves is cleared.
        .env("TMPDIR", staging.path())
        .stdin(Stdio::null())
        .stdout(output.try_clone().map_err(io)?)
        .stderr(output)
        .spawn()
        .map_err(io)?;
    let mut child = Stopped(child);
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let status = loop {
        if let Some(status) = child.0.try_wait().map_err(io)? {
            break status;
        }
        let done = bytes_in(staging.path()).min(wheel.size);
        let text = format!(
            "fetching ONNX Runtime {PINNED} with {}: {:.1} of {:.1} MB",
            pip.join(" "),
            megabytes(done),
            megabytes(wheel.size)
        );
        progress(&text, Some(done as f32 / wheel.size as f32));
        std::thread::sleep(Duration::from_millis(100));
    };
    let wheels = fs::read_dir(&target).into_iter().flatten().flatten().map(|entry| entry.path());
    let file = wheels.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "whl"));
    match file {
        Some(file) if status.success() => Ok(file),
        _ => {
            let log = fs::read(&log).map_err(io)?;
            let log = String::from_utf8_lossy(&log).into_owned();
            let lines: Vec<_> = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            Err(failed(lines[lines.len().saturating_sub(3)..].join("\n")))
        }
    }
}

/// A child that does not outlive what waits for it.
struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(Some(_))) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

fn answers(pip: &[&str]) -> bool {
    let mut command = Command::new(pip[0]);
    answer(command.args(&pip[1..]).arg("--version"), PIP_PATIENCE).is_some()
}

/// Bytes of all files under a folder. Files that vanish meanwhile count nothing.
fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

fn sha256(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn unpack(file: &Path, wheel: &Wheel, staging: &TempDir) -> Result<NamedTempFile, LibraryError> {
    let inside = format!("onnxruntime/capi/{}", wheel.library);
    let unpack = || -> Result<NamedTempFile, Box<dyn std::error::Error>> {
        let mut archive = zip::ZipArchive::new(io::BufReader::new(File::open(file)?))?;
        let mut library = archive.by_name(&inside)?;
        let mut unpacked = NamedTempFile::new_in(staging)?;
        let size = library.size();
        let copied = io::copy(&mut library.by_ref().take(size), unpacked.as_file_mut())?;
        if copied != size {
            return Err(format!("{inside} has {copied} of {size} bytes").into());
        }
        unpacked.as_file().sync_all()?;
        Ok(unpacked)
    };
    unpack().map_err(|error| LibraryError::Unpack { reason: error.to_string() })
}
