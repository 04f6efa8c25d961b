//! Which paths a gradient takes: inner tensors, several at once, branches, and where there is no way back.

use super::*;
use crate::fixtures::{tiny_a, with_input};
use crate::onnx::build::Attr;

#[test]
fn inner_tensors_several_at_once_and_taps() {
    let x = sine(IxDyn(&[2, 3, 16, 16]), [1.0, 0.37, 0.2]);
    let (class, none) = (one_hot(2, 5, 2), one_hot(2, 5, 9));
    let wrt = ["relu2", "x", "pool1", "logits"];
    let model = tiny_a();
    let all = differentiated(&model, x.shape(), &wrt, &["relu2", "logits"]).unwrap().ask(&x, &class, &none);
    let shapes: Vec<&[usize]> = all.gradients.iter().map(|gradient| gradient.shape()).collect();
    assert_eq!(shapes, [&[2, 12, 8, 8][..], &[2, 3, 16, 16], &[2, 8, 8, 8], &[2, 5]]);
    assert_eq!(all.gradients[3], class);
    // GAP and a linear layer after it: the gradient is the class's weight over the 64 positions, everywhere.
    let weights = sine((5, 12), [0.5, 2.3, 0.1]);
    for (index, value) in all.gradients[0].indexed_iter() {
        approx::assert_abs_diff_eq!(*value, weights[[2, index[1]]] / 64.0, epsilon = 1e-8);
    }
    for (index, name) in wrt.iter().enumerate() {
        let alone = differentiated(&model, x.shape(), &[name], &[]).unwrap().ask(&x, &class, &none);
        assert_eq!(alone.gradients[0], all.gradients[index], "{name}");
    }
    assert_eq!(all.taps[1], all.logits);
    assert_eq!(all.taps[0].shape(), [2, 12, 8, 8]);
    assert!(all.taps[0].iter().all(|value| *value >= 0.0));
}

#[test]
fn logits_with_trailing_axes_before_a_softmax() {
    let mut b = with_input([4, 6, 6]);
    let weights = b.floats(sine((3, 4, 1, 1), [0.5, 1.9, 0.4]).view());
    let maps = b.node("Conv", &["x", &weights], &[]);
    b.named_node("GlobalAveragePool", &[&maps], &["z"], &[]);
    let p = b.node("Softmax", &["z"], &[("axis", Attr::Int(1))]);
    b.named_node("Flatten", &[&p], &["p"], &[]);
    b.output("p");
    let bytes = b.into_model(17);
    let model = Model::from_bytes(bytes.clone(), None).unwrap();
    let logits = surgery::logits(&model, "p");
    assert_eq!((logits.name.as_str(), logits.stepped_back_over.unwrap().node), ("z", p));
    let x = sine(IxDyn(&[2, 4, 6, 6]), [1.0, 0.37, 0.2]);
    let mut probe = differentiated(&bytes, x.shape(), &["x"], &[]).unwrap();
    let answer = probe.ask(&x, &one_hot(2, 3, 1), &one_hot(2, 3, 9));
    assert_eq!(answer.logits.shape(), [2, 3, 1, 1]);
    let weights = sine((3, 4), [0.5, 1.9, 0.4]);
    for (index, value) in answer.gradients[0].indexed_iter() {
        approx::assert_abs_diff_eq!(*value, weights[[1, index[1]]] / 36.0, epsilon = 1e-8);
    }
}

#[test]
fn a_type_that_is_taken_from_the_picture_depends_on_no_elements() {
    // As torch.export leaves a convolution without a bias, where constants are not folded.
    let mut b = with_input([4, 6, 6]);
    b.named_floats("kernel", sine((3, 4, 3, 3), [0.5, 1.9, 0.4]).view());
    let (zero, three) = (b.scalar(0.0), b.ints(&[3]));
    let typed = b.node("CastLike", &[&zero, "x"], &[]);
    let bias = b.node("Expand", &[&typed, &three], &[]);
    let maps = b.node("Conv", &["x", "kernel", &bias], &[]);
    let again = b.node("CastLike", &[&maps, "x"], &[]);
    b.named_node("GlobalAveragePool", &[&again], &["z"], &[]);
    b.output("z");
    let x = sine(IxDyn(&[2, 4, 6, 6]), [1.0, 0.37, 0.2]);
    let answer = |model: Vec<u8>| {
        let mut probe = differentiated(&model, x.shape(), &["x"], &[]).unwrap();
        probe.ask(&x, &one_hot(2, 3, 1), &one_hot(2, 3, 9))
    };
    let mut folded = with_input([4, 6, 6]);
    folded.named_floats("kernel", sine((3, 4, 3, 3), [0.5, 1.9, 0.4]).view());
    folded.named_node("Conv", &["x", "kernel"], &["maps"], &[]);
    folded.named_node("GlobalAveragePool", &["maps"], &["z"], &[]);
    folded.output("z");
    assert_eq!(answer(b.into_model(17)).gradients, answer(folded.into_model(17)).gradients);
}

