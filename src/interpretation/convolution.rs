//! One position of a convolution taken apart: kernel × patch, summed over the inputs, plus the bias.
//!
//! Owns which part of its input a filter sees at a position. Must not know what follows the convolution.

use ndarray::{Array1, Array3, ArrayView3, Axis};

use super::filters::Filters;

/// What a filter makes of one position.
#[derive(Clone, Debug, PartialEq)]
pub struct Product {
    /// What the filter sees, `[inputs, height, width]` like the filter; zero where it reaches beyond the edge.
    pub patch: Array3<f32>,
    /// Σ kernel × patch of each input.
    pub sums: Array1<f32>,
    /// What is added to their sum.
    pub bias: f32,
    /// Σ of the sums, plus the bias: the value before the activation.
    pub value: f32,
}

impl Product {
    /// The input that says most: whose sum is largest in magnitude.
    pub fn strongest(&self) -> usize {
        let sums = self.sums.iter().enumerate();
        sums.max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs())).map_or(0, |(input, _)| input)
    }
}

impl Filters {
    /// First row and column of the input that make a position of the feature map; negative in the padding.
    pub fn corner(&self, (row, column): (usize, usize)) -> (isize, isize) {
        let (height, width) = self.span();
        let along = |axis: usize, at: usize, span: usize| match self.transposed {
            false => (at * self.strides[axis]) as isize - self.pads[axis] as isize,
            true => {
                let first = (at + self.pads[axis]) as isize - (span as isize - 1);
                first.div_euclid(self.strides[axis] as isize)
                    + isize::from(first.rem_euclid(self.strides[axis] as isize) > 0)
            }
        };
        (along(0, row, height), along(1, column, width))
    }

    /// Rows and columns of the input that make a position, at most.
    pub fn reach(&self) -> (usize, usize) {
        let (height, width) = self.span();
        match self.transposed {
            false => (height, width),
            true => (height.div_ceil(self.strides[0]), width.div_ceil(self.strides[1])),
        }
    }

    /// Rows and columns that a filter reaches over.
    fn span(&self) -> (usize, usize) {
        let (_, _, height, width) = self.weights.dim();
        let along = |axis: usize, weights: usize| weights.saturating_sub(1) * self.dilations[axis] + 1;
        (along(0, height), along(1, width))
    }

    /// The row (or column) of the input that meets a weight at a position; `None` where none does.
    fn under(&self, axis: usize, at: usize, weight: usize) -> Option<usize> {
        let offset = weight * self.dilations[axis];
        match self.transposed {
            false => (at * self.strides[axis] + offset).checked_sub(self.pads[axis]),
            true => {
                let spread = (at + self.pads[axis]).checked_sub(offset)?;
                spread.is_multiple_of(self.strides[axis]).then_some(spread / self.strides[axis])
            }
        }
    }

