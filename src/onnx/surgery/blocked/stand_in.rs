//! Kernels that stand in for others while the runtime lays a model out.
//!
//! It copies and lays out all kernels, also those of convolutions that [`WINOGRAD`](super::WINOGRAD) takes the place of, which takes
//! theirs to its points. A kernel 1×1 in the place of one 3×3 leaves a convolution all that the runtime looks at, and is a ninth.

use std::collections::{HashMap, HashSet};

use prost::Message;

use super::super::field;
use super::winograd::fits;
use crate::onnx::build::GraphBuilder;
use crate::onnx::proto::{DataType, NodeProto};
use crate::onnx::wire::{self, Edit};
use crate::onnx::{Graph, Model, Node, OnnxError, append};

/// All elements of the first stand-in have these bits, those of the next the next: far beyond what kernels are made of.
const FIRST: u32 = 0x7e00_0000;

/// Most stand-ins: as many are told apart by their bits.
const MOST: usize = 1 << 20;

/// What the runtime makes one with a convolution, beside ReLU and what is added: it would change the kernels, or be done after.
const MADE_ONE: [&str; 6] = ["BatchNormalization", "Clip", "HardSigmoid", "LeakyRelu", "Sigmoid", "Tanh"];

/// A model with stand-ins.
pub struct StandIns {
    /// The model.
    pub model: Model,
    /// What they stand in for, in the order of their numbers.
    pub originals: Vec<Original>,
}

/// A convolution whose kernels have a stand-in.
pub struct Original {
    /// Name of its kernels `[outputs, inputs, 3, 3]`.
    pub kernels: String,
    /// How many outputs and inputs they have.
    pub channels: [usize; 2],
    /// Zeros around its maps, before and behind rows and columns.
    pub pads: [i64; 4],
}

impl Original {
    /// Bytes that the kernels have.
    pub fn bytes(&self) -> usize {
        self.channels.iter().product::<usize>() * 9 * size_of::<f32>()
    }
}

impl StandIns {
    /// The model as it is.
    pub fn none(model: &Model) -> Self {
        Self { model: model.clone(), originals: Vec::new() }
    }
}

/// The model with stand-ins for the kernels of all convolutions that [`WINOGRAD`](super::WINOGRAD) takes the place of, where the
/// runtime lays out `block` channels together and leaves the kernels as they are.
pub fn stand_in(model: &Model, block: usize) -> Result<StandIns, OnnxError> {
    let graph = model.graph();
    let found = graph.nodes.iter().filter_map(|node| Some((node.index, original(node, model, block)?)));
    let mut found: Vec<(usize, Original)> = found.take(MOST).collect();
    let numbers: HashMap<usize, usize> = found.iter().enumerate().map(|(number, (node, _))| (*node, number)).collect();
    let replaced = |node: &usize| numbers.contains_key(node);
    let is_output = |name: &str| graph.outputs.iter().any(|output| output.name == name);
    let unused =
        |original: &Original| graph.consumers(&original.kernels).iter().all(replaced) && !is_output(&original.kernels);
    let unused: HashSet<String> =
        found.iter().map(|(_, original)| original).filter(|o| unused(o)).map(|o| o.kernels.clone()).collect();
    let mut builder = GraphBuilder::beside(graph, "lensor/stand-in/");
    let mut index = 0;
    let bytes = wire::edit_at(model.bytes(), &[field::MODEL_GRAPH], &mut |part| match part.number {
        field::GRAPH_INITIALIZER => {
            let name = wire::content_of(part.content, field::TENSOR_NAME)?;
            let name = name.and_then(|name| std::str::from_utf8(name).ok());
            Ok(if name.is_some_and(|name| unused.contains(name)) { Edit::Drop } else { Edit::Keep })
        }
        field::GRAPH_NODE => {
            index += 1;
            let Some(number) = numbers.get(&(index - 1)) else { return Ok(Edit::Keep) };
            let [outputs, inputs] = found[*number].1.channels;
            let elements = (FIRST + *number as u32).to_le_bytes().repeat(outputs * inputs);
            let name = builder.fresh("");
            builder.named_constant(&name, &[outputs, inputs, 1, 1], DataType::Float, elements);
            with_kernels(part.content, name).map(Edit::Replace)
        }
        _ => Ok(Edit::Keep),
    })?;
    let model = Model::from_bytes(append(&bytes, builder.finish()), model.beside().clone())?;
    Ok(StandIns { model, originals: found.drain(..).map(|(_, original)| original).collect() })
}

