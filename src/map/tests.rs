use approx::assert_relative_eq;
use ndarray::{Array3, arr2};

use super::*;
use crate::look::Resample;

/// The gradient that the reference numbers below start from (`tests/reference/tiny_a.py`).
fn gradient() -> Raw {
    let bytes = include_bytes!("../../tests/reference/tiny_a_gradient.npy");
    Raw::Input(ndarray_npy::ReadNpyExt::read_npy(&bytes[..]).unwrap())
}

/// No clamping, no blur.
fn plain(aggregate: Aggregate) -> Look {
    Look { aggregate, clamp: (0.0, 100.0), ..Look::default() }
}

/// Sum, minimum, maximum and the values at 0, 64, 128, 192 and 255 in row-major order.
fn check(map: &Map, sum: f32, range: (f32, f32), at: [f32; 5]) {
    assert_relative_eq!(map.values.sum(), sum, max_relative = 1e-4);
    assert_relative_eq!(map.shown_range.0, range.0, max_relative = 1e-4);
    assert_relative_eq!(map.shown_range.1, range.1, max_relative = 1e-4);
    let values: Vec<f32> = map.values.iter().copied().collect();
    for (index, expected) in [0, 64, 128, 192, 255].into_iter().zip(at) {
        assert_relative_eq!(values[index], expected, max_relative = 1e-4);
    }
}

#[test]
fn aggregates_are_the_lectures() {
    let make = |aggregate| make(&gradient(), &plain(aggregate), (16, 16));
    check(
        &make(Aggregate::AbsMax),
        0.471_539_9,
        (2.897_676e-5, 8.404_857e-3),
        [3.504_146e-3, 3.206_648e-4, 3.328_08e-4, 1.192_099_4e-3, 2.064_975_7e-3],
    );
    check(
        &make(Aggregate::AbsSum),
        1.067_224_6,
        (6.775_575e-5, 2.075_068e-2),
        [9.405_195e-3, 6.205_769e-4, 6.635_713e-4, 2.949_285e-3, 3.666_576e-3],
    );
    check(
        &make(Aggregate::SumAbs),
        0.297_170_6,
        (7.999_275e-6, 6.116_2e-3),
        [2.772_153e-3, 2.075_278e-5, 1.955_857e-4, 8.692_928e-4, 1.080_712_5e-3],
    );
}

#[test]
fn blur_is_scipys_on_the_lectures_map() {
    let map = make(&gradient(), &Look { sigma: 1.0, ..plain(Aggregate::AbsMax) }, (16, 16));
    check(
        &map,
        0.471_539_9,
        (4.666_354_5e-4, 5.186_766e-3),
        [3.170_696e-3, 1.145_06e-3, 4.666_354_5e-4, 1.134_153_2e-3, 1.594_351_8e-3],
    );
}

#[test]
fn clamp_is_numpys_on_the_lectures_gradient() {
    let Raw::Input(gradient) = gradient() else { unreachable!() };
    let mut values = gradient.into_shape_with_order((48, 16)).unwrap();
    clamp::clamp(&mut values, (1.0, 99.0));
    let (low, high) = range(&values);
    assert_relative_eq!(low, -5.226_068e-3, max_relative = 1e-5);
    assert_relative_eq!(high, 4.926_082_5e-3, max_relative = 1e-5);
}

#[test]
fn signed_maps_keep_zero_in_the_middle_and_channels_stand_apart() {
    let mut gradient = Array3::zeros((3, 1, 2));
    gradient[[0, 0, 0]] = -1.0;
    gradient[[1, 0, 1]] = 4.0;
    let raw = Raw::Input(gradient);
    let sum = make(&raw, &plain(Aggregate::Sum), (1, 2));
    assert!(sum.signed);
    assert_eq!((sum.raw_range, sum.shown_range), ((-1.0, 4.0), (-4.0, 4.0)));
    assert_eq!((sum.position(0.0), sum.position(4.0), sum.position(-4.0)), (0.5, 1.0, 0.0));
    assert_eq!(sum.strength(sum.position(-4.0)), 1.0);
    assert_eq!(make(&raw, &plain(Aggregate::Red), (1, 2)).values, arr2(&[[-1.0, 0.0]]));
    assert_eq!(make(&raw, &plain(Aggregate::Blue), (1, 2)).state, MapState::Zero);
}

