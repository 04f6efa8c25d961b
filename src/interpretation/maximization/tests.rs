//! The ascent as a whole: against PyTorch (tests/reference/maximization.py), Lucent's pictures, and on units that sleep.

use ndarray::{Array4, Array5, Axis, arr2, s};

use super::fourier::Fourier;
use super::*;
use crate::fixtures::{network, sine, tiny_a, with_input};
use crate::model::unit::Unit;
use crate::onnx::build::Attr;

/// Layer `conv2` of network A.
const LAYER: usize = 2;

fn climbed(
    network: &mut Network,
    objectives: &[Objective],
    parameters: &Parameters,
) -> Result<Ascent, MaximizationError> {
    let mut ascents = [Ascent::new(network, objectives, parameters, None)?];
    climb(network, &mut ascents, &Cancel::new(), &mut |_| ())?;
    let [ascent] = ascents;
    Ok(ascent)
}

/// A closed-form spectrum as the references have it. Lucent stores one frequency more for odd widths and ignores it.
fn spectrum(batch: usize, side: usize) -> Array5<f32> {
    let stored = side / 2 + 1 + side % 2;
    let whole = sine((batch, 3, side, stored, 2), [0.01, 0.7, 0.1]);
    whole.slice(s![.., .., .., ..side / 2 + 1, ..]).to_owned()
}

fn check(array: &Array4<f32>, [sum, l2]: [f64; 2], at: [f32; 5]) {
    let sums = array.iter().fold([0.0; 2], |[a, b], v| [a + f64::from(*v), b + f64::from(*v).powi(2)]);
    approx::assert_abs_diff_eq!(sums[0], sum, epsilon = 2e-5 * array.len() as f64 / 100.0);
    approx::assert_relative_eq!(sums[1].sqrt(), l2, max_relative = 1e-4);
    let flat: Vec<f32> = array.iter().copied().collect();
    for (place, expected) in at.into_iter().enumerate() {
        approx::assert_abs_diff_eq!(flat[(place * flat.len() / 4).min(flat.len() - 1)], expected, epsilon = 2e-6);
    }
}

/// `fft_image` and `image` of torch-lucent 0.1.8.
#[test]
fn pictures_are_lucents() {
    let check = |side: usize, latent: ([f64; 2], [f32; 5]), colours: ([f64; 2], [f32; 5])| {
        let pictures = Fourier::new(side, side).pictures(&spectrum(1, side).view());
        check(&pictures, latent.0, latent.1);
        check(&colour::colours(pictures.clone(), true), colours.0, colours.1);
    };
    let latent = [0.018_184_675, 0.002_963_822_3, 0.000_409_816_5, 0.000_975_428_85, 0.005_031_605];
    let colours = [0.503_177_17, 0.500_630_3, 0.500_046_25, 0.500_166_3, 0.501_246_45];
    check(16, ([1.035_909_6, 0.264_016_68], latent), ([384.027_66, 13.857_464], colours));
    let latent = [0.021_670_999, -0.002_887_303_7, -0.001_794_584_8, 0.003_793_857_8, 0.005_268_417];
    let colours = [0.503_824_53, 0.499_639_72, 0.499_879_8, 0.500_330_1, 0.501_15];
    check(15, ([0.879_376_6, 0.245_352_29], latent), ([337.524_31, 12.991_372], colours));
    let latent = [0.002_130_776, 0.002_232_584, 0.000_631_526_05, 0.000_888_053_6, 0.001_142_740_4];
    let colours = [0.500_462_8, 0.500_273_1, 0.503_143, 0.500_273_2, 0.500_164_5];
    check(128, ([-66.669_314, 2.947_470_7], latent), ([24_577.780, 110.860_19], colours));
}

#[test]
fn colours_are_correlated_as_lucents() {
    let expected = arr2(&[
        [0.562_828_54, 0.194_825_28, 0.043_294_504],
        [0.584_475_8, 0.0, -0.108_236_26],
        [0.584_475_8, -0.194_825_28, 0.064_941_76],
    ]);
    assert!((colour::correlation() - expected).iter().all(|difference| difference.abs() < 1e-6));
}

/// Twenty steps of PyTorch's Adam without transforms.
#[test]
fn the_ascent_is_pytorchs() {
    let mut network = network(tiny_a());
    let unit = |channel| Unit { layer: LAYER, channel };
    let direction = sine(12, [1.0, 0.9, 0.3]).to_vec();
    let cases = [
        (vec![Objective::Channel(unit(3))], [0.000_943, 0.042_489], [0.80107, 0.34822, 0.59818, 0.52598, 0.67927]),
        (
            vec![Objective::Neuron { unit: unit(1), at: None }],
            [0.112_443, 0.554_278],
            [0.51871, 0.37908, 0.52829, 0.51726, 0.49307],
        ),
        (vec![Objective::Class(2)], [0.054_472, 0.064_676], [0.24595, 0.46537, 0.41187, 0.17597, 0.51826]),
        (
            vec![Objective::Direction { layer: LAYER, direction }],
            [0.03125, 0.110_811],
            [0.73626, 0.6078, 0.58547, 0.53583, 0.35571],
        ),
        (
            vec![Objective::Dream { layer: LAYER }],
            [0.003_544, 0.011_636],
            [0.83621, 0.48764, 0.53986, 0.44891, 0.62576],
        ),
        (vec![Objective::Channel(unit(3)); 2], [f32::NAN; 2], [0.80469, 0.59685, 0.67816, 0.56433, 0.68831]),
    ];
    for (objectives, [first, last], at) in cases {
        let parameters = Parameters { steps: 20, diversity: 0.5, transforms: false, ..Parameters::default() };
        let mut ascent = Ascent::new(&mut network, &objectives, &parameters, None).unwrap();
        ascent.begin_at(spectrum(objectives.len(), 16).into_dyn());
        for _ in 0..parameters.steps {
            ascent.step(&mut network, &Cancel::new()).unwrap();
        }
        let flat: Vec<f32> = ascent.pictures().iter().copied().collect();
        for (place, expected) in at.into_iter().enumerate() {
            approx::assert_abs_diff_eq!(flat[place * (flat.len() - 1) / 4], expected, epsilon = 1e-3);
        }
        if !first.is_nan() {
            approx::assert_abs_diff_eq!(ascent.history()[0][0], first, epsilon = 2e-6);
            approx::assert_relative_eq!(ascent.history()[0][19], last, max_relative = 1e-3);
        }
    }
}

