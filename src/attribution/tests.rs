//! The five methods on networks small enough to know the answer.

use ndarray::{Array, ArrayView, Axis, Dimension};

use super::*;
use crate::fixtures::{engine, network, sine, tiny_a, tiny_b, with_input};
use crate::model::bundled::PICTURES;
use crate::model::layers::Layer;
use crate::model::settings::Overrides;
use crate::model::source::Source;
use golden::Figures;

mod golden;

fn picture() -> Array3<f32> {
    sine((3, 16, 16), [1.0, 0.37, 0.2])
}

fn tiny() -> [Network; 2] {
    [tiny_a(), tiny_b()].map(network)
}

/// Parameters with the baseline 0.
fn from_zero() -> Parameters {
    Parameters { baseline: Baseline::Mean, ..Parameters::default() }
}

fn ask(network: &mut Network, method: MethodId, of: Of, parameters: &Parameters) -> Attribution {
    let input = picture();
    let question = Question { input: &input, class: None, of, layer: None, parameters };
    explain(network, method, &question, &Cancel::new(), &mut |_| {}).unwrap()
}

fn input_map(attribution: &Attribution) -> &Array3<f32> {
    let Raw::Input(map) = &attribution.raw else { panic!("a map of the input was expected") };
    map
}

fn layer_map(attribution: &Attribution) -> &Array2<f32> {
    let Raw::Layer(map) = &attribution.raw else { panic!("a map of a layer was expected") };
    map
}

/// `factor` is what the figures have to be multiplied with.
fn check<D: Dimension>(map: ArrayView<'_, f32, D>, figures: &Figures, factor: f64) {
    let flat: Vec<f64> = map.iter().map(|value| f64::from(*value)).collect();
    let abs_sum: f64 = flat.iter().map(|value| value.abs()).sum();
    let l2 = flat.iter().map(|value| value * value).sum::<f64>().sqrt();
    approx::assert_relative_eq!(abs_sum, factor * figures.abs_sum, max_relative = 1e-4);
    approx::assert_relative_eq!(l2, factor * figures.l2, max_relative = 1e-4);
    approx::assert_abs_diff_eq!(flat.iter().sum::<f64>(), factor * figures.sum, epsilon = 1e-6 * abs_sum.max(1.0));
    let last = flat.len() - 1;
    for (index, value) in [0, flat.len() / 4, flat.len() / 2, 3 * flat.len() / 4, last].into_iter().zip(figures.at) {
        approx::assert_abs_diff_eq!(flat[index], factor * value, epsilon = 1e-6);
    }
}

fn same<D: Dimension>(a: &Array<f32, D>, b: &Array<f32, D>, epsilon: f32) {
    assert_eq!(a.dim(), b.dim());
    a.iter().zip(b).for_each(|(a, b)| approx::assert_abs_diff_eq!(*a, *b, epsilon = epsilon));
}

#[test]
fn gradients_match_captum() {
    for (at, mut network) in tiny().into_iter().enumerate() {
        let gradient = ask(&mut network, MethodId::Gradient, Of::Logit, &from_zero());
        assert_eq!(gradient.target.class, [2, 0][at]);
        check(input_map(&gradient).view(), &golden::GRADIENT[at], 1.0);
        let of_probability = ask(&mut network, MethodId::Gradient, Of::Probability, &from_zero());
        check(input_map(&of_probability).view(), &golden::GRADIENT_OF_PROBABILITY[at], 1.0);
        let product = ask(&mut network, MethodId::GradientInput, Of::Logit, &from_zero());
        check(input_map(&product).view(), &golden::GRADIENT_INPUT[at], 1.0);
    }
}

