//! What tests share: the runtime, and networks small enough to be written down.

use std::sync::{Arc, OnceLock};

use ndarray::{Array, Dimension, ShapeBuilder};

use crate::engine::library::Search;
use crate::engine::{self, Engine};
use crate::model::settings::Overrides;
use crate::model::source::Opened;
use crate::network::Network;
use crate::onnx::build::{Attr, GraphBuilder};
use crate::onnx::{DataType, Dim, Model};

const CONV: [(&str, Attr); 2] = [("pads", Attr::Ints(&[1, 1, 1, 1])), ("kernel_shape", Attr::Ints(&[3, 3]))];
const POOL: [(&str, Attr); 2] = [("kernel_shape", Attr::Ints(&[2, 2])), ("strides", Attr::Ints(&[2, 2]))];
const LINEAR: [(&str, Attr); 1] = [("transB", Attr::Int(1))];

/// The runtime, opened once for all tests.
pub(crate) fn engine() -> Arc<dyn Engine> {
    static ENGINE: OnceLock<Arc<dyn Engine>> = OnceLock::new();
    let open = || engine::open(&Search::default(), &Default::default(), Some(1), &mut |_, _| {}).unwrap();
    ENGINE.get_or_init(open).clone()
}

/// A network of a file's bytes, on that runtime.
pub(crate) fn network(bytes: Vec<u8>) -> Network {
    let opened = Opened { name: "t".to_owned(), model: Model::from_bytes(bytes, None).unwrap(), card: None };
    Network::load(opened, engine(), &Overrides::default()).unwrap()
}

/// `amplitude · sin(frequency · i + phase)` over the row-major index, computed in f64.
pub(crate) fn sine<D: Dimension>(
    shape: impl ShapeBuilder<Dim = D>,
    [amplitude, frequency, phase]: [f64; 3],
) -> Array<f32, D> {
    let mut index = 0.0;
    Array::from_shape_simple_fn(shape, || {
        let value = amplitude * (frequency * index + phase).sin();
        index += 1.0;
        value as f32
    })
}

/// A picture input `x` of `[batch, C, H, W]`.
pub(crate) fn with_input(shape: [usize; 3]) -> GraphBuilder {
    let mut builder = GraphBuilder::new("t");
    let [c, h, w] = shape.map(Dim::Fixed);
    builder.input("x", DataType::Float, &[Dim::Symbol("n".into()), c, h, w]);
    builder
}

fn trunk() -> GraphBuilder {
    let mut b = with_input([3, 16, 16]);
    b.named_floats("conv1.weight", sine((8, 3, 3, 3), [0.3, 1.7, 0.3]).view());
    b.named_floats("conv1.bias", sine(8, [0.1, 2.1, 0.5]).view());
    b.named_floats("conv2.weight", sine((12, 8, 3, 3), [0.2, 1.3, 0.7]).view());
    b.named_floats("conv2.bias", sine(12, [0.1, 1.9, 0.2]).view());
    b.named_node("Conv", &["x", "conv1.weight", "conv1.bias"], &["conv1"], &CONV);
    b.named_node("Relu", &["conv1"], &["relu1"], &[]);
    b.named_node("MaxPool", &["relu1"], &["pool1"], &POOL);
    b.named_node("Conv", &["pool1", "conv2.weight", "conv2.bias"], &["conv2"], &CONV);
    b.named_node("Relu", &["conv2"], &["relu2"], &[]);
    b
}

/// Two convolutions, global average pooling, one linear layer: the head that CAM needs. The weights are sines.
pub(crate) fn tiny_a() -> Vec<u8> {
    let mut b = trunk();
    b.named_floats("fc.weight", sine((5, 12), [0.5, 2.3, 0.1]).view());
    b.named_floats("fc.bias", sine(5, [0.05, 1.1, 0.9]).view());
    b.named_node("GlobalAveragePool", &["relu2"], &["gap"], &[]);
    b.named_node("Flatten", &["gap"], &["flat"], &[]);
    b.named_node("Gemm", &["flat", "fc.weight", "fc.bias"], &["logits"], &LINEAR);
    b.output("logits");
    b.into_model(16)
}

/// The same convolutions under a head of two linear layers.
pub(crate) fn tiny_b() -> Vec<u8> {
    let mut b = trunk();
    b.named_floats("fc1.weight", sine((10, 192), [0.15, 1.9, 0.4]).view());
    b.named_floats("fc1.bias", sine(10, [0.05, 1.2, 0.6]).view());
    b.named_floats("fc2.weight", sine((5, 10), [0.5, 2.3, 0.1]).view());
    b.named_floats("fc2.bias", sine(5, [0.05, 1.1, 0.9]).view());
    b.named_node("MaxPool", &["relu2"], &["pool2"], &POOL);
    b.named_node("Flatten", &["pool2"], &["flat"], &[]);
    b.named_node("Gemm", &["flat", "fc1.weight", "fc1.bias"], &["fc1"], &LINEAR);
    b.named_node("Relu", &["fc1"], &["relu3"], &[]);
    b.named_node("Gemm", &["relu3", "fc2.weight", "fc2.bias"], &["logits"], &LINEAR);
    b.output("logits");
    b.into_model(16)
}
