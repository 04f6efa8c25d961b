use ndarray::Array4;
use prost::Message;

use crate::attribution::{Of, Target};
use crate::engine::Cancel;
use crate::fixtures::{engine, sine, with_input};
use crate::model::settings::Overrides;
use crate::model::source::Opened;
use crate::network::{At, Network, NetworkError};
use crate::onnx::Model;
use crate::onnx::build::GraphBuilder;
use crate::onnx::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto};

/// One operator on the feature maps, as the branch of an If.
fn branch(name: &str, op: &str, output: &str) -> AttributeProto {
    let mut b = GraphBuilder::new("");
    let factor = b.floats(ndarray::arr1(&[2.0f32]).view());
    let (factor_here, inner) = (format!("{output}/factor"), format!("{output}/inner"));
    b.named_node("Identity", &[&factor], &[&factor_here], &[]);
    b.named_node(op, &["maps"], &[&inner], &[]);
    b.named_node("Mul", &[&inner, &factor_here], &[output], &[]);
    b.output(output);
    let mut graph = b.finish();
    graph.name = name.to_owned();
    // Names are the whole model's: those of two branches have to differ.
    let stored = format!("{output}/stored");
    graph.initializer.iter_mut().for_each(|tensor| tensor.name = stored.clone());
    graph.node.iter_mut().take(1).for_each(|node| node.input = vec![stored.clone()]);
    AttributeProto { name: name.to_owned(), g: Some(Box::new(graph)), r#type: 5, ..Default::default() }
}

/// Feature maps, an If on `condition`, and their mean as logits.
fn model(condition: impl Fn(&mut GraphBuilder) -> String) -> Model {
    let mut b = with_input([3, 6, 6]);
    let kernel = b.floats(sine((4, 3, 1, 1), [0.5, 1.7, 0.3]).view());
    b.named_node("Conv", &["x", &kernel], &["maps"], &[]);
    let condition = condition(&mut b);
    b.named_node("If", &[&condition], &["chosen"], &[]);
    b.named_node("GlobalAveragePool", &["chosen"], &["mean"], &[]);
    b.named_node("Flatten", &["mean"], &["logits"], &[]);
    b.output("logits");
    let mut graph: GraphProto = b.finish();
    graph.name = "graph".to_owned();
    let node: &mut NodeProto = graph.node.iter_mut().find(|node| node.op_type == "If").unwrap();
    node.attribute = vec![branch("then_branch", "Relu", "yes"), branch("else_branch", "Neg", "no")];
    let opset_import = vec![OperatorSetIdProto { domain: String::new(), version: 17 }];
    let model = ModelProto { ir_version: Some(8), graph: Some(graph), opset_import, ..Default::default() };
    Model::from_bytes(model.encode_to_vec(), None).unwrap()
}

/// Gradients of logit 1 at two pictures.
fn gradient(model: Model) -> Result<Array4<f32>, NetworkError> {
    let opened = Opened { name: "branches".to_owned(), model, card: None };
    let mut network = Network::load(opened, engine(), &Overrides::default())?;
    let target = Target { class: 1, of: Of::Logit };
    let x = sine((2, 3, 6, 6), [1.0, 0.37, 0.2]);
    Ok(network.gradient(&x, &[target; 2], At::Input, &Cancel::new())?.gradients.remove(0))
}

#[test]
fn a_branch_that_a_shape_decides_is_differentiated() {
    let channels = |count: i64| {
        move |b: &mut GraphBuilder| {
            let shape = b.node("Shape", &["maps"], &[]);
            let (axis, count) = (b.ints(&[1]), b.ints(&[count]));
            let channels = b.node("Gather", &[&shape, &axis], &[]);
            b.node("Equal", &[&channels, &count], &[])
        }
    };
    let (yes, no) = (gradient(model(channels(4))).unwrap(), gradient(model(channels(5))).unwrap());
    let kernel = sine((4, 3), [0.5, 1.7, 0.3]);
    for ((at, no), yes) in no.indexed_iter().zip(&yes) {
        let slope = -2.0 * kernel[[1, at.1]] / 36.0;
        approx::assert_abs_diff_eq!(*no, slope, epsilon = 1e-7);
        assert!(*yes == 0.0 || (yes + slope).abs() < 1e-7, "{yes} at {at:?}");
    }
    assert!(yes.iter().any(|value| *value != 0.0) && yes.iter().any(|value| *value == 0.0));
}

#[test]
fn a_branch_that_the_picture_decides_is_named() {
    let error = gradient(model(|b| {
        let largest = b.node("ReduceMax", &["x"], &[]);
        let zero = b.scalar(0.0);
        b.node("Greater", &[&largest, &zero], &[])
    }));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("chosen") && error.contains("(If)"), "{error}");
}
