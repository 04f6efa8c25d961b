//! Files made to hurt: a typed error, quickly, in little memory.

use proptest::prelude::*;

use super::*;
use crate::autodiff::{Observations, Observed, Policy, Request, differentiate};
use crate::engine::ElementType;
use crate::model::output::Activation;

/// Everything that reads a model, on whatever bytes.
fn read_all(bytes: Vec<u8>) {
    let Ok(model) = Model::from_bytes(bytes, None) else { return };
    let graph = model.graph();
    for name in graph.names().map(str::to_owned).collect::<Vec<_>>() {
        let _ = (graph.weights(&name), graph.integers(&name), graph.depends_on("p", &name));
    }
    let _ = (graph.outputs.first().map(|output| surgery::logits(&model, &output.name)), surgery::free_batch(&model));
    let _ = (surgery::in_float32(&model), surgery::float_picture(&model, "x", true));
    let _ = surgery::raise_opset(&model, 18, &|_| None);
    let shapes: [(&str, &[usize]); 6] = [
        ("x", &[1, 2, 4, 4]),
        ("maps", &[1, 2, 4, 4]),
        ("pooled", &[1, 2, 2, 2]),
        ("flat", &[1, 8]),
        ("z", &[1, 3]),
        ("p", &[1, 3]),
    ];
    let observed =
        |shape: &[usize]| Observed { shape: shape.to_vec(), batch: None, element: ElementType::F32, value: None };
    let observations: Observations = shapes.iter().map(|(name, shape)| ((*name).to_owned(), observed(shape))).collect();
    for (logits, tap) in [("z", "maps"), ("p", "z")] {
        let request = Request {
            logits,
            activation: Activation::Softmax,
            wrt: &["x", "pooled"],
            taps: &[tap],
            sum: false,
            operators: true,
            policy: Policy::Gradient,
        };
        let _ = differentiate(&model, &observations, &request);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..Default::default() })]

    #[test]
    fn damaged_files_never_panic(
        cut in 0usize..2000,
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let mut bytes = strange();
        for (index, value) in flips {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        // Half the cases are cut short, half are whole.
        bytes.truncate(if cut < 1000 { bytes.len() * cut / 1000 } else { bytes.len() });
        read_all(bytes);
    }
}

fn refusal(bytes: Vec<u8>) -> String {
    Model::from_bytes(bytes, None).err().expect("this must be refused").to_string()
}

fn with_nodes(nodes: &[(&[&str], &[&str])]) -> Vec<u8> {
    let mut b = GraphBuilder::new("t");
    b.input("x", DataType::Float, &[]);
    nodes.iter().for_each(|(inputs, outputs)| b.named_node("Add", inputs, outputs, &[]));
    b.output("y");
    b.into_model(17)
}

#[test]
fn impossible_graphs_are_refused() {
    assert!(
        refusal(with_nodes(&[(&["x", "b"], &["a"]), (&["a"], &["b", "y"])])).contains("`b` before any node makes it")
    );
    assert!(refusal(with_nodes(&[(&["nothing"], &["y"])])).contains("`nothing`"));
    assert!(refusal(with_nodes(&[(&["x"], &["y"]), (&["x"], &["y"])])).contains("exists already"));
    assert!(refusal(with_nodes(&[(&["x"], &["a"])])).contains("output `y`"));
    assert!(refusal(b"\x89PNG\r\n\x1a\n".to_vec()).contains("not an ONNX model"));
    assert!(refusal(b"version https://git-lfs.github.com/spec/v1\n".to_vec()).contains("git lfs pull"));
    assert!(refusal(b"<!DOCTYPE html><html>404".to_vec()).contains("web page"));
    assert!(refusal(Vec::new()).contains("opset"));
    let mut bad_text = Vec::new();
    wire::push(&mut bad_text, 2, &[0xff, 0xfe]);
    assert!(refusal(bad_text).contains("UTF-8"));
}

