//! Which part of the picture a position of a feature map sees: its receptive field, from the graph.
//!
//! Owns following kernels, strides, dilations and pads through the operators. Must not know what any of them computes.
//! Parts of a network that look at the whole picture only to weigh channels (squeeze-and-excitation, normalisation by
//! statistics of the map) are not counted: they would make every field the whole picture.

use std::collections::HashMap;

use super::preprocess::Rect;
use crate::onnx::{Graph, Node};

/// Along one axis, in pixels of the network's input.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Along {
    /// Pixels that one position sees.
    size: f64,
    /// Pixels between two positions.
    jump: f64,
    /// Left or top edge of what the first position sees; negative where it begins in the padding.
    start: f64,
    /// Number of positions; 0 where it is not known.
    count: usize,
}

/// The receptive field of a feature map's positions. Order of axes: down, across.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReceptiveField {
    /// Windows of one size at a regular distance.
    Window {
        /// Height and width of what a position sees, pixels of the network's input.
        size: [f64; 2],
        /// Pixels from a position to the next.
        jump: [f64; 2],
        /// Top and left edge of what the first position sees; negative in the padding.
        start: [f64; 2],
    },
    /// All of the picture, or not known.
    Whole,
}

impl ReceptiveField {
    /// What a position sees, in pixels of the input; it may reach over the input's edges into the padding. `input` is the
    /// input's height and width.
    pub fn at(&self, row: u32, column: u32, input: [usize; 2]) -> Rect {
        match self {
            Self::Whole => Rect { x: 0.0, y: 0.0, width: input[1] as f32, height: input[0] as f32 },
            Self::Window { size, jump, start } => Rect {
                x: (start[1] + f64::from(column) * jump[1]) as f32,
                y: (start[0] + f64::from(row) * jump[0]) as f32,
                width: size[1] as f32,
                height: size[0] as f32,
            },
        }
    }
}

/// What is known of a tensor while the graph is followed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Seen {
    Window([Along; 2]),
    Whole,
}

/// The receptive fields of some tensors. `input` is the name of the tensor with the pictures `[batch, channels, height,
/// width]`, `size` its height and width.
pub fn fields(graph: &Graph, input: &str, size: [usize; 2], tensors: &[&str]) -> Vec<ReceptiveField> {
    let pixel = |count: usize| Along { size: 1.0, jump: 1.0, start: 0.0, count };
    let mut seen: HashMap<&str, Seen> = HashMap::from([(input, Seen::Window(size.map(pixel)))]);
    for node in &graph.nodes {
        let inputs: Vec<Seen> = node.inputs.iter().filter_map(|name| seen.get(name.as_str()).copied()).collect();
        if let Some(joined) = join(&inputs) {
            let made = match joined {
                Seen::Window(axes) => through(graph, node, axes).map_or(Seen::Whole, Seen::Window),
                Seen::Whole => Seen::Whole,
            };
            seen.extend(node.outputs.iter().map(|output| (output.as_str(), made)));
        }
    }
    let field = |tensor: &&str| match seen.get(tensor) {
        Some(Seen::Window(axes)) => ReceptiveField::Window {
            size: axes.map(|axis| axis.size),
            jump: axes.map(|axis| axis.jump),
            start: axes.map(|axis| axis.start),
        },
        _ => ReceptiveField::Whole,
    };
    tensors.iter().map(field).collect()
}

/// What several branches see together; those that see the whole picture only weigh the others. `None` without branches.
fn join(branches: &[Seen]) -> Option<Seen> {
    let windows = branches.iter().filter_map(|seen| if let Seen::Window(axes) = seen { Some(*axes) } else { None });
    let union = |a: [Along; 2], b: [Along; 2]| {
        [0, 1].map(|axis: usize| {
            let (a, b) = (a[axis], b[axis]);
            let start = a.start.min(b.start);
            let size = (a.start + a.size).max(b.start + b.size) - start;
            Along { size, jump: a.jump.max(b.jump), start, count: a.count.max(b.count) }
        })
    };
    windows.reduce(union).map(Seen::Window).or(branches.first().copied())
}

