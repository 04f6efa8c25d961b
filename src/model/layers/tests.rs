use prost::Message;

use super::*;
use crate::fixtures::{sine, tiny_a, with_input};
use crate::onnx::Model;
use crate::onnx::build::{Attr, GraphBuilder};
use crate::onnx::proto::{ModelProto, StringStringEntryProto};

const SAME: [(&str, Attr); 2] = [("kernel_shape", Attr::Ints(&[3, 3])), ("pads", Attr::Ints(&[1, 1, 1, 1]))];

fn found(builder: GraphBuilder, features: Option<&str>) -> Vec<(String, Kind, String)> {
    let model = Model::from_bytes(builder.into_model(17), None).unwrap();
    triples(find(model.graph(), "x", "y", features))
}

fn triples(layers: Vec<Layer>) -> Vec<(String, Kind, String)> {
    layers.into_iter().map(|layer| (layer.name, layer.kind, layer.tensor)).collect()
}

fn triple(name: &str, kind: Kind, tensor: &str) -> (String, Kind, String) {
    (name.to_owned(), kind, tensor.to_owned())
}

fn conv(b: &mut GraphBuilder, node: &str, weight: &str, input: &str) -> String {
    b.named_floats(weight, sine((4, 4, 3, 3), [0.1, 1.3, 0.2]).view());
    b.named_node("Conv", &[input, weight], &[node], &SAME);
    node.to_owned()
}

/// A residual block as the two exporters of PyTorch write it: names of nodes with scopes, or names of weights alone.
#[test]
fn a_residual_block_has_its_convolutions_and_its_own_name() {
    for (scope, weights) in
        [(true, ["onnx::Conv_1", "onnx::Conv_2"]), (false, ["layer1.0.conv1.weight", "layer1.0.conv2.weight"])]
    {
        let name = |module: &str, op: &str| match scope {
            true => format!("/layer1/layer1.0{module}/{op}"),
            false => format!("node_{op}_{}", module.trim_start_matches('/')),
        };
        let mut b = with_input([4, 8, 8]);
        let first = conv(&mut b, &name("/conv1", "Conv"), weights[0], "x");
        b.named_node("Relu", &[&first], &["r1"], &[]);
        let second = conv(&mut b, &name("/conv2", "Conv"), weights[1], "r1");
        let sum = name("", "Add");
        b.named_node("Add", &[&second, "x"], &[&sum], &[]);
        b.named_node("Relu", &[&sum], &["y"], &[]);
        b.output("y");
        let expected = [
            triple("layer1.0.conv1", Kind::Conv, "r1"),
            triple("layer1.0.conv2", Kind::Conv, &second),
            triple("layer1.0", Kind::Block, "y"),
        ];
        assert_eq!(found(b, None), expected);
    }
}

#[test]
fn activations_of_several_shapes_are_followed_and_side_branches_left_out() {
    let mut b = with_input([4, 8, 8]);
    conv(&mut b, "c1", "stem.weight", "x");
    b.named_node("Sigmoid", &["c1"], &["gate"], &[]);
    b.named_node("Mul", &["c1", "gate"], &["silu"], &[]);
    conv(&mut b, "left", "fire.expand1.weight", "silu");
    conv(&mut b, "right", "fire.expand3.weight", "silu");
    b.named_node("Concat", &["left", "right"], &["cat"], &[("axis", Attr::Int(1))]);
    b.named_node("MaxPool", &["cat"], &["y"], &[("kernel_shape", Attr::Ints(&[2, 2]))]);
    conv(&mut b, "aux", "aux.weight", "silu");
    b.output("y");
    b.output("aux");
    let model = Model::from_bytes(b.into_model(17), None).unwrap();
    let layers = find(model.graph(), "x", "y", None);
    let stem = (layers[0].made.as_str(), layers[0].pre_activation.as_deref());
    assert_eq!((stem, &layers[1].pre_activation), (("c1", Some("c1")), &None));
    let expected = [
        triple("stem", Kind::Conv, "silu"),
        triple("fire.expand1", Kind::Conv, "left"),
        triple("fire.expand3", Kind::Conv, "right"),
        triple("fire", Kind::Concat, "cat"),
        triple("maxpool", Kind::Pool, "y"),
    ];
    assert_eq!(triples(layers), expected);
}

