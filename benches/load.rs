//! Loading a large network, ResNet-152 with 240 MB: from the file to a gradient that is ready for its first run, beside
//! ONNX Runtime's own load of the network as it is.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench that cannot go on stops")]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use lensor::autodiff::{self, Observations, Policy, Request};
use lensor::engine::device::DeviceChoice;
use lensor::engine::library::Search;
use lensor::engine::{self, Cancel, Effort};
use lensor::model::output::Activation;
use lensor::model::settings::Overrides;
use lensor::model::source::Source;
use lensor::network::observe::infer;
use lensor::network::{At, Network};
use lensor::onnx::{Beside, Model};

#[path = "support/resnet.rs"]
mod resnet;

fn loading(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("resnet152.onnx");
    std::fs::write(&file, resnet::resnet152()).unwrap();
    let engine = engine::open(&Search::default(), &DeviceChoice::Cpu, None, &mut |_, _| ()).unwrap();
    let mut group = criterion.benchmark_group("resnet152");
    group.sample_size(10);
    group.bench_function("plain, read and loaded", |bencher| {
        bencher.iter(|| engine.load(&std::fs::read(&file).unwrap(), &Beside::default(), Effort::Full).unwrap());
    });
    let inferred = |model: &Model| -> Observations {
        infer(model, &*engine, "input", &[1, 3, 224, 224], &Cancel::new()).unwrap().unwrap()
    };
    let model = Model::open(&file).unwrap();
    group.bench_function("shapes inferred", |bencher| bencher.iter(|| black_box(inferred(&model))));
    let known = inferred(&model);
    drop(model);
    let (wrt, policy) = (["input"], Policy::Gradient);
    let (activation, operators) = (Activation::Softmax, engine.has_operators());
    let request = Request { logits: "logits", activation, wrt: &wrt, taps: &[], policy, sum: false, operators };
    let source = Source::File(file.clone());
    let network = |memory: &Path| {
        let (opened, memory) = (source.open().unwrap(), Some(memory.to_owned()));
        let mut network = Network::load_remembering(opened, engine.clone(), &Overrides::default(), memory).unwrap();
        network.ready_for_one(At::Input).unwrap();
        network
    };
    group.bench_function("gradient of one picture, a first start", |bencher| {
        bencher.iter(|| network(tempfile::tempdir().unwrap().path()));
    });
    network(folder.path());
    group.bench_function("gradient of one picture, a second start", |bencher| bencher.iter(|| network(folder.path())));
    for (start, known) in [("a first start", None), ("a second start", Some(&known))] {
        group.bench_function(format!("gradient of a path, {start}"), |bencher| {
            bencher.iter(|| {
                let model = Model::open(&file).unwrap();
                let here = known.is_none().then(|| inferred(&model));
                let known = known.or(here.as_ref()).unwrap();
                let made = autodiff::differentiate(&model, known, &request).unwrap();
                engine.load(&made.bytes, &made.beside, Effort::Utmost).unwrap()
            });
        });
    }
}

criterion_group!(benches, loading);
criterion_main!(benches);
