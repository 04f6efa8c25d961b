//! A real network on real photographs, where they lie beside the repository (`../shared/real`); skipped, and said so,
//! where they do not.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, or says why it is skipped"
)]

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The report of `lensor explain` on SqueezeNet; `None` where there is none here.
fn explain(arguments: &[&str]) -> Option<Value> {
    json(&[&["explain", "--model", "squeezenet1_0.onnx"][..], arguments].concat())
}

/// What a command prints, run where the networks are; `None` where there are none.
fn json(arguments: &[&str]) -> Option<Value> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/real");
    if !folder.join("squeezenet1_0.onnx").exists() {
        println!("skipped: there is no {}", folder.display());
        return None;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_lensor"));
    command.current_dir(&folder).stdin(Stdio::null()).args(arguments);
    let output = command.args(["--device", "cpu", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn every_method_explains_the_zebra() {
    for method in ["gradient", "gradient-x-input", "cam", "grad-cam", "integrated-gradients"] {
        let photo = "photos/n02391049_zebra.JPEG";
        let Some(report) = explain(&[photo, "--method", method, "--steps", "20"]) else { return };
        assert_eq!(report["target"]["index"], 340, "{method}");
        assert_eq!(report["target"]["label"], "zebra", "{method}");
        assert!(report["predictions"][0]["probability"].as_f64().unwrap() > 0.999, "{method}");
        assert_eq!(report["map"]["state"], "ok", "{method}");
        if let Some(residual) = report["residual"].as_f64() {
            let difference = report["completeness"]["difference"].as_f64().unwrap();
            assert!(residual.abs() < 0.05 * difference, "{residual} of {difference}");
        }
    }
}

#[test]
fn a_folder_of_photographs_is_explained_in_one_run() {
    let Some(report) = explain(&["photos", "--method", "cam"]) else { return };
    let results = report["results"].as_array().unwrap();
    assert_eq!((results.len(), report["failed"].as_array().unwrap().len()), (12, 0));
    let right = |result: &&Value| {
        let label = result["target"]["label"].as_str().unwrap().replace(' ', "_");
        result["picture"].as_str().unwrap().contains(&label)
    };
    assert!(results.iter().filter(right).count() >= 6);
}

#[test]
fn the_gradients_of_real_networks_are_right() {
    let checks: [&[&str]; 3] = [
        &["resnet20_cifar10.onnx"],
        &["resnet20_cifar10_bn.onnx"],
        &["squeezenet1_0.onnx", "photos/n02391049_zebra.JPEG", "--layer", "conv_final"],
    ];
    for check in checks {
        let Some(report) = json(&[&["check"][..], check].concat()) else { return };
        assert_eq!(report["holds"], true, "{check:?}: {report:#}");
        assert!(report["methods"].as_array().unwrap().iter().all(|method| method["works"] == true), "{check:?}");
    }
}
