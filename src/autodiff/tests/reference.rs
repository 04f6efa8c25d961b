//! Every rule against PyTorch's gradients (tests/reference/make.py), finite differences, and itself one by one.

use std::collections::BTreeMap;
use std::fs::File;

use ndarray::{ArrayD, Axis, Slice};
use ndarray_npy::NpzReader;

use super::*;

/// One network with PyTorch's numbers.
#[derive(Default)]
struct Case {
    model: Vec<u8>,
    score: Vec<f32>,
    gradient: ArrayD<f32>,
}

fn cases() -> BTreeMap<String, Case> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/operators.npz");
    let mut file = NpzReader::new(File::open(path).unwrap()).unwrap();
    let mut cases = BTreeMap::<String, Case>::new();
    for name in file.names().unwrap() {
        let (case, part) = name.trim_end_matches(".npy").split_once('/').unwrap();
        let case = cases.entry(case.to_owned()).or_default();
        match part {
            "model" => case.model = file.by_name::<ndarray::OwnedRepr<u8>, ndarray::Ix1>(&name).unwrap().to_vec(),
            "score" => case.score = file.by_name::<ndarray::OwnedRepr<f32>, ndarray::Ix1>(&name).unwrap().to_vec(),
            _ => case.gradient = file.by_name(&name).unwrap(),
        }
    }
    cases
}

fn seed(batch: usize, classes: usize) -> ArrayD<f32> {
    sine(IxDyn(&[batch, classes]), [1.0, 1.3, 0.4])
}

fn dot(a: &ArrayD<f32>, b: &ArrayD<f32>) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// Largest difference, in units of the largest element.
fn distance(a: &ArrayD<f32>, b: &ArrayD<f32>) -> f32 {
    assert_eq!(a.shape(), b.shape());
    let largest = b.iter().fold(0.0f32, |largest, v| largest.max(v.abs()));
    a.iter().zip(b).fold(0.0f32, |largest, (a, b)| largest.max((a - b).abs())) / largest.max(1e-12)
}

fn rows(array: &ArrayD<f32>, from: usize, to: usize) -> ArrayD<f32> {
    array.slice_axis(Axis(0), Slice::from(from..to)).to_owned()
}

fn check(name: &str, case: &Case) {
    let mut shape = case.gradient.shape().to_vec();
    shape[0] = 3;
    let x = sine(IxDyn(&shape), [1.0, 0.37, 0.2]);
    let mut probe = differentiated(&case.model, &shape, &["x"], &[]).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (seed, none) = (seed(3, probe.classes), one_hot(3, probe.classes, usize::MAX));
    let all = probe.ask(&x, &seed, &none);
    let gradient = &all.gradients[0];

    // PyTorch, in float64. float32 sums of at most some hundred terms: 1e-5 of the largest element is ample.
    for (picture, expected) in case.score.iter().enumerate() {
        let score = dot(&rows(&all.logits, picture, picture + 1), &rows(&seed, picture, picture + 1));
        let error = (score - f64::from(*expected)).abs();
        assert!(
            error < 1e-4 * f64::from(expected.abs().max(1.0)),
            "{name}: score {score} where PyTorch has {expected}"
        );
    }
    let error = distance(&rows(gradient, 0, 2), &case.gradient);
    assert!(error < 1e-5, "{name}: differs from PyTorch by {error:e}");

    // Picture by picture.
    for picture in 0..3 {
        let part = |array: &ArrayD<f32>| rows(array, picture, picture + 1);
        let alone = probe.ask(&part(&x), &part(&seed), &part(&none));
        let error = distance(&alone.gradients[0], &part(gradient));
        assert!(error < 1e-6, "{name}: picture {picture} differs by {error:e} when asked alone");
    }

    // Central difference along a direction: the rounding of the score, some 1e-6, is divided by 2h, and an element within
    // h of a kink counts half; together that stays under 2 % of Σ |g v|, while a wrong rule is off by tens of percent.
    let (h, direction) = (1e-3, sine(IxDyn(&shape), [1.0, 2.9, 1.1]));
    let mut score = |h: f32| dot(&probe.ask(&(&x + &(&direction * h)), &seed, &none).logits, &seed);
    let slope = (score(h) - score(-h)) / (2.0 * f64::from(h));
    let scale: f64 = gradient.iter().zip(&direction).map(|(g, v)| f64::from((g * v).abs())).sum();
    let error = (slope - dot(gradient, &direction)).abs() / scale;
    assert!(error < 2e-2, "{name}: finite differences say {slope}, off by {error:e} of Σ|g v|");
}

#[test]
fn rules_match_pytorch_and_finite_differences() {
    let cases = cases();
    assert!(cases.len() >= 175, "only {} cases: is operators.npz complete?", cases.len());
    let failed: Vec<String> = cases
        .iter()
        .filter_map(|(name, case)| {
            let result = std::panic::catch_unwind(|| check(name, case));
            result.err().map(|error| error.downcast_ref::<String>().cloned().unwrap_or_else(|| name.clone()))
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
