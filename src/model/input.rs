//! The tensor that a network takes pictures by.
//!
//! Owns telling it by its shape and type. Must not know what pixels are put into it.

use std::fmt;

use crate::onnx::{DataType, Dim, Graph, ValueInfo};

use super::card::MAX_SIDE;

/// Most channels that are believed.
const MAX_CHANNELS: usize = 1024;

/// Numbers of channels that pictures have: grey, colours, colours with transparency.
const OF_PICTURES: [usize; 3] = [1, 3, 4];

/// Where the channels are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[batch, channels, height, width]`, as PyTorch has it.
    ChannelsFirst,
    /// `[batch, height, width, channels]`, as TensorFlow has it.
    ChannelsLast,
}

/// The image input of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageInput {
    /// Name of the tensor.
    pub name: String,
    /// Order of its axes.
    pub layout: Layout,
    /// Type of its elements.
    pub element: DataType,
    /// Number of channels; `None` where the network does not say.
    pub channels: Option<usize>,
    /// Height and width; `None` where the network takes any.
    pub size: [Option<usize>; 2],
    /// The batch size the network insists on, if it does.
    pub batch: Option<usize>,
}

/// No input, or not just one, looks like a picture.
#[derive(Debug, thiserror::Error)]
pub enum NoImageInput {
    /// None does.
    #[error(
        "the network has no image input: one of floats, uint8 or int8 is needed, of shape [batch, channels, height, width] \
         or [batch, height, width, channels], with sides up to 4096; it has {found}"
    )]
    Unlike {
        /// What it has.
        found: String,
    },
    /// There are others.
    #[error(
        "the network takes more than a picture: {found}; only networks with one input can be explained, so export it again \
         with all others fixed"
    )]
    Several {
        /// What it has.
        found: String,
    },
}

impl ImageInput {
    /// The input of a graph that takes pictures.
    pub fn find(graph: &Graph) -> Result<Self, NoImageInput> {
        match graph.inputs.as_slice() {
            [only] => Self::of(only).ok_or_else(|| NoImageInput::Unlike { found: listed(&graph.inputs) }),
            inputs if inputs.iter().any(|input| Self::of(input).is_some()) => {
                Err(NoImageInput::Several { found: listed(inputs) })
            }
            inputs => Err(NoImageInput::Unlike { found: listed(inputs) }),
        }
    }

    fn of(info: &ValueInfo) -> Option<Self> {
        use DataType::{Bfloat16, Double, Float, Float16, Int8, Uint8};
        let fixed = |dim: &Dim| if let Dim::Fixed(size) = dim { Some(*size) } else { None };
        let [batch, second, third, last] = info.shape.as_slice() else { return None };
        let [batch, second, third, last] = [batch, second, third, last].map(fixed);
        let of_pictures = |channels: Option<usize>| channels.is_some_and(|count| OF_PICTURES.contains(&count));
        let (layout, channels, size) = match of_pictures(last) && !of_pictures(second) {
            true => (Layout::ChannelsLast, last, [second, third]),
            false => (Layout::ChannelsFirst, second, [third, last]),
        };
        let modest = size.iter().flatten().all(|side| *side <= MAX_SIDE)
            && channels.is_none_or(|channels| channels <= MAX_CHANNELS);
        let known = matches!(info.elem, Float | Float16 | Bfloat16 | Double | Uint8 | Int8);
        (known && modest).then(|| Self { name: info.name.clone(), layout, element: info.elem, channels, size, batch })
    }

    /// Whether its elements are whole numbers: the pixels themselves, or those less 128.
    pub fn is_whole(&self) -> bool {
        matches!(self.element, DataType::Uint8 | DataType::Int8)
    }
}

/// Name, type and shape: `input uint8 [batch, 224, 224, 3]`.
impl fmt::Display for ImageInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = |size: Option<usize>, name: &str| size.map_or_else(|| name.to_owned(), |size| size.to_string());
        let [height, width] = self.size;
        let (height, width) = (known(height, "height"), known(width, "width"));
        let (batch, channels) = (known(self.batch, "batch"), known(self.channels, "channels"));
        write!(f, "{} {} ", self.name, element(self.element))?;
        match self.layout {
            Layout::ChannelsFirst => write!(f, "[{batch}, {channels}, {height}, {width}]"),
            Layout::ChannelsLast => write!(f, "[{batch}, {height}, {width}, {channels}]"),
        }
    }
}

/// An element type as people write it.
fn element(elem: DataType) -> String {
    match elem {
        DataType::Float => "float32".to_owned(),
        DataType::Double => "float64".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// Name, type and shape of each.
fn listed(inputs: &[ValueInfo]) -> String {
    let shape = |info: &ValueInfo| {
        let dims = info.shape.iter().map(|dim| match dim {
            Dim::Fixed(size) => size.to_string(),
            Dim::Symbol(name) => name.clone(),
            Dim::Unknown => "?".to_owned(),
        });
        format!("{} {} [{}]", info.name, element(info.elem), dims.collect::<Vec<_>>().join(", "))
    };
    let found: Vec<String> = inputs.iter().take(8).map(shape).collect();
    if found.is_empty() { "no input at all".to_owned() } else { found.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::Model;
    use crate::onnx::build::GraphBuilder;

    fn input(elem: DataType, shape: [usize; 4]) -> Result<ImageInput, NoImageInput> {
        let mut builder = GraphBuilder::new("t");
        let dim = |size: usize| if size == 0 { Dim::Symbol("n".to_owned()) } else { Dim::Fixed(size) };
        builder.input("x", elem, &shape.map(dim));
        ImageInput::find(Model::from_bytes(builder.into_model(17), None).unwrap().graph())
    }

    #[test]
    fn channels_are_found_where_a_number_of_them_stands() {
        for (shape, expected) in [
            ([0, 3, 224, 200], "x float32 [batch, 3, 224, 200]"),
            ([1, 224, 200, 3], "x float32 [1, 224, 200, 3]"),
            ([0, 0, 0, 1], "x float32 [batch, height, width, 1]"),
            ([0, 0, 0, 0], "x float32 [batch, channels, height, width]"),
            ([8, 3, 224, 3], "x float32 [8, 3, 224, 3]"),
            ([0, 13, 64, 64], "x float32 [batch, 13, 64, 64]"),
        ] {
            assert_eq!(input(DataType::Float, shape).unwrap().to_string(), expected);
        }
        assert_eq!(input(DataType::Uint8, [0, 8, 9, 4]).unwrap().layout, Layout::ChannelsLast);
    }

    #[test]
    fn inputs_that_are_no_pictures_are_listed() {
        for (elem, shape) in
            [(DataType::Float, [0, 3, 1 << 40, 8]), (DataType::Int64, [0, 3, 8, 8]), (DataType::Float, [0, 5000, 8, 8])]
        {
            let error = input(elem, shape).unwrap_err().to_string();
            assert!(error.contains(&format!("[n, {}, {}, {}]", shape[1], shape[2], shape[3])), "{error}");
        }
    }

    #[test]
    fn what_comes_with_a_picture_is_named() {
        let mut builder = GraphBuilder::new("t");
        builder.input("image", DataType::Float, &[1, 3, 64, 64].map(Dim::Fixed));
        builder.input("age", DataType::Float, &[1, 1].map(Dim::Fixed));
        let model = Model::from_bytes(builder.into_model(17), None).unwrap();
        let error = ImageInput::find(model.graph()).unwrap_err().to_string();
        assert!(error.contains("more than a picture: image float32 [1, 3, 64, 64], age float32 [1, 1];"), "{error}");
    }
}
