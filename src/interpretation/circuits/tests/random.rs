//! Σ contributions + bias = the value before the activation, on networks that chance makes.

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::fixtures::with_input;
use crate::onnx::build::{Attr, GraphBuilder};

/// A tensor of a network under construction.
#[derive(Clone, Debug)]
struct Maps {
    name: String,
    channels: usize,
    size: usize,
}

struct Maker {
    graph: GraphBuilder,
    chance: ChaCha8Rng,
    next: usize,
}

impl Maker {
    fn name(&mut self, kind: &str) -> String {
        self.next += 1;
        format!("{kind}{}", self.next)
    }

    fn weights(&mut self, shape: &[usize], around: f32) -> String {
        let name = self.name("weight");
        let values = ndarray::ArrayD::from_shape_simple_fn(shape, || around + self.chance.random_range(-0.5..0.5));
        self.graph.named_floats(&name, values.view());
        name
    }

    fn node(&mut self, op: &str, inputs: &[&str], attributes: &[(&str, Attr)]) -> String {
        let name = self.name(&op.to_lowercase());
        self.graph.named_node(op, inputs, &[&name], attributes);
        name
    }

    /// Any convolution that leaves something over.
    fn convolution(&mut self, from: &Maps) -> Maps {
        let fitting: Vec<usize> =
            [1, 2, 4].into_iter().filter(|groups| from.channels.is_multiple_of(*groups)).collect();
        let groups = *fitting.choose(&mut self.chance).unwrap();
        let channels = groups * self.chance.random_range(1..4);
        let (kernel, dilation) = (self.chance.random_range(1..4usize), self.chance.random_range(1..3usize));
        let stride = if from.size > 8 { self.chance.random_range(1..3usize) } else { 1 };
        let reach = dilation * (kernel - 1) + 1;
        let before = self.chance.random_range(0..reach);
        let after = if from.size + before < reach { reach } else { self.chance.random_range(0..reach) };
        let size = (from.size + before + after - reach) / stride + 1;
        let pads = [before, before, after, after].map(|pad| pad as i64);
        self.placed(from, channels, (groups, kernel, dilation, stride), pads, size)
    }

    /// A convolution that keeps the size.
    fn same(&mut self, from: &Maps, channels: usize) -> Maps {
        self.placed(from, channels, (1, 3, 1, 1), [1; 4], from.size)
    }

    fn placed(
        &mut self,
        from: &Maps,
        channels: usize,
        (groups, kernel, dilation, stride): (usize, usize, usize, usize),
        pads: [i64; 4],
        size: usize,
    ) -> Maps {
        let weight = self.weights(&[channels, from.channels / groups, kernel, kernel], 0.0);
        let bias = self.weights(&[channels], 0.0);
        let (k, d, s) = (kernel as i64, dilation as i64, stride as i64);
        let attributes = [
            ("kernel_shape", Attr::Ints(&[k, k])),
            ("dilations", Attr::Ints(&[d, d])),
            ("strides", Attr::Ints(&[s, s])),
            ("group", Attr::Int(groups as i64)),
            ("pads", Attr::Ints(&pads)),
        ];
        let inputs: &[&str] = if self.chance.random() { &[&from.name, &weight, &bias] } else { &[&from.name, &weight] };
        let name = self.name("conv");
        self.graph.named_node("Conv", inputs, &[&name], &attributes);
        Maps { name, channels, size }
    }

    fn normalised(&mut self, from: &Maps) -> Maps {
        let parts = [0.0, 0.0, 0.0, 1.0].map(|around| self.weights(&[from.channels], around));
        let [gamma, beta, mean, variance] = &parts;
        let name = self.node("BatchNormalization", &[&from.name, gamma, beta, mean, variance], &[]);
        Maps { name, ..from.clone() }
    }

    fn activated(&mut self, from: &Maps) -> Maps {
        let op = *["Relu", "Relu", "Relu", "LeakyRelu", "Sigmoid", "Softplus", "silu", "gate", "none"]
            .choose(&mut self.chance)
            .unwrap();
        let name = match op {
            "none" => return from.clone(),
            "silu" => {
                let gate = self.node("Sigmoid", &[&from.name], &[]);
                self.node("Mul", &[&from.name, &gate], &[])
            }
            "gate" => {
                let mean = self.node("GlobalAveragePool", &[&from.name], &[]);
                let gate = self.node("Sigmoid", &[&mean], &[]);
                self.node("Mul", &[&from.name, &gate], &[])
            }
            op => self.node(op, &[&from.name], &[]),
        };
        Maps { name, ..from.clone() }
    }

    fn pooled(&mut self, from: &Maps) -> Maps {
        let op = *["MaxPool", "AveragePool"].choose(&mut self.chance).unwrap();
        let (ceil, counts) = (self.chance.random::<bool>(), self.chance.random::<bool>());
        let stride = self.chance.random_range(1..3usize);
        let mut attributes = vec![
            ("kernel_shape", Attr::Ints(&[3, 3])),
            ("strides", Attr::Ints(if stride == 2 { &[2, 2] } else { &[1, 1] })),
            ("pads", Attr::Ints(&[1, 1, 1, 1])),
            ("ceil_mode", Attr::Int(i64::from(ceil))),
        ];
        if op == "AveragePool" {
            attributes.push(("count_include_pad", Attr::Int(i64::from(counts))));
        }
        let steps = if ceil { (from.size - 1).div_ceil(stride) } else { (from.size - 1) / stride };
        let name = self.node(op, &[&from.name], &attributes);
        // A window that would begin in the padding at the end is left out.
        let size = if steps * stride > from.size { steps } else { steps + 1 };
        Maps { name, size, ..from.clone() }
    }

