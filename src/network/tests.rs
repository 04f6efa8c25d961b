use ndarray::{ArrayView3, Axis, s};

use super::*;
use crate::attribution::MethodId;
use crate::autodiff::Policy;
use crate::fixtures::{engine, sine, tiny_a, tiny_b, with_input};
use crate::index;
use crate::model::head::Head;
use crate::model::picture::Picture;
use crate::model::settings::Overrides;
use crate::model::source::{Opened, Source};
use crate::onnx::build::{Attr, GraphBuilder};
use crate::onnx::{DataType, Dim};

mod dressed;
mod hostile;

fn open(model: Vec<u8>) -> Result<Network, NetworkError> {
    let model = Model::from_bytes(model, None).unwrap();
    Network::load(Opened { name: "tiny".to_owned(), model, card: None }, engine(), &Overrides::default())
}

#[test]
fn what_is_known_is_not_run_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let start = |model: Vec<u8>| {
        let model = Model::from_bytes(model, None).unwrap();
        let (opened, memory) = (Opened { name: "tiny".to_owned(), model, card: None }, Some(folder.path().to_owned()));
        Network::load_remembering(opened, engine(), &Overrides::default(), memory).unwrap()
    };
    assert!(start(tiny_a()).observations.is_some(), "all shapes follow from the picture's");
    let open = || {
        let mut b = GraphBuilder::new("");
        b.named_node("NonZero", &["x"], &["somewhere"], &[]);
        Model::from_bytes(tiny_a(), None).unwrap().extended(b.finish())
    };
    let mut first = start(open());
    assert!(first.observations.is_none(), "only a run shows how many pixels are not zero");
    first.observe().unwrap();
    let mut second = start(open());
    assert!(second.observations.is_some(), "it is kept");
    assert_eq!((first.layers(), first.classes()), (second.layers(), second.classes()));
    let (x, cancel) = (pictures(2), Cancel::new());
    let [a, b] = [&mut first, &mut second].map(|network| network.forward(&x, &[1], &cancel).unwrap());
    assert_eq!((a.logits, &a.activations), (b.logits, &b.activations));
}

fn pictures(count: usize) -> Array4<f32> {
    sine((count, 3, 16, 16), [1.0, 0.37, 0.2])
}

fn target(class: usize) -> Target {
    Target { class, of: Of::Logit }
}

#[test]
fn it_knows_its_layers_head_and_classes() {
    let network = open(tiny_a()).unwrap();
    assert_eq!((network.classes(), network.labels().name(3).as_str()), (5, "class 3"));
    let sizes: Vec<_> = network.layers().iter().map(|l| (l.name.as_str(), l.channels, l.height)).collect();
    assert_eq!(sizes, [("conv1", 8, 16), ("maxpool", 8, 8), ("conv2", 12, 8)]);
    assert!(matches!(network.head(), Head::GapLinear { .. }));
    assert_eq!((network.layer("conv2").unwrap(), network.layer("2").unwrap()), (2, 2));
    let error = network.layer("conv3").unwrap_err().to_string();
    assert!(error.contains("did you mean") && error.contains("conv2"), "{error}");
}

#[test]
fn a_batch_is_its_pictures_one_by_one() {
    let mut network = open(tiny_b()).unwrap();
    let (x, targets, layers) = (pictures(3), [target(0), target(4), target(2)], [0, 2]);
    let together = network.gradient(&x, &targets, At::Layers(&layers), &Cancel::new()).unwrap();
    let at_input = network.gradient(&x, &targets, At::Input, &Cancel::new()).unwrap();
    let forward = network.forward(&x, &layers, &Cancel::new()).unwrap();
    assert_eq!(forward.activations, together.activations);
    for row in 0..3 {
        let one = x.slice(s![row..row + 1, .., .., ..]).to_owned();
        let alone = network.gradient(&one, &targets[row..row + 1], At::Layers(&layers), &Cancel::new()).unwrap();
        let input = network.gradient(&one, &targets[row..row + 1], At::Input, &Cancel::new()).unwrap();
        let pairs = together.gradients.iter().zip(&alone.gradients);
        for (batch, alone) in pairs.chain(at_input.gradients.iter().zip(&input.gradients)) {
            let difference = &batch.index_axis(Axis(0), row) - &alone.index_axis(Axis(0), 0);
            assert!(difference.iter().all(|d| d.abs() < 1e-6));
        }
    }
}