#[test]
fn what_the_head_pools_is_a_layer_and_names_are_told_apart() {
    let mut b = with_input([4, 8, 8]);
    conv(&mut b, "/a/Conv", "onnx::1", "x");
    conv(&mut b, "/a/Conv_1", "onnx::2", "/a/Conv");
    b.named_node("Tanh", &["/a/Conv_1"], &["t"], &[]);
    b.named_node("LRN", &["t"], &["/norm/LRN"], &[("size", Attr::Int(3))]);
    b.named_node("GlobalAveragePool", &["/norm/LRN"], &["y"], &[]);
    b.output("y");
    let expected = [
        triple("a:conv", Kind::Conv, "/a/Conv"),
        triple("a", Kind::Conv, "t"),
        triple("norm", Kind::Features, "/norm/LRN"),
    ];
    assert_eq!(found(b, Some("/norm/LRN")), expected);
}

#[test]
fn sizes_are_filled_in_and_single_pixels_left_out() {
    let model = Model::from_bytes(tiny_a(), None).unwrap();
    let layers = find(model.graph(), "x", "logits", Some("relu2"));
    let shape = |tensor: &str| match tensor {
        "relu1" => Some(vec![1, 8, 16, 16]),
        "pool1" => Some(vec![1, 8, 1, 1]),
        "relu2" => Some(vec![1, 12, 8, 9]),
        _ => None,
    };
    let layers = measured(layers, shape);
    let seen: Vec<_> = layers.iter().map(|l| (l.index, l.name.as_str(), l.channels, l.height, l.width)).collect();
    assert_eq!(seen, [(0, "conv1", 8, 16, 16), (1, "conv2", 12, 8, 9)]);
    assert_eq!((layers[0].parameters, layers[0].op.as_str()), (8 * 27 + 8, "Conv 3×3"));
    assert_eq!(default(model.graph(), &layers, "logits", None), Some(1));
    let second = default(model.graph(), &layers, "logits", Some("relu2"));
    assert_eq!(second, Some(0), "maps of the classes are no features");
}

#[test]
fn the_patches_of_a_transformer_are_not_looked_at_unless_asked_for() {
    let mut b = with_input([4, 8, 8]);
    let patches = conv(&mut b, "/patches/Conv", "patches.weight", "x");
    b.named_node("Flatten", &[&patches], &["tokens"], &[]);
    b.named_node("Softmax", &["tokens"], &["attention"], &[]);
    b.named_node("Mul", &["tokens", "attention"], &["y"], &[]);
    b.output("y");
    let model = Model::from_bytes(b.into_model(17), None).unwrap();
    let layers = measured(find(model.graph(), "x", "y", None), |_| Some(vec![1, 4, 8, 8]));
    assert_eq!(layers.len(), 1);
    assert_eq!(default(model.graph(), &layers, "y", None), None);
    assert_eq!(default(model.graph(), &layers, "tokens", None), Some(0), "no attention before these");
}

/// torch.export names nodes by number, and weights too where they are computed; the module is in the nodes' metadata.
#[test]
fn modules_are_read_from_the_metadata_of_nodes() {
    let mut b = with_input([4, 8, 8]);
    let first = conv(&mut b, "node_Conv_7", "val_3", "x");
    b.named_node("Add", &[&first, "x"], &["y"], &[]);
    b.output("y");
    let mut model = ModelProto::decode(b.into_model(17).as_slice()).unwrap();
    let scopes = ["['', 'stages', 'stages.0', 'stages.0.conv1', 'conv2d']", "['', 'stages', 'stages.0', 'add']"];
    for (node, scopes) in model.graph.iter_mut().flat_map(|graph| &mut graph.node).zip(scopes) {
        let (key, value) = ("pkg.torch.onnx.name_scopes".to_owned(), scopes.to_owned());
        node.metadata_props.push(StringStringEntryProto { key, value });
    }
    let model = Model::from_bytes(model.encode_to_vec(), None).unwrap();
    let expected = [triple("stages.0.conv1", Kind::Conv, "node_Conv_7"), triple("stages.0", Kind::Block, "y")];
    assert_eq!(triples(find(model.graph(), "x", "y", None)), expected);
}