#[test]
fn integrated_gradients_match_captum_for_every_rule() {
    for (at, mut network) in tiny().into_iter().enumerate() {
        for (rule, expected) in Quadrature::ALL.iter().zip(&golden::INTEGRATED) {
            let parameters = Parameters { quadrature: *rule, ..from_zero() };
            let answer = ask(&mut network, MethodId::IntegratedGradients, Of::Logit, &parameters);
            // Captum's trapezoid weights add up to 49/50.
            let factor = if *rule == Quadrature::Trapezoid { 50.0 / 49.0 } else { 1.0 };
            check(input_map(&answer).view(), &expected.map[at], factor);
            if factor == 1.0 {
                let residual = answer.completeness.unwrap().residual();
                approx::assert_abs_diff_eq!(residual, expected.delta[at], epsilon = 1e-6);
            }
        }
        let input = Arc::new(Array3::ones((3, 16, 16)));
        let parameters =
            Parameters { baseline: Baseline::Picture { name: "ones".to_owned(), input }, ..Parameters::default() };
        let answer = ask(&mut network, MethodId::IntegratedGradients, Of::Logit, &parameters);
        check(input_map(&answer).view(), &golden::INTEGRATED_FROM_ONES.map[at], 1.0);
        let residual = answer.completeness.unwrap().residual();
        approx::assert_abs_diff_eq!(residual, golden::INTEGRATED_FROM_ONES.delta[at], epsilon = 1e-6);
    }
}

#[test]
fn grad_cam_matches_captum_before_and_after_the_relu() {
    for (at, mut network) in tiny().into_iter().enumerate() {
        let target = Target { class: [2, 0][at], of: Of::Logit };
        let layer = network.layer("conv2").unwrap();
        assert_eq!(network.default_layer(), Some(layer));
        let (maps, _) = grad_cam::signed(&mut network, &picture(), target, &[layer], &Cancel::new()).unwrap();
        check(maps[0].view(), &golden::LAYER_GRAD_CAM[at], 1.0);
        let answer = ask(&mut network, MethodId::GradCam, Of::Logit, &from_zero());
        check(layer_map(&answer).view(), &golden::LAYER_GRAD_CAM_RELU[at], 1.0);
    }
}

#[test]
fn without_a_backward_pass_grad_cam_is_the_same_also_of_a_probability() {
    let mut network = network(tiny_a());
    for of in [Of::Logit, Of::Probability] {
        let layer = network.pooled_layer().unwrap();
        let target = Target { class: 2, of };
        let slow = grad_cam::at_layers(&mut network, &picture(), target, &[layer], &Cancel::new()).unwrap();
        let fast = ask(&mut network, MethodId::GradCam, of, &from_zero());
        same(layer_map(&fast), &slow[0], 1e-7);
    }
}

#[test]
fn several_layers_at_once_are_the_layers_one_by_one() {
    let mut network = network(tiny_b());
    let layers: Vec<usize> = (0..network.layers().len()).collect();
    let target = Target { class: 1, of: Of::Logit };
    let together = grad_cam::at_layers(&mut network, &picture(), target, &layers, &Cancel::new()).unwrap();
    assert_eq!(together.len(), 4, "two convolutions and two pools");
    let mut fresh = self::network(tiny_b());
    for (layer, map) in layers.iter().zip(&together) {
        let alone = grad_cam::at_layers(&mut fresh, &picture(), target, &[*layer], &Cancel::new()).unwrap();
        same(&alone[0], map, 1e-7);
        let Layer { height, width, .. } = fresh.layers()[*layer];
        assert_eq!(map.dim(), (height, width));
    }
}

