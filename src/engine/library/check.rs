//! What a file is, read from its headers without loading it. Knows ELF and Mach-O; must not know where files come from.

use std::fs::File;
use std::path::Path;

use object::read::elf::Dyn;
use object::read::elf::ElfFile64;
use object::read::macho::{FatArch, MachOFatFile32, MachOFile64};
use object::{Architecture, FileKind, Object, ObjectSegment, ReadCache, ReadRef, elf as format, macho};

use super::{LibraryError, OLDEST};

/// Checks that a file is a whole ONNX Runtime library for this machine, new enough, and returns its version
/// (`unknown` where neither the file nor its name tells).
pub(super) fn version(path: &Path) -> Result<String, LibraryError> {
    let unreadable = |source| LibraryError::Unreadable { path: path.to_owned(), source };
    let not_a_library = |what| LibraryError::NotALibrary { path: path.to_owned(), what };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(not_a_library(if metadata.is_dir() { "it is a folder" } else { "it is no regular file" }));
    }
    let data = ReadCache::new(file);
    let kind =
        FileKind::parse(&data).map_err(|_| not_a_library("its first bytes are those of another kind of file"))?;
    let damaged = |reason: object::Error| LibraryError::CutShort { path: path.to_owned(), reason: reason.to_string() };
    let version = match kind {
        FileKind::Elf64 if cfg!(target_os = "linux") => elf(&data, metadata.len(), path, damaged)?,
        FileKind::MachO64 if cfg!(target_os = "macos") => mach_o(&data, metadata.len(), path, damaged)?,
        FileKind::MachOFat32 if cfg!(target_os = "macos") => {
            let fat = MachOFatFile32::parse(&data).map_err(damaged)?;
            let mine = fat.arches().iter().find(|arch| arch.architecture() == host());
            let mine = mine.ok_or_else(|| other_machine(path, "other processors"))?;
            let (offset, size) = mine.file_range();
            mach_o(data.range(offset, size), metadata.len().saturating_sub(offset), path, damaged)?
        }
        _ => return Err(not_a_library("it is for another operating system")),
    };
    let version = version.or_else(|| version_in_name(path)).unwrap_or_else(|| "unknown".to_owned());
    match numbers(&version) {
        Some((major, minor, _)) if (major, minor) < OLDEST => {
            Err(LibraryError::TooOld { path: path.to_owned(), version })
        }
        _ => Ok(version),
    }
}

/// The names of the libraries that an ELF library says it needs, such as `libcudart.so.13`. Fails for other files.
pub(in crate::engine) fn needed(path: &Path) -> Result<Vec<String>, LibraryError> {
    let unreadable = |source| LibraryError::Unreadable { path: path.to_owned(), source };
    let damaged = |reason: object::Error| LibraryError::CutShort { path: path.to_owned(), reason: reason.to_string() };
    let data = ReadCache::new(File::open(path).map_err(unreadable)?);
    let file: ElfFile64<'_, object::Endianness, _> = ElfFile64::parse(&data).map_err(damaged)?;
    let endian = file.endian();
    let table = file.elf_section_table().dynamic_table(endian, &data).map_err(damaged)?;
    let entries = table.dynamics().iter().filter(|entry| entry.tag(endian) == format::DT_NEEDED);
    let name = |entry: &format::Dyn64<_>| entry.string(endian, *table.strings());
    entries.map(|entry| Ok(String::from_utf8_lossy(name(entry).map_err(damaged)?).into_owned())).collect()
}

/// `1.32.0` → (1, 32, 0).
pub(in crate::engine) fn numbers(version: &str) -> Option<(u32, u32, u32)> {
    let mut parts = version.splitn(3, '.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)))
}

fn host() -> Architecture {
    if cfg!(target_arch = "aarch64") { Architecture::Aarch64 } else { Architecture::X86_64 }
}

fn other_machine(path: &Path, made_for: impl ToString) -> LibraryError {
    LibraryError::OtherMachine { path: path.to_owned(), made_for: made_for.to_string() }
}

/// What both formats have: every segment lies inside the file (the loader maps them, and touching a page past the end
/// kills the process), the processor, the one function that matters.
fn common<'data>(
    object: &impl Object<'data>,
    length: u64,
    path: &Path,
    damaged: impl Fn(object::Error) -> LibraryError,
) -> Result<(), LibraryError> {
    for segment in object.segments() {
        let (offset, size) = segment.file_range();
        if offset.checked_add(size).is_none_or(|end| end > length) {
            let reason =
                format!("it has {length} bytes and says that a part of it ends at {}", offset.saturating_add(size));
            return Err(LibraryError::CutShort { path: path.to_owned(), reason });
        }
    }
    if object.architecture() != host() {
        return Err(other_machine(path, format!("{:?}", object.architecture()).to_ascii_lowercase()));
    }
    let exports = object.exports().map_err(damaged)?;
    // Mach-O puts an underscore before the names of C.
    if exports.iter().any(|export| matches!(export.name(), b"OrtGetApiBase" | b"_OrtGetApiBase")) {
        Ok(())
    } else {
        Err(LibraryError::NotOnnxRuntime { path: path.to_owned() })
    }
}

