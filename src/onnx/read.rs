//! Reading a file at once, in several threads: most of the time goes into making pages and copying into them. Must not know
//! what the file is.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread;

use super::beside::threads;

/// The first `size` bytes of a file.
pub(super) fn read(path: &Path, size: usize) -> io::Result<Vec<u8>> {
    /// Bytes that are read in about the time that a thread takes to start.
    const FEW: usize = 1 << 20;
    let file = File::open(path)?;
    // Zeros of which the system makes each page when it is first written.
    let mut bytes = vec![0; size];
    let part = size.div_ceil(threads(size / FEW)).max(1);
    thread::scope(|scope| {
        let read = |(at, bytes): (usize, &mut [u8])| file.read_exact_at(bytes, (at * part) as u64);
        let parts: Vec<_> = bytes.chunks_mut(part).enumerate().map(|part| scope.spawn(move || read(part))).collect();
        let ended = |_| Err(io::Error::other("a thread that read the file ended"));
        parts.into_iter().try_for_each(|part| part.join().unwrap_or_else(ended))
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_in_parts_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let content: Vec<u8> = (0..3_000_001u32).map(|number| (number / 7) as u8).collect();
        std::fs::write(&path, &content).unwrap();
        assert_eq!(read(&path, content.len()).unwrap()[..], content);
        assert_eq!(read(&path, 10).unwrap()[..], content[..10]);
        assert!(read(&path, 0).unwrap().is_empty());
        assert_eq!(read(&path, content.len() + 1).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