#[test]
fn cam_averages_to_the_logit_and_is_grad_cam_times_the_pixels() {
    let mut network = network(tiny_a());
    let cam = ask(&mut network, MethodId::Cam, Of::Logit, &from_zero());
    let map = layer_map(&cam);
    let bias = 0.05 * (1.1f32 * 2.0 + 0.9).sin();
    approx::assert_abs_diff_eq!(map.mean().unwrap() + bias, cam.score, epsilon = 1e-6);
    let target = Target { class: 2, of: Of::Logit };
    let layer = cam.layer.unwrap();
    let (grad_cam, _) = grad_cam::signed(&mut network, &picture(), target, &[layer], &Cancel::new()).unwrap();
    same(map, &(&grad_cam[0] * map.len() as f32), 1e-6);
    let parameters = Parameters { cam_relu: true, ..from_zero() };
    let cut = ask(&mut network, MethodId::Cam, Of::Logit, &parameters);
    ndarray::Zip::from(layer_map(&cut)).and(map).for_each(|cut, map| assert!(*cut >= 0.0 && cut >= map));
}

/// SqueezeNet's kind of head: one map a class, averaged.
#[test]
fn with_one_map_a_class_cam_is_that_map() {
    let mut b = with_input([3, 16, 16]);
    b.named_floats("conv.weight", sine((4, 3, 3, 3), [0.3, 1.7, 0.3]).view());
    b.named_node("Conv", &["x", "conv.weight"], &["conv"], &[]);
    b.named_node("Relu", &["conv"], &["maps"], &[]);
    b.named_node("GlobalAveragePool", &["maps"], &["pooled"], &[]);
    b.named_node("Flatten", &["pooled"], &["logits"], &[]);
    b.output("logits");
    let mut network = network(b.into_model(16));
    let cam = ask(&mut network, MethodId::Cam, Of::Logit, &from_zero());
    let x = picture().insert_axis(Axis(0));
    let maps = network.forward(&x, &[cam.layer.unwrap()], &Cancel::new()).unwrap().activations.remove(0);
    same(layer_map(&cam), &maps.slice(ndarray::s![0, cam.target.class, .., ..]).to_owned(), 0.0);
    approx::assert_abs_diff_eq!(layer_map(&cam).mean().unwrap(), cam.score, epsilon = 1e-6);
    for of in [Of::Logit, Of::Probability] {
        let (target, layer) = (Target { class: cam.target.class, of }, cam.layer.unwrap());
        let slow = grad_cam::at_layers(&mut network, &picture(), target, &[layer], &Cancel::new()).unwrap();
        same(layer_map(&ask(&mut network, MethodId::GradCam, of, &from_zero())), &slow[0], 1e-7);
    }
}

#[test]
fn cam_says_what_the_head_is_where_it_cannot_work() {
    let mut network = network(tiny_b());
    let parameters = Parameters::default();
    let input = picture();
    let question = Question { input: &input, class: None, of: Of::Logit, layer: None, parameters: &parameters };
    let error = explain(&mut network, MethodId::Cam, &question, &Cancel::new(), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("head is Flatten → Gemm → Relu → Gemm"), "{error}");
}

/// The lecture's f(x, y) = 5x + y², with x and y the two pixels of a grey picture and a second class that is always 0.
fn toy() -> Network {
    let mut b = with_input([1, 1, 2]);
    b.named_node("Mul", &["x", "x"], &["square"], &[]);
    b.named_floats("to_x", ndarray::arr2(&[[5.0f32, 0.0], [0.0, 0.0]]).view());
    b.named_floats("to_y", ndarray::arr2(&[[0.0f32, 0.0], [1.0, 0.0]]).view());
    b.named_node("Flatten", &["x"], &["flat"], &[]);
    b.named_node("Flatten", &["square"], &["flat_square"], &[]);
    b.named_node("Gemm", &["flat", "to_x"], &["linear"], &[]);
    b.named_node("Gemm", &["flat_square", "to_y"], &["quadratic"], &[]);
    b.named_node("Add", &["linear", "quadratic"], &["f"], &[]);
    b.output("f");
    network(b.into_model(16))
}

