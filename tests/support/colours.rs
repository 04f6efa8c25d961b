//! A network small enough to know by heart: it says whether a picture is red, green or blue.
//!
//! input [batch, 3, 32, 32] → three 3×3 convolutions, each of its own colour minus half of the others → ReLU (`maps`) →
//! global average pooling → a linear layer that keeps the three apart.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use lensor::onnx::build::{Attr, GraphBuilder};
use lensor::onnx::{DataType, Dim};
use ndarray::{Array4, arr1, arr2};

/// Side of the input, in pixels.
pub const SIDE: usize = 32;

/// What the logits of a class are multiplied with, and what is added.
pub const WEIGHT: f32 = 8.0;
pub const BIAS: [f32; 3] = [0.05, 0.0, -0.05];

/// A folder with the network, its card, and room for pictures.
pub struct Studio {
    folder: tempfile::TempDir,
}

impl Studio {
    pub fn new() -> Self {
        let studio = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(studio.path("colours.onnx"), network()).unwrap();
        let card =
            "name = \"colours\"\n[input]\nheight = 32\nwidth = 32\n[output]\nlabels = [\"red\", \"green\", \"blue\"]\n";
        std::fs::write(studio.path("colours.toml"), card).unwrap();
        studio
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Saves a dark picture with a square of one colour in its upper left quarter, and returns its path.
    pub fn square(&self, name: &str, colour: [u8; 3]) -> PathBuf {
        let inside = |x: u32, y: u32| (8..24).contains(&x) && (8..24).contains(&y);
        let picture = RgbImage::from_fn(64, 64, |x, y| Rgb(if inside(x, y) { colour } else { [20; 3] }));
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        picture.save(&path).unwrap();
        path
    }
}

/// The network, serialised.
pub fn network() -> Vec<u8> {
    ending_in(|graph| graph.output("logits"))
}

/// The network with what comes after its tensor `logits`, which is no output yet.
pub fn ending_in(end: impl FnOnce(&mut GraphBuilder)) -> Vec<u8> {
    let mut graph = GraphBuilder::new("");
    let side = Dim::Fixed(SIDE);
    graph.input("input", DataType::Float, &[Dim::Symbol("batch".into()), Dim::Fixed(3), side.clone(), side]);
    trunk(&mut graph);
    end(&mut graph);
    graph.into_model(17)
}

/// From the tensor `input` `[batch, 3, h, w]` to `logits`.
pub fn trunk(graph: &mut GraphBuilder) {
    let kernel = |(out, colour, _, _)| if out == colour { 1.0 / 9.0 } else { -0.5 / 9.0 };
    graph.named_floats("maps.weight", Array4::from_shape_fn((3, 3, 3, 3), kernel).view());
    let pads = [("pads", Attr::Ints(&[1, 1, 1, 1]))];
    graph.named_node("Conv", &["input", "maps.weight"], &["conv"], &pads);
    graph.named_node("Relu", &["conv"], &["maps"], &[]);
    graph.named_node("GlobalAveragePool", &["maps"], &["pooled"], &[]);
    graph.named_node("Flatten", &["pooled"], &["flat"], &[("axis", Attr::Int(1))]);
    let weights = arr2(&[[WEIGHT, 0.0, 0.0], [0.0, WEIGHT, 0.0], [0.0, 0.0, WEIGHT]]);
    graph.named_floats("fc.weight", weights.view());
    graph.named_floats("fc.bias", arr1(&BIAS).view());
    graph.named_node("Gemm", &["flat", "fc.weight", "fc.bias"], &["logits"], &[("transB", Attr::Int(1))]);
}

/// The network behind an operator that has no derivative.
pub fn without_gradient() -> Vec<u8> {
    let mut graph = GraphBuilder::new("");
    let shape = [3, SIDE, SIDE].map(Dim::Fixed);
    graph.input("picture", DataType::Float, &[&[Dim::Symbol("batch".into())][..], &shape].concat());
    graph.named_node("Hardmax", &["picture"], &["input"], &[]);
    trunk(&mut graph);
    graph.output("logits");
    graph.into_model(17)
}

/// A network without a picture among its inputs.
pub fn without_image() -> Vec<u8> {
    let mut graph = GraphBuilder::new("");
    graph.input("features", DataType::Float, &[Dim::Symbol("batch".into()), Dim::Fixed(10)]);
    graph.named_node("Relu", &["features"], &["logits"], &[]);
    graph.output("logits");
    graph.into_model(17)
}
