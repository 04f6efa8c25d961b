//! Sparse constants: made dense on reading, wherever they are, or refused by name.

use prost::Message;

use super::*;
use crate::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, SparseTensorProto, TensorProto,
};

fn tensor(name: &str, dims: &[i64], data_type: DataType) -> TensorProto {
    TensorProto { dims: dims.to_vec(), data_type: data_type as i32, name: name.to_owned(), ..Default::default() }
}

/// Values in a shape, at these indices.
fn sparse(dims: &[i64], values: &[f32], indices: &[i64], shape: &[i64]) -> SparseTensorProto {
    let values = TensorProto { float_data: values.to_vec(), ..tensor("w", &[values.len() as i64], DataType::Float) };
    let indices = TensorProto { int64_data: indices.to_vec(), ..tensor("places", shape, DataType::Int64) };
    SparseTensorProto { values: Some(values), indices: Some(indices), dims: dims.to_vec() }
}

fn graph(sparse_initializer: Vec<SparseTensorProto>) -> GraphProto {
    let mut b = GraphBuilder::new("");
    b.input("x", DataType::Float, &[1, 3, 8, 8].map(Dim::Fixed));
    b.named_node("Mul", &["x", "w"], &["y"], &[]);
    b.output("y");
    GraphProto { sparse_initializer, ..b.finish() }
}

fn read(graph: GraphProto) -> Result<Model, OnnxError> {
    let opset_import = vec![OperatorSetIdProto { domain: String::new(), version: 17 }];
    let model = ModelProto { ir_version: Some(8), graph: Some(graph), opset_import, ..Default::default() };
    Model::from_bytes(model.encode_to_vec(), None)
}

fn dense(constant: SparseTensorProto) -> Result<Vec<f32>, OnnxError> {
    let weights = read(graph(vec![constant]))?.graph().weights("w")?;
    assert_eq!(weights.shape(), [2, 3]);
    Ok(weights.into_iter().collect())
}

/// A Constant node with a sparse value.
fn constant_node() -> NodeProto {
    let attribute = AttributeProto {
        name: "sparse_value".to_owned(),
        sparse_tensor: Some(sparse(&[8], &[2.0], &[3], &[1])),
        r#type: 11,
        ..Default::default()
    };
    NodeProto {
        op_type: "Constant".to_owned(),
        output: vec!["w".to_owned()],
        attribute: vec![attribute],
        ..Default::default()
    }
}

#[test]
fn what_is_kept_comes_where_it_belongs_and_the_rest_is_zero() {
    let expected = [0.0, 1.5, 0.0, 0.0, 0.0, -2.0];
    assert_eq!(dense(sparse(&[2, 3], &[1.5, -2.0], &[1, 5], &[2])).unwrap(), expected);
    assert_eq!(dense(sparse(&[2, 3], &[1.5, -2.0], &[0, 1, 1, 2], &[2, 2])).unwrap(), expected);
    assert_eq!(dense(sparse(&[2, 3], &[], &[], &[0])).unwrap(), [0.0; 6]);
    let mut half = sparse(&[2, 3], &[], &[4], &[1]);
    half.values = Some(TensorProto { int32_data: vec![0x3c00], ..tensor("w", &[1], DataType::Float16) });
    assert_eq!(dense(half).unwrap(), [0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
}

#[test]
fn sparse_values_of_nodes_are_dense_too_in_inner_graphs_as_well() {
    let mut outer = graph(Vec::new());
    outer.node.insert(0, constant_node());
    let model = read(outer).unwrap();
    assert_eq!(model.graph().weights("w").unwrap()[[3]], 2.0);
    let branch = GraphProto { node: vec![constant_node()], name: "branch".to_owned(), ..Default::default() };
    let attribute =
        AttributeProto { name: "then_branch".to_owned(), g: Some(Box::new(branch)), r#type: 5, ..Default::default() };
    let node = NodeProto {
        op_type: "If".to_owned(),
        input: vec!["x".to_owned()],
        output: vec!["w".to_owned()],
        attribute: vec![attribute],
        ..Default::default()
    };
    let mut outer = graph(Vec::new());
    outer.node.insert(0, node);
    let written = ModelProto::decode(read(outer).unwrap().bytes().clone()).unwrap().graph.unwrap();
    let inner = written.node[0].attribute[0].g.as_ref().unwrap();
    let value = &inner.node[0].attribute[0];
    assert!(value.name == "value" && value.sparse_tensor.is_none() && value.t.as_ref().unwrap().dims == [8]);
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let mut text = sparse(&[2, 3], &[], &[4], &[1]);
    text.values = Some(TensorProto { string_data: vec!["a".into()], ..tensor("w", &[1], DataType::String) });
    let mut short = sparse(&[2, 3], &[1.0], &[4], &[1]);
    short.values = Some(TensorProto { float_data: vec![1.0], ..tensor("w", &[2], DataType::Float) });
    let cases = [
        (sparse(&[2, 3], &[1.0], &[6], &[1]), "index 6 lies outside"),
        (sparse(&[2, 3], &[1.0], &[-1], &[1]), "lies outside"),
        (sparse(&[2, 3], &[1.0], &[1, 3], &[1, 2]), "lies outside"),
        (sparse(&[2, 3], &[1.0, 2.0], &[4, 4], &[2]), "do not ascend"),
        (sparse(&[2, 3], &[1.0, 2.0], &[4, 1], &[2]), "do not ascend"),
        (sparse(&[2, 3], &[1.0], &[1, 2, 3], &[1, 3]), "indices have the shape [1, 3]"),
        (sparse(&[2, 3], &[1.0], &[1, 2], &[2]), "indices have the shape [2]"),
        (sparse(&[2, -3], &[1.0], &[1], &[1]), "impossible or far too large"),
        (sparse(&[1 << 13, 1 << 13], &[1.0], &[1], &[1]), "far too large"),
        (short, "2"),
        (text, "not read"),
    ];
    for (constant, reason) in cases {
        let error = dense(constant).unwrap_err().to_string();
        assert!(error.contains("`w`") && error.contains(reason), "{error}");
    }
    let mut several = Vec::new();
    for number in 0..20 {
        let mut constant = sparse(&[1 << 24], &[], &[], &[0]);
        constant.values = Some(tensor(&format!("w{number}"), &[0], DataType::Uint8));
        several.push(constant);
    }
    let error = read(graph(several)).err().unwrap().to_string();
    assert!(error.contains("`w16`"), "all together are too large: {error}");
}
