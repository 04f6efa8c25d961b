//! ResNet-18 and ResNet-152 (He et al. 2015) as torchvision lays them out, batch normalisation folded into the convolutions as exporters
//! do, with seeded random weights: what it computes means nothing, how long that takes does.

#![allow(dead_code, reason = "each bench needs one of them")]

use lensor::onnx::build::{Attr, GraphBuilder};
use lensor::onnx::{DataType, Dim};
use ndarray::{Array1, Array2, Array4};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// The serialised ResNet-18: input `input` `[batch, 3, 224, 224]`, output `logits` `[batch, 1000]`.
pub fn resnet18() -> Vec<u8> {
    model([2, 2, 2, 2], false)
}

/// ResNet-152 likewise: 240 MB.
pub fn resnet152() -> Vec<u8> {
    model([3, 8, 36, 3], true)
}

/// So many blocks a stage; with a bottleneck each has three convolutions and four times the channels at its end.
fn model(blocks: [usize; 4], bottleneck: bool) -> Vec<u8> {
    let mut net = Net { builder: GraphBuilder::new("t"), random: ChaCha8Rng::seed_from_u64(18) };
    let [three, side] = [3, 224].map(Dim::Fixed);
    net.builder.input("input", DataType::Float, &[Dim::Symbol("batch".into()), three, side.clone(), side]);
    let stem = net.conv("conv1", "input", [64, 3, 7], 2);
    net.node("Relu", &[&stem], "relu", &[]);
    let window =
        [("kernel_shape", Attr::Ints(&[3, 3])), ("strides", Attr::Ints(&[2, 2])), ("pads", Attr::Ints(&[1, 1, 1, 1]))];
    let mut x = net.node("MaxPool", &["relu"], "maxpool", &window);
    let mut from = 64;
    for ((stage, channels), blocks) in [(1, 64), (2, 128), (3, 256), (4, 512)].into_iter().zip(blocks) {
        for block in 0..blocks {
            let stride = if block == 0 && stage > 1 { 2 } else { 1 };
            let to = if bottleneck { 4 * channels } else { channels };
            x = net.block(&format!("layer{stage}.{block}"), &x, [from, channels, to], stride);
            from = to;
        }
    }
    net.node("GlobalAveragePool", &[&x], "avgpool", &[]);
    net.node("Flatten", &["avgpool"], "flatten", &[]);
    let weights = Array2::from_shape_simple_fn((1000, from), || net.normal(0.05));
    net.builder.named_floats("fc.weight", weights.view());
    net.builder.named_floats("fc.bias", Array1::<f32>::zeros(1000).view());
    net.node("Gemm", &["flatten", "fc.weight", "fc.bias"], "logits", &[("transB", Attr::Int(1))]);
    net.builder.output("logits");
    net.builder.into_model(17)
}

struct Net {
    builder: GraphBuilder,
    random: ChaCha8Rng,
}

impl Net {
    fn normal(&mut self, deviation: f32) -> f32 {
        let value: f32 = StandardNormal.sample(&mut self.random);
        deviation * value
    }

    fn node(&mut self, op: &str, inputs: &[&str], name: &str, attributes: &[(&str, Attr)]) -> String {
        self.builder.named_node(op, inputs, &[name], attributes);
        name.to_owned()
    }

    /// A convolution `[to, from, kernel]` that keeps the size but for its stride; weights as He et al. draw them.
    fn conv(&mut self, name: &str, x: &str, [to, from, kernel]: [usize; 3], stride: i64) -> String {
        let deviation = (2.0 / (from * kernel * kernel) as f32).sqrt();
        let weights = Array4::from_shape_simple_fn((to, from, kernel, kernel), || self.normal(deviation));
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        self.builder.named_floats(&weight, weights.view());
        self.builder.named_floats(&bias, Array1::<f32>::zeros(to).view());
        let (kernel, pad) = (kernel as i64, kernel as i64 / 2);
        let attributes = [
            ("kernel_shape", Attr::Ints(&[kernel, kernel])),
            ("strides", Attr::Ints(&[stride, stride])),
            ("pads", Attr::Ints(&[pad, pad, pad, pad])),
        ];
        self.node("Conv", &[x, &weight, &bias], name, &attributes)
    }

    fn block(&mut self, name: &str, x: &str, [from, inner, to]: [usize; 3], stride: i64) -> String {
        let convolutions = match inner == to {
            true => vec![([to, from, 3], stride), ([to, to, 3], 1)],
            false => vec![([inner, from, 1], 1), ([inner, inner, 3], stride), ([to, inner, 1], 1)],
        };
        let mut last = x.to_owned();
        for (at, (sizes, stride)) in convolutions.iter().enumerate() {
            last = self.conv(&format!("{name}.conv{}", at + 1), &last, *sizes, *stride);
            if at + 1 < convolutions.len() {
                last = self.node("Relu", &[&last], &format!("{name}.relu{}", at + 1), &[]);
            }
        }
        let shortcut = if from == to && stride == 1 {
            x.to_owned()
        } else {
            self.conv(&format!("{name}.downsample"), x, [to, from, 1], stride)
        };
        let sum = self.node("Add", &[&last, &shortcut], &format!("{name}.add"), &[]);
        self.node("Relu", &[&sum], &format!("{name}.relu"), &[])
    }
}
