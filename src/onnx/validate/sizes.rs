//! Sizes that nodes ask for by constants: shapes to be filled, repetitions, paddings, windows.
//!
//! What a node computes its size from while it runs cannot be seen here.

use super::super::proto::{NodeProto, TensorProto};
use super::super::{Beside, OnnxError, tensor};

/// Most elements of a tensor that a node may be asked to make: 1 GiB of 32-bit floats.
const MOST_ELEMENTS: usize = 1 << 28;

/// Largest window, stride, dilation or padding.
const LARGEST_WINDOW: i64 = 1 << 16;

/// Largest factor along one axis, of repeating or resizing.
const LARGEST_FACTOR: i64 = 1 << 10;

/// Most elements of a constant that is looked at: one a side of a tensor, and two for paddings.
const MOST_LOOKED_AT: usize = 2 * tensor::MOST_AXES;

/// Most rounds of a loop.
const MOST_ROUNDS: i64 = 1 << 20;

/// Number of elements of a shape, where no size is negative and the number is believed.
pub(super) fn elements(shape: impl IntoIterator<Item = i64>) -> Option<usize> {
    let mut sizes = shape.into_iter();
    let product = sizes.try_fold(1usize, |product, size| product.checked_mul(usize::try_from(size).ok()?));
    product.filter(|product| *product <= MOST_ELEMENTS)
}

