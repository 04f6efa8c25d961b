//! Activation maximisation from the command line: what a unit of the colours network looks for is known beforehand.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use image::{AnimationDecoder, RgbImage, codecs::gif::GifDecoder};
use ndarray::{Array1, Array2, Array3, Array4, Axis};
use ndarray_npy::{NpzReader, WriteNpyExt};
use serde_json::Value;

#[path = "support/colours.rs"]
mod colours;
#[path = "support/program.rs"]
mod program;

use colours::Studio;
use program::{read, refused, succeeded};

fn lensor(studio: &Studio, arguments: &[&str]) -> Command {
    let mut command = program::on_colours(studio, &[&["maximize"], arguments].concat());
    command.env("XDG_CACHE_HOME", studio.path("cache"));
    command
}

fn run(studio: &Studio, arguments: &[&str]) -> Output {
    lensor(studio, arguments).output().unwrap()
}

fn report(studio: &Studio, arguments: &[&str]) -> Value {
    serde_json::from_str(&succeeded(run(studio, &[arguments, &["--json"]].concat()))).unwrap()
}

/// Mean red, green and blue.
fn means(colours: &Array3<f32>) -> Vec<f32> {
    colours.outer_iter().map(|colour| colour.mean().unwrap()).collect()
}

#[test]
fn a_channel_becomes_the_colour_that_it_looks_for_in_every_format() {
    let studio = Studio::new();
    let outputs = ["--out", "r.png", "--out", "r.npy", "--out", "r.npz", "--out", "r.json", "--out", "r.gif"];
    let report = report(&studio, &[&["--layer", "maps:0", "--steps", "40"], &outputs[..]].concat());
    let colours: Array3<f32> = read(&studio.path("r.npy"));
    assert_eq!(colours.dim(), (3, 32, 32));
    let [red, green, blue] = means(&colours)[..] else { unreachable!() };
    assert!(red > green + 0.03 && red > blue + 0.03, "{red} {green} {blue}");
    let values = report["ascents"][0]["values"][0].as_array().unwrap();
    assert_eq!((values.len(), &report["done"], &report["interrupted"]), (40, &Value::from(40), &Value::from(false)));
    assert!(values[39].as_f64() > values[0].as_f64());
    assert_eq!(report["objective"]["channel"]["channel"], 0);
    let picture = image::open(studio.path("r.png")).unwrap().to_rgb8();
    let level = colours[[0, 5, 7]] * 255.0;
    assert!((f32::from(picture.get_pixel(7, 5).0[0]) - level).abs() <= 1.0);
    let mut npz = NpzReader::new(std::fs::File::open(studio.path("r.npz")).unwrap()).unwrap();
    assert_eq!(npz.by_name::<_, ndarray::Ix2>("values").map(|values: Array2<f32>| values.dim()).unwrap(), (1, 40));
    let frames = GifDecoder::new(BufReader::new(std::fs::File::open(studio.path("r.gif")).unwrap())).unwrap();
    let frames = frames.into_frames().collect_frames().unwrap();
    assert!(frames.len() > 20 && frames[0].buffer() != frames[frames.len() - 1].buffer());
    let again = run(&studio, &["--layer", "maps", "--channel", "0", "--steps", "40", "--out", "again.npy"]);
    succeeded(again);
    assert_eq!(read::<Array3<f32>>(&studio.path("again.npy")), colours, "the same seed, the same picture");
}

#[test]
fn naive_and_regularised_stand_side_by_side() {
    let studio = Studio::new();
    let report = report(&studio, &["--layer", "maps:1", "--both", "--steps", "12", "--out", "b.png", "--out", "b.npy"]);
    let ways: Vec<&Value> =
        report["ascents"].as_array().unwrap().iter().map(|each| &each["parameters"]["regularization"]).collect();
    assert_eq!(ways, ["none", "lucid"]);
    assert_eq!(image::open(studio.path("b.png")).unwrap().to_rgb8().dimensions(), (32 + 2 + 32, 32));
    let both: Array4<f32> = read(&studio.path("b.npy"));
    for way in both.outer_iter() {
        let means = means(&way.to_owned());
        assert!(means[1] > means[0] && means[1] > means[2], "{means:?}");
    }
    succeeded(run(&studio, &["--layer", "maps:1", "--naive", "--steps", "12", "--out", "n.npy"]));
    assert_eq!(read::<Array3<f32>>(&studio.path("n.npy")), both.index_axis(Axis(0), 0), "each is what it is alone");
}

