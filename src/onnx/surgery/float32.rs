//! Models in half precision as models in 32-bit floats: few processors compute in 16 bits, and a gradient in them would
//! be coarse.

use prost::Message;

use super::super::build::{Attr, attribute_bytes};
use super::super::graph::{Graph, Node};
use super::super::proto::{AttributeProto, DataType, TensorProto};
use super::super::wire::{self, Edit};
use super::super::{LARGEST, Model, OnnxError, tensor};
use super::field;

/// The model with every tensor of 16-bit floats (and of 64-bit ones where its inputs are such) as 32-bit floats, or
/// `None` where it has none. Their external data become part of the model.
pub fn in_float32(model: &Model) -> Result<Option<Model>, OnnxError> {
    let graph = model.graph();
    let doubles = graph.inputs.iter().any(|input| input.elem == DataType::Double);
    let narrow = Narrow { model, doubles };
    if !narrow.is_in(graph) {
        return Ok(None);
    }
    let bytes = wire::rewrite(model.bytes(), |part| match part.number {
        field::MODEL_GRAPH => narrow.graph(part.content).map(Edit::Replace),
        _ => Ok(Edit::Keep),
    })?;
    let size = bytes.len() as u64;
    if size > LARGEST {
        return Err(OnnxError::TooLargeInFloat32 { size });
    }
    Model::from_bytes(bytes, model.beside().clone()).map(Some)
}

/// What is converted.
struct Narrow<'a> {
    model: &'a Model,
    doubles: bool,
}

impl Narrow<'_> {
    fn concerns(&self, elem: DataType) -> bool {
        matches!(elem, DataType::Float16 | DataType::Bfloat16) || self.doubles && elem == DataType::Double
    }

    fn is_in(&self, graph: &Graph) -> bool {
        let cast = |node: &Node| {
            let to = node.attr_int("to").and_then(|to| DataType::try_from(to as i32).ok());
            to.is_some_and(|elem| self.concerns(elem))
        };
        graph.inputs.iter().chain(&graph.outputs).any(|info| self.concerns(info.elem))
            || graph.stored().any(|tensor| self.concerns(tensor.data_type()))
            || graph.nodes.iter().any(cast)
    }

    fn graph(&self, graph: &[u8]) -> Result<Vec<u8>, OnnxError> {
        wire::rewrite(graph, |part| match part.number {
            field::GRAPH_NODE => wire::rewrite(part.content, |part| match part.number {
                field::NODE_ATTRIBUTE => self.attribute(part.content).map(Edit::Replace),
                _ => Ok(Edit::Keep),
            })
            .map(Edit::Replace),
            field::GRAPH_INITIALIZER => self.tensor(part.content),
            field::GRAPH_INPUT | field::GRAPH_OUTPUT => self.info(part.content).map(Edit::Replace),
            // What the exporter inferred for inner tensors: the runtime infers it anew.
            field::GRAPH_VALUE_INFO => Ok(Edit::Drop),
            _ => Ok(Edit::Keep),
        })
    }

    fn attribute(&self, bytes: &[u8]) -> Result<Vec<u8>, OnnxError> {
        let name = wire::content_of(bytes, field::NAME)?;
        if let Some(name) = name.and_then(|name| std::str::from_utf8(name).ok()).filter(|n| ["to", "dtype"].contains(n))
        {
            let broken = |error: prost::DecodeError| OnnxError::NotOnnx { reason: error.to_string() };
            let elem = AttributeProto::decode(bytes).map_err(broken)?.i.and_then(|i| DataType::try_from(i as i32).ok());
            if elem.is_some_and(|elem| self.concerns(elem)) {
                return Ok(attribute_bytes(name, Attr::Int(DataType::Float as i64)));
            }
        }
        wire::rewrite(bytes, |part| match part.number {
            field::ATTRIBUTE_TENSOR => self.tensor(part.content),
            field::ATTRIBUTE_GRAPH | field::ATTRIBUTE_GRAPHS => self.graph(part.content).map(Edit::Replace),
            _ => Ok(Edit::Keep),
        })
    }

    fn tensor(&self, bytes: &[u8]) -> Result<Edit, OnnxError> {
        let broken = |error: prost::DecodeError| OnnxError::NotOnnx { reason: error.to_string() };
        let stored = TensorProto::decode(bytes).map_err(broken)?;
        if !self.concerns(stored.data_type()) {
            return Ok(Edit::Keep);
        }
        let values = tensor::floats(&stored, self.model.beside())?;
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let wide = TensorProto {
            dims: stored.dims,
            data_type: DataType::Float as i32,
            name: stored.name,
            raw_data: Some(raw.into()),
            ..Default::default()
        };
        Ok(Edit::Replace(wide.encode_to_vec()))
    }

    /// A ValueInfoProto: its type's tensor type's element type.
    fn info(&self, bytes: &[u8]) -> Result<Vec<u8>, OnnxError> {
        wire::edit_at(bytes, &field::SHAPE[..1], &mut |part| {
            if part.number != field::SHAPE[1] {
                return Ok(Edit::Keep);
            }
            let broken = |error: prost::DecodeError| OnnxError::NotOnnx { reason: error.to_string() };
            let elem = super::super::proto::TensorTypeProto::decode(part.content).map_err(broken)?.elem_type();
            if !self.concerns(elem) {
                return Ok(Edit::Keep);
            }
            let mut wide = wire::rewrite(part.content, |part| {
                Ok(if part.number == field::TENSOR_TYPE_ELEM { Edit::Drop } else { Edit::Keep })
            })?;
            wire::push_varint(&mut wide, field::TENSOR_TYPE_ELEM, DataType::Float as u64);
            Ok(Edit::Replace(wide))
        })
    }
}