#[test]
fn impossible_tensors_are_refused() {
    for dims in [vec![i64::MAX, i64::MAX], vec![-1, 4], vec![1 << 40], vec![5]] {
        let tensor = proto::TensorProto {
            dims,
            data_type: DataType::Float as i32,
            name: "w".into(),
            raw_data: Some(vec![0; 16].into()),
            ..Default::default()
        };
        let mut b = GraphBuilder::new("t");
        b.named_node("Identity", &["w"], &["y"], &[]);
        b.output("y");
        let graph = proto::GraphProto { initializer: vec![tensor], ..b.finish() };
        let opset_import = vec![proto::OperatorSetIdProto { domain: String::new(), version: 17 }];
        let bytes = proto::ModelProto { graph: Some(graph), opset_import, ..Default::default() }.encode_to_vec();
        let error = Model::from_bytes(bytes, None).err().unwrap();
        assert!(matches!(&error, OnnxError::Tensor { tensor, .. } if tensor == "w"), "{error}");
    }
}

#[test]
fn a_bomb_of_empty_or_nested_messages_is_refused_before_it_is_decoded() {
    // Three million empty nodes: six megabytes of file, some hundred of memory.
    let empty_nodes: Vec<u8> = [0x0a, 0x00].repeat(3_000_000);
    let mut bomb = Vec::new();
    wire::push(&mut bomb, 7, &empty_nodes);
    assert!(refusal(bomb).contains("fields"));
    // A graph in an attribute of a node of a graph, a thousand deep.
    let mut graph = Vec::new();
    for _ in 0..1000 {
        let (mut attribute, mut node, mut outer) = (Vec::new(), Vec::new(), Vec::new());
        wire::push(&mut attribute, 6, &graph);
        wire::push(&mut node, 5, &attribute);
        wire::push(&mut outer, 1, &node);
        graph = outer;
    }
    let mut nested = Vec::new();
    wire::push(&mut nested, 7, &graph);
    assert!(refusal(nested).contains("nested too deeply"));
}

#[test]
fn names_that_mean_two_things_are_refused() {
    let double = |change: fn(&mut proto::GraphProto)| {
        let mut graph = classifier().finish();
        change(&mut graph);
        let opset_import = vec![proto::OperatorSetIdProto { domain: String::new(), version: 17 }];
        refusal(proto::ModelProto { graph: Some(graph), opset_import, ..Default::default() }.encode_to_vec())
    };
    assert!(
        double(|graph| graph.initializer.push(graph.initializer[0].clone())).contains("initializers called `kernel`")
    );
    assert!(double(|graph| graph.input.push(graph.input[0].clone())).contains("inputs called `x`"));
    assert!(double(|graph| graph.output.push(graph.output[0].clone())).contains("outputs called `p`"));
    assert!(double(|graph| graph.node.push(graph.node[0].clone())).contains("`maps`, which exists already"));
}

/// A picture through one node whose further inputs are constants.
fn with_node(op: &str, constants: &[&[i64]], attributes: &[(&str, Attr)]) -> Vec<u8> {
    let mut b = GraphBuilder::new("t");
    b.input("x", DataType::Float, &[1, 2, 4, 4].map(Dim::Fixed));
    let constants: Vec<String> = constants.iter().map(|values| b.ints(values)).collect();
    let from_picture = if ["ConstantOfShape", "Range"].contains(&op) { None } else { Some("x") };
    let inputs: Vec<&str> = from_picture.into_iter().chain(constants.iter().map(String::as_str)).collect();
    b.named_node(op, &inputs, &["bomb"], attributes);
    b.output("bomb");
    b.into_model(17)
}