/// The version from the symbol version `VERS_1.32.0` that ONNX Runtime's linker script gives its exports.
fn elf<'data>(
    data: impl ReadRef<'data>,
    length: u64,
    path: &Path,
    damaged: impl Fn(object::Error) -> LibraryError,
) -> Result<Option<String>, LibraryError> {
    let elf: ElfFile64<'data, object::Endianness, _> = ElfFile64::parse(data).map_err(&damaged)?;
    common(&elf, length, path, &damaged)?;
    let (endian, sections) = (elf.endian(), elf.elf_section_table());
    let Some((mut definitions, link)) = sections.gnu_verdef(endian, data).map_err(&damaged)? else { return Ok(None) };
    let strings = sections.strings(endian, data, link).map_err(&damaged)?;
    while let Some((_, mut names)) = definitions.next().map_err(&damaged)? {
        let Some(name) = names.next().map_err(&damaged)? else { continue };
        let name = String::from_utf8_lossy(name.name(endian, strings).map_err(&damaged)?);
        if let Some(version) = name.strip_prefix("VERS_") {
            return Ok(Some(version.to_owned()));
        }
    }
    Ok(None)
}

/// The version from the `current_version` of the library's own identity.
fn mach_o<'data>(
    data: impl ReadRef<'data>,
    length: u64,
    path: &Path,
    damaged: impl Fn(object::Error) -> LibraryError,
) -> Result<Option<String>, LibraryError> {
    let mach_o: MachOFile64<'data, object::Endianness, _> = MachOFile64::parse(data).map_err(&damaged)?;
    common(&mach_o, length, path, &damaged)?;
    let mut commands = mach_o.macho_load_commands().map_err(&damaged)?;
    while let Some(command) = commands.next().map_err(&damaged)? {
        if command.cmd() == macho::LC_ID_DYLIB {
            let identity: &macho::DylibCommand<_> = command.data().map_err(&damaged)?;
            let packed = identity.dylib.current_version.get(mach_o.endian());
            return Ok(Some(format!("{}.{}.{}", packed >> 16, (packed >> 8) & 255, packed & 255)));
        }
    }
    Ok(None)
}

/// `libonnxruntime.so.1.32.0` → `1.32.0`.
fn version_in_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let rest = name.strip_prefix("libonnxruntime.")?;
    let version = rest.strip_prefix("so.").or_else(|| rest.strip_suffix(".dylib"))?;
    numbers(version).map(|_| version.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::engine::library::{Search, locate_or_fetch};

    fn real() -> PathBuf {
        locate_or_fetch(&Search::default(), &mut |_, _| ()).unwrap().path
    }

    #[test]
    fn a_whole_library_tells_its_version() {
        let path = real();
        let version = version(&path).unwrap();
        assert!(numbers(&version) >= Some((1, 19, 0)), "{version}");
        let folder = tempfile::tempdir().unwrap();
        let renamed = folder.path().join("runtime.bin");
        fs::copy(path, &renamed).unwrap();
        assert_eq!(super::version(&renamed).unwrap(), version, "the version is in the file, not in its name");
    }

    #[test]
    fn a_library_cut_short_is_found_out_wherever_it_is_cut() {
        let whole = fs::read(real()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libonnxruntime.so");
        for length in [whole.len() - 1, whole.len() / 2, 100_000, 4096, 500, 64, 63] {
            fs::write(&path, &whole[..length]).unwrap();
            let error = version(&path).unwrap_err();
            assert!(matches!(error, LibraryError::CutShort { .. }), "{length} bytes: {error}");
        }
    }

    #[test]
    fn other_files_are_named_for_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("libonnxruntime.so");
        fs::write(&text, "not a library").unwrap();
        assert!(matches!(version(&text), Err(LibraryError::NotALibrary { .. })));
        fs::write(&text, "").unwrap();
        assert!(matches!(version(&text), Err(LibraryError::NotALibrary { .. })));
        assert!(matches!(version(folder.path()), Err(LibraryError::NotALibrary { what: "it is a folder", .. })));
        assert!(matches!(version(&folder.path().join("none")), Err(LibraryError::Unreadable { .. })));
        // An executable of this machine: whole, but not ONNX Runtime.
        let test = std::env::current_exe().unwrap();
        assert!(matches!(version(&test), Err(LibraryError::NotOnnxRuntime { .. })));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn another_processor_and_an_old_version_are_found_out() {
        let mut bytes = fs::read(real()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libonnxruntime.so");
        let name = b"\0VERS_1.";
        let at = bytes.windows(name.len()).position(|window| window == name).unwrap() + name.len();
        bytes[at..at + 2].copy_from_slice(b"08");
        fs::write(&path, &bytes).unwrap();
        assert!(matches!(version(&path), Err(LibraryError::TooOld { version, .. }) if version.starts_with("1.08.")));
        // e_machine, bytes 18 and 19 of the header: 62 is x86-64, 183 is AArch64.
        let other: u16 = if host() == Architecture::X86_64 { 183 } else { 62 };
        bytes[18..20].copy_from_slice(&other.to_le_bytes());
        fs::write(&path, &bytes).unwrap();
        assert!(matches!(version(&path), Err(LibraryError::OtherMachine { .. })));
    }

    #[test]
    fn versions_are_read_from_names() {
        assert_eq!(version_in_name(Path::new("/a/libonnxruntime.so.1.20.1")).as_deref(), Some("1.20.1"));
        assert_eq!(version_in_name(Path::new("libonnxruntime.1.32.0.dylib")).as_deref(), Some("1.32.0"));
        assert_eq!(version_in_name(Path::new("libonnxruntime.so")), None);
        assert!(numbers("1.9.0") < numbers("1.10"));
    }
}