    /// Takes apart what a filter makes of `input`, `[channels, height, width]`, at a position (row, column) of its
    /// feature map. Sums are taken in 64 bits.
    pub fn product(&self, input: ArrayView3<'_, f32>, filter: usize, position: (usize, usize)) -> Product {
        let kernel = self.filter(filter);
        let patch = Array3::from_shape_fn(kernel.dim(), |(channel, y, x)| {
            let place = (self.under(0, position.0, y), self.under(1, position.1, x));
            let (Some(y), Some(x)) = place else { return 0.0 };
            input.get([self.input_channel(filter, channel), y, x]).copied().unwrap_or(0.0)
        });
        let sum = |(kernel, patch): (_, _)| {
            let products = ndarray::Zip::from(kernel).and(patch);
            products.fold(0.0, |sum: f64, k: &f32, p: &f32| sum + f64::from(*k) * f64::from(*p))
        };
        let sums: Array1<f64> = kernel.axis_iter(Axis(0)).zip(patch.axis_iter(Axis(0))).map(sum).collect();
        let bias = self.bias.get(filter).copied().unwrap_or(0.0);
        let value = (sums.sum() + f64::from(bias)) as f32;
        Product { sums: sums.mapv(|sum| sum as f32), patch, bias, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Cancel;
    use crate::fixtures::{network, sine, tiny_a, with_input};
    use crate::interpretation::filters::{self, Folded};
    use crate::network::Network;
    use crate::onnx::build::Attr;

    /// Every value of a layer, computed by hand from the feature maps before it, against the runtime's.
    fn check(network: &mut Network, layer: usize, before: Option<usize>) {
        let [channels, height, width] = network.preprocess().shape();
        let x = sine((1, channels, height, width), [1.0, 0.37, 0.2]);
        let forward = network.forward(&x, &[layer, before.unwrap_or(layer)], &Cancel::new()).unwrap();
        let input = if before.is_some() { &forward.activations[1] } else { &x };
        let filters = filters::of(network, layer).unwrap();
        assert_eq!(filters.colours.is_some(), before.is_none() && filters.groups == 1);
        for ((_, filter, row, column), expected) in forward.activations[0].indexed_iter() {
            let product = filters.product(input.index_axis(Axis(0), 0), filter, (row, column));
            approx::assert_abs_diff_eq!(product.value.max(0.0), *expected, epsilon = 1e-5);
            approx::assert_abs_diff_eq!(product.sums.sum() + product.bias, product.value, epsilon = 1e-5);
        }
    }

    #[test]
    fn kernel_times_patch_is_what_the_runtime_computes() {
        let mut network = network(tiny_a());
        check(&mut network, 0, None);
        check(&mut network, 2, Some(1));
    }

    #[test]
    fn transposed_convolutions_are_taken_apart_too() {
        let mut b = with_input([4, 5, 6]);
        b.named_floats("up.weight", sine((4, 3, 3, 2), [0.4, 1.7, 0.3]).view());
        b.named_floats("up.bias", sine(6, [0.2, 2.1, 0.5]).view());
        let attributes = [
            ("kernel_shape", Attr::Ints(&[3, 2])),
            ("pads", Attr::Ints(&[1, 0, 0, 1])),
            ("strides", Attr::Ints(&[2, 3])),
            ("dilations", Attr::Ints(&[1, 2])),
            ("output_padding", Attr::Ints(&[1, 0])),
            ("group", Attr::Int(2)),
        ];
        b.named_node("ConvTranspose", &["x", "up.weight", "up.bias"], &["up"], &attributes);
        b.named_node("Relu", &["up"], &["relu"], &[]);
        b.named_node("GlobalAveragePool", &["relu"], &["pooled"], &[]);
        b.named_node("Flatten", &["pooled"], &["y"], &[]);
        b.output("y");
        let mut network = network(b.into_model(17));
        let filters = filters::of(&network, 0).unwrap();
        assert_eq!((filters.weights.dim(), filters.transposed), ((6, 2, 3, 2), true));
        // Rows 0 and 1 of the input are spread over row 1: by 2 · 1 + 0 − 1 and 2 · 0 + 2 − 1.
        assert_eq!((filters.corner((1, 0)), filters.reach()), ((0, 0), (2, 1)));
        check(&mut network, 0, None);
    }

    /// Groups, strides, dilations, uneven padding, and a normalisation with a negative γ before the activation.
    #[test]
    fn every_kind_of_convolution_is_taken_apart() {
        let mut b = with_input([3, 9, 8]);
        b.named_floats("conv.weight", sine((6, 1, 3, 2), [0.4, 1.7, 0.3]).view());
        b.named_floats("conv.bias", sine(6, [0.2, 2.1, 0.5]).view());
        let attributes = [
            ("kernel_shape", Attr::Ints(&[3, 2])),
            ("pads", Attr::Ints(&[1, 2, 2, 0])),
            ("strides", Attr::Ints(&[2, 1])),
            ("dilations", Attr::Ints(&[1, 2])),
            ("group", Attr::Int(3)),
        ];
        b.named_node("Conv", &["x", "conv.weight", "conv.bias"], &["conv"], &attributes);
        for (name, [amplitude, frequency, phase], plus) in [
            ("gamma", [1.0, 2.3, 0.4], 0.0),
            ("beta", [0.3, 1.1, 0.2], 0.0),
            ("mean", [0.2, 1.9, 0.1], 0.0),
            ("var", [0.3, 0.7, 0.9], 1.0),
        ] {
            b.named_floats(name, (sine(6, [amplitude, frequency, phase]) + plus).view());
        }
        b.named_node("BatchNormalization", &["conv", "gamma", "beta", "mean", "var"], &["bn"], &[]);
        b.named_floats("twice", ndarray::Array3::from_elem((1, 1, 1), 2.0f32).view());
        b.named_node("Mul", &["bn", "twice"], &["scaled"], &[]);
        b.named_node("Relu", &["scaled"], &["relu"], &[]);
        b.named_node("GlobalAveragePool", &["relu"], &["gap"], &[]);
        b.named_node("Flatten", &["gap"], &["y"], &[]);
        b.output("y");
        let mut network = network(b.into_model(17));
        let filters = filters::of(&network, 0).unwrap();
        assert_eq!(filters.folded, Folded::Here(vec!["bn".to_owned(), "scaled".to_owned()]));
        assert_eq!([1, 2, 5].map(|filter| filters.input_channel(filter, 0)), [0, 1, 2]);
        assert_eq!((filters.corner((1, 0)), filters.reach()), ((1, -2), (3, 3)));
        check(&mut network, 0, None);
    }

    #[test]
    fn what_has_no_filters_says_so() {
        let network = network(tiny_a());
        let error = filters::of(&network, 1).unwrap_err().to_string();
        assert!(error.contains("`maxpool` (MaxPool 2×2"), "{error}");
    }
}
