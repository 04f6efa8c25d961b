//! One run, several, in parts, again: the same index.

use std::path::Path;

use image::{Rgb, RgbImage};

use super::*;
use crate::fixtures::{engine, network, tiny_a};
use crate::index::merge::merge;
use crate::index::shard::Shard;
use crate::interpretation::feature_maps::FeatureMaps;
use crate::interpretation::prototypes::By;
use crate::model::picture::Picture;

/// Pictures with something in them; the first ones are flat, so that maps have several peaks.
fn picture(at: u32) -> RgbImage {
    RgbImage::from_fn(20 + at % 5, 16 + at % 3, |x, y| match at {
        0 => Rgb([255; 3]),
        1 => Rgb([0; 3]),
        _ => Rgb([x * (at + 7), y * (at * 3 + 5), (x + y) * at].map(|level| (level % 256) as u8)),
    })
}

fn folder(pictures: impl Iterator<Item = u32>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("deeper")).unwrap();
    pictures.for_each(|at| add(folder.path(), at));
    folder
}

fn add(folder: &Path, at: u32) {
    let deeper = if at.is_multiple_of(2) { "deeper" } else { "" };
    picture(at).save(folder.join(deeper).join(format!("{at}.png"))).unwrap();
}

fn indexed(folder: &Path, file: &Path, shard: Shard, workers: usize, cancel: &Cancel) -> (Store, Summary) {
    let network = network(tiny_a());
    let about = about(&network, [3; 32], folder, shard, 4).unwrap();
    let mut store = Store::open_or_create(file, &about).unwrap();
    let mut runners = Runners::new(&network, engine(), workers).unwrap();
    let summary = run(&mut runners, &mut store, Duration::ZERO, cancel, &mut |_| {}).unwrap();
    (store, summary)
}

/// Everything in an index but the files.
type Content = (crate::interpretation::prototypes::tally::Tally, Vec<crate::index::store::IndexedPicture>);

fn content(store: &Store) -> Content {
    (store.tally().unwrap(), store.pictures().unwrap())
}

fn whole(folder: &Path) -> Store {
    let file = tempfile::tempdir().unwrap().keep().join("whole.sqlite");
    indexed(folder, &file, Shard::default(), 1, &Cancel::new()).0
}

#[test]
fn shards_put_together_are_the_single_run_bit_for_bit() {
    let (pictures, files) = (folder(0..24), tempfile::tempdir().unwrap());
    let whole = whole(pictures.path());
    assert_eq!((whole.extent().unwrap().pictures, whole.extent().unwrap().finished), (24, true));
    let shards: Vec<_> = (1..=3).map(|index| files.path().join(format!("{index}.sqlite"))).collect();
    let mut counts = Vec::new();
    for (index, file) in shards.iter().enumerate() {
        let shard = Shard::new(index as u32 + 1, 3).unwrap();
        counts.push(indexed(pictures.path(), file, shard, 2, &Cancel::new()).1.progress.done);
    }
    assert!(counts.iter().sum::<usize>() == 24 && counts.iter().filter(|count| **count > 0).count() > 1, "{counts:?}");
    let together = files.path().join("together.sqlite");
    let back: Vec<_> = shards.iter().rev().cloned().collect();
    let merged = merge(&back, Some(&together), false).unwrap();
    assert_eq!((merged.pictures, merged.lacking.len()), (24, 0));
    let store = Store::open(&together).unwrap();
    assert_eq!((content(&store), store.files().unwrap()), (content(&whole), whole.files().unwrap()));
    assert_eq!((store.about(), store.extent().unwrap()), (whole.about(), whole.extent().unwrap()));
    let error = merge(&shards[..2], Some(&together), false).unwrap_err().to_string();
    assert!(error.contains("shard 3/3 is missing"), "{error}");
    assert_eq!(merge(&shards[..2], Some(&together), true).unwrap().shards, 2);
    let twice = [shards[0].clone(), shards[0].clone()];
    assert!(merge(&twice, Some(&together), true).unwrap_err().to_string().contains("once more"));
    let onto = merge(&shards, Some(&shards[0]), false).unwrap_err().to_string();
    assert!(onto.contains("one of the shards"), "{onto}");
}

