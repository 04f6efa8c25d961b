//! What a model showed when it was looked at, kept on disk, so that a second start need not load and run it for that.
//!
//! Owns the files: one a model, named by what it depends on, written whole, the oldest deleted. Must not know where the
//! folder lies. Whatever is wrong with a file, the model is looked at again.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use ndarray::ArrayD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::autodiff::{Observations, Observed};
use crate::engine::{ElementType, Value};
use crate::onnx::Model;

/// Files kept.
const KEPT: usize = 64;

/// Most elements of constants in a file: some models compute their weights.
const MOST_ELEMENTS: usize = 1 << 16;

/// One tensor: shape at batch 1, axis of the batch, elements.
#[derive(Serialize, Deserialize)]
struct Entry(Vec<usize>, Option<usize>, Elements);

#[derive(Serialize, Deserialize)]
enum Elements {
    Unknown(Kind),
    F32(Vec<u32>),
    F64(Vec<u64>),
    I64(Vec<i64>),
    I32(Vec<i32>),
    U8(Vec<u8>),
    Bool(Vec<bool>),
}

#[derive(Serialize, Deserialize)]
enum Kind {
    F32,
    F64,
    I64,
    I32,
    U8,
    Bool,
}

/// What is kept in this folder of a model that is run on `shape` by this version of the runtime; otherwise what `look` sees,
/// which is kept from then on where there is a folder.
pub(super) fn recall<E>(
    folder: Option<&Path>,
    model: &Model,
    shape: &[usize],
    runtime: &str,
    look: impl FnOnce() -> Result<Option<Observations>, E>,
) -> Result<Option<Observations>, E> {
    let file = folder.and_then(|folder| file(folder, model, shape, runtime));
    if let Some(known) = file.as_deref().and_then(read) {
        return Ok(Some(known));
    }
    let seen = look()?;
    if let (Some(file), Some(seen)) = (&file, &seen) {
        write(file, seen);
    }
    Ok(seen)
}

/// The file for a model; `None` for one whose constants lie elsewhere.
fn file(folder: &Path, model: &Model, shape: &[usize], runtime: &str) -> Option<PathBuf> {
    if !model.is_whole() {
        return None;
    }
    let mut hash = Sha256::new();
    hash.update(format!("{} {runtime} {shape:?} ", env!("CARGO_PKG_VERSION")));
    hash.update(model.bytes());
    if computes_weights(model) {
        model.beside().kept().values().for_each(|constant| hash.update(constant.bytes()));
    }
    let name: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Some(folder.join("shapes").join(name + ".json"))
}

/// Whether what is the same for every picture is computed from constants that are not in the model's bytes. The shapes of
/// tensors do not depend on those.
fn computes_weights(model: &Model) -> bool {
    let graph = model.graph();
    let varies = graph.made_from(graph.inputs.iter().map(|input| input.name.as_str()));
    let apart = graph.stored().filter(|tensor| !tensor.external_data.is_empty()).map(|tensor| tensor.name.as_str());
    graph.made_from(apart).into_iter().any(|tensor| !varies.contains(tensor) && !graph.is_constant(tensor))
}

/// What is kept there.
fn read(file: &Path) -> Option<Observations> {
    let entries: BTreeMap<String, Entry> = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    entries.into_iter().map(|(name, entry)| Some((name, entry.observed()?))).collect()
}

/// Keeps it there. That it cannot be kept is no failure.
fn write(file: &Path, observations: &Observations) {
    let count = |observed: &Observed| observed.value.as_ref().map_or(0, |value| value.shape().iter().product());
    if observations.values().map(count).sum::<usize>() > MOST_ELEMENTS {
        return;
    }
    let entries: BTreeMap<&str, Entry> = observations.iter().map(|(name, o)| (name.as_str(), Entry::of(o))).collect();
    let written = || -> std::io::Result<()> {
        let folder = file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut temporary = tempfile::Builder::new().prefix(".lensor-").tempfile_in(folder)?;
        temporary.write_all(&serde_json::to_vec(&entries)?)?;
        temporary.persist(file)?;
        forget_oldest(folder)
    };
    if let Err(error) = written() {
        tracing::debug!(%error, file = %file.display(), "the model's shapes could not be kept");
    }
}

fn forget_oldest(folder: &Path) -> std::io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        files.push((entry.metadata()?.modified()?, entry.path()));
    }
    files.sort();
    let surplus = files.len().saturating_sub(KEPT);
    files.into_iter().take(surplus).try_for_each(|(_, path)| fs::remove_file(path))
}

impl Entry {
    fn of(observed: &Observed) -> Self {
        let elements = match &observed.value {
            // As bits, so that infinities and every last digit come back.
            Some(Value::F32(array)) => Elements::F32(array.iter().map(|value| value.to_bits()).collect()),
            Some(Value::F64(array)) => Elements::F64(array.iter().map(|value| value.to_bits()).collect()),
            Some(Value::I64(array)) => Elements::I64(array.iter().copied().collect()),
            Some(Value::I32(array)) => Elements::I32(array.iter().copied().collect()),
            Some(Value::U8(array)) => Elements::U8(array.iter().copied().collect()),
            Some(Value::Bool(array)) => Elements::Bool(array.iter().copied().collect()),
            None => Elements::Unknown(match observed.element {
                ElementType::F32 => Kind::F32,
                ElementType::F64 => Kind::F64,
                ElementType::I64 => Kind::I64,
                ElementType::I32 => Kind::I32,
                ElementType::U8 => Kind::U8,
                ElementType::Bool => Kind::Bool,
            }),
        };
        Self(observed.shape.clone(), observed.batch, elements)
    }

