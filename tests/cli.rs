//! The command line as a user and a script see it: exit codes, what is on stdout, what is in the files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgba, RgbaImage};
use ndarray::{Array1, Array2, Array3, Ix1, Ix4, OwnedRepr};
use ndarray_npy::{NpzReader, ReadNpyExt};
use serde_json::Value;

#[path = "support/colours.rs"]
mod colours;

use colours::Studio;

const RED: [u8; 3] = [220, 30, 30];
const BLUE: [u8; 3] = [30, 30, 220];

fn lensor(studio: &Studio, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lensor"));
    command.current_dir(studio.folder()).args(arguments).stdin(Stdio::null());
    command
}

/// Runs a command on the colours network.
fn on_colours(studio: &Studio, arguments: &[&str]) -> Output {
    lensor(studio, arguments).args(["--model", "colours.onnx", "--device", "cpu"]).output().unwrap()
}

fn stderr(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!text.contains("panicked"), "{text}");
    text
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

fn succeeded(output: Output) -> String {
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn json(output: Output) -> Value {
    serde_json::from_str(&succeeded(output)).unwrap()
}

fn read<A: ReadNpyExt>(path: &Path) -> A {
    A::read_npy(std::fs::File::open(path).unwrap()).unwrap()
}

#[test]
fn json_names_everything_that_led_to_the_map() {
    let studio = Studio::new();
    studio.square("red.png", RED);
    let report = json(on_colours(&studio, &["explain", "red.png", "--json"]));
    let classes: Vec<&str> =
        report["predictions"].as_array().unwrap().iter().map(|row| row["label"].as_str().unwrap()).collect();
    assert_eq!(classes[0], "red");
    assert_eq!(classes.len(), 3);
    assert_eq!(report["predictions"][0]["index"], 0);
    let total: f64 =
        report["predictions"].as_array().unwrap().iter().map(|row| row["probability"].as_f64().unwrap()).sum();
    assert!((total - 1.0).abs() < 1e-5);
    assert_eq!(report["model"], "colours");
    assert_eq!(report["picture"], "red.png");
    assert_eq!(report["target"]["label"], "red");
    assert_eq!(report["target"]["of"], "logit");
    assert_eq!(report["target"]["score"], report["predictions"][0]["logit"]);
    assert_eq!(report["method"], "grad-cam");
    assert_eq!(report["layer"]["shape"], serde_json::json!([3, 32, 32]));
    assert_eq!(report["map"]["state"], "ok");
    assert!(report["range"][1].as_f64() > report["range"][0].as_f64());
    let strongest = &report["map"]["strongest"];
    assert!(
        (0.1..0.4).contains(&strongest[0].as_f64().unwrap()) && (0.1..0.4).contains(&strongest[1].as_f64().unwrap())
    );
    assert!(report["device"].as_str().unwrap().to_lowercase().contains("cpu"));
    assert!(report["onnxruntime"].as_str().unwrap().starts_with("1."));
    assert!(report["seconds"].as_f64().unwrap() > 0.0);
    assert!(report.get("residual").is_none(), "only path methods have one");
}

#[test]
fn integrated_gradients_add_up_and_the_files_hold_what_the_report_says() {
    let studio = Studio::new();
    studio.square("blue.png", BLUE);
    let output = on_colours(
        &studio,
        &[
            "explain",
            "blue.png",
            "--method",
            "integrated-gradients",
            "--steps",
            "7",
            "--target",
            "blue",
            "--json",
            "--out",
            "ig.npy",
            "--out",
            "ig.npz",
            "--out",
            "ig.json",
            "--out",
            "ig.png",
            "--out",
            "ig.gif",
        ],
    );
    let report = json(output);
    assert_eq!(report["parameters"]["steps"], 7);
    assert_eq!(report["parameters"]["baseline"], "black");
    let difference = report["completeness"]["difference"].as_f64().unwrap();
    assert!(difference > 0.1);
    // The path only scales the picture, so every ReLU is on or off all the way and any number of steps is exact.
    assert!(report["residual"].as_f64().unwrap().abs() < 1e-4 * difference);

    let raw: Array3<f32> = read(&studio.path("ig.npy"));
    assert_eq!(raw.dim(), (3, 32, 32));
    assert!((f64::from(raw.sum()) - report["completeness"]["sum"].as_f64().unwrap()).abs() < 1e-4);

    let mut npz = NpzReader::new(std::fs::File::open(studio.path("ig.npz")).unwrap()).unwrap();
    let gradients = npz.by_name::<OwnedRepr<f32>, Ix4>("gradients").unwrap();
    let weights = npz.by_name::<OwnedRepr<f32>, Ix1>("weights").unwrap();
    let input: Array3<f32> = npz.by_name("input").unwrap();
    let baseline: Array3<f32> = npz.by_name("baseline").unwrap();
    let sum = gradients
        .outer_iter()
        .zip(&weights)
        .fold(Array3::<f32>::zeros((3, 32, 32)), |sum, (g, w)| sum + g.to_owned() * *w);
    let rebuilt = (input - baseline) * sum;
    assert!(rebuilt.iter().zip(&raw).all(|(a, b)| (a - b).abs() < 1e-6));
    let saved: Array1<u8> = npz.by_name("report").unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&saved.to_vec()).unwrap()["method"], "integrated-gradients");

    let file: Value = serde_json::from_slice(&std::fs::read(studio.path("ig.json")).unwrap()).unwrap();
    assert_eq!(file, report);
    assert_eq!(image::image_dimensions(studio.path("ig.png")).unwrap(), (64, 64));
    let gif = image::codecs::gif::GifDecoder::new(BufReader::new(std::fs::File::open(studio.path("ig.gif")).unwrap()));
    assert_eq!(image::AnimationDecoder::into_frames(gif.unwrap()).count(), 7);
}