#[test]
fn adding_pictures_is_indexing_all_at_once() {
    let (pictures, files) = (folder(0..9), tempfile::tempdir().unwrap());
    let file = files.path().join("i.sqlite");
    let once = |workers| indexed(pictures.path(), &file, Shard::default(), workers, &Cancel::new());
    assert_eq!(once(2).1.progress.done, 9);
    (9..15).for_each(|at| add(pictures.path(), at));
    // A copy under another name is no further picture, nor is one that was moved.
    std::fs::copy(pictures.path().join("3.png"), pictures.path().join("copy.png")).unwrap();
    let (store, summary) = once(1);
    assert_eq!((summary.progress.done, summary.progress.passed), (6, 10));
    let extent = store.extent().unwrap();
    assert_eq!((extent.pictures, extent.files), (15, 16));
    assert_eq!(content(&store), content(&whole(pictures.path())));
    let (store, summary) = once(2);
    assert_eq!((summary.progress.done, content(&store)), (0, content(&whole(pictures.path()))));
}

#[test]
fn stopped_at_any_picture_and_gone_on_with_it_is_the_same() {
    let (pictures, files) = (folder(0..10), tempfile::tempdir().unwrap());
    let expected = content(&whole(pictures.path()));
    for stop_at in [0, 1, 2, 5, 9] {
        let file = files.path().join(format!("{stop_at}.sqlite"));
        let (network, cancel) = (network(tiny_a()), Cancel::new());
        let about = about(&network, [3; 32], pictures.path(), Shard::default(), 4).unwrap();
        let mut store = Store::open_or_create(&file, &about).unwrap();
        let mut runners = Runners::new(&network, engine(), 2).unwrap();
        let mut tell = |progress: &Progress| {
            if progress.done >= stop_at {
                cancel.cancel();
            }
        };
        let summary = run(&mut runners, &mut store, Duration::ZERO, &cancel, &mut tell).unwrap();
        assert_eq!(store.extent().unwrap().pictures as usize, summary.progress.done, "all that is done is kept");
        assert_eq!(store.extent().unwrap().finished, !summary.cancelled);
        drop(store);
        let (store, _) = indexed(pictures.path(), &file, Shard::default(), 2, &Cancel::new());
        assert_eq!(content(&store), expected);
    }
}