    fn added(&mut self, a: &Maps, b: &Maps) -> Maps {
        Maps { name: self.node("Add", &[&a.name, &b.name], &[]), ..a.clone() }
    }

    fn joined(&mut self, all: &[Maps]) -> Maps {
        let names: Vec<&str> = all.iter().map(|maps| maps.name.as_str()).collect();
        let name = self.node("Concat", &names, &[("axis", Attr::Int(1))]);
        Maps { name, channels: all.iter().map(|maps| maps.channels).sum(), size: all[0].size }
    }

    /// Blocks in blocks: x + f(x), where f may hold such a sum itself.
    fn residual(&mut self, from: &Maps, depth: usize) -> Maps {
        let mut branch = self.same(from, from.channels);
        if self.chance.random() {
            branch = self.normalised(&branch);
        }
        if depth > 0 {
            let inner = self.activated(&branch);
            branch = self.residual(&inner, depth - 1);
            branch = self.same(&branch, from.channels);
        }
        let sum = self.added(&branch, from);
        let sum = if self.chance.random_bool(0.3) { self.normalised(&sum) } else { sum };
        self.activated(&sum)
    }

    /// Each convolution sees all before it.
    fn dense(&mut self, from: &Maps) -> Maps {
        let mut all = vec![from.clone()];
        for _ in 0..2 {
            let joined = if all.len() > 1 { self.joined(&all.clone()) } else { from.clone() };
            let before = self.normalised(&joined);
            let before = self.activated(&before);
            all.push(self.same(&before, 3));
        }
        self.joined(&all)
    }
}

/// A network for a seed.
fn network(seed: u64) -> Vec<u8> {
    let graph = with_input([3, 15, 15]);
    let mut maker = Maker { graph, chance: ChaCha8Rng::seed_from_u64(seed), next: 0 };
    let mut maps = Maps { name: "x".to_owned(), channels: 3, size: 15 };
    for _ in 0..5 {
        maps = match maker.chance.random_range(0..5) {
            0 => maker.residual(&maps, 0),
            1 => maker.residual(&maps, 1),
            2 => maker.dense(&maps),
            3 if maps.size > 4 => maker.pooled(&maps),
            _ => {
                let made = maker.convolution(&maps);
                let made = if maker.chance.random() { maker.normalised(&made) } else { made };
                maker.activated(&made)
            }
        };
    }
    let last = maker.same(&maps, 4);
    let last = maker.activated(&last);
    let mean = maker.node("GlobalAveragePool", &[&last.name], &[]);
    let flat = maker.node("Flatten", &[&mean], &[]);
    let (weight, bias) = (maker.weights(&[3, 4], 0.0), maker.weights(&[3], 0.0));
    maker.graph.named_node("Gemm", &[&flat, &weight, &bias], &["y"], &[("transB", Attr::Int(1))]);
    maker.graph.output("y");
    maker.graph.into_model(17)
}

/// Checks every layer's first and last channel, and the logits; returns how many were split by their origins.
fn check(seed: u64) -> usize {
    let mut network = open(network(seed));
    let layers = network.layers().to_vec();
    let units = layers.iter().flat_map(|layer| {
        [0, layer.channels - 1].map(|channel| (layer.name.clone(), Place::Unit(Unit { layer: layer.index, channel })))
    });
    let mut places: Vec<(String, Place)> = units.collect();
    places.push(("logits".to_owned(), Place::class(&network, 1).unwrap()));
    let x = picture(&network);
    let mut split = 0;
    for (name, place) in places {
        let circuit = match of(&mut network, &place) {
            Ok(circuit) => circuit,
            // A pool of the picture, a sum with it.
            Err(CircuitsError::NothingBefore { .. }) => continue,
            Err(error) => panic!("{seed}, {name}: {error}"),
        };
        let found = contributions(&mut network, &circuit, &x, &Cancel::new()).unwrap();
        let scale = found.value.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
        let parts = found.branches.iter().flat_map(|branch| branch.maps.iter());
        let scale = parts.fold(scale, |largest, part| largest.max(part.abs()));
        assert!(found.deviation < 2e-5 * scale, "{seed}, {name}: off by {} of {scale}", found.deviation);
        for branch in &found.branches {
            if branch.origins.is_empty() {
                continue;
            }
            split += 1;
            let mut sum = Array3::<f64>::zeros(branch.maps.dim());
            for origin in &branch.origins {
                for ((at, _), map) in origin.parts.iter().zip(origin.maps.outer_iter()) {
                    sum.index_axis_mut(Axis(0), *at).zip_mut_with(&map, |sum, part| *sum += f64::from(*part));
                }
            }
            for (sum, whole) in sum.iter().zip(&branch.maps) {
                assert!(
                    (*sum as f32 - whole).abs() < 5e-5 * scale,
                    "{seed}, {name}: origins add up to {sum}, not {whole}"
                );
            }
        }
    }
    split
}

#[test]
fn contributions_and_bias_are_the_value() {
    let split: usize = (0..16).map(check).sum();
    assert!(split > 16, "only {split} branches were split");
}
