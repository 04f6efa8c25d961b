//! The report as text.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::{ExportError, save};

/// Writes any report, indented, with a newline at the end.
pub fn write(path: &Path, report: &impl Serialize) -> Result<(), ExportError> {
    save(path, |file| {
        serde_json::to_writer_pretty(&mut *file, report)?;
        Ok(file.write_all(b"\n")?)
    })
}