#[test]
fn maps_without_contrast_say_so() {
    let map = |value: f32| make(&Raw::Layer(arr2(&[[value; 2]; 2])), &Look::default(), (4, 4));
    assert_eq!(map(0.0).state, MapState::Zero);
    assert_eq!(map(0.0).position(0.0), 0.0);
    assert_eq!(map(2.5).state, MapState::Constant(2.5));
    let signed = map(-2.5);
    assert_eq!((signed.state, signed.signed, signed.shown_range), (MapState::Constant(-2.5), true, (-2.5, 2.5)));
}

#[test]
fn nan_is_counted_kept_and_not_spread() {
    let mut gradient = Array3::from_elem((2, 3, 3), 1.0);
    gradient[[0, 1, 1]] = f32::NAN;
    gradient[[1, 0, 0]] = f32::NEG_INFINITY;
    for aggregate in Aggregate::ALL {
        let map =
            make(&Raw::Input(gradient.clone()), &Look { aggregate: *aggregate, sigma: 2.0, ..Look::default() }, (3, 3));
        let count = map.values.iter().filter(|value| value.is_nan()).count();
        assert_eq!(map.state, MapState::NotFinite { count }, "{aggregate}");
        assert!((1..=2).contains(&count), "{aggregate}");
        assert!(map.position(f32::NAN).is_nan());
    }
    let all = make(&Raw::Layer(arr2(&[[f32::NAN]])), &Look::default(), (2, 2));
    assert_eq!(all.state, MapState::NotFinite { count: 4 });
    assert_eq!(all.raw_range, (0.0, 0.0));
}

#[test]
fn huge_and_tiny_values_have_a_position() {
    let tiny = make(&Raw::Layer(arr2(&[[0.0, f32::from_bits(1)]])), &plain(Aggregate::AbsMax), (1, 2));
    assert_eq!(tiny.values.mapv(|value| tiny.position(value)), arr2(&[[0.0, 1.0]]));
    let map = make(&Raw::Layer(arr2(&[[f32::MIN, 0.0, f32::MAX]])), &plain(Aggregate::AbsMax), (1, 3));
    assert_eq!(map.state, MapState::Ok);
    assert_eq!(map.values.mapv(|value| map.position(value)), arr2(&[[0.0, 0.5, 1.0]]));
}

#[test]
fn layer_maps_come_to_the_inputs_size_before_they_are_clamped() {
    let raw = Raw::Layer(arr2(&[[0.0, 1.0], [2.0, 4.0]]));
    let map = make(&raw, &Look { resample: Resample::Nearest, ..plain(Aggregate::AbsMax) }, (4, 6));
    assert_eq!(map.values.dim(), (4, 6));
    assert_eq!((map.raw_range, map.signed), ((0.0, 4.0), false));
    let clamped = make(&raw, &Look { clamp: (30.0, 70.0), ..Look::default() }, (8, 8));
    assert_eq!(clamped.raw_range, (0.0, 4.0));
    assert!(clamped.shown_range.1 < 4.0 && clamped.shown_range.0 > 0.0);
}

proptest::proptest! {
    /// Whatever a network produces, every position is a colour or NaN, and what is not a number is said.
    #[test]
    fn any_raw_attribution_becomes_a_map(
        values in proptest::collection::vec(proptest::num::f32::ANY, 12),
        aggregate in 0..Aggregate::ALL.len(),
        sigma in 0.0_f32..20.0,
        low in 0.0_f32..50.0,
        high in 50.0_f32..100.0,
    ) {
        let look = Look { aggregate: Aggregate::ALL[aggregate], sigma, clamp: (low, high), ..Look::default() };
        let input = Raw::Input(Array3::from_shape_vec((3, 2, 2), values.clone()).unwrap());
        let layer = Raw::Layer(Array2::from_shape_vec((3, 4), values).unwrap());
        for raw in [input, layer] {
            let map = make(&raw, &look, (5, 7));
            for value in &map.values {
                let position = map.position(*value);
                let said = matches!(map.state, MapState::NotFinite { .. });
                assert!((0.0..=1.0).contains(&position) || (position.is_nan() && said), "{value} in {map:?}");
            }
        }
    }
}