#[test]
fn the_lectures_toy_function_has_the_lectures_answers() {
    let mut network = toy();
    let parameters = from_zero();
    let mut ask = |method, x: [f32; 2]| {
        let input = Array3::from_shape_vec((1, 1, 2), x.to_vec()).unwrap();
        let question = Question { input: &input, class: Some(0), of: Of::Logit, layer: None, parameters: &parameters };
        let answer = explain(&mut network, method, &question, &Cancel::new(), &mut |_| {}).unwrap();
        let map = input_map(&answer);
        [map[[0, 0, 0]], map[[0, 0, 1]]]
    };
    let near = |found: [f32; 2], expected: [f32; 2]| {
        for (found, expected) in found.into_iter().zip(expected) {
            approx::assert_abs_diff_eq!(found, expected, epsilon = 2e-4);
        }
    };
    near(ask(MethodId::Gradient, [100.0, 5.0]), [5.0, 10.0]);
    near(ask(MethodId::GradientInput, [100.0, 5.0]), [500.0, 50.0]);
    near(ask(MethodId::GradientInput, [0.0, 5.0]), [0.0, 50.0]);
    near(ask(MethodId::IntegratedGradients, [100.0, 5.0]), [500.0, 25.0]);
    near(ask(MethodId::IntegratedGradients, [0.0, 5.0]), [0.0, 25.0]);
}

#[test]
fn on_a_linear_network_integrated_gradients_are_gradient_times_input() {
    let mut b = with_input([3, 16, 16]);
    b.named_floats("w", sine((768, 4), [0.1, 0.7, 0.3]).view());
    b.named_node("Flatten", &["x"], &["flat"], &[]);
    b.named_node("Gemm", &["flat", "w"], &["logits"], &[]);
    b.output("logits");
    let mut network = network(b.into_model(16));
    let product = ask(&mut network, MethodId::GradientInput, Of::Logit, &from_zero());
    let path = ask(&mut network, MethodId::IntegratedGradients, Of::Logit, &Parameters { steps: 3, ..from_zero() });
    same(input_map(&path), input_map(&product), 1e-6);
}

#[test]
fn the_path_keeps_what_each_step_saw_whatever_the_batch() {
    let mut network = network(tiny_b());
    let parameters = |batch| Parameters { steps: 7, batch: Some(batch), ..Parameters::default() };
    let answers =
        [1, 3, 7].map(|batch| ask(&mut network, MethodId::IntegratedGradients, Of::Logit, &parameters(batch)));
    for other in &answers[1..] {
        same(input_map(&answers[0]), input_map(other), 1e-7);
    }
    let path = answers[1].path.as_ref().unwrap();
    assert_eq!((path.alphas.len(), path.gradients.dim()), (7, (7, 3, 16, 16)));
    // The weighted gradients of the steps are the attribution.
    let mut sum = Array3::<f32>::zeros((3, 16, 16));
    for (step, gradient) in path.gradients.outer_iter().enumerate() {
        sum.scaled_add(path.weights[step], &gradient);
    }
    sum *= &(&*path.input - &*path.baseline);
    same(&sum, input_map(&answers[1]), 1e-6);
    // Each score is the network's answer to the interpolated picture.
    for step in [0, 3, 6] {
        let x = path.interpolated(step).insert_axis(Axis(0));
        let logits = network.forward(&x, &[], &Cancel::new()).unwrap().logits;
        approx::assert_abs_diff_eq!(path.scores[step], logits[[0, 0]], epsilon = 1e-6);
        let p = Activation::Softmax.probabilities(logits.row(0)).unwrap();
        approx::assert_abs_diff_eq!(path.probabilities[step], p[0], epsilon = 1e-6);
    }
}

#[test]
fn without_the_path_the_attribution_is_the_same_and_steps_take_no_memory() {
    for mut network in tiny() {
        for of in [Of::Logit, Of::Probability] {
            let kept = Parameters { steps: 9, batch: Some(4), ..Parameters::default() };
            let summed = Parameters { path: false, ..kept.clone() };
            let [kept, summed] =
                [kept, summed].map(|parameters| ask(&mut network, MethodId::IntegratedGradients, of, &parameters));
            same(input_map(&kept), input_map(&summed), 1e-6);
            let [a, b] = [&kept, &summed].map(|answer| answer.completeness.unwrap().residual());
            approx::assert_abs_diff_eq!(a, b, epsilon = 1e-5);
            assert!(kept.path.is_some() && summed.path.is_none());
            assert_eq!((summed.done, summed.total), (9, 9));
        }
    }
}

