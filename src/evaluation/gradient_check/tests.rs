use ndarray::{Zip, s};

use super::*;
use crate::fixtures::{engine, sine, tiny_a, tiny_b};
use crate::model::settings::Overrides;
use crate::model::source::Opened;
use crate::onnx::Model;

/// Σ w x² / 2 + kinks |x − 0.3| with its gradient w x + sign(x − 0.3), both changed by `doctor`.
fn agrees(doctor: impl Fn(&mut Values)) -> Agreement {
    let centre = sine((3, 12, 12), [1.0, 0.37, 0.2]);
    let weights = sine((3, 12, 12), [1.0, 1.1, 0.9]);
    let score = |point: ndarray::ArrayView3<'_, f32>| {
        let term = |sum: f64, x: &f32, w: &f32| sum + f64::from(w * x * x / 2.0 + (x - 0.3).abs());
        Zip::from(point).and(&weights).fold(0.0, term) as f32
    };
    let mut evaluate = |points: &Array4<f32>| {
        let scores = points.outer_iter().map(score).collect();
        let gradients = points * &weights + points.mapv(|x| (x - 0.3).signum());
        let mut values = Values { scores, gradients };
        doctor(&mut values);
        Ok(values)
    };
    agreement(&centre, 1, 7, &mut evaluate).unwrap()
}

#[test]
fn a_right_gradient_agrees_and_a_wrong_one_does_not() {
    let right = agrees(|_| ());
    assert!(right.holds() && !right.flat && right.error < 5e-3, "{right:?}");
    let factor = agrees(|values| values.gradients *= 1.1);
    assert!(!factor.holds() && (0.05..0.15).contains(&factor.error), "{factor:?}");
    let turned = agrees(|values| values.gradients *= -1.0);
    assert!(turned.error > 1.0, "{turned:?}");
    // One channel of three forgotten, as by a rule that loses a branch.
    let lost = agrees(|values| values.gradients.slice_mut(s![.., 1, .., ..]).fill(0.0));
    assert!(!lost.holds() && lost.error > 0.2, "{lost:?}");
    // Only the last column wrong, as by padding on the wrong side.
    let edge = agrees(|values| values.gradients.slice_mut(s![.., .., .., 11]).fill(0.0));
    assert!(!edge.holds(), "{edge:?}");
    let nan = agrees(|values| values.gradients[[0, 0, 0, 0]] = f32::NAN);
    assert!(!nan.holds(), "{nan:?}");
    let infinite = agrees(|values| values.scores.fill(f32::INFINITY));
    assert!(!infinite.holds(), "{infinite:?}");
}

#[test]
fn many_kinks_are_cut_out_and_a_wrong_gradient_is_not_looked_at_as_long() {
    let centre = sine((3, 12, 12), [1.0, 0.37, 0.2]);
    // Each element has a kink of its own close by, as late layers have after a ReLU.
    let kinks = &centre + &(sine((3, 12, 12), [1.0, 2.9, 0.4]) * 1e-4);
    let look = |factor: f32, seed: u64| {
        let mut evaluate = |points: &Array4<f32>| {
            let apart = points - &kinks;
            let score = |apart: ndarray::ArrayView3<'_, f32>| {
                apart.iter().map(|d| f64::from(*d) + 1.3 * f64::from(d.abs())).sum::<f64>() as f32
            };
            let scores = apart.outer_iter().map(score).collect();
            Ok(Values { scores, gradients: apart.mapv(|d| factor * (1.0 + 1.3 * d.signum())) })
        };
        agreement(&centre, seed, 7, &mut evaluate).unwrap()
    };
    let right: Vec<Agreement> = (0..4).map(|seed| look(1.0, seed)).collect();
    let saved = right.iter().filter(|agreement| agreement.holds() && agreement.cells >= 135).count();
    assert!(saved >= 3, "{right:?}");
    assert!(!look(1.1, 0).holds());
    let wrong = look(2.0, 0);
    assert!(!wrong.holds() && wrong.cells < lines::FINEST, "{wrong:?}");
}

#[test]
fn where_nothing_changes_a_zero_agrees_and_anything_else_does_not() {
    let flat = agrees(|values| {
        values.scores.fill(7.0);
        values.gradients.fill(0.0);
    });
    assert!(flat.holds() && flat.flat && flat.slope == 0.0, "{flat:?}");
    let made_up = agrees(|values| values.scores.fill(7.0));
    assert!(!made_up.holds(), "{made_up:?}");
    let silent = agrees(|values| values.gradients.fill(0.0));
    assert!(!silent.holds() && silent.error == 1.0, "{silent:?}");
}

#[test]
fn the_gradients_of_small_networks_are_right_everywhere() {
    let input = sine((3, 16, 16), [1.0, 0.37, 0.2]);
    for model in [tiny_a(), tiny_b()] {
        let model = Model::from_bytes(model, None).unwrap();
        let opened = Opened { name: "tiny".to_owned(), model, card: None };
        let mut network = Network::load(opened, engine(), &Overrides::default()).unwrap();
        let layers: Vec<usize> = (0..network.layers().len()).collect();
        let places = check(&mut network, &input, 2, &layers, 0, &Cancel::new(), &mut |_| ()).unwrap();
        assert_eq!(places.len(), layers.len() + 1);
        for place in places {
            let outcome = place.outcome.as_ref().unwrap();
            assert!(place.holds() && !outcome.flat && outcome.slope > 0.0, "{place:?}");
        }
    }
}

#[test]
fn a_cancelled_check_is_cancelled() {
    let model = Model::from_bytes(tiny_a(), None).unwrap();
    let opened = Opened { name: "tiny".to_owned(), model, card: None };
    let mut network = Network::load(opened, engine(), &Overrides::default()).unwrap();
    let cancel = Cancel::new();
    cancel.cancel();
    let error = check(&mut network, &sine((3, 16, 16), [1.0, 0.37, 0.2]), 0, &[0], 0, &cancel, &mut |_| ());
    assert!(matches!(error, Err(NetworkError::Engine(EngineError::Cancelled))));
}
