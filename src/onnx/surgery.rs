//! Changes to what a model already has: the few fields concerned are rewritten, everything else stays byte for byte.

use std::collections::HashMap;

use super::wire::{self, Edit};
use super::{Model, OnnxError};

mod along;
mod batch;
mod blocked;
mod branches;
mod cut;
mod feed;
mod float32;
mod given;
mod logits;
mod opset;
mod outline;
mod picture;
mod resume;
mod size;

pub use along::{Along, along};
pub use batch::free_batch;
pub use blocked::{FIGURES, Original, StandIns, WINOGRAD, has_winograd, read_blocked, stand_in};
pub use branches::take_branches;
pub use cut::cut;
pub use feed::feed;
pub use float32::in_float32;
pub use given::given;
pub use logits::{Last, LogitsTensor, both_classes, logits};
pub use opset::raise_opset;
pub use outline::outline;
pub use picture::float_picture;
pub use resume::resume;
pub use size::free_size;

/// Field numbers of the ONNX schema that are followed or written here.
pub(super) mod field {
    pub const MODEL_IR_VERSION: u64 = 1;
    pub const MODEL_GRAPH: u64 = 7;
    pub const MODEL_OPSET: u64 = 8;
    pub const MODEL_FUNCTION: u64 = 25;
    pub const FUNCTION_NODE: u64 = 7;
    pub const GRAPH_NODE: u64 = 1;
    pub const GRAPH_INITIALIZER: u64 = 5;
    pub const GRAPH_INPUT: u64 = 11;
    pub const GRAPH_OUTPUT: u64 = 12;
    pub const GRAPH_VALUE_INFO: u64 = 13;
    pub const GRAPH_SPARSE: u64 = 15;
    pub const NODE_INPUT: u64 = 1;
    pub const NODE_OUTPUT: u64 = 2;
    pub const NODE_OPERATOR: u64 = 4;
    pub const NODE_ATTRIBUTE: u64 = 5;
    pub const ATTRIBUTE_TENSOR: u64 = 5;
    pub const ATTRIBUTE_GRAPH: u64 = 6;
    pub const ATTRIBUTE_GRAPHS: u64 = 11;
    pub const ATTRIBUTE_SPARSE: u64 = 22;
    pub const TENSOR_TYPE_ELEM: u64 = 1;
    /// Name of a graph input, of an inner tensor's type or of an attribute.
    pub const NAME: u64 = 1;
    /// Name of an initializer.
    pub const TENSOR_NAME: u64 = 8;
    pub const TENSOR_RAW_DATA: u64 = 9;
    /// Where an initializer's elements lie, if in another file: a key and its value each.
    pub const TENSOR_EXTERNAL: u64 = 13;
    /// From a ValueInfoProto to its shape: type, tensor type, shape.
    pub const SHAPE: [u64; 3] = [2, 1, 2];
    pub const SHAPE_DIM: u64 = 1;
    pub const DIM_SYMBOL: u64 = 2;
}

/// The model with further outputs appended to some of its nodes. Key: index of the node; value: the names to
/// append, an empty one for an optional output that is not wanted.
pub fn add_node_outputs(model: &Model, outputs: &HashMap<usize, Vec<String>>) -> Result<Model, OnnxError> {
    let mut index = 0;
    let bytes = wire::edit_at(model.bytes(), &[field::MODEL_GRAPH], &mut |part| {
        if part.number != field::GRAPH_NODE {
            return Ok(Edit::Keep);
        }
        index += 1;
        let Some(names) = outputs.get(&(index - 1)) else { return Ok(Edit::Keep) };
        let mut content = part.content.to_vec();
        names.iter().for_each(|name| wire::push(&mut content, field::NODE_OUTPUT, name.as_bytes()));
        Ok(Edit::Replace(content))
    })?;
    Model::from_bytes(bytes, model.beside().clone())
}

/// A ValueInfoProto with some axes of its shape, counted from 0, set free under a name each.
fn free_axes(info: &[u8], axes: &[(usize, &str)]) -> Result<Vec<u8>, OnnxError> {
    let mut axis = 0;
    wire::edit_at(info, &field::SHAPE, &mut |part| {
        if part.number != field::SHAPE_DIM {
            return Ok(Edit::Keep);
        }
        axis += 1;
        let Some((_, name)) = axes.iter().find(|(freed, _)| freed + 1 == axis) else { return Ok(Edit::Keep) };
        let mut free = Vec::new();
        wire::push(&mut free, field::DIM_SYMBOL, name.as_bytes());
        Ok(Edit::Replace(free))
    })
}