#[test]
fn cam_averages_to_the_logit_and_appearance_does_not_change_the_array() {
    let studio = Studio::new();
    studio.square("red.png", RED);
    let explain = |out: &str, more: &[&str]| {
        let base = ["explain", "red.png", "--method", "cam", "--target", "0", "--json", "--out", out];
        let report = json(on_colours(&studio, &[&base[..], more].concat()));
        (report, read::<Array2<f32>>(&studio.path(out)))
    };
    let (report, map) = explain("plain.npy", &[]);
    let logit = report["target"]["score"].as_f64().unwrap() as f32;
    assert!((map.mean().unwrap() + colours::BIAS[0] - logit).abs() < 1e-5);
    let (dressed, same) =
        explain("dressed.npy", &["--sigma", "3", "--clamp", "5,95", "--colormap", "magma", "--opacity", "0.2"]);
    assert_eq!(map, same);
    assert_eq!(dressed["range"], report["range"]);
    assert_eq!(dressed["look"]["colormap"], "magma");
    assert_ne!(dressed["map"]["shown_range"], report["map"]["shown_range"]);
}

#[test]
fn the_picture_file_shows_the_map_where_the_thing_is() {
    let studio = Studio::new();
    studio.square("red.png", RED);
    succeeded(on_colours(&studio, &["explain", "red.png", "--out", "map.png", "--view", "map", "--colormap", "grey"]));
    let painted = image::open(studio.path("map.png")).unwrap().to_luma8();
    assert!(painted.get_pixel(16, 16).0[0] > 200, "on the square");
    assert!(painted.get_pixel(50, 50).0[0] < 50, "far from it");
}

