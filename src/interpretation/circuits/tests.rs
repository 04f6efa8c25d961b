//! Circuits against PyTorch (tests/reference/circuits.py), the golden numbers, and the identity that defines them.

use std::fs::File;

use ndarray::{Array0, Array1, Array2, Array3, Axis};
use ndarray_npy::NpzReader;

use super::*;
use crate::engine::Cancel;
use crate::fixtures::{network, sine, tiny_a, tiny_b};
use crate::model::unit::Unit;

mod random;

fn picture(network: &Network) -> Array3<f32> {
    let [channels, height, width] = network.preprocess().shape();
    sine((channels, height, width), [1.0, 0.37, 0.2])
}

fn circuit(network: &mut Network, address: &str) -> (Circuit, Contributions) {
    let place = parse(network, address, None).unwrap();
    let circuit = of(network, &place).unwrap();
    let x = picture(network);
    let contributions = contributions(network, &circuit, &x, &Cancel::new()).unwrap();
    (circuit, contributions)
}

fn addresses(branch: &Branch) -> Vec<&str> {
    branch.neighbours.iter().map(|neighbour| neighbour.address.as_str()).collect()
}

fn close(given: &[f32], expected: &[f32], epsilon: f32) {
    assert_eq!(given.len(), expected.len());
    for (given, expected) in given.iter().zip(expected) {
        approx::assert_abs_diff_eq!(given, expected, epsilon = epsilon);
    }
}

/// golden3.json, network A: conv2, filter 0.
#[test]
fn kernels_and_contributions_are_the_golden_ones() {
    let sums = [0.051865, 0.131626, 0.118616, 0.022004, -0.090116, -0.138722, -0.089556, 0.022730];
    let norms = [0.437486, 0.409069, 0.415559, 0.441611, 0.427162, 0.405196, 0.427356, 0.441550];
    let means =
        [0.00248417, 0.006735268, 0.00113403, 0.002829514, -0.004288313, -0.001692613, -0.007012213, 0.000908268];
    for bytes in [tiny_a(), tiny_b()] {
        let mut network = network(bytes);
        let (circuit, contributions) = circuit(&mut network, "conv2:0");
        let branch = &circuit.branches[0];
        assert_eq!(addresses(branch), [0, 1, 2, 3, 4, 5, 6, 7].map(|channel| format!("conv1:{channel}")));
        assert_eq!(branch.neighbours[3].between.to_vec(), ["ReLU", "MaxPool 2×2 /2"]);
        close(&branch.neighbours.iter().map(|n| n.sum).collect::<Vec<_>>(), &sums, 1e-6);
        close(&branch.neighbours.iter().map(|n| n.norm).collect::<Vec<_>>(), &norms, 1e-6);
        let area = contributions.value.len() as f32;
        let mean: Vec<f32> = (0..8).map(|neighbour| contributions.total(0, neighbour) / area).collect();
        close(&mean, &means, 1e-7);
        assert!(contributions.deviation < 1e-6, "P8: off by {}", contributions.deviation);
        let position = contributions.peak();
        let by_hand: f32 = (0..8).map(|neighbour| contributions.at(0, neighbour, position).abs()).sum();
        approx::assert_abs_diff_eq!(contributions.magnitude(position), by_hand, epsilon = 1e-6);
    }
}

struct Reference(NpzReader<File>);

impl Reference {
    fn open() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/circuits.npz");
        Self(NpzReader::new(File::open(path).unwrap()).unwrap())
    }

    fn maps(&mut self, name: &str) -> Array3<f32> {
        self.0.by_name(name).unwrap()
    }

    fn network(&mut self) -> Network {
        network(self.0.by_name::<ndarray::OwnedRepr<u8>, ndarray::Ix1>("model").unwrap().to_vec())
    }
}

fn alike(given: &Array3<f32>, expected: &Array3<f32>, what: &str) {
    assert_eq!(given.dim(), expected.dim(), "{what}");
    let largest = expected.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    for (given, expected) in given.iter().zip(expected) {
        approx::assert_abs_diff_eq!(*given, *expected, epsilon = 1e-5 * largest.max(1.0));
    }
}

