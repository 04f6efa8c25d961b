//! What one unit depends on: its gradient at the layers that it is made from, and at the picture.
//!
//! Owns what of a unit is differentiated. Must not know how gradients are drawn.

use ndarray::{Array3, Array4, Axis};

use crate::autodiff::Policy;
use crate::engine::Cancel;
use crate::model::unit::Unit;
use crate::network::{At, Network, NetworkError, Place};

use super::feature_maps::FeatureMaps;

/// The gradient of a unit's feature map, after the activation, for a prepared picture `[C, H, W]`: of its sum over all
/// positions, or of its value at one (row, column). `at` are layers that the unit's layer is made from
/// ([`Network::sources`]), each answered as maps `[channels, height, width]` of that layer, in their order; or the input,
/// answered as one, `[C, H, W]`.
pub fn of(
    network: &mut Network,
    input: &Array3<f32>,
    unit: Unit,
    position: Option<(usize, usize)>,
    at: At<'_>,
    cancel: &Cancel,
) -> Result<Vec<FeatureMaps>, NetworkError> {
    let batch = input.view().insert_axis(Axis(0)).to_owned();
    let shape = network.layers().get(unit.layer).map_or([0; 3], |layer| [layer.channels, layer.height, layer.width]);
    let seed = seed(shape, unit.channel, position).ok_or_else(|| NetworkError::Shape {
        given: position.map_or_else(|| vec![unit.channel], |(row, column)| vec![unit.channel, row, column]),
        expected: shape,
    })?;
    let pulled = network.pull_back(&batch, Place::Layer(unit.layer), &seed, at, Policy::Gradient, cancel)?;
    let maps = pulled.gradients.into_iter().map(|gradient| FeatureMaps::new(gradient.index_axis_move(Axis(0), 0)));
    Ok(maps.collect())
}

/// What starts the backward pass, `[1, channels, height, width]`: ones over the channel, or a single one. `None` for a
/// channel or position that is not there.
fn seed(shape: [usize; 3], channel: usize, position: Option<(usize, usize)>) -> Option<Array4<f32>> {
    let mut seed = Array4::zeros((1, shape[0], shape[1], shape[2]));
    if channel >= shape[0] {
        return None;
    }
    match position {
        None => seed.index_axis_mut(Axis(1), channel).fill(1.0),
        Some((row, column)) => *seed.get_mut((0, channel, row, column))? = 1.0,
    }
    Some(seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{network, sine, tiny_a};

    #[test]
    fn the_gradient_of_a_sum_is_that_of_all_its_positions() {
        let (mut network, x, cancel) = (network(tiny_a()), sine((3, 16, 16), [1.0, 0.37, 0.2]), Cancel::new());
        let unit = Unit { layer: 2, channel: 5 };
        let sources = network.sources(2);
        assert_eq!(sources, [0, 1]);
        let mut ask = |position, at: At<'_>| of(&mut network, &x, unit, position, at, &cancel).unwrap();
        let sum = ask(None, At::Layers(&sources));
        assert_eq!((sum[0].maps.dim(), sum[1].maps.dim()), ((8, 16, 16), (8, 8, 8)));
        let mut by_position = Array3::<f32>::zeros((3, 16, 16));
        for (row, column) in (0..8).flat_map(|row| (0..8).map(move |column| (row, column))) {
            by_position += &ask(Some((row, column)), At::Input)[0].maps;
        }
        let at_input = &ask(None, At::Input)[0].maps;
        assert!(at_input.iter().any(|gradient| gradient.abs() > 1e-3));
        at_input.iter().zip(&by_position).for_each(|(a, b)| approx::assert_abs_diff_eq!(*a, *b, epsilon = 1e-4));
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let (mut network, x) = (network(tiny_a()), sine((3, 16, 16), [1.0, 0.37, 0.2]));
        for (channel, position) in [(12, None), (5, Some((8, 0)))] {
            let unit = Unit { layer: 2, channel };
            assert!(of(&mut network, &x, unit, position, At::Input, &Cancel::new()).is_err());
        }
    }
}