    /// `None` where the number of elements does not fit the shape.
    fn observed(self) -> Option<Observed> {
        let Self(shape, batch, elements) = self;
        fn array<T>(shape: &[usize], elements: Vec<T>) -> Option<ArrayD<T>> {
            ArrayD::from_shape_vec(shape, elements).ok()
        }
        let value = match elements {
            Elements::Unknown(kind) => {
                let element = match kind {
                    Kind::F32 => ElementType::F32,
                    Kind::F64 => ElementType::F64,
                    Kind::I64 => ElementType::I64,
                    Kind::I32 => ElementType::I32,
                    Kind::U8 => ElementType::U8,
                    Kind::Bool => ElementType::Bool,
                };
                return Some(Observed { shape, batch, element, value: None });
            }
            Elements::F32(bits) => Value::F32(array(&shape, bits.into_iter().map(f32::from_bits).collect())?),
            Elements::F64(bits) => Value::F64(array(&shape, bits.into_iter().map(f64::from_bits).collect())?),
            Elements::I64(elements) => Value::I64(array(&shape, elements)?),
            Elements::I32(elements) => Value::I32(array(&shape, elements)?),
            Elements::U8(elements) => Value::U8(array(&shape, elements)?),
            Elements::Bool(elements) => Value::Bool(array(&shape, elements)?),
        };
        Some(Observed { shape, batch, element: value.element_type(), value: Some(value) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{engine, tiny_b};
    use crate::network::observe::observe;

    #[test]
    fn what_is_kept_comes_back_and_a_broken_file_is_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let model = Model::from_bytes(tiny_b(), None).unwrap();
        let observed = observe(&model, engine().as_ref(), "x", &[1, 3, 16, 16]).unwrap();
        let at = |shape: &[usize], runtime| file(folder.path(), &model, shape, runtime).unwrap();
        let path = at(&[1, 3, 16, 16], "1.32.0");
        assert!(read(&path).is_none());
        write(&path, &observed);
        let kept = read(&path).unwrap();
        assert_eq!(kept.len(), observed.len());
        for (name, expected) in &observed {
            let kept = &kept[name];
            assert_eq!((&kept.shape, kept.batch, kept.element), (&expected.shape, expected.batch, expected.element));
            assert_eq!(kept.value, expected.value);
        }
        assert_ne!(path, at(&[1, 3, 32, 32], "1.32.0"));
        assert_ne!(path, at(&[1, 3, 16, 16], "1.31.0"));
        fs::write(&path, b"{\"x\":[[1],null,{\"I64\":[1,2]}]}").unwrap();
        assert!(read(&path).is_none(), "two elements do not fit the shape [1]");
    }

    #[test]
    fn weights_count_where_something_is_computed_from_them() {
        use crate::onnx::build::GraphBuilder;
        let folder = tempfile::tempdir().unwrap();
        let name = |weight: f32, computed: bool| {
            let mut b = crate::fixtures::with_input([3, 8, 8]);
            b.named_floats("kernel", ndarray::Array4::from_elem((32, 3, 3, 3), weight).view());
            let doubled = |b: &mut GraphBuilder| b.node("Add", &["kernel", "kernel"], &[]);
            let kernel = if computed { doubled(&mut b) } else { "kernel".to_owned() };
            b.named_node("Conv", &["x", &kernel], &["y"], &[]);
            b.output("y");
            let path = folder.path().join("net.onnx");
            fs::write(&path, b.into_model(17)).unwrap();
            file(folder.path(), &Model::open(&path).unwrap(), &[1, 3, 8, 8], "1.32.0").unwrap()
        };
        assert_eq!(name(1.0, false), name(2.0, false), "shapes do not depend on weights");
        assert_ne!(name(1.0, true), name(2.0, true));
    }

    #[test]
    fn infinities_and_booleans_come_back_and_the_oldest_files_go() {
        let folder = tempfile::tempdir().unwrap();
        let value = |value: Value| Observed {
            shape: value.shape().to_vec(),
            batch: None,
            element: value.element_type(),
            value: Some(value),
        };
        let infinite = Value::from(ndarray::arr1(&[f32::INFINITY, f32::MIN_POSITIVE, 0.1]));
        let yes = Value::Bool(ndarray::arr0(true).into_dyn());
        let observed: Observations = [("a", infinite), ("b", yes)].map(|(n, v)| (n.to_owned(), value(v))).into();
        for number in 0..KEPT + 3 {
            write(&folder.path().join(format!("{number}.json")), &observed);
        }
        let kept: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(kept.len(), KEPT);
        let kept = read(&folder.path().join(format!("{}.json", KEPT + 2))).unwrap();
        assert!(observed.iter().all(|(name, expected)| kept[name].value == expected.value));
    }
}
