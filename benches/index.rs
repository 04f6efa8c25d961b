//! Indexing: a picture through the network with every layer reduced beside the plain forward pass, both on one thread; and
//! asking an index of a million pictures.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench that cannot go on stops")]

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use lensor::engine::device::DeviceChoice;
use lensor::engine::library::Search;
use lensor::engine::{self, Cancel, Effort};
use lensor::index::run::about;
use lensor::index::shard::Shard;
use lensor::index::store::{About, Addition, IndexedFile, IndexedPicture};
use lensor::index::{Store, examples, key};
use lensor::interpretation::prototypes::By;
use lensor::interpretation::prototypes::ranking::Entry;
use lensor::interpretation::prototypes::tally::Tally;
use lensor::model::preprocess::Rect;
use lensor::model::source::Source;
use lensor::network::Network;
use ndarray::Array4;

#[path = "support/resnet.rs"]
mod resnet;

/// Pictures in the index that is asked.
const PICTURES: u64 = 1_000_000;

fn network(folder: &Path) -> (Network, std::sync::Arc<dyn engine::Engine>) {
    let file = folder.join("resnet18.onnx");
    std::fs::write(&file, resnet::resnet18()).unwrap();
    let engine = engine::open(&Search::default(), &DeviceChoice::Cpu, Some(1), &mut |_, _| ()).unwrap();
    (Network::open(&Source::File(file), engine.clone(), &Default::default()).unwrap(), engine)
}

fn hash(picture: u64) -> key::Hash {
    key::of_picture(&picture.to_le_bytes())
}

/// An index with made-up rankings.
fn filled(file: &Path, about: &About) {
    let mut tally = Tally::new(&about.channels(), about.most);
    for (at, unit) in tally.units_mut().iter_mut().enumerate() {
        unit.pictures = PICTURES;
        for rank in 0..about.most as u64 {
            let picture = key::short(&hash((at as u64 * 31 + rank * 7919) % PICTURES));
            let entry = Entry { score: rank as f32, picture, row: 0, column: 0 };
            unit.max.ranking.insert(entry, about.most);
            unit.max.histogram.count(rank as f32);
        }
    }
    let seen = Rect { x: 0.0, y: 0.0, width: 224.0, height: 224.0 };
    let file_of = |picture: u64| IndexedFile {
        path: format!("/data/imagenet/train/n{:08}/{picture}.JPEG", picture / 1300).into(),
        bytes: 110_000,
        modified: 0,
        holds: Ok(key::short(&hash(picture))),
    };
    let addition = Addition {
        units: tally.units().iter().cloned().enumerate().collect(),
        pictures: (0..PICTURES).map(|at| IndexedPicture { hash: hash(at), size: (500, 375), seen }).collect(),
        files: (0..PICTURES).map(file_of).collect(),
        ..Addition::default()
    };
    Store::open_or_create(file, about).unwrap().write(&addition).unwrap();
}

fn indexing(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let (network, engine) = network(folder.path());
    let cancel = Cancel::new();
    let x =
        Array4::from_shape_fn((1, 3, 224, 224), |(_, c, y, x)| (0.05 * x as f32 + 0.03 * y as f32 + c as f32).sin());
    let mut group = criterion.benchmark_group("index");
    group.sample_size(20).measurement_time(Duration::from_secs(3));
    let mut plain = engine.load(network.model().bytes(), network.model().beside(), Effort::Full).unwrap();
    let input = x.clone().into();
    group.bench_function("forward, a picture on one thread", |bencher| {
        bencher.iter(|| black_box(plain.run(&[("input", &input)], &["logits"], &cancel).unwrap()));
    });
    let digest = &mut network.digests(&*engine, 1).unwrap()[0];
    group.bench_function("every layer reduced, a picture on one thread", |bencher| {
        bencher.iter(|| black_box(digest.run(&x, &cancel).unwrap()));
    });
    let about = about(&network, [0; 32], folder.path(), Shard::default(), 16).unwrap();
    let file = folder.path().join("index.sqlite");
    filled(&file, &about);
    group.bench_function("opened and a unit's top pictures read, of a million", |bencher| {
        bencher.iter(|| {
            let store = Store::open(&file).unwrap();
            black_box((store.extent().unwrap(), examples::unit(&store, 9, 14, By::Max, 16).unwrap()))
        });
    });
}

criterion_group!(benches, indexing);
criterion_main!(benches);
