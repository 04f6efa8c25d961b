//! Networks of every kind of input and output, as a user meets them: each is the colours network in another dress.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::{Command, Output, Stdio};

use lensor::onnx::build::{Attr, GraphBuilder};
use lensor::onnx::proto::{EXTERNAL, ModelProto, StringStringEntryProto};
use lensor::onnx::{DataType, Dim};
use ndarray::{Array3, Array4, arr2};
use ndarray_npy::{ReadNpyExt, WriteNpyExt};
use prost::Message;
use serde_json::Value;

#[path = "support/colours.rs"]
mod colours;

use colours::Studio;

const RED: [u8; 3] = [220, 30, 30];
const BLUE: [u8; 3] = [30, 30, 220];

/// A folder with the picture `red.png` and a network in `net.onnx` that has no card.
fn studio(network: Vec<u8>) -> Studio {
    let studio = Studio::new();
    studio.square("red.png", RED);
    std::fs::write(studio.path("net.onnx"), network).unwrap();
    studio
}

fn lensor(studio: &Studio, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lensor"));
    command.current_dir(studio.folder()).args(arguments).args(["--model", "net.onnx", "--device", "cpu"]);
    command.stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!text.contains("panicked"), "{text}");
    text
}

fn json(output: Output) -> Value {
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The network with one row of weights, `scale` times the red logit.
fn of_red(scale: f32, last: &str) -> Vec<u8> {
    colours::ending_in(|graph| {
        graph.named_floats("red", arr2(&[[scale], [0.0], [0.0]]).view());
        graph.named_node("MatMul", &["logits", "red"], &["z"], &[]);
        if !last.is_empty() {
            graph.named_node(last, &["z"], &["y"], &[]);
        }
        graph.output(if last.is_empty() { "z" } else { "y" });
    })
}

#[test]
fn several_labels_have_probabilities_of_their_own() {
    let studio = studio(colours::ending_in(|graph| {
        graph.named_node("Sigmoid", &["logits"], &["p"], &[]);
        graph.output("p");
    }));
    let report = json(lensor(&studio, &["explain", "red.png", "--json", "--of", "probability", "--out", "r.npz"]));
    assert_eq!(report["activation"], "sigmoid");
    let rows = report["predictions"].as_array().unwrap();
    for row in rows {
        let (z, p) = (row["logit"].as_f64().unwrap(), row["probability"].as_f64().unwrap());
        assert!((p - 1.0 / (1.0 + (-z).exp())).abs() < 1e-6, "{row}");
    }
    assert_eq!(report["target"]["score"], rows[0]["probability"]);
    assert!(report["settings"]["activation"].to_string().contains("last operator"), "{report}");
}

#[test]
fn a_single_sigmoid_says_yes_or_no() {
    let yes = json(lensor(&studio(of_red(3.0, "Sigmoid")), &["explain", "red.png", "--json"]));
    let no = json(lensor(&studio(of_red(-3.0, "Sigmoid")), &["explain", "red.png", "--json"]));
    for (report, class) in [(&yes, 1), (&no, 0)] {
        let rows = report["predictions"].as_array().unwrap();
        assert_eq!((rows.len(), &report["target"]["index"]), (2, &Value::from(class)));
        assert_eq!(rows[0]["logit"].as_f64().unwrap(), -rows[1]["logit"].as_f64().unwrap());
        let sum: f64 = rows.iter().map(|row| row["probability"].as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-6);
        assert_eq!(report["map"]["state"], "ok");
    }
    assert_eq!(yes["range"], no["range"], "what speaks for the one speaks against the other");
    for (last, output) in [("Sigmoid", "z, 2 classes, sigmoid"), ("", "z, a number")] {
        let checked = lensor(&studio(of_red(3.0, last)), &["check", "red.png"]);
        let text = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert!(text.contains(output), "{text} {}", said(&checked));
    }
}

#[test]
fn a_number_is_explained_as_such() {
    let studio = studio(of_red(-3.0, ""));
    let report = json(lensor(&studio, &["explain", "red.png", "--json", "--method", "integrated-gradients"]));
    assert_eq!((&report["activation"], &report["target"]["label"]), (&"none".into(), &"output".into()));
    assert!(report["target"]["score"].as_f64().unwrap() < 0.0);
    assert_eq!(report["predictions"][0]["probability"], Value::Null);
    let (sum, difference) = (&report["completeness"]["sum"], &report["completeness"]["difference"]);
    assert!((sum.as_f64().unwrap() - difference.as_f64().unwrap()).abs() < 1e-3);
    let refused = lensor(&studio, &["explain", "red.png", "--of", "probability"]);
    assert!(!refused.status.success() && said(&refused).contains("--of logit"), "{}", said(&refused));
    let text = lensor(&studio, &["explain", "red.png"]);
    assert!(!String::from_utf8_lossy(&text.stdout).contains('%'), "{}", String::from_utf8_lossy(&text.stdout));
}

/// The network behind an input of this type and shape; `begin` makes `[batch, 3, h, w]` floats of it called `input`.
fn dressed(elem: DataType, shape: [usize; 4], begin: impl FnOnce(&mut GraphBuilder)) -> Vec<u8> {
    let mut graph = GraphBuilder::new("");
    let dim = |size: usize| if size == 0 { Dim::Unknown } else { Dim::Fixed(size) };
    graph.input("x", elem, &shape.map(dim));
    begin(&mut graph);
    colours::trunk(&mut graph);
    graph.output("logits");
    graph.into_model(17)
}

/// The report of the network without a dress.
fn plain(arguments: &[&str]) -> Value {
    json(lensor(&studio(colours::network()), &[&["explain", "red.png", "--json"], arguments].concat()))
}

fn settings(report: &Value, name: &str) -> (String, String) {
    let setting = &report["settings"][name];
    (setting["value"].as_str().unwrap().to_owned(), setting["source"].as_str().unwrap().to_owned())
}

fn noted(report: &Value, words: &str) -> bool {
    report["notes"].as_array().unwrap().iter().any(|note| note.as_str().unwrap().contains(words))
}

fn close(a: &Value, b: &Value) {
    let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
    assert!((a - b).abs() < 1e-3 * b.abs().max(1.0), "{a} is not {b}");
}

#[test]
fn channels_last_and_whole_numbers_give_what_the_plain_network_gives() {
    let studio = studio(dressed(DataType::Uint8, [1, 32, 32, 3], |graph| {
        graph.named_node("Cast", &["x"], &["float"], &[("to", Attr::Int(1))]);
        graph.named_floats("255", ndarray::arr0(255.0f32).view());
        graph.named_node("Div", &["float", "255"], &["share"], &[]);
        graph.named_node("Transpose", &["share"], &["input"], &[("perm", Attr::Ints(&[0, 3, 1, 2]))]);
    }));
    studio.square("blue.png", BLUE);
    for method in ["grad-cam", "gradient-x-input", "integrated-gradients"] {
        let pictures = ["explain", "red.png", "blue.png", "--json", "--method", method];
        let reports = json(lensor(&studio, &pictures));
        let report = &reports["results"][0];
        assert_eq!(settings(report, "input").0, "x uint8 [1, 32, 32, 3]");
        assert_eq!(settings(report, "scale"), ("1".to_owned(), "the network's input".to_owned()));
        assert!(noted(report, "casts them to"), "{report}");
        assert_eq!(reports["results"][1]["target"]["index"], 2);
        let expected = plain(&["--method", method]);
        close(&report["target"]["score"], &expected["target"]["score"]);
        close(&report["range"][1], &expected["range"][1]);
    }
}

#[test]
fn opacity_is_a_channel_where_the_network_has_one() {
    let studio = studio(dressed(DataType::Float, [0, 4, 32, 32], |graph| {
        // Colours show as far as they are opaque.
        graph.named_floats("k", Array4::from_shape_fn((3, 4, 1, 1), |(out, of, _, _)| f32::from(out == of)).view());
        graph.named_floats("a", Array4::from_shape_fn((3, 4, 1, 1), |(_, of, _, _)| f32::from(of == 3)).view());
        graph.named_node("Conv", &["x", "k"], &["colour"], &[]);
        graph.named_node("Conv", &["x", "a"], &["opacity"], &[]);
        graph.named_node("Mul", &["colour", "opacity"], &["input"], &[]);
    }));
    let mut half = image::open(studio.path("red.png")).unwrap().to_rgba8();
    half.enumerate_pixels_mut().for_each(|(x, _, pixel)| pixel.0[3] = if x < 16 { 255 } else { 0 });
    half.save(studio.path("half.png")).unwrap();
    let opaque = json(lensor(&studio, &["explain", "red.png", "--json"]));
    close(&opaque["target"]["score"], &plain(&[])["target"]["score"]);
    assert_eq!(settings(&opaque, "channels"), ("rgba".to_owned(), "the network's input".to_owned()));
    let half = json(lensor(&studio, &["explain", "half.png", "--json", "--out", "half.npz"]));
    assert_eq!(half["target"]["label"], opaque["target"]["label"]);
    assert_ne!(half["target"]["score"], opaque["target"]["score"]);
}

#[test]
fn arrays_stand_for_pictures_where_there_are_many_channels() {
    let studio = studio(dressed(DataType::Float, [0, 7, 32, 32], |graph| {
        graph.named_floats("k", Array4::from_shape_fn((3, 7, 1, 1), |(out, of, _, _)| f32::from(out + 2 == of)).view());
        graph.named_node("Conv", &["x", "k"], &["input"], &[]);
    }));
    let array = Array3::from_shape_fn((7, 32, 32), |(c, y, x)| f32::from(u8::from(c == 3 && x < 16 && y < 16)));
    array.write_npy(std::fs::File::create(studio.path("green.npy")).unwrap()).unwrap();
    let report = json(lensor(&studio, &["explain", "green.npy", "--json", "--method", "gradient", "--out", "g.npy"]));
    assert_eq!((&report["target"]["index"], settings(&report, "channels").0.as_str()), (&1.into(), "7"));
    assert_eq!(Array3::<f32>::read_npy(std::fs::File::open(studio.path("g.npy")).unwrap()).unwrap().dim(), (7, 32, 32));
    assert!(noted(&report, "[7, 32, 32]") && !noted(&report, "--mean"), "{report}");
    let refused = lensor(&studio, &["explain", "red.png"]);
    assert!(!refused.status.success() && said(&refused).contains("has colours"), "{}", said(&refused));
    Array3::<f32>::zeros((7, 8, 8)).write_npy(std::fs::File::create(studio.path("small.npy")).unwrap()).unwrap();
    let refused = lensor(&studio, &["explain", "small.npy"]);
    assert!(!refused.status.success() && said(&refused).contains("[7, 8, 8]"), "{}", said(&refused));
    std::fs::create_dir(studio.path("arrays")).unwrap();
    std::fs::copy(studio.path("green.npy"), studio.path("arrays/a.npy")).unwrap();
    assert_eq!(json(lensor(&studio, &["explain", "arrays", "--json"]))["picture"], "arrays/a.npy");
}

#[test]
fn any_size_is_the_one_that_is_asked_for() {
    let studio = studio(dressed(DataType::Float, [0, 3, 0, 0], |graph| {
        graph.named_node("Identity", &["x"], &["input"], &[]);
    }));
    let usual = json(lensor(&studio, &["layers", "--json"]));
    assert_eq!(
        (settings(&usual, "size"), noted(&usual, "--size")),
        (("224 × 224".to_owned(), "default".to_owned()), true)
    );
    let given = json(lensor(&studio, &["layers", "--json", "--size", "48x32"]));
    assert_eq!((&given["input"], settings(&given, "size").1.as_str()), (&serde_json::json!([3, 48, 32]), "given"));
    let text = lensor(&studio, &["layers", "--size", "48x32"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(["size", "48 × 32", "given", "note: "].iter().all(|part| text.contains(part)), "{text}");
}

#[test]
fn flags_go_before_the_card_and_are_checked() {
    let studio = studio(colours::network());
    let report = json(lensor(
        &studio,
        &[
            "explain",
            "red.png",
            "--json",
            "--mean",
            "0.5,0.25,0",
            "--std",
            "2",
            "--scale",
            "1/255",
            "--channels",
            "bgr",
        ],
    ));
    assert_eq!(settings(&report, "mean"), ("0.5, 0.25, 0".to_owned(), "given".to_owned()));
    assert_eq!((settings(&report, "std").0.as_str(), settings(&report, "channels").0.as_str()), ("2", "bgr"));
    assert_eq!(report["target"]["index"], 2, "red is where blue was");
    for (arguments, part) in [
        (&["--size", "64"][..], "[batch, 3, 32, 32]"),
        (&["--channels", "grey"], "grey"),
        (&["--mean", "1,2"], "input.mean"),
        (&["--output", "logit"], "did you mean logits"),
        (&["--resize-to", "9"], "resize_to"),
    ] {
        let output = lensor(&studio, &[&["explain", "red.png"], arguments].concat());
        assert!(!output.status.success() && said(&output).contains(part), "{arguments:?}: {}", said(&output));
    }
    let output = lensor(&studio, &["explain", "red.png", "--size", "big"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
}

#[test]
fn a_publishers_folder_is_a_network() {
    let studio = studio(colours::network());
    std::fs::create_dir_all(studio.path("colours-small/onnx")).unwrap();
    std::fs::write(studio.path("colours-small/onnx/model.onnx"), colours::network()).unwrap();
    let config =
        r#"{"id2label": {"0": "rouge", "1": "vert", "2": "bleu"}, "problem_type": "multi_label_classification"}"#;
    std::fs::write(studio.path("colours-small/config.json"), config).unwrap();
    let processor = r#"{"do_resize": true, "size": {"height": 32, "width": 32}, "resample": 3, "rescale_factor": 0.00392156862745098,
                        "image_mean": [0.0, 0.0, 0.0], "image_std": [1.0, 1.0, 1.0]}"#;
    std::fs::write(studio.path("colours-small/preprocessor_config.json"), processor).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lensor"));
    let arguments = ["explain", "red.png", "--json", "--device", "cpu", "--model", "colours-small"];
    let report = json(command.current_dir(studio.folder()).args(arguments).output().unwrap());
    assert_eq!((&report["model"], &report["target"]["label"]), (&"colours-small".into(), &"rouge".into()));
    assert_eq!(report["activation"], "sigmoid");
    assert_eq!(
        settings(&report, "interpolation"),
        ("bicubic".to_owned(), "colours-small/preprocessor_config.json".to_owned())
    );
    assert_eq!(
        (settings(&report, "scale").0.as_str(), settings(&report, "labels").1.as_str()),
        ("1/255", "colours-small/config.json")
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_lensor"));
    let bare =
        command.current_dir(studio.folder()).args(["colours-small", "red.png", "--device", "cpu"]).output().unwrap();
    assert!(String::from_utf8_lossy(&bare.stdout).contains("rouge"), "{}", said(&bare));
}

/// A network with its initializers in another file, and that file.
fn with_external_data(network: &[u8], location: &str) -> (Vec<u8>, Vec<u8>) {
    let mut model = ModelProto::decode(network).unwrap();
    let mut data = Vec::new();
    for tensor in &mut model.graph.as_mut().unwrap().initializer {
        let bytes = tensor.raw_data.take().unwrap();
        let entry = |(key, value): (&str, String)| StringStringEntryProto { key: key.to_owned(), value };
        let (offset, length) = (data.len().to_string(), bytes.len().to_string());
        let entries = [("location", location.to_owned()), ("offset", offset), ("length", length)];
        (tensor.external_data, tensor.data_location) = (entries.map(entry).to_vec(), EXTERNAL);
        data.extend_from_slice(&bytes);
    }
    (model.encode_to_vec(), data)
}

#[cfg(unix)]
#[test]
fn a_repository_in_the_cache_of_hugging_face_is_a_network() {
    use std::os::unix::fs::symlink;
    let studio = studio(colours::network());
    let (network, data) = with_external_data(&colours::network(), "model.onnx_data");
    let config = br#"{"id2label": {"0": "rouge", "1": "vert", "2": "bleu"}}"#.to_vec();
    let repository = studio.path("models--someone--colours-small");
    let snapshot = repository.join("snapshots/0123abc");
    std::fs::create_dir_all(snapshot.join("onnx")).unwrap();
    std::fs::create_dir_all(repository.join("blobs")).unwrap();
    std::fs::create_dir_all(repository.join("refs")).unwrap();
    std::fs::write(repository.join("refs/main"), "0123abc").unwrap();
    for (name, blob, up, content) in [
        ("onnx/model.onnx", "aa", "../../../blobs", network),
        ("onnx/model.onnx_data", "bb", "../../../blobs", data),
        ("config.json", "cc", "../../blobs", config),
    ] {
        std::fs::write(repository.join("blobs").join(blob), content).unwrap();
        symlink(format!("{up}/{blob}"), snapshot.join(name)).unwrap();
    }
    let plain = plain(&["--method", "gradient"]);
    for network in [&repository, &snapshot] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lensor"));
        command.current_dir(studio.folder()).args(["explain", "red.png", "--json", "--method", "gradient"]);
        let report = json(command.args(["--device", "cpu", "--model"]).arg(network).output().unwrap());
        assert_eq!((&report["model"], &report["target"]["label"]), (&"colours-small".into(), &"rouge".into()));
        assert_eq!(report["range"], plain["range"]);
    }
}

#[test]
fn doctor_says_what_is_settled() {
    let studio = studio(of_red(1.0, ""));
    let text = String::from_utf8(lensor(&studio, &["doctor"]).stdout).unwrap();
    for part in
        ["input float32 [batch, 3, 32, 32]", "32 × 32 (the network's input)", "none (default)", "--activation sigmoid"]
    {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn a_bundled_picture_can_be_the_baseline() {
    let report = plain(&["--method", "integrated-gradients", "--steps", "3", "--baseline", "01-zebra.jpg"]);
    assert_eq!(report["parameters"]["baseline"], "01-zebra.jpg");
}

/// Where a painted map is bright, in its pixels: the middle of what is above three quarters.
fn middle(map: &image::GrayImage) -> (f64, f64) {
    let bright: Vec<(u32, u32)> =
        map.enumerate_pixels().filter(|(_, _, p)| p.0[0] > 191).map(|(x, y, _)| (x, y)).collect();
    let mean =
        |of: fn(&(u32, u32)) -> u32| bright.iter().map(|at| f64::from(of(at)) + 0.5).sum::<f64>() / bright.len() as f64;
    (mean(|at| at.0), mean(|at| at.1))
}

#[test]
fn the_map_lies_where_the_thing_is_in_the_original_picture() {
    let studio = studio(colours::network());
    // A red square of 12 pixels about (75, 37) in a picture of 120 × 80, upright and stored lying on its side.
    let inside = |x: u32, y: u32| (69..81).contains(&x) && (31..43).contains(&y);
    let upright = image::RgbImage::from_fn(120, 80, |x, y| image::Rgb(if inside(x, y) { RED } else { [20; 3] }));
    upright.save(studio.path("upright.png")).unwrap();
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let mut encoder = image::codecs::png::PngEncoder::new(std::fs::File::create(studio.path("turned.png")).unwrap());
    image::ImageEncoder::set_exif_metadata(&mut encoder, exif.to_vec()).unwrap();
    image::imageops::rotate270(&upright).write_with_encoder(encoder).unwrap();
    for picture in ["upright.png", "turned.png"] {
        for resize in [
            &["--resize", "squash"][..],
            &["--resize", "shortest-edge"],
            &["--resize", "shortest-edge", "--resize-to", "40"],
        ] {
            let flags = [
                "explain",
                picture,
                "--out",
                "map.png",
                "--view",
                "map",
                "--colormap",
                "grey",
                "--sigma",
                "0",
                "--clamp",
                "0,100",
            ];
            let output = lensor(&studio, &[&flags[..], resize].concat());
            assert!(output.status.success(), "{}", said(&output));
            let map = image::open(studio.path("map.png")).unwrap().to_luma8();
            assert_eq!(map.dimensions(), (120, 80));
            let (x, y) = middle(&map);
            assert!((x - 75.0).abs() < 2.0 && (y - 37.0).abs() < 2.0, "{picture} {resize:?}: ({x}, {y})");
        }
    }
}

#[test]
fn a_quantised_network_says_that_its_gradients_are_straight_through() {
    let network = || {
        dressed(DataType::Float, [0, 3, 32, 32], |graph| {
            graph.named_floats("step", ndarray::arr0(1.0f32 / 255.0).view());
            graph.named_constant("zero", &[], DataType::Uint8, vec![0]);
            graph.named_node("QuantizeLinear", &["x", "step", "zero"], &["q"], &[]);
            graph.named_node("DequantizeLinear", &["q", "step", "zero"], &["input"], &[]);
        })
    };
    let studio = studio(network());
    let report = json(lensor(&studio, &["explain", "red.png", "--json", "--method", "gradient"]));
    assert_eq!((&report["straight_through"], noted(&report, "straight-through")), (&true.into(), true));
    let text = lensor(&studio, &["explain", "red.png", "--method", "integrated-gradients", "--steps", "3"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("straight-through gradient"), "{text}");
    // No gradient is taken here.
    assert_eq!(json(lensor(&studio, &["explain", "red.png", "--json", "--method", "cam"]))["straight_through"], false);
}

#[test]
fn what_the_outputs_mean_can_be_said() {
    let studio = studio(colours::ending_in(|graph| {
        graph.named_floats("red", arr2(&[[1.0f32], [0.0], [0.0]]).view());
        graph.named_node("MatMul", &["logits", "red"], &["redness"], &[]);
        graph.output("redness");
        graph.output("logits");
    }));
    let chosen = json(lensor(&studio, &["explain", "red.png", "--json"]));
    let told = ("logits".to_owned(), "the likeliest by name, shape and ending".to_owned());
    assert_eq!((settings(&chosen, "output"), chosen["predictions"].as_array().unwrap().len()), (told, 3));
    assert!(noted(&chosen, "logits is explained"), "{chosen}");
    let number = json(lensor(&studio, &["explain", "red.png", "--json", "--output", "redness"]));
    assert_eq!((settings(&number, "output").1.as_str(), &number["activation"]), ("given", &"none".into()));
    assert!(noted(&number, "--activation sigmoid"), "{number}");
    let flags = ["explain", "red.png", "--json", "--output", "redness", "--activation", "sigmoid"];
    let answer = json(lensor(&studio, &flags));
    assert_eq!((&answer["target"]["index"], answer["predictions"].as_array().unwrap().len()), (&1.into(), 2));
}

#[test]
fn a_size_that_was_assumed_and_does_not_work_is_asked_for() {
    let studio = studio(dressed(DataType::Float, [0, 3, 0, 0], |graph| {
        let any = graph.ints(&[-1, 3, 32, 32]);
        graph.named_node("Reshape", &["x", &any], &["input"], &[]);
    }));
    let refused = lensor(&studio, &["explain", "red.png"]);
    assert!(!refused.status.success() && said(&refused).contains("--size"), "{}", said(&refused));
    assert_eq!(json(lensor(&studio, &["explain", "red.png", "--json", "--size", "32"]))["target"]["index"], 0);
}