#[test]
fn contributions_and_their_origins_are_those_of_pytorch() {
    let mut reference = Reference::open();
    let mut network = reference.network();
    for address in ["block2.conv1:2", "left:4", "last:1", "fc:3"] {
        let (circuit, contributions) = circuit(&mut network, address);
        let [branch] = circuit.branches.as_slice() else { panic!("{address} has one branch") };
        let maps = reference.maps(&format!("{address}/maps"));
        alike(&contributions.branches[0].maps, &maps, address);
        let value: Array2<f32> = reference.0.by_name(&format!("{address}/value")).unwrap();
        alike(&contributions.value.clone().insert_axis(Axis(0)), &value.insert_axis(Axis(0)), address);
        let bias: Array0<f32> = reference.0.by_name(&format!("{address}/bias")).unwrap();
        approx::assert_abs_diff_eq!(branch.bias, bias.into_scalar(), epsilon = 1e-6);
        for (neighbour, kernel) in
            branch.neighbours.iter().zip(reference.maps(&format!("{address}/kernels")).outer_iter())
        {
            close(
                &neighbour.kernel.iter().copied().collect::<Vec<_>>(),
                &kernel.iter().copied().collect::<Vec<_>>(),
                1e-6,
            );
            approx::assert_abs_diff_eq!(neighbour.sum, kernel.sum(), epsilon = 1e-5);
        }
        let prefix = format!("{address}/origin/");
        let names = reference.0.names().unwrap();
        let origins: Vec<&String> = names.iter().filter(|name| name.starts_with(&prefix)).collect();
        assert_eq!(contributions.branches[0].origins.len(), origins.len(), "{address}");
        for name in origins {
            let convolution = name[prefix.len()..].trim_end_matches(".npy");
            let origin = contributions.branches[0].origins.iter().find(|origin| origin.name == convolution).unwrap();
            alike(&origin.maps, &reference.maps(name), name);
        }
        assert!(contributions.deviation < 1e-5, "{address}: off by {}", contributions.deviation);
    }
}

#[test]
fn what_lies_between_is_named_and_shortcuts_are_told_apart() {
    let mut network = Reference::open().network();
    let (left, contributions) = circuit(&mut network, "left:4");
    let branch = &left.branches[0];
    assert_eq!(addresses(branch)[0], "block2:4", "the second group sees the last four channels");
    assert_eq!(branch.neighbours[0].between.to_vec(), ["ReLU", "AveragePool 2×2"]);
    let said: Vec<(&str, Option<&str>)> =
        contributions.branches[0].origins.iter().map(|o| (o.name.as_str(), o.shortcut.as_deref())).collect();
    let expected = [("block2.conv2", None), ("block1.conv2", Some("block2")), ("stem", Some("block2"))];
    assert!(expected.iter().all(|each| said.contains(each)), "{said:?}");
    let stem = contributions.branches[0].origins.iter().find(|origin| origin.name == "stem").unwrap();
    assert_eq!(stem.parts[1], (1, "stem:5".to_owned()));
    let steps = [
        "BatchNorm",
        "ReLU",
        "MaxPool 3×3 /2",
        "Add of block1",
        "ReLU",
        "MaxPool 2×3",
        "Add of block2",
        "ReLU",
        "AveragePool 2×2",
    ];
    assert_eq!(stem.between.to_vec(), steps);

    let (last, _) = circuit(&mut network, "last:1");
    let expected =
        ["left:0", "left:1", "left:2", "left:3", "left:4", "left:5", "right:0", "right:1", "right:2", "right:3"];
    assert_eq!(addresses(&last.branches[0]), expected);
    assert_eq!(last.branches[0].neighbours[8].between.to_vec(), ["Concat", "BatchNorm", "ReLU"]);

    let (block, contributions) = circuit(&mut network, "block2:3");
    let names: Vec<(&str, bool)> =
        block.branches.iter().map(|branch| (branch.name.as_str(), branch.shortcut)).collect();
    assert_eq!(names, [("block2.conv2", false), ("shortcut", true)]);
    assert_eq!(addresses(&block.branches[0]).len(), 8);
    assert_eq!(addresses(&block.branches[1]), ["block1:3"]);
    assert_eq!(contributions.branches[1].origins.len(), 2, "the shortcut is block1's convolution and the stem");
    assert!(contributions.deviation < 1e-5);

    let picture = circuit(&mut network, "stem:0").0;
    assert_eq!(addresses(&picture.branches[0]), ["picture:red", "picture:green", "picture:blue"]);
}

