//! One small network in the dresses that exporters put networks in: its answers must not change.

use super::*;
use crate::onnx::build::GraphBuilder;
use crate::onnx::{DataType, Dim};

const CONV: [(&str, Attr); 1] = [("pads", Attr::Ints(&[1, 1, 1, 1]))];

/// From `maps`, a tensor `[batch, 3, 16, 16]` of floats, to `logits` and the output `prob`. The weights are numbers that
/// bfloat16 and float16 hold too.
fn rest(b: &mut GraphBuilder, maps: &str, float: DataType) {
    let floats = |b: &mut GraphBuilder, name: &str, values: ndarray::ArrayD<f32>| {
        let values = values.mapv(half::bf16::from_f32);
        let bytes = match float {
            DataType::Float16 => values.iter().flat_map(|v| half::f16::from_f32(v.to_f32()).to_le_bytes()).collect(),
            DataType::Bfloat16 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            _ => values.iter().flat_map(|v| v.to_f32().to_le_bytes()).collect(),
        };
        b.named_constant(name, values.shape(), float, bytes);
    };
    floats(b, "conv.weight", sine((8, 3, 3, 3), [0.3, 1.7, 0.3]).into_dyn());
    floats(b, "fc.weight", sine((5, 8), [2.0, 2.3, 0.1]).into_dyn());
    b.named_node("Conv", &[maps, "conv.weight"], &["conv"], &CONV);
    b.named_node("Relu", &["conv"], &["relu"], &[]);
    b.named_node("GlobalAveragePool", &["relu"], &["gap"], &[]);
    b.named_node("Flatten", &["gap"], &["flat"], &[]);
    b.named_node("Gemm", &["flat", "fc.weight"], &["logits"], &[("transB", Attr::Int(1))]);
    b.named_node("Softmax", &["logits"], &["prob"], &[]);
    b.output("prob");
}

