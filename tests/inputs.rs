//! Networks of every kind of input and output, as a user meets them: each is the colours network in another dress.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::{Command, Output, Stdio};

use ndarray::arr2;
use serde_json::Value;

#[path = "support/colours.rs"]
mod colours;

use colours::Studio;

const RED: [u8; 3] = [220, 30, 30];

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