#[test]
fn a_layer_is_pulled_back_to_the_input_and_to_the_layers_before_it() {
    let mut network = open(tiny_a()).unwrap();
    let (x, cancel) = (pictures(2), Cancel::new());
    assert_eq!(network.sources(2), [0, 1]);
    let mut seed = Array4::zeros((2, 12, 8, 8));
    seed.slice_mut(s![0, 4, .., ..]).fill(1.0);
    seed[[1, 7, 3, 2]] = 1.0;
    let mut ask = |at: At<'_>| network.pull_back(&x, Place::Layer(2), &seed, at, Policy::Gradient, &cancel);
    let (input, layers) = (ask(At::Input).unwrap(), ask(At::Layers(&[1, 0])).unwrap());
    assert_eq!(input.gradients[0].dim(), x.dim());
    assert_eq!(layers.gradients.iter().map(|g| g.dim()).collect::<Vec<_>>(), [(2, 8, 8, 8), (2, 8, 16, 16)]);
    // Only the window of the one unit of the second picture is reached, as far as its 3×3 kernel sees.
    let reached = |(_, row, column)| (2..=4usize).contains(&row) && (1..=3usize).contains(&column);
    let second = layers.gradients[0].index_axis(Axis(0), 1);
    assert!(second.indexed_iter().all(|(at, gradient)| reached(at) || *gradient == 0.0));
    let forward = &network.forward(&x, &[2], &cancel).unwrap().activations[0];
    assert!((&input.maps - forward).iter().all(|difference| difference.abs() < 1e-6));
    let error = network.pull_back(&x, Place::Layer(0), &seed, At::Input, Policy::Gradient, &cancel).unwrap_err();
    assert!(matches!(error, NetworkError::Shape { expected: [8, 16, 16], .. }), "{error}");
    let seed = Array4::zeros((2, 8, 16, 16));
    let error = network.pull_back(&x, Place::Layer(0), &seed, At::Layers(&[2]), Policy::Gradient, &cancel).unwrap_err();
    assert!(matches!(error, NetworkError::Autodiff(_)), "{error}");
}

#[test]
fn the_file_with_the_gradient_says_what_the_network_says() {
    let mut network = open(tiny_a()).unwrap();
    let (x, targets, cancel) = (pictures(2), [target(1), target(3)], Cancel::new());
    for at in [At::Input, At::Layers(&[2, 0])] {
        let made = network.gradient_model(at).unwrap();
        let (seeds, names) = ([made.seed_logit, made.seed_probability], [made.gradients, made.taps].concat());
        let file = crate::onnx::whole(&Model::from_bytes(made.bytes, made.beside).unwrap()).unwrap();
        let file = Model::from_bytes(file, None).unwrap();
        assert!(file.graph().nodes.iter().all(|node| node.domain.is_empty()), "operators that are not ONNX's");
        assert!(file.graph().outputs[1..].iter().all(|output| output.elem == crate::onnx::DataType::Float), "no type");
        let mut session = engine().load(file.bytes(), file.beside(), crate::engine::Effort::Full).unwrap();
        let mut seed = Array2::zeros((2, 5));
        (seed[[0, 1]], seed[[1, 3]]) = (1.0, 1.0);
        let [logit, probability] = [Value::from(seed.clone()), Value::from(seed * 0.0)];
        let fed = Value::from(x.clone());
        let inputs = [("x", &fed), (seeds[0].as_str(), &logit), (seeds[1].as_str(), &probability)];
        let outputs: Vec<&str> = names.iter().map(String::as_str).collect();
        let values = session.run(&inputs, &outputs, &cancel).unwrap();
        let known = network.gradient(&x, &targets, at, &cancel).unwrap();
        let known = known.gradients.iter().chain(&known.activations);
        for (value, known) in values.into_iter().zip(known) {
            let Value::F32(value) = value else { panic!("{value:?}") };
            assert_eq!(value.shape(), known.shape());
            assert!((&value - known).iter().all(|difference| difference.abs() < 1e-6));
        }
    }
}

