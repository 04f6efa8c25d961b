//! A training set: pictures, labels and masks as NumPy arrays. Owns the files' layout and the mixture of pictures.

use crate::chance::Chance;
use crate::picture::{self, Picture, Settings};
use crate::scene::{self, Request};
use crate::things::Kind;
use anyhow::{Context, Result};
use rayon::prelude::*;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Pictures rendered between two writes.
const CHUNK: usize = 512;

/// Renders `count` pictures of `size` × `size` into the folder `out`: `images.npy` (u8, N×size×size×3), `labels.npy`
/// (i8, N×2: the first thing, and the second if one shows, otherwise −1), `masks.npy` (u8, N×size×size; 0 or class + 1) and `labels.txt`.
pub fn render(out: &Path, count: usize, size: usize, seed: u64, pairs: f32) -> Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.label()).collect();
    std::fs::write(out.join("labels.txt"), names.join("\n") + "\n")?;
    let mut images = array(out, "images.npy", "|u1", &[count, size, size, 3])?;
    let mut labels = array(out, "labels.npy", "|i1", &[count, 2])?;
    let mut masks = array(out, "masks.npy", "|u1", &[count, size, size])?;
    for start in (0..count).step_by(CHUNK) {
        let end = (start + CHUNK).min(count);
        let rendered: Vec<(Picture, [i8; 2])> =
            (start..end).into_par_iter().map(|index| one(seed, index, size, pairs)).collect();
        for (picture, label) in rendered {
            images.write_all(&picture.rgb)?;
            masks.write_all(&picture.mask)?;
            labels.write_all(&label.map(|class| class as u8))?;
        }
        eprintln!("{end} of {count}");
    }
    images.flush()?;
    labels.flush()?;
    masks.flush()?;
    Ok(())
}

/// Renders picture `index` of the set, again from another draw if its things came out hidden.
fn one(seed: u64, index: usize, size: usize, pairs: f32) -> (Picture, [i8; 2]) {
    let mut chance = Chance::new(seed, index as u64);
    loop {
        let mut kinds = vec![Kind::ALL[index % Kind::ALL.len()]];
        if chance.odds(pairs) {
            kinds.push(chance.pick(&Kind::ALL));
        }
        let scene = scene::compose(&mut chance, &Request::of(&kinds));
        let settings = Settings { size, grid: 2, everywhere: false, noise: chance.range(0.0, 0.022) };
        if scene::coverage(&scene) < 0.025 {
            continue;
        }
        let first = kinds[0] as i8;
        let picture = picture::take(&scene, &settings, &mut chance);
        let second = picture.mask.iter().map(|&value| value as i8 - 1).find(|&class| class >= 0 && class != first);
        return (picture, [first, second.unwrap_or(-1)]);
    }
}

/// Opens a NumPy file and writes its header (format 1.0).
fn array(out: &Path, name: &str, kind: &str, shape: &[usize]) -> Result<BufWriter<File>> {
    let path = out.join(name);
    let mut file = BufWriter::new(File::create(&path).with_context(|| format!("cannot write {}", path.display()))?);
    let shape: String = shape.iter().map(|side| format!("{side}, ")).collect();
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
    header.push_str(&" ".repeat(63 - (10 + header.len()) % 64));
    header.push('\n');
    file.write_all(b"\x93NUMPY\x01\x00")?;
    file.write_all(&(header.len() as u16).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_depends_on_seed_and_index_only() {
        let (first, label) = one(7, 5, 24, 0.5);
        let (again, _) = one(7, 5, 24, 0.5);
        let (other, _) = one(8, 5, 24, 0.5);
        assert_eq!(label[0], 5);
        assert!(first.rgb == again.rgb && first.mask == again.mask);
        assert!(first.rgb != other.rgb);
    }

    #[test]
    fn every_kind_shows_in_its_mask() {
        for index in 0..Kind::ALL.len() {
            let (picture, label) = one(3, index, 32, 0.0);
            let shown = picture.mask.iter().filter(|&&value| value == label[0] as u8 + 1).count();
            assert!(shown >= 16, "{}: {shown} of 1024 pixels", Kind::ALL[index].label());
        }
    }

    #[test]
    fn numpy_headers_end_on_a_multiple_of_64() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("scenes-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        for count in [1, 1000, 123_456_789] {
            array(&folder, "a.npy", "|u1", &[count, 2])?.flush()?;
            let bytes = std::fs::read(folder.join("a.npy"))?;
            assert_eq!(bytes.len() % 64, 0);
            assert_eq!(bytes.len(), 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]])));
        }
        Ok(std::fs::remove_dir_all(&folder)?)
    }
}