fn dressed(
    elem: DataType,
    shape: [usize; 4],
    begin: impl FnOnce(&mut GraphBuilder) -> (&'static str, DataType),
) -> Vec<u8> {
    let mut b = GraphBuilder::new("t");
    let dim = |size: usize| if size == 0 { Dim::Symbol("n".to_owned()) } else { Dim::Fixed(size) };
    b.input("x", elem, &shape.map(dim));
    let (maps, float) = begin(&mut b);
    rest(&mut b, maps, float);
    b.into_model(17)
}

fn plain() -> Network {
    open(dressed(DataType::Float, [0, 3, 16, 16], |_| ("x", DataType::Float))).unwrap()
}

/// Everything that is asked of a network, the same pictures and targets for all.
fn answers(network: &mut Network) -> [Gradients; 2] {
    let (x, targets) = (pictures(3).mapv(|v| v * 100.0 + 100.0), [target(1), target(4), target(2)]);
    let layers: Vec<usize> = (0..network.layers().len()).collect();
    let at = |network: &mut Network, at| network.gradient(&x, &targets, at, &Cancel::new()).unwrap();
    [at(network, At::Input), at(network, At::Layers(&layers))]
}

fn agree(network: Vec<u8>) -> Network {
    let mut network = open(network).unwrap();
    for (ours, theirs) in answers(&mut network).into_iter().zip(answers(&mut plain())) {
        let close = |a: ndarray::ArrayViewD<'_, f32>, b: ndarray::ArrayViewD<'_, f32>| {
            assert_eq!(a.shape(), b.shape());
            let scale = b.iter().fold(1e-6f32, |largest, value| largest.max(value.abs()));
            a.iter().zip(b).for_each(|(a, b)| approx::assert_abs_diff_eq!(*a, *b, epsilon = 1e-5 * scale));
        };
        close(ours.logits.view().into_dyn(), theirs.logits.view().into_dyn());
        assert_eq!(ours.gradients.len(), theirs.gradients.len());
        for (a, b) in
            ours.gradients.iter().zip(&theirs.gradients).chain(ours.activations.iter().zip(&theirs.activations))
        {
            close(a.view().into_dyn(), b.view().into_dyn());
        }
    }
    assert_eq!(network.layers().len(), plain().layers().len());
    assert!(matches!(network.head(), Head::GapLinear { .. }), "{:?}", network.head());
    network
}

fn said(network: &Network, words: &str) -> bool {
    network.notes().iter().any(|note| note.contains(words))
}

#[test]
fn channels_may_come_last() {
    let network = agree(dressed(DataType::Float, [0, 16, 16, 3], |b| {
        b.named_node("Transpose", &["x"], &["first"], &[("perm", Attr::Ints(&[0, 3, 1, 2]))]);
        ("first", DataType::Float)
    }));
    assert_eq!(network.preprocess().shape(), [3, 16, 16]);
}

#[test]
fn inputs_that_nothing_uses_are_passed_over() {
    // What tf2onnx leaves of a constant that it has folded.
    agree(dressed(DataType::Float, [0, 3, 16, 16], |b| {
        b.input("normalization/Sub/y", DataType::Float, &[1, 1, 1, 3].map(Dim::Fixed));
        ("x", DataType::Float)
    }));
}

#[test]
fn parts_of_a_sequence_are_taken_apart_and_put_together() {
    let network = agree(dressed(DataType::Float, [0, 3, 16, 16], |b| {
        // torch.chunk as torch.export writes it where nothing is folded.
        for (name, value) in [("each", 7i64), ("first", 0), ("second", 1), ("last", -1)] {
            b.named_constant(name, &[], DataType::Int64, value.to_le_bytes().to_vec());
        }
        b.named_node("SplitToSequence", &["x", "each"], &["parts"], &[("axis", Attr::Int(2))]);
        for place in ["first", "second", "last"] {
            b.named_node("SequenceAt", &["parts", place], &[&format!("{place} part")], &[]);
        }
        let parts = ["first part", "second part", "last part"];
        b.named_node("Concat", &parts, &["whole"], &[("axis", Attr::Int(2))]);
        ("whole", DataType::Float)
    }));
    assert!(network.preprocess().shape() == [3, 16, 16]);
}

#[test]
fn whole_numbers_that_the_network_casts_itself() {
    let network = agree(dressed(DataType::Uint8, [0, 16, 16, 3], |b| {
        b.named_node("Transpose", &["x"], &["first"], &[("perm", Attr::Ints(&[0, 3, 1, 2]))]);
        b.named_node("Cast", &["first"], &["float"], &[("to", Attr::Int(1))]);
        ("float", DataType::Float)
    }));
    assert!(said(&network, "casts them to"), "{:?}", network.notes());
}

#[test]
fn whole_numbers_that_stand_for_quantised_floats_let_gradients_straight_through() {
    for (elem, shift) in [(DataType::Uint8, 0.0), (DataType::Int8, 128.0)] {
        let mut network = open(dressed(elem, [0, 16, 16, 3], |b| {
            let (step, zero) = (b.scalar(0.5), if shift == 0.0 { 0u8 } else { 0x80 });
            b.named_constant("zero", &[], elem, vec![zero]);
            b.named_node("DequantizeLinear", &["x", &step, "zero"], &["float"], &[]);
            b.named_node("Transpose", &["float"], &["first"], &[("perm", Attr::Ints(&[0, 3, 1, 2]))]);
            ("first", DataType::Float)
        }))
        .unwrap();
        let x = pictures(2).mapv(|v| (v * 100.0 + 120.0).floor());
        let targets = [target(1), target(4)];
        let ours = network.gradient(&x.mapv(|v| v - shift), &targets, At::Input, &Cancel::new()).unwrap();
        let theirs = plain().gradient(&x.mapv(|v| v * 0.5), &targets, At::Input, &Cancel::new()).unwrap();
        assert!(ours.straight_through && !theirs.straight_through);
        for (a, b) in ours.gradients[0].iter().zip(&theirs.gradients[0]) {
            approx::assert_abs_diff_eq!(*a, b * 0.5, epsilon = 1e-5);
        }
        assert_eq!(network.preprocess().value_of([200; 3]), [200.0 - shift; 3]);
    }
}

#[test]
fn whole_numbers_that_the_network_computes_with_have_no_gradient() {
    let mut network = open(dressed(DataType::Uint8, [0, 3, 16, 16], |b| {
        b.named_node("Max", &["x", "x"], &["whole"], &[]);
        b.named_node("Cast", &["whole"], &["float"], &[("to", Attr::Int(1))]);
        ("float", DataType::Float)
    }))
    .unwrap();
    let x = pictures(1).mapv(|v| (v * 100.0 + 100.0).floor());
    let logits = network.forward(&x, &[], &Cancel::new()).unwrap().logits;
    let expected = plain().forward(&x, &[], &Cancel::new()).unwrap().logits;
    logits.iter().zip(&expected).for_each(|(a, b)| approx::assert_abs_diff_eq!(a, b, epsilon = 1e-3));
    assert!(network.gradient(&x, &[target(0)], At::Layers(&[0]), &Cancel::new()).is_ok());
    let error = network.gradient(&x, &[target(0)], At::Input, &Cancel::new()).unwrap_err().to_string();
    assert!(error.contains("does not depend"), "{error}");
}

#[test]
fn half_precision_is_run_in_single() {
    for float in [DataType::Float16, DataType::Bfloat16] {
        let network = agree(dressed(float, [0, 3, 16, 16], |_| ("x", float)));
        assert!(said(&network, "32 bits"), "{:?}", network.notes());
        // Floats at the border, half precision inside, as converters keep it.
        let inside = dressed(DataType::Float, [0, 3, 16, 16], |b| {
            b.named_node("Cast", &["x"], &["narrow"], &[("to", Attr::Int(float as i64))]);
            ("narrow", float)
        });
        agree(inside);
    }
}

#[test]
fn a_batch_that_cannot_be_freed_is_filled_up() {
    let insisting = |batch: usize| {
        dressed(DataType::Float, [batch, 3, 16, 16], |b| {
            // Two reshapes, so that the size of the batch stands where it cannot be told from others.
            let (mixed, apart) = (b.ints(&[3, batch as i64, 16, 16]), b.ints(&[batch as i64 * 3, 16, 16]));
            let back = b.ints(&[batch as i64, 3, 16, 16]);
            b.named_node("Reshape", &["x", &apart], &["a"], &[]);
            b.named_node("Reshape", &["a", &mixed], &["b"], &[]);
            b.named_node("Reshape", &["b", &back], &["c"], &[]);
            ("c", DataType::Float)
        })
    };
    let network = agree(insisting(2));
    assert!(said(&network, "batches of 2"), "{:?}", network.notes());
    agree(insisting(4));
    agree(insisting(1));
}

#[test]
fn the_output_is_chosen_by_name_and_shape_or_as_is_said() {
    let several = dressed(DataType::Float, [0, 3, 16, 16], |b| {
        b.output("relu");
        b.output("flat");
        ("x", DataType::Float)
    });
    let choose = |name: Option<&str>| {
        let said = crate::model::settings::Said { output: name.map(str::to_owned), ..Default::default() };
        let model = Model::from_bytes(several.clone(), None).unwrap();
        let opened = Opened { name: "tiny".to_owned(), model, card: None };
        Network::load(opened, engine(), &Overrides { labels: None, said })
    };
    let by_itself = choose(None).unwrap();
    let told = by_itself.settings().0.iter().find(|setting| setting.name == "output").unwrap();
    assert_eq!(
        (told.value.as_str(), told.source.as_str()),
        ("prob, stepped back over its Softmax to logits", "the likeliest by name, shape and ending")
    );
    assert_eq!((by_itself.classes(), choose(Some("flat")).unwrap().classes()), (5, 8));
    let error = choose(Some("relu")).err().unwrap().to_string();
    assert!(error.contains("--output: flat, prob"), "{error}");
    let error = choose(Some("flatt")).err().unwrap().to_string();
    assert!(error.contains("did you mean flat"), "{error}");
}