/// A graph that says its batch is free and reshapes to a batch of one inside.
#[test]
fn a_graph_that_only_pretends_to_take_batches_is_run_picture_by_picture() {
    let mut b = with_input([3, 16, 16]);
    b.named_floats("w", sine((768, 4), [0.1, 0.7, 0.3]).view());
    let shape = b.ints(&[1, 768]);
    b.named_node("Reshape", &["x", &shape], &["flat"], &[]);
    b.named_node("Gemm", &["flat", "w"], &["logits"], &[]);
    b.output("logits");
    let mut network = open(b.into_model(16)).unwrap();
    let x = pictures(3);
    let logits = network.forward(&x, &[], &Cancel::new()).unwrap().logits;
    assert_eq!(logits.dim(), (3, 4));
    let gradients = network.gradient(&x, &[target(1); 3], At::Input, &Cancel::new()).unwrap();
    assert_eq!(gradients.gradients[0].dim(), (3, 3, 16, 16));
    approx::assert_abs_diff_eq!(gradients.gradients[0][[2, 0, 0, 1]], 0.1 * (0.7f32 * 5.0 + 0.3).sin(), epsilon = 1e-6);
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let mut network = open(tiny_a()).unwrap();
    let error = network.forward(&Array4::zeros((1, 3, 8, 8)), &[], &Cancel::new()).unwrap_err();
    assert!(matches!(error, NetworkError::Shape { .. }), "{error}");
    let error = network.forward(&Array4::zeros((0, 3, 16, 16)), &[], &Cancel::new()).unwrap_err();
    assert!(matches!(error, NetworkError::Shape { .. }), "{error}");
    let error = network.gradient(&pictures(1), &[target(5)], At::Input, &Cancel::new()).unwrap_err();
    assert!(matches!(error, NetworkError::NoSuchClass { class: 5, .. }), "{error}");
    let error = network.forward(&pictures(1), &[99], &Cancel::new()).unwrap_err();
    assert!(matches!(error, NetworkError::UnknownLayer { .. }), "{error}");
}

#[test]
fn a_network_that_is_no_image_classifier_is_refused_by_name() {
    let mut b = with_input([3, 16, 16]);
    b.named_node("MaxPool", &["x"], &["maps"], &[("kernel_shape", Attr::Ints(&[2, 2]))]);
    b.output("maps");
    let error = open(b.into_model(16)).err().unwrap();
    assert!(matches!(error, NetworkError::NoClasses { .. }), "{error}");
    let error = open(with_input([3, 16, 16]).into_model(16)).err().unwrap();
    assert!(matches!(error, NetworkError::NoOutputs), "{error}");
    let error = open(with_input([5000, 16, 16]).into_model(16)).err().unwrap();
    assert!(error.to_string().contains("[n, 5000, 16, 16]"), "{error}");
}

#[test]
fn of_outputs_only_those_are_named_that_may_be_scores() {
    let two = |boxes: &[usize]| {
        let mut b = with_input([3, 16, 16]);
        b.named_node("Relu", &["x"], &["score"], &[]);
        b.output("score");
        let model = Model::from_bytes(b.into_model(16), None).unwrap();
        let mut b = GraphBuilder::new("");
        b.named_node("Relu", &["x"], &["boxes"], &[]);
        b.describe("boxes", DataType::Float, &boxes.iter().copied().map(Dim::Fixed).collect::<Vec<_>>());
        let mut more = b.finish();
        more.output.append(&mut more.value_info);
        open(model.extended(more)).err().unwrap().to_string()
    };
    assert!(two(&[1, 3, 16, 16]).ends_with("only a score of a class, or a single number, can be explained"));
    assert!(two(&[1, 80]).ends_with("choose another with --output: boxes"));
}

