//! How the parameters climb: Adam, or plain steps along the gradient.
//!
//! Owns the optimiser's state. Must not know what the parameters are.

use ndarray::{ArrayD, Axis, Zip};

/// Decay of Adam's running mean of the gradient.
const BETA1: f32 = 0.9;

/// Decay of Adam's running mean of its square.
const BETA2: f32 = 0.999;

/// Keeps Adam from dividing by zero.
const EPSILON: f32 = 1e-8;

/// Something that moves parameters uphill.
pub(super) trait Optimizer: Send {
    /// Moves parameters `[batch, …]` up along their gradient.
    fn climb(&mut self, parameters: &mut ArrayD<f32>, gradient: &ArrayD<f32>);
}

/// Kingma and Ba, 2015, as in PyTorch.
pub(super) struct Adam {
    rate: f32,
    step: i32,
    mean: ArrayD<f32>,
    square: ArrayD<f32>,
}

impl Adam {
    /// For parameters of this shape.
    pub fn new(rate: f32, shape: &[usize]) -> Self {
        Self { rate, step: 0, mean: ArrayD::zeros(shape), square: ArrayD::zeros(shape) }
    }
}

impl Optimizer for Adam {
    fn climb(&mut self, parameters: &mut ArrayD<f32>, gradient: &ArrayD<f32>) {
        self.step += 1;
        let rate = self.rate / (1.0 - BETA1.powi(self.step));
        let correction = (1.0 - BETA2.powi(self.step)).sqrt();
        let moments = Zip::from(parameters).and(gradient).and(&mut self.mean).and(&mut self.square);
        moments.for_each(|parameter, g, mean, square| {
            *mean = BETA1 * *mean + (1.0 - BETA1) * g;
            *square = BETA2 * *square + (1.0 - BETA2) * g * g;
            *parameter += rate * *mean / (square.sqrt() / correction + EPSILON);
        });
    }
}

/// A step along the gradient whose root mean square over the elements of each picture is `rate`.
pub(super) struct Plain {
    pub rate: f32,
}

impl Optimizer for Plain {
    fn climb(&mut self, parameters: &mut ArrayD<f32>, gradient: &ArrayD<f32>) {
        for (mut parameters, gradient) in parameters.axis_iter_mut(Axis(0)).zip(gradient.axis_iter(Axis(0))) {
            let square: f32 = gradient.iter().map(|g| g * g).sum();
            let size = (square / gradient.len().max(1) as f32).sqrt();
            if size > 0.0 {
                parameters.scaled_add(self.rate / size, &gradient);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;

    use super::*;

    #[test]
    fn adam_moves_as_in_pytorch() {
        // torch.optim.Adam([p], lr=0.05, maximize=True), p = [1, -2, 0.5], three gradients.
        let mut optimizer = Adam::new(0.05, &[1, 3]);
        let mut parameters = arr2(&[[1.0, -2.0, 0.5]]).into_dyn();
        for gradient in [[0.3, -1.0, 0.0], [-0.2, -0.5, 1e-4], [0.7, 2.0, -0.3]] {
            optimizer.climb(&mut parameters, &arr2(&[gradient]).into_dyn());
        }
        let expected = arr2(&[[1.088_182_3, -2.086_291, 0.505_270_5]]).into_dyn();
        assert!((&parameters - &expected).iter().all(|d| d.abs() < 1e-6), "{parameters}");
    }

    #[test]
    fn a_plain_step_has_the_same_size_whatever_the_gradients() {
        let mut parameters = ArrayD::zeros(vec![3, 2]);
        Plain { rate: 0.5 }.climb(&mut parameters, &arr2(&[[3.0, -4.0], [3e-9, -4e-9], [0.0, 0.0]]).into_dyn());
        let size = (12.5f32).sqrt();
        let expected = arr2(&[[1.5 / size, -2.0 / size], [1.5 / size, -2.0 / size], [0.0, 0.0]]).into_dyn();
        assert!((&parameters - &expected).iter().all(|d| d.abs() < 1e-6), "{parameters}");
    }
}