/// Refuses a node that asks for an absurd size. `constant` finds constants by name, `beside` has what is not in them.
pub(super) fn check<'a>(
    node: &NodeProto,
    constant: &dyn Fn(&str) -> Option<&'a TensorProto>,
    beside: &Beside,
) -> Result<(), OnnxError> {
    let asked = Asked { node, constant, beside };
    asked.axes()?;
    match node.op_type.as_str() {
        "ConstantOfShape" => asked.shape("shape", asked.input(0)),
        "Expand" => asked.shape("shape", asked.input(1).map(|sizes| sizes.iter().map(|size| size.abs()).collect())),
        "RandomNormal" | "RandomUniform" => asked.shape("shape", asked.attribute("shape")),
        "Tile" => asked.range("repeats", asked.input(1), 0, LARGEST_FACTOR),
        "Pad" => {
            let pads = asked.input(1).or_else(|| asked.attribute("pads"));
            asked.range("pads", pads, -LARGEST_WINDOW, LARGEST_WINDOW)
        }
        "Resize" | "Upsample" => {
            let scales =
                asked.floats(if node.input.len() > 2 { 2 } else { 1 }).or_else(|| asked.attribute_floats("scales"));
            let scales = scales.map(|scales| scales.iter().map(|scale| scale.ceil() as i64).collect());
            asked.range("scales", scales, 0, LARGEST_FACTOR)?;
            asked.shape("sizes", asked.input(3))
        }
        "OneHot" => asked.range("depth", asked.input(1), 0, MOST_ELEMENTS as i64),
        "Split" => asked.range("num_outputs", asked.attribute("num_outputs"), 1, LARGEST_WINDOW),
        "Range" => asked.steps(),
        // The largest number stands for "while the condition holds".
        "Loop" if asked.input(0).as_deref() != Some(&[i64::MAX]) => {
            asked.range("trip count", asked.input(0), i64::MIN, MOST_ROUNDS)
        }
        "DepthToSpace" | "SpaceToDepth" => asked.range("blocksize", asked.attribute("blocksize"), 1, LARGEST_FACTOR),
        "Conv" | "ConvTranspose" | "ConvInteger" | "QLinearConv" | "MaxPool" | "AveragePool" | "LpPool"
        | "MaxUnpool" => {
            for name in ["kernel_shape", "strides", "dilations", "group"] {
                asked.range(name, asked.attribute(name), 1, LARGEST_WINDOW)?;
            }
            for name in ["pads", "output_padding", "output_shape"] {
                asked.range(name, asked.attribute(name), 0, LARGEST_WINDOW)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// A node and the constants it may use.
struct Asked<'a, 'b> {
    node: &'b NodeProto,
    constant: &'b dyn Fn(&str) -> Option<&'a TensorProto>,
    beside: &'b Beside,
}

impl Asked<'_, '_> {
    fn stored(&self, index: usize) -> Option<&TensorProto> {
        let constant =
            self.node.input.get(index).filter(|name| !name.is_empty()).and_then(|name| (self.constant)(name))?;
        elements(constant.dims.iter().copied()).filter(|count| *count <= MOST_LOOKED_AT).map(|_| constant)
    }

    /// Elements of an input that is a constant of integers.
    fn input(&self, index: usize) -> Option<Vec<i64>> {
        tensor::integers(self.stored(index)?, self.beside).ok()
    }

    /// Elements of an input that is a constant of floats.
    fn floats(&self, index: usize) -> Option<Vec<f32>> {
        tensor::floats(self.stored(index)?, self.beside).ok().map(|floats| floats.into_iter().collect())
    }

    /// What a node takes for a shape has an element for each axis.
    fn axes(&self) -> Result<(), OnnxError> {
        let index = match self.node.op_type.as_str() {
            "ConstantOfShape" => 0,
            "Expand" | "Reshape" | "Tile" | "Unsqueeze" => 1,
            _ => return Ok(()),
        };
        let sizes =
            self.node.input.get(index).and_then(|name| (self.constant)(name)).map(|sizes| sizes.dims.as_slice());
        match sizes {
            Some(&[count]) if count > tensor::MOST_AXES as i64 => {
                Err(self.absurd("number of axes", &[count], &format!("at most {}", tensor::MOST_AXES)))
            }
            _ => Ok(()),
        }
    }

    fn attribute(&self, name: &str) -> Option<Vec<i64>> {
        let attribute = self.node.attribute.iter().find(|attribute| attribute.name == name)?;
        Some(attribute.ints.iter().copied().chain(attribute.i).collect())
    }

    fn attribute_floats(&self, name: &str) -> Option<Vec<f32>> {
        self.node.attribute.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.floats.clone())
    }

    fn shape(&self, what: &str, shape: Option<Vec<i64>>) -> Result<(), OnnxError> {
        match shape.filter(|shape| elements(shape.iter().copied()).is_none()) {
            Some(shape) => Err(self.absurd(what, &shape, &format!("at most {MOST_ELEMENTS} elements"))),
            None => Ok(()),
        }
    }

    fn range(&self, what: &str, values: Option<Vec<i64>>, least: i64, most: i64) -> Result<(), OnnxError> {
        match values.filter(|values| values.iter().any(|value| !(least..=most).contains(value))) {
            Some(values) => Err(self.absurd(what, &values, &format!("{least} to {most}"))),
            None => Ok(()),
        }
    }

    /// Range counts from a start to a limit.
    fn steps(&self) -> Result<(), OnnxError> {
        let scalar = |index: usize| {
            let integer = self.input(index).and_then(|values| values.first().map(|value| *value as f64));
            integer.or_else(|| self.floats(index).and_then(|values| values.first().map(|value| f64::from(*value))))
        };
        let (Some(start), Some(limit), Some(delta)) = (scalar(0), scalar(1), scalar(2)) else { return Ok(()) };
        let count = (limit - start) / delta;
        if count <= MOST_ELEMENTS as f64 {
            return Ok(());
        }
        let all = [start, limit, delta].map(|value| value as i64);
        Err(self.absurd("start, limit, delta", &all, &format!("at most {MOST_ELEMENTS} elements")))
    }

    fn absurd(&self, what: &str, values: &[i64], believed: &str) -> OnnxError {
        let NodeProto { name, output, op_type, .. } = self.node;
        let name = if name.is_empty() { output.first().cloned().unwrap_or_default() } else { name.clone() };
        let shown: Vec<String> = values.iter().take(8).map(i64::to_string).collect();
        let more = if values.len() > shown.len() { ", …" } else { "" };
        let reason = format!("{what} [{}{more}], believed is {believed}", shown.join(", "));
        OnnxError::Absurd { node: name, op: op_type.clone(), reason }
    }
}
