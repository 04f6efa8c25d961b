//! Names of networks and pictures by their content.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::interpretation::prototypes::ranking::PictureKey;
use crate::model::preprocess::Preprocess;
use crate::onnx::Model;

/// A SHA-256.
pub type Hash = [u8; 32];

/// The hash in hexadecimal, as `sha256sum` prints it.
pub fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a network computes: the bytes of its file, its large constants after the others, and of the files with its external data.
pub fn of_model(model: &Model) -> io::Result<Hash> {
    let beside = model.beside();
    let mut hash = Sha256::new_with_prefix(model.bytes());
    let external = model.graph().stored().flat_map(|tensor| &tensor.external_data);
    let places: BTreeSet<&str> =
        external.filter(|entry| entry.key == "location").map(|entry| entry.value.as_str()).collect();
    for place in places {
        if let Some(constant) = beside.kept().get(place) {
            hash.update(constant.bytes());
            continue;
        }
        io::copy(&mut File::open(beside.folder().unwrap_or(Path::new(".")).join(place))?, &mut hash)?;
    }
    Ok(hash.finalize().into())
}

/// How pictures are prepared for it.
pub fn of_preparation(preprocess: &Preprocess) -> Hash {
    Sha256::digest(format!("{preprocess:?}")).into()
}

/// A picture by the bytes of its file.
pub fn of_picture(file: &[u8]) -> Hash {
    Sha256::digest(file).into()
}

/// The first 8 bytes of a hash as a number.
pub fn short(hash: &Hash) -> PictureKey {
    hash.iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_beginning_of_the_hash() {
        let hash = of_picture(b"abc");
        assert!(hex(&hash).starts_with("ba7816bf8f01cfea"), "FIPS 180-2, appendix B.1");
        assert_eq!(short(&hash), 0xba78_16bf_8f01_cfea);
    }

    #[test]
    fn large_constants_count_as_part_of_the_network() {
        let folder = tempfile::tempdir().unwrap();
        let key = |weight: f32| {
            let mut b = crate::fixtures::with_input([3, 8, 8]);
            b.named_floats("kernel", ndarray::Array4::from_elem((32, 3, 3, 3), weight).view());
            b.named_node("Conv", &["x", "kernel"], &["y"], &[]);
            b.output("y");
            let file = folder.path().join("net.onnx");
            std::fs::write(&file, b.into_model(17)).unwrap();
            let model = Model::open(&file).unwrap();
            assert_eq!(model.beside().kept().len(), 1);
            of_model(&model).unwrap()
        };
        assert_eq!(key(1.0), key(1.0));
        assert_ne!(key(1.0), key(2.0));
    }
}
