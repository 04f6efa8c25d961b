//! Networks with something changed at random: an answer or an error, and never a panic, a crash or a hang.

use prost::Message;
use rand::seq::{IndexedMutRandom, IndexedRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::onnx::proto::{AttributeProto, ModelProto, NodeProto};

/// How many networks are tried; `LENSOR_FUZZ=20000` tries more of them.
const CASES: u64 = 150;

/// Numbers that hurt.
const NUMBERS: [i64; 14] = [0, -1, 1, 2, 3, 7, -2, 64, 4096, 1 << 16, 1 << 31, i64::MAX, i64::MIN, 1 << 40];

/// Operators to put in the place of others.
const OPERATORS: [&str; 38] = [
    "Add",
    "ArgMax",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "Clip",
    "Concat",
    "ConstantOfShape",
    "Conv",
    "ConvTranspose",
    "DepthToSpace",
    "Div",
    "Einsum",
    "Expand",
    "Flatten",
    "Gather",
    "Gemm",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Identity",
    "If",
    "InstanceNormalization",
    "LRN",
    "Loop",
    "MatMul",
    "MaxPool",
    "Pad",
    "ReduceMean",
    "Relu",
    "Reshape",
    "Resize",
    "Shape",
    "Slice",
    "Softmax",
    "Split",
    "Tile",
    "Transpose",
    "Unsqueeze",
];

/// One thing about a network, changed.
fn change(model: &mut ModelProto, random: &mut ChaCha8Rng) {
    let Some(graph) = model.graph.as_mut() else { return };
    let names: Vec<String> =
        graph.node.iter().flat_map(|node| node.input.iter().chain(&node.output)).cloned().collect();
    let number = |random: &mut ChaCha8Rng| NUMBERS.choose(random).copied().unwrap_or_default();
    let any = random.random_range(0..graph.node.len().max(1));
    let Some(node) = graph.node.get_mut(any) else { return };
    match random.random_range(0..10) {
        0 => node.op_type = (*OPERATORS.choose(random).unwrap()).to_owned(),
        1 => {
            let ints = (0..random.random_range(0..5)).map(|_| number(random)).collect();
            let name = ["kernel_shape", "strides", "pads", "dilations", "axes", "perm", "axis", "group"].choose(random);
            let i = random.random_bool(0.3).then(|| number(random));
            let kind = if i.is_some() { 2 } else { 7 };
            node.attribute.retain(|attribute| Some(&attribute.name.as_str()) != name);
            let name = (*name.unwrap()).to_owned();
            node.attribute.push(AttributeProto { name, ints, i, r#type: kind, ..Default::default() });
        }
        2 => node.attribute.clear(),
        3 => {
            if let Some(input) = node.input.choose_mut(random) {
                *input = names.choose(random).cloned().unwrap_or_default();
            }
        }
        4 => node.input.push(names.choose(random).cloned().unwrap_or_default()),
        5 => drop(node.input.pop()),
        6 => {
            graph.node.remove(any);
        }
        7 => {
            let inner = NodeProto { name: String::new(), ..node.clone() };
            graph.node.insert(any, inner);
        }
        8 => {
            if let Some(tensor) = graph.initializer.choose_mut(random) {
                tensor.dims = (0..random.random_range(0..5)).map(|_| number(random)).collect();
            }
        }
        _ => {
            let dims =
                graph.input.iter_mut().filter_map(|input| input.r#type.as_mut()?.tensor_type.as_mut()?.shape.as_mut());
            if let Some(dim) = dims.flat_map(|shape| &mut shape.dim).collect::<Vec<_>>().choose_mut(random) {
                dim.dim_value = Some(number(random));
            }
        }
    }
}

/// Opens a network and asks it everything.
fn ask(bytes: Vec<u8>) -> Result<(), NetworkError> {
    let model = Model::from_bytes(bytes, None)?;
    let opened = Opened { name: "strange".to_owned(), model, card: None };
    let mut network = Network::load(opened, engine(), &Overrides::default())?;
    let [channels, height, width] = network.preprocess().shape();
    let x = Array4::zeros((1, channels, height, width));
    network.forward(&x, &[], &Cancel::new())?;
    let layers: Vec<usize> = (0..network.layers().len()).collect();
    network.gradient(&x, &[target(0)], At::Layers(&layers), &Cancel::new())?;
    network.gradient(&x, &[target(0)], At::Input, &Cancel::new())?;
    Ok(())
}

#[test]
fn changed_networks_answer_or_say_why_not() {
    let cases = std::env::var("LENSOR_FUZZ").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let (mut answered, mut refused) = (0, 0);
    for case in 0..cases {
        let mut random = ChaCha8Rng::seed_from_u64(case);
        let mut bytes = if case % 2 == 0 { tiny_a() } else { tiny_b() };
        if case % 5 == 0 {
            let at = random.random_range(0..bytes.len());
            bytes[at] = random.random();
        } else {
            let mut model = ModelProto::decode(bytes.as_slice()).unwrap();
            (0..random.random_range(1..4)).for_each(|_| change(&mut model, &mut random));
            bytes = model.encode_to_vec();
        }
        match ask(bytes) {
            Ok(()) => answered += 1,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    assert!(answered > 0 && refused > answered, "{answered} answered, {refused} refused");
}
