//! What a change of appearance costs: a map from a raw attribution, and painting it over a picture of 512×512.

#![allow(missing_docs, reason = "the macro's function")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use image::RgbImage;
use lensor::attribution::Raw;
use lensor::look::Look;
use lensor::model::preprocess::Rect;
use lensor::{map, paint};
use ndarray::{Array2, Array3};

const SIZE: (usize, usize) = (224, 224);

fn painting(criterion: &mut Criterion) {
    let wave = |c: usize, y: usize, x: usize| (0.7 * x as f32).sin() * (0.3 * y as f32 + c as f32).cos();
    let input = Raw::Input(Array3::from_shape_fn((3, SIZE.0, SIZE.1), |(c, y, x)| wave(c, y, x)));
    let layer = Raw::Layer(Array2::from_shape_fn((7, 7), |(y, x)| wave(0, y, x).abs()));
    let view = RgbImage::from_fn(512, 512, |x, y| image::Rgb([x as u8, y as u8, (x ^ y) as u8]));
    let region = Rect { x: 0.0, y: 0.0, width: 512.0, height: 512.0 };
    let look = Look::default();
    let blurred = Look { sigma: 2.0, ..look };

    let mut group = criterion.benchmark_group("picture");
    group.bench_function("map of an input attribution", |bencher| bencher.iter(|| map::make(&input, &look, SIZE)));
    group.bench_function("the same, blurred", |bencher| bencher.iter(|| map::make(&input, &blurred, SIZE)));
    group.bench_function("map of a layer", |bencher| bencher.iter(|| map::make(&layer, &look, SIZE)));
    let map = map::make(&input, &look, SIZE);
    group.bench_function("overlay, 512×512", |bencher| {
        bencher.iter(|| black_box(paint::overlay::paint(Some(&map), &view, region, &look)));
    });
}

criterion_group!(benches, painting);
criterion_main!(benches);
