//! Asking a network: ResNet-18 at 224×224 on the CPU, sessions warm.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench that cannot go on stops")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use lensor::attribution::{MethodId, Of, Parameters, Question, Target, explain, grad_cam};
use lensor::engine::device::DeviceChoice;
use lensor::engine::library::Search;
use lensor::engine::{self, Cancel, Effort, Value};
use lensor::model::source::Source;
use lensor::network::{At, Network};
use lensor::onnx::Beside;
use ndarray::{Array3, Array4, Axis, stack};

#[path = "support/resnet.rs"]
mod resnet;

fn network() -> Network {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("resnet18.onnx");
    std::fs::write(&file, resnet::resnet18()).unwrap();
    let engine = engine::open(&Search::default(), &DeviceChoice::Cpu, None, &mut |_, _| ()).unwrap();
    Network::open(&Source::File(file), engine, &Default::default()).unwrap()
}

/// Something smooth in the range of a normalised picture.
fn picture() -> Array3<f32> {
    Array3::from_shape_fn((3, 224, 224), |(c, y, x)| (0.05 * x as f32 + 0.03 * y as f32 + c as f32).sin())
}

fn asking(criterion: &mut Criterion) {
    let mut network = network();
    let (picture, cancel) = (picture(), Cancel::new());
    let batch = |count: usize| -> Array4<f32> { stack(Axis(0), &vec![picture.view(); count]).unwrap() };
    let target = Target { class: 340, of: Of::Logit };
    let layers: Vec<usize> = (0..network.layers().len()).collect();

    let mut group = criterion.benchmark_group("resnet18");
    group.sample_size(10).warm_up_time(Duration::from_secs(1));
    let engine = engine::open(&Search::default(), &DeviceChoice::Cpu, None, &mut |_, _| ()).unwrap();
    let mut plain = engine.load(&resnet::resnet18(), &Beside::default(), Effort::Full).unwrap();
    for count in [1, 8] {
        let x = batch(count);
        let value = Value::from(x.clone());
        group.bench_function(format!("plain forward, batch {count}"), |bencher| {
            bencher.iter(|| black_box(plain.run(&[("input", &value)], &["logits"], &cancel).unwrap()));
        });
        group.bench_function(format!("forward, batch {count}"), |bencher| {
            bencher.iter(|| black_box(network.forward(&x, &[], &cancel).unwrap()));
        });
        group.bench_function(format!("gradient, batch {count}"), |bencher| {
            bencher.iter(|| black_box(network.gradient(&x, &vec![target; count], At::Input, &cancel).unwrap()));
        });
    }
    let path = network.path(&picture * 0.0, picture.clone()).unwrap();
    let places: Vec<f32> = (0..8).map(|place| place as f32 / 8.0).collect();
    group.bench_function("sum of gradients, batch 8", |bencher| {
        bencher.iter(|| black_box(network.gradient_sum(&path, &places, &[0.125; 8], target, &cancel).unwrap()));
    });
    // The forward pass of the last picture is kept: another picture each time, or another class of the same.
    let pictures = [picture.clone(), picture.mapv(|value| value * 0.9)];
    let mut turn = 0;
    group.bench_function("gradient, one picture", |bencher| {
        bencher.iter(|| {
            turn += 1;
            black_box(network.gradient_of_one(&pictures[turn % 2], (Some(340), Of::Logit), At::Input, &cancel).unwrap())
        });
    });
    group.bench_function("gradient, another class of the same picture", |bencher| {
        bencher.iter(|| {
            turn += 1;
            black_box(network.gradient_of_one(&picture, (Some(turn % 1000), Of::Logit), At::Input, &cancel).unwrap())
        });
    });
    let parameters = Parameters { path: false, ..Parameters::default() };
    let question = Question { input: &picture, class: Some(340), of: Of::Logit, layer: None, parameters: &parameters };
    group.bench_function("Grad-CAM, last layer", |bencher| {
        bencher.iter(|| explain(&mut network, MethodId::GradCam, &question, &cancel, &mut |_| ()).unwrap());
    });
    group.bench_function("Grad-CAM, every layer", |bencher| {
        bencher.iter(|| {
            turn += 1;
            grad_cam::at_layers(&mut network, &pictures[turn % 2], target, &layers, &cancel).unwrap()
        });
    });
    group.bench_function("Grad-CAM, every layer, another class of the same picture", |bencher| {
        bencher.iter(|| {
            turn += 1;
            let target = Target { class: turn % 1000, of: Of::Logit };
            grad_cam::at_layers(&mut network, &picture, target, &layers, &cancel).unwrap()
        });
    });
    group.measurement_time(Duration::from_secs(30)).bench_function("integrated gradients, 50 steps", |bencher| {
        bencher.iter(|| explain(&mut network, MethodId::IntegratedGradients, &question, &cancel, &mut |_| ()).unwrap());
    });
}

criterion_group!(benches, asking);
criterion_main!(benches);
