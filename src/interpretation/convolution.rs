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
    /// Row and column of the input under the first weight at a position of the feature map; negative in the padding.
    pub fn corner(&self, (row, column): (usize, usize)) -> (isize, isize) {
        let along = |axis: usize, at: usize| (at * self.strides[axis]) as isize - self.pads[axis] as isize;
        (along(0, row), along(1, column))
    }

    /// Rows and columns of the input that a filter reaches over.
    pub fn reach(&self) -> (usize, usize) {
        let (_, _, height, width) = self.weights.dim();
        let along = |axis: usize, weights: usize| weights.saturating_sub(1) * self.dilations[axis] + 1;
        (along(0, height), along(1, width))
    }

    /// Takes apart what a filter makes of `input`, `[channels, height, width]`, at a position (row, column) of its
    /// feature map. Sums are taken in 64 bits.
    pub fn product(&self, input: ArrayView3<'_, f32>, filter: usize, position: (usize, usize)) -> Product {
        let kernel = self.filter(filter);
        let (top, left) = self.corner(position);
        let under =
            |start: isize, offset: usize, dilation: usize| usize::try_from(start + (offset * dilation) as isize);
        let patch = Array3::from_shape_fn(kernel.dim(), |(channel, y, x)| {
            let place = (under(top, y, self.dilations[0]), under(left, x, self.dilations[1]));
            let (Ok(y), Ok(x)) = place else { return 0.0 };
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
    use crate::fixtures::{engine, sine, tiny_a, with_input};
    use crate::interpretation::filters::{self, Folded};
    use crate::model::settings::Overrides;
    use crate::model::source::Opened;
    use crate::network::Network;
    use crate::onnx::Model;
    use crate::onnx::build::Attr;

    fn open(bytes: Vec<u8>) -> Network {
        let opened = Opened { name: "t".to_owned(), model: Model::from_bytes(bytes, None).unwrap(), card: None };
        Network::load(opened, engine(), &Overrides::default()).unwrap()
    }

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
        let mut network = open(tiny_a());
        check(&mut network, 0, None);
        check(&mut network, 2, Some(1));
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
        let mut network = open(b.into_model(17));
        let filters = filters::of(&network, 0).unwrap();
        assert_eq!(filters.folded, Folded::Here(vec!["bn".to_owned(), "scaled".to_owned()]));
        assert_eq!([1, 2, 5].map(|filter| filters.input_channel(filter, 0)), [0, 1, 2]);
        assert_eq!((filters.corner((1, 0)), filters.reach()), ((1, -2), (3, 3)));
        check(&mut network, 0, None);
    }

    #[test]
    fn what_has_no_filters_says_so() {
        let network = open(tiny_a());
        let error = filters::of(&network, 1).unwrap_err().to_string();
        assert!(error.contains("`maxpool` is a MaxPool 2×2"), "{error}");
    }
}