/// What a node's output sees where its input sees this; `None` for the whole picture.
fn through(graph: &Graph, node: &Node, axes: [Along; 2]) -> Option<[Along; 2]> {
    match node.op_type.as_str() {
        "Conv" | "ConvInteger" | "QLinearConv" => window(node, axes, kernel(graph, node)?),
        "MaxPool" | "AveragePool" | "LpPool" => window(node, axes, kernel(graph, node)?),
        "Pad" => {
            let pads = match node.attr_ints("pads") {
                Some(pads) => pads.to_vec(),
                None => graph.integers(node.input(1)?).ok()?,
            };
            // All begins, then all ends, of four axes.
            let [_, _, top, left, _, _, bottom, right] = pads[..] else { return None };
            let padded = |axis: Along, [before, after]: [i64; 2]| Along {
                start: axis.start - before as f64 * axis.jump,
                count: (axis.count as i64 + before + after).max(0) as usize,
                ..axis
            };
            Some([padded(axes[0], [top, bottom]), padded(axes[1], [left, right])])
        }
        "SpaceToDepth" => {
            let block = node.attr_int("blocksize")? as f64;
            Some(axes.map(|axis| Along {
                size: axis.size + (block - 1.0) * axis.jump,
                jump: axis.jump * block,
                count: axis.count / block as usize,
                ..axis
            }))
        }
        op if WHOLE.contains(&op) || op.starts_with("Reduce") && !of_channels(graph, node) => None,
        _ => Some(axes),
    }
}

/// Operators that bring all positions together, or whose positions are no longer those of the picture in a regular way.
const WHOLE: [&str; 17] = [
    "GlobalAveragePool",
    "GlobalMaxPool",
    "GlobalLpPool",
    "Gemm",
    "MatMul",
    "MatMulInteger",
    "QLinearMatMul",
    "Einsum",
    "Flatten",
    "ConvTranspose",
    "Resize",
    "Upsample",
    "DepthToSpace",
    "Attention",
    "MaxUnpool",
    "MaxRoiPool",
    "RoiAlign",
];

/// Whether a reduction is over channels only.
fn of_channels(graph: &Graph, node: &Node) -> bool {
    let given = node.attr_ints("axes").map(<[i64]>::to_vec);
    let axes = given.or_else(|| graph.integers(node.input(1)?).ok());
    axes.is_some_and(|axes| axes == [1] || axes == [-3])
}

/// Height and width of a kernel.
fn kernel(graph: &Graph, node: &Node) -> Option<[i64; 2]> {
    if let Some(kernel) = node.attr_ints("kernel_shape") {
        return kernel.try_into().ok();
    }
    let weights = node.input(if node.op_type == "QLinearConv" { 3 } else { 1 })?;
    let dequantised = || graph.producer(weights).and_then(|node| graph.constant(node.input(0)?));
    let [_, _, height, width] = graph.constant(weights).or_else(dequantised)?.dims[..] else { return None };
    Some([height, width])
}