#[test]
fn text_says_what_was_seen_and_written() {
    let studio = Studio::new();
    studio.square("red.png", RED);
    let text = succeeded(on_colours(&studio, &["explain", "red.png", "--method", "gradient", "--out", "g.png"]));
    for part in ["red.png", "red", "%", "Gradient of red", "raw ", "wrote g.png"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn pictures_of_every_kind_are_explained() {
    let studio = Studio::new();
    let save = |name: &str, picture: DynamicImage| picture.save(studio.path(name)).unwrap();
    std::fs::create_dir(studio.path("odd")).unwrap();
    save("odd/alpha.png", RgbaImage::from_pixel(9, 7, Rgba([200, 0, 0, 128])).into());
    save("odd/deep.png", ImageBuffer::<Luma<u16>, _>::from_pixel(9, 7, Luma([40_000])).into());
    save("odd/grey.png", GrayImage::from_pixel(9, 7, Luma([99])).into());
    save("odd/one.png", GrayImage::from_pixel(1, 1, Luma([99])).into());
    save("odd/wide.png", GrayImage::from_pixel(20_000, 10, Luma([99])).into());
    let report = json(on_colours(&studio, &["explain", "odd", "--json"]));
    assert_eq!(report["results"].as_array().unwrap().len(), 5);
}

#[test]
fn a_rotated_photograph_is_explained_upright() {
    let studio = Studio::new();
    let upright = image::open(studio.square("red.png", RED)).unwrap().to_rgb8();
    // EXIF orientation 6: what is stored has to be turned clockwise to be seen upright.
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let file = std::fs::File::create(studio.path("rotated.jpg")).unwrap();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(file, 95);
    image::ImageEncoder::set_exif_metadata(&mut encoder, exif.to_vec()).unwrap();
    encoder.encode_image(&image::imageops::rotate270(&upright)).unwrap();
    let report = json(on_colours(&studio, &["explain", "rotated.jpg", "--json"]));
    let strongest = &report["map"]["strongest"];
    let (x, y) = (strongest[0].as_f64().unwrap(), strongest[1].as_f64().unwrap());
    assert!((0.1..0.4).contains(&x) && (0.1..0.4).contains(&y), "{strongest}");
    assert_eq!(report["target"]["label"], "red");
}

#[test]
fn a_broken_file_in_a_folder_is_reported_and_skipped() {
    let studio = Studio::new();
    for (name, colour) in [("a.png", RED), ("c.png", BLUE)] {
        studio.square(&format!("folder/{name}"), colour);
    }
    std::fs::write(studio.path("folder/b.png"), b"no picture").unwrap();
    let output = on_colours(&studio, &["explain", "folder", "--json", "--out", "{name}.npy"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("b.png"));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let labels: Vec<&Value> = report["results"].as_array().unwrap().iter().map(|r| &r["target"]["label"]).collect();
    assert_eq!(labels, ["red", "blue"]);
    assert!(report["failed"][0]["picture"].as_str().unwrap().contains("b.png"));
    assert!(studio.path("a.npy").exists() && studio.path("c.npy").exists() && !studio.path("b.npy").exists());
}

#[test]
fn files_that_cannot_be_used_fail_by_name() {
    let studio = Studio::new();
    studio.square("red.png", RED);
    std::fs::write(studio.path("text.png"), b"this is text").unwrap();
    std::fs::write(studio.path("empty.png"), b"").unwrap();
    let whole = std::fs::read(studio.path("red.png")).unwrap();
    std::fs::write(studio.path("cut.png"), &whole[..whole.len() / 2]).unwrap();
    for name in ["absent.png", "text.png", "empty.png", "cut.png"] {
        let output = on_colours(&studio, &["explain", name]);
        assert_eq!(code(&output), 1, "{name}");
        assert!(stderr(&output).contains(name), "{name}: {}", stderr(&output));
    }

    let network = colours::network();
    std::fs::write(studio.path("cut.onnx"), &network[..network.len() - 40]).unwrap();
    std::fs::write(studio.path("text.onnx"), b"this is text, not a network at all").unwrap();
    std::fs::write(studio.path("empty.onnx"), b"").unwrap();
    std::fs::write(studio.path("features.onnx"), colours::without_image()).unwrap();
    for name in ["absent.onnx", "cut.onnx", "text.onnx", "empty.onnx", "features.onnx"] {
        let output = lensor(&studio, &["explain", "red.png", "--device", "cpu", "--model", name]).output().unwrap();
        assert_eq!(code(&output), 1, "{name}: {}", stderr(&output));
        assert!(stderr(&output).starts_with("error: "), "{name}: {}", stderr(&output));
    }
}

#[test]
fn wrong_usage_names_the_flag_and_what_there_is() {
    let studio = Studio::new();
    studio.square("red.png", RED);
    studio.square("blue.png", BLUE);
    let cases: [(&[&str], &[&str]); 10] = [
        (&["--method", "gradcam"], &["--method", "grad-cam", "integrated-gradients"]),
        (&["--target", "rad"], &["--target", "red"]),
        (&["--target", "7"], &["--target", "3 classes"]),
        (&["--layer", "map"], &["--layer", "lensor layers"]),
        (&["--layer", "0", "--method", "gradient"], &["--layer", "gradient"]),
        (&["--clamp", "99,1"], &["--clamp", "LOW,HIGH"]),
        (&["--baseline", "pink"], &["--baseline", "black"]),
        (&["--out", "map.jpg"], &["--out", "map.jpg", ".png"]),
        (&["--out", "map.gif"], &["--out", ".gif", "grad-cam"]),
        (&["blue.png", "--out", "map.png"], &["--out", "{name}"]),
    ];
    for (arguments, mentioned) in cases {
        let output = on_colours(&studio, &[&["explain", "red.png"], arguments].concat());
        assert_eq!(code(&output), 2, "{arguments:?}: {}", stderr(&output));
        for part in mentioned {
            assert!(stderr(&output).contains(part), "{part} is missing for {arguments:?}: {}", stderr(&output));
        }
    }
    assert_eq!(code(&lensor(&studio, &["explain"]).output().unwrap()), 2);
    assert_eq!(code(&lensor(&studio, &["--device", "gpu"]).output().unwrap()), 2);
}

#[test]
fn layers_are_listed_by_name() {
    let studio = Studio::new();
    let report = json(on_colours(&studio, &["layers", "--json"]));
    assert_eq!(report["classes"], 3);
    assert_eq!(report["layers"][0]["channels"], 3);
    assert_eq!(report["default_layer"], 0);
    let name = report["layers"][0]["name"].as_str().unwrap().to_owned();
    assert!(succeeded(on_colours(&studio, &["layers"])).contains(&name));
    studio.square("red.png", RED);
    let by_name = json(on_colours(&studio, &["explain", "red.png", "--layer", &name, "--json"]));
    assert_eq!(by_name["layer"]["name"], name.as_str());
}

#[test]
fn the_gradient_is_written_as_a_network() {
    let studio = Studio::new();
    let report = json(on_colours(&studio, &["differentiate", "--out", "gradient.onnx", "--json"]));
    let names = |ends: &Value| -> Vec<String> {
        ends.as_array().unwrap().iter().map(|end| end["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&report["inputs"])[1..], ["lensor/seed_logit", "lensor/seed_probability"]);
    assert_eq!(names(&report["outputs"])[1], "lensor/gradient");
    assert_eq!(report["outputs"][1]["shape"], report["inputs"][0]["shape"]);
    assert_eq!(report["files"], serde_json::json!(["gradient.onnx"]));
    let file = studio.folder().join("gradient.onnx");
    let first = std::fs::read(&file).unwrap();
    let text = succeeded(on_colours(&studio, &["differentiate", "--out", "gradient.onnx"]));
    assert!(text.contains("lensor/gradient") && text.contains("gradient at the input"), "{text}");
    assert_eq!(std::fs::read(&file).unwrap(), first);
    let text = succeeded(on_colours(&studio, &["differentiate", "--layer", "0", "--out", "layer.onnx"]));
    assert!(text.contains("gradient at ") && text.contains("feature maps of "), "{text}");
    for (arguments, exit, words) in [
        (&["--out", "gradient.npz"][..], 2, "does not end in .onnx"),
        (&["--out", "none/gradient.onnx"], 1, "there is no folder none"),
        (&["--layer", "conv9", "--out", "x.onnx"], 1, "conv9"),
    ] {
        let output = on_colours(&studio, &[&["differentiate"], arguments].concat());
        assert_eq!(code(&output), exit);
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

#[test]
fn a_check_says_what_the_network_is_and_proves_its_gradients() {
    let studio = Studio::new();
    studio.square("red.png", RED);
    let report = json(lensor(&studio, &["check", "colours.onnx", "red.png", "--json"]).output().unwrap());
    assert_eq!(report["model"], "colours");
    assert_eq!((&report["output"]["classes"], &report["target"]["label"]), (&3.into(), &"red".into()));
    assert_eq!(report["parameters"], 81 + 9 + 3);
    assert_eq!(report["multiply_adds"], 3 * 32 * 32 * 27 + 9);
    assert!(report["methods"].as_array().unwrap().iter().all(|method| method["works"] == true));
    let gradients = report["gradients"].as_array().unwrap();
    assert_eq!((&gradients[0]["place"], gradients.len()), (&"input".into(), 2));
    assert!(gradients.iter().all(|row| row["error"].as_f64().unwrap() <= report["tolerance"].as_f64().unwrap()));
    assert_eq!(report["holds"], true);
    let text = succeeded(on_colours(&studio, &["check", "red.png"]));
    for part in ["red.png: class 0, red", "3×32×32", "grad-cam", "all 2 gradients are right", "error"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    for (wrong, says) in [(["--layer", "map"], "--layer"), (["--target", "rad"], "--target")] {
        let output = on_colours(&studio, &[&["check"][..], &wrong].concat());
        assert_eq!((code(&output), stderr(&output).contains(says)), (2, true), "{}", stderr(&output));
    }
}

#[test]
fn a_check_of_a_network_without_a_gradient_names_the_node_and_fails() {
    let studio = Studio::new();
    std::fs::write(studio.path("hard.onnx"), colours::without_gradient()).unwrap();
    let output = lensor(&studio, &["check", "hard.onnx", "--json", "--device", "cpu"]).output().unwrap();
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["without_rule"], serde_json::json!([{ "node": "input", "operator": "Hardmax" }]));
    let method = |name: &str| {
        report["methods"].as_array().unwrap().iter().find(|method| method["method"] == name).unwrap().clone()
    };
    assert!(method("gradient")["note"].as_str().unwrap().contains("`input` (Hardmax)"));
    assert_eq!(method("cam")["works"], true);
    let gradients = report["gradients"].as_array().unwrap();
    assert!(gradients[0]["reason"].as_str().unwrap().contains("`input`"));
    assert_eq!((&gradients[0]["holds"], &gradients[1]["holds"]), (&false.into(), &true.into()));
}

#[test]
fn with_nothing_named_the_bundled_network_explains_the_bundled_pictures() {
    let studio = Studio::new();
    let text = succeeded(lensor(&studio, &["--device", "cpu"]).output().unwrap());
    assert!(text.contains("Grad-CAM of zebra"), "{text}");
    let listed: Value = json(lensor(&studio, &["models", "--json"]).output().unwrap());
    let pictures = listed["pictures"].as_array().unwrap();
    assert!(pictures.len() >= 12);
    for picture in pictures {
        assert!(text.contains(picture.as_str().unwrap()), "{picture} is missing in\n{text}");
    }
    let one = ["explain", pictures[0].as_str().unwrap(), "--json", "--device", "cpu"];
    let report = json(lensor(&studio, &one).output().unwrap());
    assert_eq!(report["model"], listed["models"][0]["name"]);
    assert_eq!(report["layer"]["name"], "layer4.1");
    assert!(succeeded(lensor(&studio, &["models"]).output().unwrap()).contains("heldout_top1"));
}

#[test]
fn every_bundled_network_goes_by_its_name() {
    let studio = Studio::new();
    let listed: Value = json(lensor(&studio, &["models", "--json"]).output().unwrap());
    let zebra = listed["pictures"][0].as_str().unwrap();
    for model in listed["models"].as_array().unwrap() {
        let name = model["name"].as_str().unwrap();
        let report = ["explain", zebra, "--model", name, "--json", "--device", "cpu"];
        let report = json(lensor(&studio, &report).output().unwrap());
        assert_eq!((&report["model"], &report["target"]["label"]), (&model["name"], &Value::from("zebra")));
        let text = succeeded(lensor(&studio, &[name, zebra, "--device", "cpu"]).output().unwrap());
        assert!(text.contains("Grad-CAM of zebra"), "{text}");
    }
}

#[test]
fn completions_and_manual_come_without_a_network() {
    let studio = Studio::new();
    assert!(succeeded(lensor(&studio, &["completions", "bash"]).output().unwrap()).contains("integrated-gradients"));
    assert!(succeeded(lensor(&studio, &["man"]).output().unwrap()).contains(".TH lensor"));
    std::fs::create_dir(studio.path("pages")).unwrap();
    succeeded(lensor(&studio, &["man", "--out", "pages"]).output().unwrap());
    assert!(studio.path("pages/lensor-explain.1").exists());
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let studio = Studio::new();
    let mut child =
        lensor(&studio, &["completions", "zsh"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_with_130_and_leaves_no_half_file() {
    let studio = Studio::new();
    for index in 0..500 {
        studio.square(&format!("folder/{index:03}.png"), RED);
    }
    std::fs::create_dir(studio.path("maps")).unwrap();
    let mut child = lensor(&studio, &["explain", "folder", "--method", "integrated-gradients", "--steps", "200"])
        .args(["--out", "maps/", "--model", "colours.onnx", "--device", "cpu"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert!(line.contains("000.png"), "{line}");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    std::io::copy(&mut stdout, &mut std::io::sink()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 130, "{}", stderr(&output));
    for entry in std::fs::read_dir(studio.path("maps")).unwrap() {
        let path = entry.unwrap().path();
        assert!(image::open(&path).is_ok(), "{} is no whole picture", path.display());
    }
}

#[test]
fn without_a_terminal_the_bare_command_prints_text() {
    let studio = Studio::new();
    studio.square("pictures/red.png", RED);
    studio.square("pictures/blue.png", BLUE);
    let text = succeeded(lensor(&studio, &["colours.onnx", "pictures", "--device", "cpu"]).output().unwrap());
    for part in ["red.png", "blue.png", "Grad-CAM of red", "Grad-CAM of blue", "opens its UI", "--out map.png"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert_eq!(code(&on_colours(&studio, &["other.onnx", "pictures"])), 2, "two networks");
    assert_eq!(code(&lensor(&studio, &["colours.onnx", "absent"]).output().unwrap()), 1);
}