#[test]
fn without_feature_maps_there_is_the_gradient_and_no_index() {
    let mut b = with_input([3, 16, 16]);
    b.named_floats("w", sine((768, 5), [2.0, 2.3, 0.1]).view());
    b.named_node("Flatten", &["x"], &["flat"], &[]);
    b.named_node("Gemm", &["flat", "w"], &["logits"], &[]);
    b.output("logits");
    let network = open(b.into_model(16)).unwrap();
    assert_eq!(MethodId::usual(network.default_layer()), MethodId::Gradient);
    let about = index::run::about(&network, [0; 32], std::path::Path::new("."), index::shard::Shard::default(), 1);
    assert!(matches!(about, Err(index::IndexError::NoLayers)));
    assert!(network.layer("0").unwrap_err().to_string().ends_with("the network has none with feature maps"));
}

/// The tiny network's trunk under a linear layer with `rows` of its own and then `last`, if anything.
fn ending(rows: usize, last: &str) -> Network {
    let mut b = with_input([3, 16, 16]);
    b.named_floats("conv.weight", sine((8, 3, 3, 3), [0.3, 1.7, 0.3]).view());
    b.named_floats("fc.weight", sine((rows, 8), [2.0, 2.3, 0.1]).view());
    b.named_node("Conv", &["x", "conv.weight"], &["conv"], &[]);
    b.named_node("Relu", &["conv"], &["relu"], &[]);
    b.named_node("GlobalAveragePool", &["relu"], &["gap"], &[]);
    b.named_node("Flatten", &["gap"], &["flat"], &[]);
    b.named_node("Gemm", &["flat", "fc.weight"], &["z"], &[("transB", Attr::Int(1))]);
    if !last.is_empty() {
        b.named_node(last, &["z"], &["y"], &[]);
    }
    b.output(if last.is_empty() { "z" } else { "y" });
    open(b.into_model(16)).unwrap()
}

#[test]
fn a_single_sigmoid_has_two_classes_of_opposite_sign() {
    let (mut both, mut number) = (ending(1, "Sigmoid"), ending(1, ""));
    assert_eq!((both.classes(), both.activation()), (2, Activation::Sigmoid));
    assert_eq!((number.classes(), number.activation()), (1, Activation::None));
    let x = pictures(2);
    let z = number.gradient(&x, &[target(0); 2], At::Input, &Cancel::new()).unwrap();
    let no = both.gradient(&x, &[target(0); 2], At::Input, &Cancel::new()).unwrap();
    let yes = both.gradient(&x, &[target(1); 2], At::Input, &Cancel::new()).unwrap();
    assert_eq!(
        (no.logits.column(0).to_owned(), no.logits.column(1).to_owned()),
        (-&z.logits.column(0), z.logits.column(0).to_owned())
    );
    assert_eq!((&no.gradients[0], &yes.gradients[0]), (&-&z.gradients[0], &z.gradients[0]));
    let Head::GapLinear { weights, .. } = both.head() else { panic!("{:?}", both.head()) };
    assert_eq!(weights.dim(), (2, 8));
    let of_probability = Target { class: 0, of: Of::Probability };
    let error = number.gradient(&x, &[of_probability; 2], At::Input, &Cancel::new()).unwrap_err();
    assert!(matches!(error, NetworkError::NoProbability), "{error}");
}

#[test]
fn the_probability_of_a_sigmoid_does_not_hear_of_other_classes() {
    let mut network = ending(3, "Sigmoid");
    let x = pictures(1);
    let logit = network.gradient(&x, &[target(2)], At::Input, &Cancel::new()).unwrap();
    let of_probability = Target { class: 2, of: Of::Probability };
    let probability = network.gradient(&x, &[of_probability], At::Input, &Cancel::new()).unwrap();
    let p = network.activation().probabilities(logit.logits.row(0)).unwrap()[2];
    let slope = p * (1.0 - p);
    for (of_p, of_z) in probability.gradients[0].iter().zip(&logit.gradients[0]) {
        approx::assert_abs_diff_eq!(*of_p, slope * of_z, epsilon = 1e-6);
    }
}