fn window(node: &Node, axes: [Along; 2], kernel: [i64; 2]) -> Option<[Along; 2]> {
    let pair = |name: &str| node.attr_ints(name).map_or(Some([1, 1]), |pair| <[i64; 2]>::try_from(pair).ok());
    let (strides, dilations) = (pair("strides")?, pair("dilations")?);
    let given = node.attr_ints("pads").unwrap_or(&[0; 4]);
    let along = |axis: usize| {
        let (before, reach) = (axes[axis], (kernel[axis] - 1) * dilations[axis]);
        let (count, stride) = (before.count as i64, strides[axis].max(1));
        let [begin, end] = match node.attr_string("auto_pad").unwrap_or("NOTSET") {
            "NOTSET" => [*given.get(axis)?, *given.get(axis + 2)?],
            "VALID" => [0, 0],
            same => {
                let total = (((count + stride - 1) / stride - 1) * stride + reach + 1 - count).max(0);
                let less = total / 2;
                if same == "SAME_LOWER" { [total - less, less] } else { [less, total - less] }
            }
        };
        let room = count + begin + end - reach - 1;
        let count = match node.attr_int("ceil_mode") {
            Some(1) => (room + stride - 1) / stride + 1,
            _ => room / stride + 1,
        };
        Some(Along {
            size: before.size + reach as f64 * before.jump,
            jump: before.jump * stride as f64,
            start: before.start - begin as f64 * before.jump,
            count: count.max(0) as usize,
        })
    };
    Some([along(0)?, along(1)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{tiny_a, with_input};
    use crate::onnx::Model;
    use crate::onnx::build::{Attr, GraphBuilder};

    fn window(size: f64, jump: f64, start: f64) -> ReceptiveField {
        ReceptiveField::Window { size: [size; 2], jump: [jump; 2], start: [start; 2] }
    }

    fn of(builder: GraphBuilder, tensors: &[&str]) -> Vec<ReceptiveField> {
        let model = Model::from_bytes(builder.into_model(16), None).unwrap();
        fields(model.graph(), "x", [32, 32], tensors)
    }

    #[test]
    fn kernels_strides_and_pads_add_up() {
        let model = Model::from_bytes(tiny_a(), None).unwrap();
        let found = fields(model.graph(), "x", [16, 16], &["relu1", "pool1", "relu2", "logits", "none"]);
        let (whole, two) = (ReceptiveField::Whole, [3.0, 1.0, -1.0]);
        assert_eq!(found[0], window(two[0], two[1], two[2]));
        assert_eq!(&found[1..], [window(4.0, 2.0, -1.0), window(8.0, 2.0, -3.0), whole, whole]);
        let seen = found[2].at(3, 1, [16, 16]);
        assert_eq!((seen.x, seen.y, seen.width, seen.height), (-1.0, 3.0, 8.0, 8.0));
        assert_eq!(ReceptiveField::Whole.at(9, 9, [16, 20]).width, 20.0);
    }

    #[test]
    fn dilations_branches_gates_and_automatic_pads_are_followed() {
        let mut b = with_input([1, 32, 32]);
        b.named_floats("w", ndarray::Array4::<f32>::zeros((1, 1, 3, 3)).view());
        b.named_floats("w1", ndarray::Array4::<f32>::zeros((1, 1, 1, 1)).view());
        let wide = [("dilations", Attr::Ints(&[4, 4])), ("pads", Attr::Ints(&[4, 4, 4, 4]))];
        b.named_node("Conv", &["x", "w"], &["wide"], &wide);
        b.named_node("Conv", &["x", "w"], &["narrow"], &[("pads", Attr::Ints(&[1, 1, 1, 1]))]);
        b.named_node("Add", &["narrow", "wide"], &["sum"], &[]);
        b.named_node("GlobalAveragePool", &["sum"], &["gap"], &[]);
        b.named_node("Conv", &["gap", "w1"], &["gate"], &[]);
        b.named_node("Mul", &["sum", "gate"], &["gated"], &[]);
        let same = [("auto_pad", Attr::Text("SAME_UPPER")), ("strides", Attr::Ints(&[2, 2]))];
        b.named_node("Conv", &["gated", "w"], &["last"], &same);
        b.output("last");
        let found = of(b, &["wide", "sum", "gap", "gated", "last"]);
        let nine = window(9.0, 1.0, -4.0);
        // 32 positions at stride 2 under a kernel of 3 take one row of padding, at the end.
        assert_eq!(found, [nine, nine, ReceptiveField::Whole, nine, window(11.0, 2.0, -4.0)]);
    }

    #[test]
    fn a_pad_of_its_own_moves_the_start() {
        let mut b = with_input([1, 32, 32]);
        let pads = b.ints(&[0, 0, 2, 1, 0, 0, 2, 1]);
        b.named_node("Pad", &["x", &pads], &["padded"], &[]);
        let kernel = [("kernel_shape", Attr::Ints(&[3, 5])), ("strides", Attr::Ints(&[2, 3]))];
        b.named_node("MaxPool", &["padded"], &["pool"], &kernel);
        b.output("pool");
        let field = ReceptiveField::Window { size: [3.0, 5.0], jump: [2.0, 3.0], start: [-2.0, -1.0] };
        assert_eq!(of(b, &["pool"]), [field]);
    }
}
