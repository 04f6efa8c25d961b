//! Looking inside from the command line: filters and feature maps of the colours network.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use ndarray::{Array2, Array3, Array4};
use ndarray_npy::NpzReader;
use serde_json::{Value, json};

#[path = "support/colours.rs"]
mod colours;
#[path = "support/program.rs"]
mod program;

use colours::Studio;
use program::{read, refused, run, succeeded};

#[test]
fn a_picture_is_shown_as_it_is_prepared() {
    let studio = Studio::new();
    studio.square("red.png", [220, 30, 30]);
    let arguments = ["prepare", "red.png", "--json", "--out", "all.png", "--out", "input.npy", "--out", "input.npz"];
    let report: Value = serde_json::from_str(&succeeded(run(&studio, &arguments))).unwrap();
    assert_eq!((&report["shape"], &report["channels"][2]["name"]), (&json!([3, 32, 32]), &json!("blue")));
    let input: Array3<f32> = read(&studio.path("input.npy"));
    let middle = |channel: usize| f64::from(input[[channel, 8, 8]]);
    assert!((middle(0) - 220.0 / 255.0).abs() < 1e-3 && (middle(1) - 30.0 / 255.0).abs() < 1e-3);
    assert!((report["channels"][0]["max"].as_f64().unwrap() - middle(0)).abs() < 1e-3);
    let mut npz = NpzReader::new(std::fs::File::open(studio.path("input.npz")).unwrap()).unwrap();
    let mean: ndarray::Array1<f32> = npz.by_name("mean").unwrap();
    assert_eq!(mean.len(), 3);
    let drawn = image::open(studio.path("all.png")).unwrap();
    assert_eq!((drawn.width(), drawn.height()), (5 * 288 + 4 * 18, 288), "a person's, the network's, three channels");
    succeeded(run(&studio, &["prepare", "red.png", "--channel", "0", "--out", "one.npy", "--out", "one.png"]));
    assert_eq!(read::<Array2<f32>>(&studio.path("one.npy")), input.index_axis(ndarray::Axis(0), 0));
    assert_eq!(image::open(studio.path("one.png")).unwrap().width(), 32);
    let text = succeeded(run(&studio, &["prepare", "red.png", "--show", "fed"]));
    assert!(text.contains("3 × 32 × 32") && text.contains("red"), "{text}");
    assert!(refused(run(&studio, &["prepare", "red.png", "--channel", "3"])).contains("the network is fed 3"));
    assert!(refused(run(&studio, &["prepare", "."])).contains("is a folder"));
}

#[test]
fn filters_are_written_as_they_are_and_drawn_in_their_colours() {
    let studio = Studio::new();
    let report: Value = serde_json::from_str(&succeeded(run(
        &studio,
        &["filters", "--layer", "maps", "--json", "--out", "all.npy", "--out", "all.png", "--out", "all.npz"],
    )))
    .unwrap();
    assert_eq!((&report["shape"], &report["layer"]["name"]), (&json!([3, 3, 3, 3]), &json!("maps")));
    assert_eq!(report["files"], json!(["all.npy", "all.png", "all.npz"]));
    let weights: Array4<f32> = read(&studio.path("all.npy"));
    assert!((weights[[1, 1, 0, 0]] - 1.0 / 9.0).abs() < 1e-7 && (weights[[1, 2, 0, 0]] + 0.5 / 9.0).abs() < 1e-7);
    let mut npz = NpzReader::new(std::fs::File::open(studio.path("all.npz")).unwrap()).unwrap();
    let mean: Array3<f32> = npz.by_name("mean").unwrap();
    assert!(mean.iter().all(|mean| mean.abs() < 1e-7), "one ninth and two negative halves of it");
    let drawn = image::open(studio.path("all.png")).unwrap().to_rgb8();
    assert_eq!(drawn.get_pixel(20, 20).0, [255, 64, 64], "red and against the others, grey at zero");
    succeeded(run(&studio, &["filters", "--layer", "maps:2", "--out", "blue.npy"]));
    assert_eq!(read::<Array3<f32>>(&studio.path("blue.npy")), weights.index_axis_move(ndarray::Axis(0), 2));
}