/// The convolution with kernels 1×1 of this name and no zeros around its maps.
fn with_kernels(convolution: &[u8], name: String) -> Result<Vec<u8>, OnnxError> {
    let broken = |reason: String| OnnxError::BrokenGraph { reason };
    let mut node = NodeProto::decode(convolution).map_err(|error| broken(error.to_string()))?;
    *node.input.get_mut(1).ok_or_else(|| broken("a Conv lacks its kernels".into()))? = name;
    for attribute in &mut node.attribute {
        match attribute.name.as_str() {
            "kernel_shape" => attribute.ints = vec![1; 2],
            "pads" => attribute.ints = vec![0; 4],
            _ => {}
        }
    }
    Ok(node.encode_to_vec())
}

/// What a stand-in is to be made for, if the node is such a convolution.
fn original(node: &Node, model: &Model, block: usize) -> Option<Original> {
    let graph = model.graph();
    let kernels = node.input(1)?;
    let channels = match graph.initializer(kernels)?.dims[..] {
        [outputs, inputs, ..] => [usize::try_from(outputs).ok()?, usize::try_from(inputs).ok()?],
        _ => return None,
    };
    // A map stays as large as it is only so.
    let pads: [i64; 4] = node.attr_ints("pads")?.try_into().ok()?;
    let same_size = pads[0] + pads[2] == 2 && pads[1] + pads[3] == 2;
    let is_input = graph.inputs.iter().any(|input| input.name == kernels);
    let mut users = graph.consumers(node.output()).iter().filter_map(|user| graph.nodes.get(*user));
    let fits = fits(node, model) && node.domain.is_empty() && same_size && !is_input;
    let fits =
        fits && channels.iter().all(|count| count.is_multiple_of(block)) && !users.any(|user| joins(user, graph));
    fits.then(|| Original { kernels: kernels.to_owned(), channels, pads })
}

/// Whether the runtime may make a node one with the convolution before it.
fn joins(user: &Node, graph: &Graph) -> bool {
    let with_constant = || user.uses().any(|input| graph.is_constant(input));
    MADE_ONE.contains(&user.op_type.as_str()) || matches!(user.op_type.as_str(), "Add" | "Mul") && with_constant()
}

/// The stand-ins of a model that the runtime has laid out, by their names: their numbers, and what they stand in for.
pub(super) fn find<'a>(
    model: &'a Model,
    originals: &'a [Original],
) -> Result<HashMap<&'a str, (usize, &'a Original)>, OnnxError> {
    let known: HashSet<[i64; 2]> = originals.iter().map(|o| o.channels.map(|count| count as i64)).collect();
    let mut found = HashMap::new();
    for tensor in model.graph().stored().filter(|tensor| tensor.data_type() == DataType::Float) {
        match tensor.dims[..] {
            [outputs, inputs, 1, 1] if known.contains(&[outputs, inputs]) => {}
            _ => continue,
        }
        let (_, elements) = model.graph().weight_bytes(&tensor.name)?;
        let (elements, _) = elements.as_chunks();
        let number = elements.first().and_then(|bits| u32::from_le_bytes(*bits).checked_sub(FIRST));
        let number = number.and_then(|number| usize::try_from(number).ok());
        if let Some((number, original)) = number.and_then(|number| Some((number, originals.get(number)?))) {
            found.insert(tensor.name.as_str(), (number, original));
        }
    }
    Ok(found)
}