/// x → Relu → (Identity → Relu …) with an operator that has no rule on the way, or beside it.
fn with_unknown(on_path: bool) -> Vec<u8> {
    let mut b = with_input([1, 2, 2]);
    b.named_node("Relu", &["x"], &["a"], &[]);
    b.named_node("Det", &["a"], &["b"], &[]);
    b.named_node("Flatten", &[if on_path { "b" } else { "a" }], &["z"], &[]);
    b.output("z");
    b.output("b");
    b.into_model(17)
}

#[test]
fn an_operator_without_a_rule_is_named_and_matters_only_on_the_path() {
    let error = differentiated(&with_unknown(true), &[1, 1, 2, 2], &["x"], &[]).err().unwrap();
    assert!(matches!(&error, AutodiffError::NoRule { node, op, .. } if node == "b" && op == "Det"), "{error}");
    assert!(error.to_string().contains("CAM"), "{error}");
    let behind = differentiated(&with_unknown(true), &[1, 1, 2, 2], &["b"], &[]);
    assert!(behind.is_ok(), "a layer behind the operator needs no rule for it");
    assert!(differentiated(&with_unknown(false), &[1, 1, 2, 2], &["x"], &[]).is_ok());
}

#[test]
fn no_differentiable_path_is_an_error_and_not_a_zero() {
    let mut b = with_input([1, 2, 2]);
    b.named_node("Greater", &["x", "half"], &["above"], &[]);
    b.named_floats("half", ndarray::arr0(0.5f32).view());
    b.named_node("Cast", &["above"], &["float"], &[("to", Attr::Int(1))]);
    b.named_node("Flatten", &["float"], &["z"], &[]);
    b.output("z");
    let model = b.into_model(17);
    let error = differentiated(&model, &[1, 1, 2, 2], &["x"], &[]).err().unwrap();
    assert!(matches!(&error, AutodiffError::Disconnected { tensor, .. } if tensor == "x"), "{error}");
    let error = differentiated(&model, &[1, 1, 2, 2], &["y"], &[]).err().unwrap();
    assert!(matches!(&error, AutodiffError::UnknownTensor { tensor } if tensor == "y"), "{error}");
}

#[test]
fn operators_without_a_rule_are_all_found_where_they_are_in_the_way() {
    let mut b = with_input([1, 2, 2]);
    b.named_node("Hardmax", &["x"], &["a"], &[]);
    b.named_node("Relu", &["a"], &["b"], &[]);
    b.named_node("Det", &["b"], &["c"], &[]);
    b.named_node("Flatten", &["c"], &["z"], &[]);
    b.named_node("Det", &["b"], &["beside"], &[]);
    b.output("z");
    let model = Model::from_bytes(b.into_model(17), None).unwrap();
    let names = |from| without_rule(model.graph(), from, "z").iter().map(|node| node.name.as_str()).collect::<Vec<_>>();
    assert_eq!(names("x"), ["a", "c"]);
    assert_eq!(names("b"), ["c"]);
    assert!(names("c").is_empty());
}

#[test]
fn a_constant_takes_its_place_beside_what_is_joined_to_it() {
    let mut b = with_input([2, 1, 3]);
    // A token of a transformer, folded into the file.
    b.named_floats("token", sine((1, 2, 1, 1), [1.0, 1.3, 0.2]).view());
    b.named_node("Concat", &["token", "x"], &["tokens"], &[("axis", Attr::Int(3))]);
    b.named_node("Flatten", &["tokens"], &["z"], &[]);
    b.output("z");
    let x = sine(IxDyn(&[1, 2, 1, 3]), [1.0, 0.37, 0.2]);
    let seed = sine(IxDyn(&[1, 8]), [1.0, 1.3, 0.4]);
    let mut probe = differentiated(&b.into_model(17), x.shape(), &["x"], &[]).unwrap();
    let answer = probe.ask(&x, &seed, &ArrayD::zeros(seed.raw_dim()));
    for (index, value) in answer.gradients[0].indexed_iter() {
        assert_eq!(*value, seed[[0, 4 * index[1] + index[3] + 1]]);
    }
}
