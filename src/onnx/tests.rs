//! Reading, adding and editing: nothing may be lost, and nothing in a file may hurt.

use std::collections::HashMap;
use std::path::PathBuf;

use ndarray::Array;
use prost::Message;

use super::build::{Attr, GraphBuilder};
use super::*;

mod beside;
mod hostile;
mod sparse;

/// x `[1, 2, 4, 4]` → Conv → MaxPool → Reshape to `[1, 8]` → Gemm → z → Softmax → p.
fn classifier() -> GraphBuilder {
    let mut b = GraphBuilder::new("t");
    b.input("x", DataType::Float, &[1, 2, 4, 4].map(Dim::Fixed));
    b.named_floats("kernel", Array::from_elem((2, 2, 3, 3), 0.25f32).view());
    b.named_floats("matrix", Array::from_shape_fn((8, 3), |(i, j)| (i + 2 * j) as f32).view());
    let target = b.ints(&[1, 8]);
    b.named_node("Conv", &["x", "kernel"], &["maps"], &[("pads", Attr::Ints(&[1, 1, 1, 1]))]);
    let pool = [("kernel_shape", Attr::Ints(&[2, 2])), ("strides", Attr::Ints(&[2, 2]))];
    b.named_node("MaxPool", &["maps"], &["pooled"], &pool);
    b.named_node("Reshape", &["pooled", &target], &["flat"], &[]);
    b.named_node("Gemm", &["flat", "matrix"], &["z"], &[]);
    b.named_node("Softmax", &["z"], &["p"], &[("axis", Attr::Int(1))]);
    b.output("p");
    b
}

/// The classifier with what lensor knows nothing about: unknown fields at every level, and metadata.
fn strange() -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::push(&mut bytes, 5000, b"first");
    let inner = classifier().into_model(17);
    let edited = wire::rewrite(&inner, |part| {
        if part.number != 7 {
            return Ok(wire::Edit::Keep);
        }
        let mut graph = Vec::new();
        wire::push(&mut graph, 5001, b"in the graph");
        for field in wire::Fields::of(part.content) {
            let field = field?;
            let mut content = field.content.to_vec();
            wire::push(&mut content, 5002, b"in a part");
            wire::push(&mut graph, field.number, if field.number == 2 { field.content } else { &content });
        }
        Ok(wire::Edit::Replace(graph))
    });
    bytes.extend(edited.unwrap());
    let entry = proto::StringStringEntryProto { key: "author".into(), value: "somebody".into() };
    wire::push(&mut bytes, 14, &entry.encode_to_vec());
    bytes
}

#[test]
fn reads_what_is_there() {
    let model = Model::from_bytes(strange(), None).unwrap();
    assert_eq!(model.metadata(), [("author".to_owned(), "somebody".to_owned())]);
    assert_eq!(model.opset(), 17);
    let graph = model.graph();
    assert_eq!(graph.nodes.len(), 5);
    assert_eq!(graph.inputs[0].shape, [1, 2, 4, 4].map(Dim::Fixed));
    assert_eq!(graph.producer("pooled").unwrap().attr_ints("strides"), Some(&[2, 2][..]));
    assert_eq!(graph.consumers("z"), [4]);
    assert_eq!(graph.weights("matrix").unwrap()[[7, 2]], 11.0);
    assert!(graph.depends_on("z", "kernel") && graph.depends_on("z", "x") && !graph.depends_on("maps", "matrix"));
    let last = surgery::Last { op: "Softmax".to_owned(), node: "p".to_owned() };
    let expected = surgery::LogitsTensor { name: "z".to_owned(), stepped_back_over: Some(last) };
    assert_eq!(surgery::logits(&model, "p"), expected);
}

#[test]
fn logits_lie_before_quantisation_and_casts_too() {
    let mut b = GraphBuilder::new("t");
    b.input("x", DataType::Float, &[Dim::Unknown, Dim::Fixed(3)]);
    let scale = b.scalar(0.1);
    for (from, op, to) in [("x", "Identity", "z"), ("z rounded", "Softmax", "p"), ("p rounded", "Cast", "y")] {
        let to_float: &[_] = if op == "Cast" { &[("to", Attr::Int(1))] } else { &[] };
        b.named_node(op, &[from], &[to], to_float);
        let whole = b.node("QuantizeLinear", &[to, &scale], &[]);
        b.named_node("DequantizeLinear", &[&whole, &scale], &[&format!("{to} rounded")], &[]);
    }
    b.output("y");
    b.output("z rounded");
    let model = Model::from_bytes(b.into_model(17), None).unwrap();
    let found = |output: &str| {
        let found = surgery::logits(&model, output);
        (found.name, found.stepped_back_over.map(|last| last.op))
    };
    assert_eq!(found("y"), ("z".to_owned(), Some("Softmax".to_owned())));
    assert_eq!(found("z rounded"), ("z".to_owned(), Some("QuantizeLinear".to_owned())));
    assert_eq!(found("x"), ("x".to_owned(), None));
}