#[test]
fn the_memory_allowed_decides_about_batch_and_kept_steps() {
    let mut network = network(tiny_a());
    let picture = 4 * 3 * 16 * 16;
    let parameters = |memory, path| Parameters { steps: 20, memory: Some(memory), path, ..Parameters::default() };
    let sizes = [0, 1 << 17, 1 << 30].map(|memory| batch(&network, &parameters(memory, false)));
    assert_eq!((sizes[0], sizes[2]), (1, 8));
    assert!((1..8).contains(&sizes[1]), "{sizes:?}");
    let input = self::picture();
    let mut explained = |parameters: &Parameters| {
        let question = Question { input: &input, class: Some(0), of: Of::Logit, layer: None, parameters };
        explain(&mut network, MethodId::IntegratedGradients, &question, &Cancel::new(), &mut |_| {})
    };
    assert!(explained(&parameters(20 * picture, true)).is_ok());
    assert!(matches!(explained(&parameters(19 * picture, true)), Err(AttributionError::Steps { steps: 20, most: 19 })));
    assert!(explained(&parameters(0, false)).is_ok());
}

#[test]
fn the_sum_streams_and_a_cancel_keeps_what_is_done() {
    let mut network = network(tiny_a());
    let parameters = Parameters { steps: 12, batch: Some(4), ..Parameters::default() };
    let input = picture();
    let question =
        Question { input: &input, class: Some(1), of: Of::Probability, layer: None, parameters: &parameters };
    let cancel = Cancel::new();
    let mut seen = Vec::new();
    let mut last = None;
    let answer = explain(&mut network, MethodId::IntegratedGradients, &question, &cancel, &mut |progress| {
        seen.push(progress.done);
        last = progress.partial;
        if progress.done == 8 {
            cancel.cancel();
        }
    })
    .unwrap();
    assert_eq!(seen, [4, 8]);
    assert_eq!((answer.done, answer.total), (8, 12));
    assert_eq!(answer.path.as_ref().unwrap().gradients.dim().0, 8);
    assert_eq!(last.unwrap().raw, answer.raw);
    let error = explain(&mut network, MethodId::Gradient, &question, &cancel, &mut |_| {}).unwrap_err();
    assert!(error.is_cancelled(), "{error}");
}

#[test]
fn impossible_questions_are_refused() {
    let mut network = network(tiny_a());
    let input = picture();
    let mut ask = |parameters: &Parameters, class| {
        let question = Question { input: &input, class, of: Of::Logit, layer: None, parameters };
        explain(&mut network, MethodId::IntegratedGradients, &question, &Cancel::new(), &mut |_| {}).unwrap_err()
    };
    for steps in [0, usize::MAX] {
        let error = ask(&Parameters { steps, ..Parameters::default() }, None);
        assert!(matches!(error, AttributionError::Steps { .. }), "{error}");
    }
    let other = Baseline::Picture { name: "small".to_owned(), input: Arc::new(Array3::zeros((3, 8, 8))) };
    let error = ask(&Parameters { baseline: other, ..Parameters::default() }, None);
    assert!(matches!(error, AttributionError::BaselineShape { .. }), "{error}");
    let error = ask(&Parameters::default(), Some(5));
    assert!(matches!(error, AttributionError::Network(NetworkError::NoSuchClass { class: 5, classes: 5 })), "{error}");
}

