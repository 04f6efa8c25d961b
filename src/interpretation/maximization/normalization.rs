//! From colours to what the network takes, as its card says, and the gradient back.

use ndarray::{Array1, Array2, Array4, ArrayView2, Axis};

use crate::model::preprocess::Preprocess;

/// The affine map from colours 0 to 1 (red, green, blue; or grey) to the input's channels.
pub(super) struct Normalization {
    /// `[channels, colours]`.
    matrix: Array2<f32>,
    /// What black becomes, one number a channel.
    black: Array1<f32>,
}

impl Normalization {
    /// As pictures are prepared. Colours are those of three channels in whatever order; anything else is grey.
    pub fn of(preprocess: &Preprocess) -> Self {
        let [channels, ..] = preprocess.shape();
        let black = Array1::from(preprocess.value_of([0; 3]));
        let lit: Vec<[u8; 3]> = match channels {
            3 => vec![[255, 0, 0], [0, 255, 0], [0, 0, 255]],
            _ => vec![[255; 3]],
        };
        let mut matrix = Array2::zeros((channels, lit.len()));
        for (mut column, colour) in matrix.columns_mut().into_iter().zip(lit) {
            column.assign(&(Array1::from(preprocess.value_of(colour)) - &black));
        }
        Self { matrix, black }
    }

    /// Number of colours: 3 or 1.
    pub fn colours(&self) -> usize {
        self.matrix.ncols()
    }

    /// `[batch, channels, height, width]` of colours.
    pub fn apply(&self, colours: &Array4<f32>) -> Array4<f32> {
        let mut input = weighed(colours, self.matrix.view());
        for (mut channel, black) in input.axis_iter_mut(Axis(1)).zip(&self.black) {
            channel += *black;
        }
        input
    }

    /// The gradient at the colours of what has this gradient at the input.
    pub fn adjoint(&self, gradient: &Array4<f32>) -> Array4<f32> {
        weighed(gradient, self.matrix.t())
    }
}

/// Each pixel times the matrix.
pub(super) fn weighed(pixels: &Array4<f32>, matrix: ArrayView2<'_, f32>) -> Array4<f32> {
    let (batch, _, height, width) = pixels.dim();
    let mut weighed = Array4::zeros((batch, matrix.nrows(), height, width));
    for (mut to, from) in weighed.outer_iter_mut().zip(pixels.outer_iter()) {
        for (mut to, weights) in to.outer_iter_mut().zip(matrix.outer_iter()) {
            for (from, weight) in from.outer_iter().zip(weights).filter(|(_, weight)| **weight != 0.0) {
                to.scaled_add(*weight, &from);
            }
        }
    }
    weighed
}