#[test]
fn additions_leave_the_original_bytes_as_they_are() {
    let bytes = strange();
    let model = Model::from_bytes(bytes.clone(), None).unwrap();
    let exposed = tap::expose(&model, &["maps", "p", "maps", "flat"]);
    assert!(exposed.starts_with(&bytes));
    let outputs: Vec<String> =
        Model::from_bytes(exposed, None).unwrap().graph().outputs.iter().map(|o| o.name.clone()).collect();
    assert_eq!(outputs, ["p", "maps", "flat"]);
}

#[test]
fn an_edit_changes_only_what_it_must() {
    let model = Model::from_bytes(strange(), None).unwrap();
    let edited = surgery::add_node_outputs(&model, &HashMap::from([(1, vec!["where".to_owned()])])).unwrap();
    assert_eq!(edited.graph().nodes[1].outputs, ["pooled", "where"]);
    let undone = wire::edit_at(edited.bytes(), &[7, 1], &mut |part| {
        let added = part.number == 2 && part.content == b"where";
        Ok(if added { wire::Edit::Drop } else { wire::Edit::Keep })
    });
    assert!(undone.unwrap() == model.bytes().as_ref(), "more than one field was changed");
}

#[test]
fn a_fixed_batch_is_freed_and_unknown_fields_survive() {
    let model = Model::from_bytes(strange(), None).unwrap();
    let free = surgery::free_batch(&model).unwrap().unwrap();
    assert_eq!(free.graph().inputs[0].shape[0], Dim::Symbol("batch".into()));
    assert_eq!(free.graph().inputs[0].shape[1..], [2, 4, 4].map(Dim::Fixed));
    let target = free.graph().producer("flat").unwrap().input(1).unwrap();
    assert_eq!(free.graph().integers(target).unwrap(), [-1, 8]);
    let count = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).filter(|window| *window == text).count();
    for text in [&b"first"[..], b"in the graph", b"in a part", b"author"] {
        assert_eq!(count(free.bytes(), text), count(model.bytes(), text));
    }
    assert!(surgery::free_batch(&free).unwrap().is_none());
}

#[test]
fn a_model_cut_at_a_tensor_keeps_what_the_tensor_is_made_from() {
    let model = Model::from_bytes(strange(), None).unwrap();
    let cut = surgery::cut(&model, &["pooled", "maps", "pooled"]).unwrap();
    let graph = cut.graph();
    assert_eq!(graph.nodes.iter().map(|node| node.op_type.as_str()).collect::<Vec<_>>(), ["Conv", "MaxPool"]);
    assert_eq!(graph.outputs.iter().map(|output| output.name.as_str()).collect::<Vec<_>>(), ["pooled", "maps"]);
    assert!(graph.contains("kernel") && graph.contains("x") && !graph.contains("matrix"));
    let count = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).filter(|window| *window == text).count();
    assert_eq!(count(cut.bytes(), b"in the graph"), 1);
    // One in the input, one in each node and one in the kernel.
    assert_eq!(count(cut.bytes(), b"in a part"), 4);
    let constant = surgery::cut(&model, &["kernel"]).unwrap();
    assert!(constant.graph().inputs.is_empty() && constant.graph().nodes.is_empty());
    let error = surgery::cut(&model, &["nothing"]).err().unwrap().to_string();
    assert!(error.contains("`nothing`"), "{error}");
}

/// A model whose only constant lies in another file.
fn external(location: &str, offset: &str, length: &str) -> Vec<u8> {
    let entry = |key: &str, value: &str| proto::StringStringEntryProto { key: key.into(), value: value.into() };
    let tensor = proto::TensorProto {
        dims: vec![3],
        data_type: DataType::Float as i32,
        name: "w".into(),
        data_location: proto::EXTERNAL,
        external_data: vec![entry("location", location), entry("offset", offset), entry("length", length)],
        ..Default::default()
    };
    let mut b = GraphBuilder::new("t");
    b.named_node("Identity", &["w"], &["y"], &[]);
    b.output("y");
    let graph = proto::GraphProto { initializer: vec![tensor], ..b.finish() };
    let opset_import = vec![proto::OperatorSetIdProto { domain: String::new(), version: 17 }];
    proto::ModelProto { graph: Some(graph), opset_import, ..Default::default() }.encode_to_vec()
}