/// Fails where a stand-in is missing, or is used by a node that has not become lensor's `own`.
pub(super) fn check(
    graph: &Graph,
    found: &HashMap<&str, (usize, &Original)>,
    originals: usize,
    own: impl Fn(usize) -> bool,
) -> Result<(), OnnxError> {
    let numbers: HashSet<usize> = found.values().map(|(number, _)| *number).collect();
    let right =
        numbers.len() == originals && found.keys().flat_map(|name| graph.consumers(name)).all(|user| own(*user));
    let reason = "a kernel that stands in for another is used by another node than a convolution in blocks".to_owned();
    right.then_some(()).ok_or(OnnxError::BrokenGraph { reason })
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array4};

    use super::super::{BLOCKED, WINOGRAD, read_blocked};
    use super::*;
    use crate::fixtures::with_input;
    use crate::onnx::build::Attr;

    fn names(graph: &Graph) -> Vec<&str> {
        let mut names: Vec<&str> = graph.stored().map(|tensor| tensor.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn kernels_that_the_runtime_leaves_as_they_are_have_stand_ins() {
        let mut b = with_input([32, 8, 8]);
        for name in ["a", "b", "c"] {
            b.named_floats(name, Array4::<f32>::ones((32, 32, 3, 3)).view());
        }
        b.named_floats("thin", Array4::<f32>::ones((40, 32, 3, 3)).view());
        b.named_floats("scale", Array1::<f32>::ones(1).view());
        let pads = |pads| [("pads", Attr::Ints(pads)), ("kernel_shape", Attr::Ints(&[3, 3]))];
        b.named_node("Conv", &["x", "a"], &["first"], &pads(&[1, 1, 1, 1]));
        b.named_node("Relu", &["first"], &["relu"], &[]);
        b.named_node("Conv", &["relu", "a"], &["second"], &pads(&[0, 2, 2, 0]));
        b.named_node("Conv", &["x", "b"], &["smaller"], &pads(&[0, 0, 0, 0]));
        b.named_node("Conv", &["x", "b"], &["clipped"], &pads(&[1, 1, 1, 1]));
        b.named_node("Clip", &["clipped"], &["clip"], &[]);
        b.named_node("Conv", &["x", "b"], &["scaled"], &pads(&[1, 1, 1, 1]));
        b.named_node("Mul", &["scaled", "scale"], &["product"], &[]);
        b.named_node("Conv", &["x", "thin"], &["uneven"], &pads(&[1, 1, 1, 1]));
        b.named_node("Conv", &["x", "c"], &["third"], &pads(&[1, 1, 1, 1]));
        ["second", "smaller", "clip", "product", "uneven", "third", "c"].iter().for_each(|name| b.output(name));
        let model = Model::from_bytes(b.into_model(17), None).unwrap();
        let StandIns { model: small, originals } = stand_in(&model, 16).unwrap();
        let found: Vec<_> = originals.iter().map(|o| (o.kernels.as_str(), o.channels, o.pads)).collect();
        let expected = [("a", [32; 2], [1; 4]), ("a", [32; 2], [0, 2, 2, 0]), ("c", [32; 2], [1; 4])];
        assert_eq!(found, expected);
        let kept = ["b", "c", "lensor/stand-in/1", "lensor/stand-in/2", "lensor/stand-in/3", "scale", "thin"];
        assert_eq!(names(small.graph()), kept);
        let graph = small.graph();
        let node = |output: &str| graph.nodes.iter().find(|node| node.output() == output).unwrap();
        let of = |output: &str| (node(output).attr_ints("kernel_shape"), node(output).attr_ints("pads"));
        assert_eq!(of("second"), (Some(&[1, 1][..]), Some(&[0; 4][..])));
        assert_eq!(of("clipped"), (Some(&[3, 3][..]), Some(&[1; 4][..])));
        assert_eq!((graph.nodes.len(), originals[0].bytes()), (model.graph().nodes.len(), 32 * 32 * 9 * 4));
    }

    /// As the runtime might write two convolutions of which the first two kernels have stand-ins: with operators of blocks, or
    /// with those of ONNX, and with a Pad in the second.
    fn written(op: &str) -> Model {
        let mut b = with_input([32, 8, 8]);
        let stand_in = |number: u32| Array4::from_elem((32, 32, 1, 1), f32::from_bits(FIRST + number));
        b.named_floats("reorder_1", stand_in(0).view());
        b.named_floats("reorder_2", stand_in(1).view());
        b.named_floats("ones", Array4::<f32>::ones((32, 32, 1, 1)).view());
        b.named_node(op, &["x", "reorder_2"], &["a"], &[("activation", Attr::Text("Relu"))]);
        b.named_node(op, &["a", "reorder_1"], &["b"], &[("pads", Attr::Ints(&[1, 0, 0, 1]))]);
        b.named_node(op, &["b", "ones"], &["c"], &[]);
        b.output("c");
        Model::from_bytes(b.into_model(17), None).unwrap()
    }

    #[test]
    fn convolutions_with_stand_ins_are_lensors_with_the_kernels_beside() {
        let original = |pads| Original { kernels: "w".into(), channels: [32; 2], pads };
        let originals = [original([1; 4]), original([0, 2, 2, 0]), original([1; 4])];
        let blocked = written(&format!("{BLOCKED}Conv"));
        let read = read_blocked(&blocked, 16, Some((2, &originals[..2]))).unwrap();
        let [a, b, c] = &read.graph().nodes[..] else { panic!("three nodes") };
        assert_eq!([a, b].map(|node| node.qualified_op()), [WINOGRAD, WINOGRAD]);
        assert_eq!(c.qualified_op(), format!("{BLOCKED}Conv"));
        assert_eq!((a.attr_int("kernels"), a.attr_ints("pads")), (Some(1), Some(&[0, 2, 2, 0][..])));
        assert_eq!((b.attr_int("kernels"), b.attr_ints("pads")), (Some(0), Some(&[2, 1, 1, 2][..])));
        for (model, originals) in [(&blocked, &originals[..]), (&written("Conv"), &originals[..2])] {
            assert!(matches!(read_blocked(model, 16, Some((2, originals))), Err(OnnxError::BrokenGraph { .. })));
        }
    }
}