#[test]
fn pictures_asked_about_together_get_the_answers_they_get_alone() {
    let pictures = [picture(), sine((3, 16, 16), [0.5, 0.11, 1.0]), picture() * -0.3];
    let parameters = Parameters { steps: 3, ..Parameters::default() };
    for (index, mut network) in tiny().into_iter().enumerate() {
        for method in MethodId::ALL.iter().filter(|method| index == 0 || **method != MethodId::Cam) {
            let question =
                |input, class| Question { input, class, of: Of::Probability, layer: None, parameters: &parameters };
            let questions =
                [question(&pictures[0], None), question(&pictures[1], Some(1)), question(&pictures[2], None)];
            let together = explain_all(&mut network, *method, &questions, &Cancel::new(), &mut |_, _| {}).unwrap();
            assert_eq!(together.len(), 3);
            for (question, answer) in questions.iter().zip(together) {
                let alone = explain(&mut network, *method, question, &Cancel::new(), &mut |_| {}).unwrap();
                assert_eq!((answer.target, answer.layer), (alone.target, alone.layer), "{method}");
                let values = |raw: &Raw| match raw {
                    Raw::Input(map) => map.iter().copied().collect::<Vec<f32>>(),
                    Raw::Layer(map) => map.iter().copied().collect(),
                };
                for (a, b) in values(&answer.raw).into_iter().zip(values(&alone.raw)) {
                    approx::assert_abs_diff_eq!(a, b, epsilon = 1e-6);
                }
            }
        }
    }
}

#[test]
fn the_last_sum_along_the_path_is_the_attribution() {
    let [mut network, _] = tiny();
    let parameters = Parameters { steps: 5, ..from_zero() };
    let answer = ask(&mut network, MethodId::IntegratedGradients, Of::Logit, &parameters);
    let sums: Vec<_> = answer.path.as_ref().unwrap().sums().collect();
    assert_eq!(sums.len(), 5);
    for (sum, value) in sums[4].iter().zip(input_map(&answer)) {
        approx::assert_abs_diff_eq!(*sum, *value, epsilon = 1e-6);
    }
}

/// The bundled network on the bundled pictures: it sees what is in them, and its maps lie there. Pixels of a mask are 0
/// where there is nothing and 1 + the class where there is a thing.
#[test]
fn on_the_bundled_pictures_grad_cam_falls_on_the_thing() {
    let mut network = Network::open(&Source::default(), engine(), &Overrides::default()).unwrap();
    let masks = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/pictures/masks");
    let parameters = Parameters::default();
    let mut ratios = Vec::new();
    for picture in &PICTURES {
        let prepared = network.preprocess().prepare(&picture.open().unwrap()).unwrap();
        let question =
            Question { input: &prepared.input, class: None, of: Of::Logit, layer: None, parameters: &parameters };
        let answer = explain(&mut network, MethodId::GradCam, &question, &Cancel::new(), &mut |_| {}).unwrap();
        let mask = image::open(masks.join(picture.name()).with_extension("png")).unwrap().into_luma8();
        let thing = answer.target.class + 1;
        let map = layer_map(&answer);
        let (mut inside, mut energy_inside, mut energy) = (0.0, 0.0, 0.0);
        for (x, y, pixel) in mask.enumerate_pixels() {
            let scaled = |at: u32, to: usize, from: u32| at as usize * to / from as usize;
            let value = map[[scaled(y, map.nrows(), mask.height()), scaled(x, map.ncols(), mask.width())]];
            energy += f64::from(value);
            if usize::from(pixel.0[0]) == thing {
                inside += 1.0;
                energy_inside += f64::from(value);
            }
        }
        assert!(inside > 0.0, "{} is not {}", picture.name(), network.labels().name(answer.target.class));
        let share = inside / f64::from(mask.width() * mask.height());
        ratios.push(energy_inside / energy / share);
    }
    ratios.sort_by(f64::total_cmp);
    assert!(ratios[ratios.len() / 2] >= 2.0, "{ratios:?}");
}