/// Σ colours − 1.8 and a ReLU: grey does not reach it, so that nothing but a redirected gradient climbs.
fn sleeper() -> Vec<u8> {
    let mut b = with_input([3, 8, 8]);
    b.named_floats("conv.weight", Array4::from_elem((1, 3, 1, 1), 1.0f32).view());
    b.named_floats("conv.bias", ndarray::arr1(&[-1.8f32]).view());
    b.named_node("Conv", &["x", "conv.weight", "conv.bias"], &["conv"], &[("kernel_shape", Attr::Ints(&[1, 1]))]);
    b.named_node("Relu", &["conv"], &["relu"], &[]);
    b.named_node("Flatten", &["relu"], &["logits"], &[]);
    b.output("logits");
    b.into_model(17)
}

#[test]
fn a_unit_that_sleeps_is_woken_and_a_naive_ascent_leaves_it_asleep() {
    let mut network = network(sleeper());
    let objectives = [Objective::Channel(Unit { layer: 0, channel: 0 })];
    let mut last = |regularization| {
        let parameters = Parameters { regularization, steps: 100, ..Parameters::default() };
        let ascent = climbed(&mut network, &objectives, &parameters).unwrap();
        assert_eq!(ascent.history()[0][0], 0.0);
        (ascent.history()[0][99], ascent.pictures().clone())
    };
    let (value, pictures) = last(Regularization::Lucid);
    assert!(value > 0.0 && pictures.mean().unwrap() > 0.5, "{value}");
    assert_eq!(last(Regularization::None).0, 0.0);
}

#[test]
fn a_picture_is_the_same_whichever_others_are_made_with_it() {
    let mut network = network(tiny_a());
    let channel = |channel| Objective::Channel(Unit { layer: LAYER, channel });
    let mut pictures = |objectives: &[Objective], diversity| {
        let parameters = Parameters { steps: 5, size: Some(12), seed: 4, diversity, ..Parameters::default() };
        climbed(&mut network, objectives, &parameters).unwrap().pictures().clone()
    };
    let (together, alone) = (pictures(&[channel(3), channel(7)], 0.0), pictures(&[channel(7)], 0.0));
    assert_eq!(together.dim(), (2, 3, 12, 12));
    let apart = |a: &Array4<f32>, b: &Array4<f32>| {
        let rows = &a.index_axis(Axis(0), a.dim().0 - 1) - &b.index_axis(Axis(0), 0);
        rows.iter().fold(0.0f32, |largest, difference| largest.max(difference.abs()))
    };
    assert!(apart(&together, &alone) < 1e-4);
    let twins = pictures(&[channel(7), channel(7)], 1.0);
    assert!(apart(&twins, &twins) > 0.1, "pictures that must differ start apart");
}

#[test]
fn every_step_is_watched_and_a_cancel_keeps_what_is_done() {
    let mut network = network(tiny_a());
    let cancel = Cancel::new();
    let mut seen = Vec::new();
    let parameters = Parameters { regularization: Regularization::None, steps: 50, ..Parameters::default() };
    let mut ascents = [Ascent::new(&mut network, &[Objective::Class(1)], &parameters, None).unwrap()];
    climb(&mut network, &mut ascents, &cancel, &mut |ascents| {
        seen.push(ascents[0].done());
        if ascents[0].done() == 3 {
            cancel.cancel();
        }
    })
    .unwrap();
    let [ascent] = ascents;
    assert_eq!((seen, ascent.done(), ascent.total()), (vec![1, 2, 3], 3, 50));
    assert!(ascent.history()[0][2] > ascent.history()[0][0]);
    assert!(ascent.pictures().iter().all(|colour| (0.0..=1.0).contains(colour)));
}

#[test]
fn what_cannot_be_climbed_is_said() {
    let mut network = network(tiny_a());
    let channel = |channel| Objective::Channel(Unit { layer: LAYER, channel });
    let mut said = |objectives: &[Objective], parameters: Parameters| {
        climbed(&mut network, objectives, &parameters).err().unwrap().to_string()
    };
    let usual = Parameters::default;
    assert!(said(&[], usual()).contains("one layer"));
    assert!(said(&[channel(1), Objective::Class(0)], usual()).contains("one layer"));
    assert!(said(&[channel(12)], usual()).contains("no channel 12"));
    assert!(said(&[Objective::Class(9)], usual()).contains("no class 9"));
    assert!(said(&[channel(1)], Parameters { steps: 0, ..usual() }).contains("1 to 100000"));
    assert!(said(&[channel(1)], Parameters { size: Some(7), ..usual() }).contains("8 to 1024"));
    let unit = Unit { layer: LAYER, channel: 0 };
    assert!(said(&[Objective::Neuron { unit, at: Some([8, 0]) }], usual()).contains("(8, 0)"));
    for direction in [vec![1.0; 3], vec![0.0; 12], vec![f32::NAN; 12]] {
        assert!(said(&[Objective::Direction { layer: LAYER, direction }], usual()).contains("`conv2`"));
    }
}