/// Fire modules, pools: the channel behind them is the circuit's.
#[test]
fn pools_and_concatenations_lead_to_the_convolution_behind() {
    let mut network = Reference::open().network();
    let pool = network.layers().iter().position(|layer| layer.op.starts_with("AveragePool")).unwrap();
    let pooled = of(&mut network, &Place::Unit(Unit { layer: pool, channel: 6 })).unwrap();
    assert_eq!((pooled.address(), pooled.through.len()), ("block2:6", 2));
    let concat = network.layers().iter().position(|layer| layer.op.starts_with("Concat")).unwrap();
    let joined = of(&mut network, &Place::Unit(Unit { layer: concat, channel: 7 })).unwrap();
    assert_eq!(joined.address(), "right:1");
    let class = Place::class(&network, 3).unwrap();
    assert_eq!(of(&mut network, &class).unwrap().address(), "fc:3");
}

#[test]
fn linear_layers_after_pools_and_after_each_other() {
    let mut network = network(tiny_b());
    let (first, contributions) = circuit(&mut network, "fc1:7");
    assert_eq!((first.branches[0].reach, first.branches[0].neighbours.len()), (Reach::Whole, 12));
    assert_eq!(first.branches[0].neighbours[2].kernel.dim(), (4, 4));
    assert_eq!(addresses(&first.branches[0])[2], "conv2:2");
    let sum: f32 = (0..12).map(|neighbour| contributions.at(0, neighbour, (0, 0))).sum();
    approx::assert_abs_diff_eq!(sum + first.branches[0].bias, contributions.value[[0, 0]], epsilon = 1e-5);
    let (second, contributions) = circuit(&mut network, "fc2:1");
    assert_eq!(addresses(&second.branches[0])[9], "fc1:9");
    assert_eq!(second.branches[0].neighbours[9].between.to_vec(), ["ReLU"]);
    assert!(contributions.deviation < 1e-6);
    let logits = network.forward(&picture(&network).insert_axis(Axis(0)), &[], &Cancel::new()).unwrap().logits;
    approx::assert_abs_diff_eq!(contributions.value[[0, 0]], logits[[0, 1]], epsilon = 1e-6);
}

#[test]
fn what_cannot_be_taken_apart_is_named() {
    let mut network = network(tiny_a());
    let said = |network: &mut Network, address: &str| parse(network, address, None).unwrap_err().to_string();
    assert!(said(&mut network, "conv2:12").contains("it has 12"));
    assert!(said(&mut network, "fc:5").contains("it has 5"));
    assert!(said(&mut network, "conv3:0").contains("conv2"));
    assert!(said(&mut network, "fc").contains("fc:0"));
    let error = of(&mut network, &Place::Picture { channel: 0 }).unwrap_err().to_string();
    assert!(error.contains("picture:red") && error.contains("--target"), "{error}");
    assert!(Place::class(&network, 5).is_err());
}

#[test]
fn sums_are_of_the_folded_kernel() {
    let mut network = network(tiny_a());
    let fc = parse(&mut network, "fc", Some(2)).unwrap();
    let head = of(&mut network, &fc).unwrap();
    let weights: Array2<f32> = sine((5, 12), [0.5, 2.3, 0.1]);
    let sums: Array1<f32> = head.branches[0].neighbours.iter().map(|neighbour| neighbour.sum).collect();
    assert_eq!(sums, weights.row(2));
}