#[test]
fn feature_maps_are_those_of_the_picture_on_both_sides_of_the_activation() {
    let studio = Studio::new();
    studio.square("red.png", [220, 30, 30]);
    let text =
        succeeded(run(&studio, &["features", "red.png", "--layer", "maps", "--out", "after.npy", "--out", "m.png"]));
    assert!(text.contains("3 feature maps of 32 × 32"), "{text}");
    succeeded(run(&studio, &["features", "red.png", "--layer", "maps", "--before", "--out", "before.npy"]));
    let [after, before] = ["after.npy", "before.npy"].map(|name| read::<Array3<f32>>(&studio.path(name)));
    assert_eq!(before.mapv(|value| value.max(0.0)), after);
    assert!(before.iter().any(|value| *value < 0.0));
    let inside = (220.0f32 - 30.0) / 255.0;
    assert!((after[[0, 8, 8]] - inside).abs() < 1e-3 && after[[1, 8, 8]] == 0.0);
    let one = run(&studio, &["features", "red.png", "--layer", "maps", "--channel", "0", "--json", "--out", "one.npy"]);
    let report: Value = serde_json::from_str(&succeeded(one)).unwrap();
    assert_eq!(read::<Array2<f32>>(&studio.path("one.npy")), after.index_axis(ndarray::Axis(0), 0));
    assert!((report["channels"][0]["max"].as_f64().unwrap() - f64::from(inside)).abs() < 1e-3);
    assert_eq!(report["alike"].as_array().unwrap().len(), 2);
    let sorted = run(&studio, &["features", "red.png", "--layer", "maps", "--order", "zeros", "--json"]);
    let report: Value = serde_json::from_str(&succeeded(sorted)).unwrap();
    assert_eq!(report["channels"][2]["channel"], 0, "red has the fewest zeros");
}

/// The filter of red at the middle of a red square: nine times (red − half of green − half of blue) / 9.
#[test]
fn a_filter_is_taken_apart_at_one_position() {
    let studio = Studio::new();
    studio.square("red.png", [220, 30, 30]);
    let arguments = ["filters", "red.png", "--layer", "maps:0", "--position", "8,8", "--json", "--out", "work.npz"];
    let report: Value = serde_json::from_str(&succeeded(run(&studio, &arguments))).unwrap();
    let product = &report["product"];
    let number = |value: &Value| value.as_f64().unwrap();
    assert!((number(&product["value"]) - 190.0 / 255.0).abs() < 1e-3, "{product}");
    assert!((number(&product["value"]) - number(&product["computed"])).abs() < 1e-6);
    assert_eq!((&product["position"], &product["corner"]), (&json!([8, 8]), &json!([7, 7])));
    assert!((number(&product["inputs"][0]["sum"]) - 220.0 / 255.0).abs() < 1e-3);
    assert!((number(&product["inputs"][1]["sum"]) + 15.0 / 255.0).abs() < 1e-3);
    let mut npz = NpzReader::new(std::fs::File::open(studio.path("work.npz")).unwrap()).unwrap();
    let (patch, weights): (Array3<f32>, Array3<f32>) = (npz.by_name("patch").unwrap(), npz.by_name("weights").unwrap());
    assert!((f64::from((patch * weights).sum()) - number(&product["value"])).abs() < 1e-5);
    succeeded(run(&studio, &["filters", "red.png", "--layer", "maps:0", "--out", "work.png"]));
    let drawn = image::open(studio.path("work.png")).unwrap().to_rgb8();
    assert_eq!(drawn.dimensions(), (4 * 288 + 3 * 18, 288));
    let framed = drawn.pixels().filter(|pixel| pixel.0 == [255, 170, 40]).count();
    assert!(framed > 40, "the position is marked");
}

/// Σ of the blue map with respect to the maps themselves is of the network's own layer: there is no layer before it.
#[test]
fn a_gradient_is_asked_at_layers_before_the_unit() {
    let studio = Studio::new();
    studio.square("red.png", [220, 30, 30]);
    let said = refused(run(&studio, &["features", "red.png", "--layer", "maps", "--gradient-of", "maps:2"]));
    assert!(said.contains("`maps` is no layer that maps:2 is made from"), "{said}");
    let said = refused(run(&studio, &["features", "red.png", "--layer", "maps", "--gradient-of", "map:2"]));
    assert!(said.contains("--gradient-of: there is no layer `map`"), "{said}");
    assert!(refused(run(&studio, &["filters", "red.png", "--layer", "maps"])).contains("--channel"));
    let far = ["filters", "red.png", "--layer", "maps:1", "--position", "32,0"];
    assert!(refused(run(&studio, &far)).contains("it has 32 rows"));
}

#[test]
fn what_is_not_there_is_wrong_usage_and_named() {
    let studio = Studio::new();
    studio.square("red.png", [220, 30, 30]);
    assert!(refused(run(&studio, &["filters", "--layer", "map"])).contains("did you mean maps?"));
    assert!(refused(run(&studio, &["filters", "--layer", "maps:3"])).contains("no channel 3 in `maps`: it has 3"));
    assert!(refused(run(&studio, &["filters", "--layer", "maps", "--out", "x.gif"])).contains(".gif"));
    assert!(refused(run(&studio, &["filters", "--layer", "maps", "--input", "3"])).contains("have 3"));
    let similar = ["features", "red.png", "--layer", "maps", "--order", "similarity"];
    assert!(refused(run(&studio, &similar)).contains("--beside"));
    assert!(refused(run(&studio, &["features", "red.png", "--layer", "maps", "--out", "red.png"])).contains("red.png"));
}
