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

    /// By the figures of the picture itself, in the ways in which exporters write it.
    fn normalised_by_itself(&mut self, from: &Maps) -> Maps {
        let [gamma, beta] = [1.0, 0.0].map(|around| self.weights(&[from.channels], around));
        let sizes = [from.channels, from.size, from.size].map(|size| size as i64);
        let name = match self.chance.random_range(0..5) {
            0 => self.node("InstanceNormalization", &[&from.name, &gamma, &beta], &[("epsilon", Attr::Float(1e-3))]),
            1 => {
                let groups = if from.channels.is_multiple_of(2) { 2 } else { 1 };
                let apart = self.graph.ints(&[0, groups, -1]);
                let apart = self.node("Reshape", &[&from.name, &apart], &[]);
                let own = [1.0, 0.0].map(|value| self.graph.floats(Array1::from_elem(groups as usize, value).view()));
                let whole = self.node("InstanceNormalization", &[&apart, &own[0], &own[1]], &[]);
                let back = self.graph.ints(&[0, sizes[0], sizes[1], sizes[2]]);
                let back = self.node("Reshape", &[&whole, &back], &[]);
                let gamma = self.weights(&[from.channels, 1, 1], 1.0);
                let scaled = self.node("Mul", &[&back, &gamma], &[]);
                let beta = self.weights(&[from.channels, 1, 1], 0.0);
                self.node("Add", &[&scaled, &beta], &[])
            }
            2 => {
                let last = self.node("Transpose", &[&from.name], &[("perm", Attr::Ints(&[0, 2, 3, 1]))]);
                let norm = self.node("LayerNormalization", &[&last, &gamma, &beta], &[("axis", Attr::Int(-1))]);
                self.node("Transpose", &[&norm], &[("perm", Attr::Ints(&[0, 3, 1, 2]))])
            }
            3 => {
                let whole = [from.channels, from.size, from.size];
                let (gamma, beta) = (self.weights(&whole, 1.0), self.weights(&whole, 0.0));
                self.node("LayerNormalization", &[&from.name, &gamma, &beta], &[("axis", Attr::Int(1))])
            }
            _ => {
                // Over channels, written out.
                let over = [("axes", Attr::Ints(&[1]))];
                let mean = self.node("ReduceMean", &[&from.name], &over);
                let less = self.node("Sub", &[&from.name, &mean], &[]);
                let square = self.node("Mul", &[&less, &less], &[]);
                let variance = self.node("ReduceMean", &[&square], &over);
                let epsilon = self.graph.scalar(1e-3);
                let more = self.node("Add", &[&variance, &epsilon], &[]);
                let deviation = self.node("Sqrt", &[&more], &[]);
                self.node("Div", &[&less, &deviation], &[])
            }
        };
        Maps { name, ..from.clone() }
    }

    /// Twice as large, by every way of laying one grid over another.
    fn enlarged(&mut self, from: &Maps) -> Maps {
        let scales = self.graph.floats(Array1::from(vec![1.0, 1.0, 2.0, 2.0]).view());
        let mode = *["nearest", "nearest", "linear", "cubic"].choose(&mut self.chance).unwrap();
        let laid =
            *["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"].choose(&mut self.chance).unwrap();
        let near = *["round_prefer_floor", "floor", "ceil", "round_prefer_ceil"].choose(&mut self.chance).unwrap();
        let attributes = [
            ("mode", Attr::Text(mode)),
            ("coordinate_transformation_mode", Attr::Text(laid)),
            ("nearest_mode", Attr::Text(near)),
        ];
        let name = self.node("Resize", &[&from.name, "", &scales], &attributes);
        Maps { name, size: 2 * from.size, ..from.clone() }
    }

    fn transposed(&mut self, from: &Maps) -> Maps {
        let groups = if from.channels.is_multiple_of(2) { self.chance.random_range(1..3usize) } else { 1 };
        let channels = groups * self.chance.random_range(1..4);
        let (kernel, stride) = (self.chance.random_range(1..4usize), self.chance.random_range(1..3usize));
        let (dilation, more) = (self.chance.random_range(1..3usize), self.chance.random_range(0..stride));
        let reach = dilation * (kernel - 1) + 1;
        let cut = [(); 2].map(|()| self.chance.random_range(0..reach.min(2)));
        let size = (from.size - 1) * stride + reach + more - cut[0] - cut[1];
        let weight = self.weights(&[from.channels, channels / groups, kernel, kernel], 0.0);
        let bias = self.weights(&[channels], 0.0);
        let [k, d, s, more, before, after] = [kernel, dilation, stride, more, cut[0], cut[1]].map(|size| size as i64);
        let attributes = [
            ("kernel_shape", Attr::Ints(&[k, k])),
            ("dilations", Attr::Ints(&[d, d])),
            ("strides", Attr::Ints(&[s, s])),
            ("group", Attr::Int(groups as i64)),
            ("pads", Attr::Ints(&[before, before, after, after])),
            ("output_padding", Attr::Ints(&[more, more])),
        ];
        let name = self.name("conv");
        self.graph.named_node("ConvTranspose", &[&from.name, &weight, &bias], &[&name], &attributes);
        Maps { name, channels, size }
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
        let sum = match self.chance.random_range(0..10) {
            0..3 => self.normalised(&sum),
            3..6 => self.normalised_by_itself(&sum),
            _ => sum,
        };
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
        maps = match maker.chance.random_range(0..8) {
            0 => maker.residual(&maps, 0),
            1 => maker.residual(&maps, 1),
            2 => maker.dense(&maps),
            3 if maps.size > 4 => maker.pooled(&maps),
            4 if maps.size <= 16 => maker.enlarged(&maps),
            5 if maps.size <= 16 => maker.transposed(&maps),
            6 => maker.normalised_by_itself(&maps),
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
    let mut network = crate::fixtures::network(network(seed));
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
    let split: usize = (0..24).map(check).sum();
    assert!(split > 24, "only {split} branches were split");
}

/// A convolution behind something that is passed: its neighbours are led back through it, and their parts add up. What lies
/// between, and whether there are parts.
fn led_back(seed: u64, way: impl Fn(&mut Maker, &Maps) -> Maps) -> (String, bool) {
    let mut maker = Maker { graph: with_input([3, 15, 15]), chance: ChaCha8Rng::seed_from_u64(seed), next: 0 };
    let first = maker.same(&Maps { name: "x".to_owned(), channels: 3, size: 15 }, 4);
    let sum = maker.residual(&first, 0);
    let passed = way(&mut maker, &sum);
    let last = maker.same(&passed, 2);
    let mean = maker.node("GlobalAveragePool", &[&last.name], &[]);
    let flat = maker.node("Flatten", &[&mean], &[]);
    let weight = maker.weights(&[3, 2], 0.0);
    maker.graph.named_node("Gemm", &[&flat, &weight], &["y"], &[("transB", Attr::Int(1))]);
    maker.graph.output("y");
    let mut network = crate::fixtures::network(maker.graph.into_model(17));
    let layer = network.layers().iter().rposition(|layer| layer.op.starts_with("Conv ")).unwrap();
    let circuit = of(&mut network, &Place::Unit(Unit { layer, channel: 1 })).unwrap();
    let x = picture(&network);
    let found = contributions(&mut network, &circuit, &x, &Cancel::new()).unwrap();
    let scale = found.value.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
    assert!(found.deviation < 2e-5 * scale, "{seed}: off by {}", found.deviation);
    let neighbours = &circuit.branches[0].neighbours;
    assert!(neighbours.iter().all(|neighbour| matches!(neighbour.place, Place::Unit(_))), "{neighbours:?}");
    let split = !found.branches[0].origins.is_empty();
    for (at, whole) in found.branches[0].maps.outer_iter().enumerate().filter(|_| split) {
        let parts =
            found.branches[0].origins.iter().flat_map(|origin| origin.parts.iter().zip(origin.maps.outer_iter()));
        let mut sum = Array2::<f32>::zeros(whole.dim());
        parts.filter(|((of, _), _)| *of == at).for_each(|(_, map)| sum += &map);
        for (sum, whole) in sum.iter().zip(whole) {
            assert!((sum - whole).abs() < 5e-5 * scale, "{seed}: parts add up to {sum}, not {whole}");
        }
    }
    (neighbours[0].between.join(", "), split)
}

#[test]
fn the_way_back_leads_through_norms_and_sizes() {
    let norms: Vec<(String, bool)> = (0..12).map(|seed| led_back(seed, Maker::normalised_by_itself)).collect();
    for name in ["InstanceNorm (", "GroupNorm, 2 groups (its statistics held)", "LayerNorm (", "over its Sqrt (held)"] {
        assert!(norms.iter().any(|(words, split)| *split && words.contains(name)), "{name}: {norms:#?}");
    }
    let sizes: Vec<(String, bool)> = (0..6).map(|seed| led_back(seed, Maker::enlarged)).collect();
    assert!(sizes.iter().any(|(words, split)| *split && words.contains("Resize, nearest")), "{sizes:?}");
    let transposed = (0..6).map(|seed| led_back(seed, Maker::transposed));
    transposed.for_each(|found| assert_eq!(found, (String::new(), false), "it is a neighbour itself"));
}