#[test]
fn sizes_that_no_network_has_are_refused_and_the_node_is_named() {
    let huge = 1 << 40;
    type Bomb<'a> = (&'a str, &'a [&'a [i64]], &'a [(&'a str, Attr<'a>)]);
    let bombs: [Bomb; 14] = [
        ("ConstantOfShape", &[&[huge, huge]], &[]),
        ("ConstantOfShape", &[&[-1]], &[]),
        ("Expand", &[&[1, 100_000, 100_000]], &[]),
        ("Tile", &[&[1, 1, huge, 1]], &[]),
        ("Pad", &[&[0, 0, 0, 0, 0, 0, 0, huge]], &[]),
        ("Range", &[&[0], &[huge], &[1]], &[]),
        ("Resize", &[&[], &[], &[1, 2, 1 << 20, 1 << 20]], &[]),
        ("OneHot", &[&[huge]], &[]),
        ("RandomNormal", &[], &[("shape", Attr::Ints(&[1 << 20, 1 << 20]))]),
        ("MaxPool", &[], &[("kernel_shape", Attr::Ints(&[0, 2]))]),
        ("Conv", &[], &[("strides", Attr::Ints(&[0, 1]))]),
        ("Conv", &[], &[("group", Attr::Int(0))]),
        ("ConvTranspose", &[], &[("pads", Attr::Ints(&[huge, 0, 0, 0]))]),
        ("DepthToSpace", &[], &[("blocksize", Attr::Int(-2))]),
    ];
    for (op, constants, attributes) in bombs {
        let error = refusal(with_node(op, constants, attributes));
        assert!(error.contains(&format!("node `bomb` ({op})")) && error.contains("believed"), "{op}: {error}");
    }
    assert!(Model::from_bytes(with_node("Tile", &[&[1, 1, 2, 2]], &[]), None).is_ok());
}

#[test]
fn an_operator_that_needs_all_its_inputs_gets_them() {
    for op in ["Sum", "Concat", "Max"] {
        let mut b = GraphBuilder::new("t");
        b.input("x", DataType::Float, &[1, 2, 4, 4].map(Dim::Fixed));
        b.named_node(op, &["x", "", "x"], &["gap"], &[]);
        b.output("gap");
        let error = refusal(b.into_model(17));
        assert!(error.contains(&format!("node `gap` ({op})")), "{error}");
    }
}

#[test]
fn a_bomb_in_a_branch_or_in_a_function_is_found() {
    let inner = Model::from_bytes(classifier().into_model(17), None).unwrap();
    let bomb = with_node("ConstantOfShape", &[&[1 << 40]], &[]);
    let bomb = proto::ModelProto::decode(bomb.as_slice()).unwrap().graph.unwrap();
    let branch =
        proto::AttributeProto { name: "then_branch".into(), g: Some(Box::new(bomb.clone())), ..Default::default() };
    let node = proto::NodeProto { op_type: "If".into(), attribute: vec![branch], ..Default::default() };
    let graph = proto::GraphProto { node: vec![node], ..Default::default() };
    assert!(refusal(inner.extended(graph)).contains("ConstantOfShape"));
    let value =
        proto::AttributeProto { name: "value".into(), t: Some(bomb.initializer[0].clone()), ..Default::default() };
    let name = bomb.initializer[0].name.clone();
    let constant = proto::NodeProto {
        op_type: "Constant".into(),
        output: vec![name],
        attribute: vec![value],
        ..Default::default()
    };
    let function = proto::FunctionProto { name: "f".into(), node: vec![constant, bomb.node[0].clone()] };
    let functions = proto::ModelProto { functions: vec![function], ..Default::default() };
    let bytes = [inner.bytes().as_ref(), &functions.encode_to_vec()].concat();
    assert!(refusal(bytes).contains("ConstantOfShape"));
}

#[test]
fn what_is_no_file_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path(), std::path::Path::new("/dev/zero")] {
        let error = Model::open(path).err().unwrap();
        assert!(matches!(error, OnnxError::NotAFile { .. }), "{error}");
    }
}

#[test]
fn long_chains_take_no_longer_than_they_are_long() {
    let mut b = GraphBuilder::new("t");
    b.input("x", DataType::Float, &[1, 2, 4, 4].map(Dim::Fixed));
    let target = b.ints(&[1, 2, 4, 4]);
    let last = (0..19_000).fold("x".to_owned(), |last, index| match index % 2 {
        0 => b.node("Reshape", &[&last, &target], &[]),
        _ => b.node("Relu", &[&last], &[]),
    });
    b.named_node("Flatten", &[&last], &["z"], &[]);
    b.output("z");
    read_all(b.into_model(17));
}