#[test]
fn classes_neurons_directions_and_dreams_are_climbed_too() {
    let studio = Studio::new();
    let colour = |arguments: &[&str]| {
        succeeded(run(&studio, &[arguments, &["--steps", "30", "--out", "c.npy"]].concat()));
        let means = means(&read::<Array3<f32>>(&studio.path("c.npy")));
        (0..3).max_by(|a, b| means[*a].total_cmp(&means[*b])).unwrap()
    };
    assert_eq!(colour(&["--class", "blue"]), 2);
    assert_eq!(colour(&["--layer", "maps:1", "--neuron"]), 1);
    assert_eq!(colour(&["--layer", "maps:1", "--neuron", "9,12"]), 1);
    let direction = Array1::from(vec![0.1f32, 0.1, 1.0]);
    direction.write_npy(std::fs::File::create(studio.path("d.npy")).unwrap()).unwrap();
    assert_eq!(colour(&["--layer", "maps", "--direction", "d.npy"]), 2);
    studio.square("red.png", [220, 30, 30]);
    assert_eq!(colour(&["--layer", "maps", "--deep-dream", "red.png"]), 0, "more of what is there");
    let two = report(&studio, &["--layer", "maps:0", "--diversity", "2", "--steps", "5", "--out", "two.npy"]);
    assert_eq!(two["ascents"][0]["values"].as_array().unwrap().len(), 2);
    let two: Array4<f32> = read(&studio.path("two.npy"));
    assert!(two.index_axis(Axis(0), 0) != two.index_axis(Axis(0), 1));
}

#[test]
fn a_layer_is_made_once_and_kept() {
    let studio = Studio::new();
    let sheet = ["--layer", "maps", "--steps", "20", "--pixels", "16", "--out", "all.png", "--out", "all.npy"];
    assert_eq!(report(&studio, &sheet)["kept"], 0);
    let picture: RgbImage = image::open(studio.path("all.png")).unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), (16 + 1 + 16, 16 + 1 + 16), "three icons in two rows");
    let icons: Array4<f32> = read(&studio.path("all.npy"));
    for (channel, icon) in icons.outer_iter().enumerate() {
        let means = means(&icon.to_owned());
        assert!(means.iter().all(|mean| *mean <= means[channel]), "{channel}: {means:?}");
    }
    assert_eq!(report(&studio, &sheet)["kept"], 3);
    assert_eq!(read::<Array4<f32>>(&studio.path("all.npy")), icons);
    let kept: Vec<_> = std::fs::read_dir(studio.path("cache/lensor/icons")).unwrap().collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(report(&studio, &[&sheet[..], &["--fresh"]].concat())["kept"], 0);
    assert_eq!(report(&studio, &[&sheet[..], &["--seed", "1"]].concat())["kept"], 0);
}

#[test]
fn ctrl_c_keeps_what_is_done_and_says_so() {
    let studio = Studio::new();
    let arguments = ["--layer", "maps:0", "--steps", "100000", "--out", "half.png", "--out", "half.json"];
    let mut child = lensor(&studio, &arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("climbing maps:0") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "it ended before it began");
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let rest = std::io::read_to_string(stderr).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("of 100000 steps"), "{rest}");
    assert!(image::open(studio.path("half.png")).is_ok());
    let report: Value = serde_json::from_slice(&std::fs::read(studio.path("half.json")).unwrap()).unwrap();
    let done = report["done"].as_u64().unwrap();
    assert!((1..100_000).contains(&done) && report["interrupted"] == true);
    assert_eq!(report["ascents"][0]["values"][0].as_array().unwrap().len() as u64, done);
}

#[test]
fn what_cannot_be_climbed_is_wrong_usage() {
    let studio = Studio::new();
    let says = |arguments: &[&str]| refused(run(&studio, arguments));
    assert!(says(&[]).contains("--layer"));
    assert!(says(&["--layer", "maps:3"]).contains("no channel 3 in `maps`: it has 3"));
    assert!(says(&["--layer", "maps:0", "--neuron", "32,0"]).contains("(32, 0)"));
    assert!(says(&["--layer", "maps:0", "--steps", "0"]).contains("1 to 100000"));
    assert!(says(&["--layer", "maps:0", "--pixels", "4"]).contains("8 to 1024"));
    assert!(says(&["--layer", "maps:0", "--learning-rate", "-1"]).contains("above 0"));
    assert!(says(&["--layer", "maps:0", "--class", "red"]).contains("--layer"));
    assert!(says(&["--layer", "maps:0", "--all"]).contains("every channel"));
    assert!(says(&["--layer", "maps", "--out", "x.gif"]).contains(".gif"));
    assert!(says(&["--class", "mauve"]).contains("mauve"));
    std::fs::write(studio.path("d.npy"), b"no numbers").unwrap();
    assert!(says(&["--layer", "maps", "--direction", "d.npy"]).contains("d.npy"));
}
