//! Which tensors hold whole numbers, in networks that compute with them (QLinearConv and its kin): their maps are no
//! layers, for nothing can be read from them or differentiated at them.
//!
//! Must not know which tensors are layers.

use std::collections::HashSet;

use crate::onnx::{DataType, Node};

/// The tensors of whole numbers met so far.
#[derive(Default)]
pub(super) struct Wholes<'a>(HashSet<&'a str>);

impl<'a> Wholes<'a> {
    /// Whether a tensor is known to hold whole numbers.
    pub fn contains(&self, tensor: &str) -> bool {
        self.0.contains(tensor)
    }

    /// Learns what a node makes; those before it have been followed.
    pub fn follow(&mut self, node: &'a Node) {
        let whole = match node.op_type.as_str() {
            "DequantizeLinear" => false,
            "Cast" => {
                use DataType::{Bfloat16, Double, Float, Float16};
                let to = node.attr_int("to").and_then(|to| DataType::try_from(to as i32).ok());
                !matches!(to, Some(Float | Double | Float16 | Bfloat16))
            }
            "QuantizeLinear" | "ConvInteger" | "MatMulInteger" => true,
            op if op.starts_with("QLinear") => true,
            _ => node.input(0).is_some_and(|data| self.contains(data)),
        };
        if whole {
            self.0.extend(node.outputs.iter().map(String::as_str));
        }
    }
}
