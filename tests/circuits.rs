//! Circuits from the command line, of the colours network.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::Output;

use ndarray::{Array1, Array2, Array3};
use ndarray_npy::{NpzReader, ReadNpyExt};
use serde_json::{Value, json};

#[path = "support/colours.rs"]
mod colours;
#[path = "support/program.rs"]
mod program;

use colours::Studio;
use program::{refused, succeeded};

fn run(studio: &Studio, arguments: &[&str]) -> Output {
    program::run(studio, &[&["circuits"], arguments].concat())
}

#[test]
fn kernels_say_what_excites_and_what_inhibits() {
    let studio = Studio::new();
    let text = succeeded(run(&studio, &["--layer", "maps:1", "--out", "k.png", "--out", "k.npy"]));
    let at = |word: &str| text.find(word).unwrap_or_else(|| unreachable!("no {word} in {text}"));
    assert!(at("excites") < at("picture:green") && at("picture:green") < at("inhibits"), "{text}");
    assert!(at("inhibits") < at("picture:red") && at("picture:red") < at("picture:blue"), "{text}");
    let kernels = Array3::<f32>::read_npy(std::fs::File::open(studio.path("k.npy")).unwrap()).unwrap();
    assert!((kernels.sum_axis(ndarray::Axis(2)).sum_axis(ndarray::Axis(1))[1] - 1.0).abs() < 1e-6);
    let drawn = image::open(studio.path("k.png")).unwrap().to_rgb8();
    let tiles = |colour: [u8; 3]| drawn.pixels().filter(|pixel| pixel.0 == colour).count();
    assert!(tiles([5, 48, 97]) > 80 * 80, "what excites is drawn in deep blue");
}

#[test]
fn contributions_and_bias_are_the_value_in_every_form() {
    let studio = Studio::new();
    studio.square("red.png", [220, 30, 30]);
    let out = ["--out", "c.npz", "--out", "c.npy", "--out", "c.json", "--out", "c.png"];
    let report: Value = serde_json::from_str(&succeeded(run(
        &studio,
        &[&["red.png", "--layer", "maps:0", "--json"][..], &out].concat(),
    )))
    .unwrap();
    assert_eq!((&report["unit"], &report["shape"]), (&json!("maps:0"), &json!([32, 32])));
    let branch = &report["branches"][0];
    assert_eq!((&branch["name"], &branch["inputs"]), (&json!("maps"), &json!(3)));
    let sum = branch["contribution"].as_f64().unwrap() + branch["bias"].as_f64().unwrap();
    assert!((sum - report["value"].as_f64().unwrap()).abs() < 1e-6 && report["left_over"].as_f64().unwrap() < 1e-6);
    assert_eq!(branch["excites"][0]["address"], "picture:red");
    assert_eq!(branch["inhibits"].as_array().unwrap().len(), 2);
    let mut npz = NpzReader::new(std::fs::File::open(studio.path("c.npz")).unwrap()).unwrap();
    let maps: Array3<f32> = npz.by_name("contributions").unwrap();
    let value: Array2<f32> = npz.by_name("value").unwrap();
    let sums: Array1<f32> = npz.by_name("sums").unwrap();
    assert!((sums[0] - 1.0).abs() < 1e-6 && (sums[2] + 0.5).abs() < 1e-6);
    let off = (maps.sum_axis(ndarray::Axis(0)) - &value).mapv(f32::abs).fold(0.0f32, |most, off| most.max(*off));
    assert!(off < 1e-5, "{off}");
    let written: Value = serde_json::from_slice(&std::fs::read(studio.path("c.json")).unwrap()).unwrap();
    assert_eq!(written["position"], report["position"]);
    let here: Value =
        serde_json::from_str(&succeeded(run(&studio, &["red.png", "--layer", "maps:0", "--at", "8,9", "--json"])))
            .unwrap();
    assert!((here["value"].as_f64().unwrap() - f64::from(value[[8, 9]])).abs() < 1e-6);
}

/// Without a channel it is the predicted class's logit, taken apart into the last feature maps.
#[test]
fn a_class_is_taken_apart_too() {
    let studio = Studio::new();
    studio.square("blue.png", [30, 30, 220]);
    let text = succeeded(run(&studio, &["blue.png"]));
    assert!(text.contains(":2 for blue.png") && text.contains("what logits:2 is made from"), "{text}");
    assert!(text.contains("maps:2"), "{text}");
    let named = succeeded(run(&studio, &["blue.png", "--target", "red", "--json"]));
    let report: Value = serde_json::from_str(&named).unwrap();
    assert_eq!(report["asked"], "logits:0");
    assert!((report["value"].as_f64().unwrap() - f64::from(colours::BIAS[0])).abs() < 1e-5, "no red in it");
}

#[test]
fn what_is_not_there_is_wrong_usage_and_named() {
    let studio = Studio::new();
    studio.square("red.png", [220, 30, 30]);
    assert!(refused(run(&studio, &["--layer", "maps:3"])).contains("it has 3"));
    assert!(refused(run(&studio, &["--layer", "map:0"])).contains("maps"));
    assert!(refused(run(&studio, &["--layer", "maps"])).contains("maps:0"));
    assert!(refused(run(&studio, &[])).contains("--layer"));
    assert!(refused(run(&studio, &["--layer", "maps:0", "--by", "total"])).contains("picture"));
    assert!(refused(run(&studio, &["red.png", "--layer", "maps:0", "--at", "32,0"])).contains("32 × 32"));
    assert!(refused(run(&studio, &["red.png", "--layer", "maps:0", "--at", "1;2"])).contains("ROW,COLUMN"));
    assert!(refused(run(&studio, &["red.png", "--target", "pink"])).contains("--target"));
}