#[test]
fn a_layer_is_looked_at_as_its_quantised_maps_are_used() {
    let mut b = with_input([4, 8, 8]);
    let scale = b.scalar(0.1);
    let maps = conv(&mut b, "/conv1/Conv", "conv1.weight", "x");
    let relu = b.node("Relu", &[&maps], &[]);
    let quantised = b.node("QuantizeLinear", &[&relu, &scale], &[]);
    let used = b.node("DequantizeLinear", &[&quantised, &scale], &[]);
    b.named_node("Flatten", &[&used], &["y"], &[]);
    b.output("y");
    let model = Model::from_bytes(b.into_model(17), None).unwrap();
    assert_eq!(find(model.graph(), "x", "y", None)[0].tensor, used);
}

#[test]
fn maps_of_whole_numbers_are_no_layers() {
    let mut b = with_input([4, 8, 8]);
    let scale = b.scalar(0.1);
    let pool = [("kernel_shape", Attr::Ints(&[2, 2]))];
    b.named_node("QuantizeLinear", &["x", &scale], &["whole"], &[]);
    b.named_node("MaxPool", &["whole"], &["whole maps"], &pool);
    b.named_node("QLinearAdd", &["whole maps", "whole maps"], &["sum"], &[]);
    b.named_node("MaxPool", &["sum"], &["again"], &pool);
    b.named_node("DequantizeLinear", &["again", &scale], &["float"], &[]);
    b.named_node("AveragePool", &["float"], &["y"], &pool);
    b.output("y");
    let tensors: Vec<String> = found(b, None).into_iter().map(|(_, _, tensor)| tensor).collect();
    assert_eq!(tensors, ["y"]);
}

#[test]
fn maps_whose_channels_come_last_are_no_layers() {
    let mut b = with_input([4, 8, 8]);
    conv(&mut b, "patches", "patches.weight", "x");
    // As in Swin: tokens in rows and columns, and back to maps before they are pooled.
    b.named_node("Transpose", &["patches"], &["tokens"], &[("perm", Attr::Ints(&[0, 2, 3, 1]))]);
    b.named_floats("linear", sine((4, 4), [1.0, 1.1, 0.3]).view());
    b.named_node("MatMul", &["tokens", "linear"], &["mixed"], &[]);
    b.named_node("Add", &["tokens", "mixed"], &["sum"], &[]);
    // Padded by what is computed from maps' sizes.
    b.named_node("Shape", &["patches"], &["sizes"], &[]);
    b.named_node("Sub", &["sizes", "sizes"], &["pads"], &[]);
    b.named_node("Concat", &["pads", "pads"], &["all pads"], &[("axis", Attr::Int(0))]);
    b.named_node("Pad", &["sum", "all pads"], &["padded"], &[]);
    b.named_node("Concat", &["padded", "mixed"], &["wide"], &[("axis", Attr::Int(1))]);
    // Windows put together and rolled by a row.
    b.named_node("Reshape", &["sum", "sizes"], &["windows"], &[]);
    b.named_node("Concat", &["windows", "windows"], &["rolled"], &[("axis", Attr::Int(1))]);
    b.named_node("Add", &["sum", "rolled"], &["tokens again"], &[]);
    // As timm puts them together: nothing but the linear layer says where their channels are.
    b.named_node("Add", &["windows", "rolled"], &["only windows"], &[]);
    b.named_node("MatMul", &["windows", "linear"], &["of windows"], &[]);
    b.named_node("Add", &["only windows", "of windows"], &["tokens at last"], &[]);
    b.named_node("Add", &["tokens again", "tokens at last"], &["all tokens"], &[]);
    b.named_node("Transpose", &["all tokens"], &["maps"], &[("perm", Attr::Ints(&[0, 3, 1, 2]))]);
    b.named_node("Add", &["maps", "x"], &["block"], &[]);
    b.named_node("Transpose", &["wide"], &["wide maps"], &[("perm", Attr::Ints(&[0, 3, 1, 2]))]);
    b.named_node("ReduceMean", &["wide maps"], &["mean"], &[("axes", Attr::Ints(&[2, 3]))]);
    b.named_node("Add", &["block", "mean"], &["y"], &[]);
    b.output("y");
    let kinds: Vec<Kind> = found(b, None).into_iter().map(|(_, kind, _)| kind).collect();
    assert_eq!(kinds, [Kind::Conv, Kind::Block, Kind::Block]);
}