#[test]
fn broken_pictures_are_listed_and_passed_over() {
    let (pictures, files) = (folder(2..5), tempfile::tempdir().unwrap());
    std::fs::write(pictures.path().join("a.png"), "no picture").unwrap();
    std::fs::write(pictures.path().join("b.jpg"), "").unwrap();
    let file = files.path().join("i.sqlite");
    let once = || indexed(pictures.path(), &file, Shard::default(), 2, &Cancel::new());
    let (store, summary) = once();
    assert_eq!((summary.progress.done, summary.progress.broken), (3, 2));
    let broken = store.broken(9).unwrap();
    assert!(broken.len() == 2 && broken[0].0.ends_with("a.png") && broken[0].1.contains("not a picture"), "{broken:?}");
    assert_eq!(once().1.progress.broken, 0, "known to be broken");
    // Mended, it is taken in.
    picture(7).save(pictures.path().join("a.png")).unwrap();
    let (store, summary) = once();
    assert_eq!((summary.progress.done, store.broken(9).unwrap().len()), (1, 1));
    assert!(store.extent().unwrap().finished);
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere_or_back_are_not_waited_for() {
    use std::os::unix::fs::symlink;
    let (pictures, files) = (folder(2..4), tempfile::tempdir().unwrap());
    symlink("nowhere", pictures.path().join("gone.png")).unwrap();
    symlink(pictures.path(), pictures.path().join("deeper/back")).unwrap();
    let file = files.path().join("i.sqlite");
    let (store, summary) = indexed(pictures.path(), &file, Shard::default(), 1, &Cancel::new());
    assert!(summary.progress.done == 2 && store.extent().unwrap().finished);
    let (path, reason) = summary.unread.iter().find(|(path, _)| path.ends_with("gone.png")).unwrap();
    assert_eq!(reason, "this link leads nowhere", "{path:?}");
}

/// Against the feature maps themselves: every ranking, every position, every count.
#[test]
fn rankings_are_those_of_the_feature_maps() {
    let pictures = folder(0..12);
    let store = whole(pictures.path());
    let mut network = network(tiny_a());
    let mut all = Vec::new();
    for at in 0..12u32 {
        let deeper = if at.is_multiple_of(2) { "deeper" } else { "" };
        let path = pictures.path().join(deeper).join(format!("{at}.png"));
        let key = key::short(&key::of_picture(&std::fs::read(&path).unwrap()));
        let input = network.preprocess().tensor(&Picture::open(&path).unwrap()).unwrap();
        let x = input.insert_axis(ndarray::Axis(0));
        let maps = network.forward(&x, &[0, 1, 2], &Cancel::new()).unwrap().activations;
        let maps = maps.into_iter().map(|maps| FeatureMaps::new(maps.index_axis_move(ndarray::Axis(0), 0)));
        all.push((key, maps.collect::<Vec<_>>()));
    }
    for (layer, of) in network.layers().iter().enumerate() {
        for channel in 0..of.channels {
            let unit = store.unit(layer, channel).unwrap();
            let silent = all.iter().filter(|(_, maps)| maps[layer].figures[channel].is_silent()).count();
            assert_eq!((unit.pictures, unit.silent), (12, silent as u64));
            for by in [By::Max, By::Mean] {
                let score = |maps: &FeatureMaps| match by {
                    By::Max => maps.figures[channel].max,
                    _ => maps.figures[channel].mean,
                };
                let mut scores: Vec<f32> = all.iter().map(|(_, maps)| score(&maps[layer])).collect();
                scores.sort_by(|a, b| b.total_cmp(a));
                let entries = unit.column(by).ranking.entries();
                assert_eq!(entries.len(), 4);
                for (entry, expected) in entries.iter().zip(&scores) {
                    approx::assert_abs_diff_eq!(entry.score, expected, epsilon = 2e-6);
                    let (_, maps) = all.iter().find(|(key, _)| *key == entry.picture).unwrap();
                    let map = maps[layer].map(channel);
                    let at = map[[entry.row as usize, entry.column as usize]];
                    approx::assert_abs_diff_eq!(at, maps[layer].figures[channel].max, epsilon = 2e-6);
                }
            }
        }
    }
}

/// Against PyTorch's forward hooks (`tests/reference/prototypes.py`).
#[test]
fn rankings_are_those_of_pytorch_hooks() {
    let (pictures, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for at in 0..12 {
        let wave = crate::fixtures::sine((3, 16, 16), [1.0, 0.37, 0.4 * f64::from(at)]);
        crate::export::npy::write(&pictures.path().join(format!("{at}.npy")), wave.view().into_dyn()).unwrap();
    }
    let (store, _) = indexed(pictures.path(), &files.path().join("i.sqlite"), Shard::default(), 2, &Cancel::new());
    let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/prototypes.npz");
    let mut npz = ndarray_npy::NpzReader::new(std::fs::File::open(reference).unwrap()).unwrap();
    let mut array =
        |layer: &str, name: &str| -> ndarray::ArrayD<f32> { npz.by_name(&format!("{layer}/{name}")).unwrap() };
    for (layer, of) in store.about().layers.iter().enumerate() {
        let positions = array(&of.name, "max_position");
        let silent = array(&of.name, "silent");
        for by in [By::Max, By::Mean] {
            let (scores, numbers) = (array(&of.name, by.name()), array(&of.name, &format!("{by}_picture")));
            for channel in 0..of.channels {
                let unit = crate::index::examples::unit(&store, layer, channel, by, 3).unwrap();
                assert_eq!(unit.tally.silent as f32, silent[[channel]]);
                for (rank, example) in unit.examples.iter().enumerate() {
                    let expected = scores[[channel, rank]];
                    approx::assert_abs_diff_eq!(example.score, expected, epsilon = 1e-5);
                    // Where others come as close as rounding, they may change places.
                    let alone = (0..3).all(|at| at == rank || (scores[[channel, at]] - expected).abs() > 1e-4);
                    if !alone || expected == 0.0 {
                        continue;
                    }
                    let number = numbers[[channel, rank]];
                    assert!(rank == 2 || example.file.ends_with(format!("{number}.npy")), "{}:{channel}", of.name);
                    let (row, column) = (positions[[channel, rank, 0]], positions[[channel, rank, 1]]);
                    if by == By::Max && example.file.ends_with(format!("{number}.npy")) {
                        assert_eq!((example.position.0 as f32, example.position.1 as f32), (row, column));
                    }
                }
            }
        }
    }
}