/// SqueezeNet with its published weights on a photograph, where both lie beside the project.
#[test]
fn squeezenet_sees_a_zebra_in_the_zebra() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/real");
    let (file, photo) = (folder.join("squeezenet1_0.onnx"), folder.join("photos/n02391049_zebra.JPEG"));
    if !file.exists() || !photo.exists() {
        println!("skipped: {} is not there", folder.display());
        return;
    }
    let mut network = Network::open(&Source::File(file), engine(), &Overrides::default()).unwrap();
    assert!(
        network.settings().0.iter().any(|setting| setting.name == "mean" && setting.source == "usual for ImageNet")
    );
    assert_eq!(network.layers()[network.default_layer().unwrap()].name, "fire9");
    let prepared = network.preprocess().prepare(&Picture::open(&photo).unwrap()).unwrap();
    let x = prepared.input.insert_axis(Axis(0));
    let logits = network.forward(&x, &[], &Cancel::new()).unwrap().logits;
    let best = prediction::ranked(logits.row(0), network.activation())[0];
    assert_eq!((best.class, network.labels().name(best.class).as_str()), (340, "zebra"));
    approx::assert_abs_diff_eq!(best.probability.unwrap(), 0.999_998, epsilon = 1e-6);
}

#[test]
fn what_is_combined_at_layers_is_what_a_gradient_gives_there() {
    let mut network = open(tiny_b()).unwrap();
    let layers: Vec<usize> = (0..network.layers().len()).collect();
    let (x, target) = (sine((3, 16, 16), [1.0, 0.37, 0.2]), Target { class: 1, of: Of::Probability });
    let first = |maps: &Array4<f32>| maps.index_axis(Axis(0), 0).to_owned();
    // In halves, and at once where pictures come in pairs.
    for part in [None, Some(2)] {
        network.part = part;
        let both = |gradient: ArrayView3<'_, f32>, maps: ArrayView3<'_, f32>| [gradient.to_owned(), maps.to_owned()];
        let (pairs, logits) = network.combine_at_layers(&x, target, &layers, both, &Cancel::new()).unwrap();
        let (class, at) = ((Some(target.class), target.of), At::Layers(&layers));
        let expected = network.gradient_of_one(&x, class, at, &Cancel::new()).unwrap();
        let arrays = expected.gradients.iter().zip(&expected.activations);
        assert_eq!(pairs, arrays.map(|(gradient, maps)| [first(gradient), first(maps)]).collect::<Vec<_>>());
        assert_eq!((logits.view(), layers.len()), (expected.logits.row(0), pairs.len()));
    }
}

/// The backward half alone, of the forward pass that is kept, against both together.
#[test]
fn a_gradient_in_halves_is_the_gradient_whatever_was_asked_before() {
    for model in [tiny_a(), tiny_b()] {
        let mut network = open(model).unwrap();
        let layers: Vec<usize> = (0..network.layers().len()).collect();
        let pictures = [0.2, 1.1].map(|phase| sine((3, 16, 16), [1.0, 0.37, phase]));
        for at in [At::Layers(&layers), At::Layers(&layers[1..]), At::Input] {
            network.ready_for_one(at).unwrap();
            for (picture, class, of) in
                [(0, 1, Of::Logit), (0, 2, Of::Logit), (0, 2, Of::Probability), (1, 2, Of::Logit), (0, 1, Of::Logit)]
            {
                let (x, target) = (&pictures[picture], Target { class, of });
                let halves = network.in_halves(x, (Some(target.class), target.of), at, &Cancel::new()).unwrap();
                let halves = halves.unwrap().read().unwrap();
                let batch = x.clone().insert_axis(Axis(0));
                let whole = network.gradient(&batch, &[target], at, &Cancel::new()).unwrap();
                let near = |a: &[Array4<f32>], b: &[Array4<f32>]| {
                    assert_eq!(a.len(), b.len());
                    for (a, b) in a.iter().zip(b) {
                        approx::assert_abs_diff_eq!(a.as_slice().unwrap(), b.as_slice().unwrap(), epsilon = 1e-6);
                    }
                };
                near(&halves.gradients, &whole.gradients);
                near(&halves.activations, &whole.activations);
                approx::assert_abs_diff_eq!(
                    halves.logits.as_slice().unwrap(),
                    whole.logits.as_slice().unwrap(),
                    epsilon = 1e-6
                );
            }
        }
    }
}