#[test]
fn external_data_are_read_from_the_models_folder_only() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("inner")).unwrap();
    let data: Vec<u8> = [9.0f32, 1.0, 2.0, 3.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(folder.path().join("secret.bin"), &data).unwrap();
    std::fs::write(folder.path().join("inner/w.bin"), &data).unwrap();
    let weights = |location: &str, offset: &str, length: &str| {
        let path = folder.path().join("inner/model.onnx");
        std::fs::write(&path, external(location, offset, length)).unwrap();
        Model::open(&path).and_then(|model| model.graph().weights("y"))
    };
    assert_eq!(weights("w.bin", "4", "12").unwrap().into_raw_vec_and_offset().0, [1.0, 2.0, 3.0]);
    let absolute = folder.path().join("secret.bin");
    #[cfg(unix)]
    std::os::unix::fs::symlink(&absolute, folder.path().join("inner/link.bin")).unwrap();
    for (location, offset, length, what) in [
        ("../secret.bin", "4", "12", "outside"),
        (absolute.to_str().unwrap(), "4", "12", "outside"),
        #[cfg(unix)]
        ("link.bin", "4", "12", "outside"),
        ("../inner", "0", "12", "outside"),
        (".", "0", "12", "not a regular file"),
        ("", "0", "12", "not a regular file"),
        ("w.bin", "-4", "12", "not a number"),
        ("w.bin", "8", "12", "beyond the end"),
        ("w.bin", "18446744073709551615", "12", "beyond the end"),
        ("w.bin", "4", "8", "length"),
        ("w.bin", "four", "12", "not a number"),
        ("missing.bin", "4", "12", "missing.bin"),
    ] {
        let error = weights(location, offset, length).unwrap_err().to_string();
        assert!(error.contains(what), "{location} {offset} {length}: {error}");
    }
    let nowhere = Model::from_bytes(external("w.bin", "4", "12"), None).err().unwrap();
    assert!(nowhere.to_string().contains("folder is unknown"), "{nowhere}");
}

#[cfg(unix)]
#[test]
fn data_lie_also_where_a_link_to_the_model_leads() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    std::fs::create_dir_all(at("snapshots/abc")).unwrap();
    std::fs::create_dir(at("blobs")).unwrap();
    let data: Vec<u8> = [9.0f32, 1.0, 2.0, 3.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(at("blobs/9a3c"), &data).unwrap();
    std::fs::write(at("elsewhere"), &data).unwrap();
    std::fs::write(at("blobs/01fe"), external("w.bin", "4", "12")).unwrap();
    let model = at("snapshots/abc/model.onnx");
    symlink("../../blobs/01fe", &model).unwrap();
    let link = |to: &str| {
        let link = at("snapshots/abc/w.bin");
        let _ = std::fs::remove_file(&link);
        symlink(to, link).unwrap();
        Model::open(&model).and_then(|model| Ok((model.graph().weights("y")?, model)))
    };
    let (weights, opened) = link("../../blobs/9a3c").unwrap();
    assert_eq!(weights.into_raw_vec_and_offset().0, [1.0, 2.0, 3.0]);
    assert_eq!(opened.beside().folder().unwrap(), at("blobs").canonicalize().unwrap());
    assert_eq!(opened.named_in().unwrap(), at("snapshots/abc"));
    assert_eq!(opened.graph().initializer("w").unwrap().external_data[0].value, "9a3c", "as the runtime finds it");
    let error = link("../../elsewhere").err().unwrap().to_string();
    assert!(error.contains("outside"), "{error}");
}

#[test]
fn an_old_opset_is_raised_only_where_the_meaning_stays() {
    let old = |op: &str, attributes: &[(&str, Attr)]| {
        let mut b = GraphBuilder::new("t");
        b.input("x", DataType::Float, &[1, 2, 4, 4].map(Dim::Fixed));
        b.named_node(op, &["x"], &["y"], attributes);
        b.output("y");
        Model::from_bytes(b.into_model(9), None).unwrap()
    };
    let raise = |model: &Model| surgery::raise_opset(model, 16, &|_| Some(vec![1, 2, 4, 4]));
    let clip = raise(&old("Clip", &[("min", Attr::Float(0.0)), ("max", Attr::Float(6.0))])).unwrap();
    let node = &clip.graph().nodes[0];
    assert_eq!((clip.opset(), node.inputs.len(), node.attr_float("min")), (16, 3, None));
    assert_eq!(clip.graph().weights(&node.inputs[2]).unwrap().sum(), 6.0);
    // Softmax of opset 9 runs over all axes from 1 on, that of opset 13 over one.
    for refused in [old("Softmax", &[]), old("Upsample", &[])] {
        let error = raise(&refused).err().unwrap().to_string();
        assert!(error.contains("`y`") && error.contains("opset 16"), "{error}");
    }
    let last = raise(&old("Softmax", &[("axis", Attr::Int(3))])).unwrap();
    assert_eq!(last.graph().nodes[0].attr_int("axis"), Some(3));
}

#[test]
fn errors_name_the_file() {
    let path = PathBuf::from("no such model.onnx");
    assert!(Model::open(&path).err().unwrap().to_string().contains("no such model.onnx"));
}
