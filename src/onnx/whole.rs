//! A model as other programs expect it in a file: one graph, with all its constants in it or in one file beside it.
//!
//! Must not know how files are written.

use prost::Message;

use super::proto::{EXTERNAL, TensorProto};
use super::surgery::field;
use super::wire::{self, Edit};
use super::{Model, OnnxError, beside, tensor};

/// Bytes from the beginning of one constant in a file of its own to that of the next are a multiple of this.
const ALIGNED: usize = 64;

/// How many bytes a model takes with all its constants in it.
pub fn whole_size(model: &Model) -> Result<u64, OnnxError> {
    let mut size = 0_u64;
    let count = |tensor: TensorProto| {
        size = size.saturating_add(tensor::external_size(&tensor)? as u64);
        Ok(tensor)
    };
    let rest = Settle(count).model(model)?.len() as u64;
    Ok(size.saturating_add(rest))
}

/// The bytes of a model with all its constants in them.
pub fn whole(model: &Model) -> Result<Vec<u8>, OnnxError> {
    let inside = |tensor: TensorProto| {
        let elements = tensor::elsewhere(&tensor, model.beside())?;
        Ok(TensorProto { raw_data: Some(elements), external_data: Vec::new(), data_location: 0, ..tensor })
    };
    Settle(inside).model(model)
}

/// The bytes of a model whose large constants are to lie in the file `location` beside it; `append` puts bytes at the end of
/// that file.
pub fn settled(
    model: &Model,
    location: &str,
    mut append: impl FnMut(&[u8]) -> Result<(), OnnxError>,
) -> Result<Vec<u8>, OnnxError> {
    let mut end = 0;
    let outside = |tensor: TensorProto| {
        let elements = tensor::elsewhere(&tensor, model.beside())?;
        let (length, taken) = (elements.len(), elements.len().next_multiple_of(ALIGNED));
        append(&elements)?;
        append(&[0; ALIGNED][..taken - length])?;
        let moved = beside::lying(tensor, location.to_owned(), end, length);
        end += taken;
        Ok(moved)
    };
    Settle(outside).model(model)
}

/// Gives the constants of a model that lie elsewhere another place.
struct Settle<P>(P);

impl<P: FnMut(TensorProto) -> Result<TensorProto, OnnxError>> Settle<P> {
    /// What was appended to a model is a second graph in its bytes, which few programs know to be a part of the first.
    fn model(&mut self, model: &Model) -> Result<Vec<u8>, OnnxError> {
        let mut graphs = Vec::new();
        wire::visit(model.bytes(), &[field::MODEL_GRAPH], &mut |part| graphs.push(part.to_vec()))?;
        let mut graph = Some(self.graph(&graphs.concat())?);
        wire::rewrite(model.bytes(), |part| match part.number {
            field::MODEL_GRAPH => Ok(graph.take().map_or(Edit::Drop, Edit::Replace)),
            _ => Ok(Edit::Keep),
        })
    }

    fn graph(&mut self, graph: &[u8]) -> Result<Vec<u8>, OnnxError> {
        wire::rewrite(graph, |part| match part.number {
            field::GRAPH_INITIALIZER => self.tensor(part.content),
            field::GRAPH_NODE => wire::rewrite(part.content, |part| match part.number {
                field::NODE_ATTRIBUTE => self.attribute(part.content).map(Edit::Replace),
                _ => Ok(Edit::Keep),
            })
            .map(Edit::Replace),
            _ => Ok(Edit::Keep),
        })
    }

    fn attribute(&mut self, attribute: &[u8]) -> Result<Vec<u8>, OnnxError> {
        wire::rewrite(attribute, |part| match part.number {
            field::ATTRIBUTE_TENSOR => self.tensor(part.content),
            field::ATTRIBUTE_GRAPH | field::ATTRIBUTE_GRAPHS => self.graph(part.content).map(Edit::Replace),
            _ => Ok(Edit::Keep),
        })
    }

    fn tensor(&mut self, bytes: &[u8]) -> Result<Edit, OnnxError> {
        let broken = |error: prost::DecodeError| OnnxError::NotOnnx { reason: error.to_string() };
        let stored = TensorProto::decode(bytes).map_err(broken)?;
        match stored.data_location {
            EXTERNAL => Ok(Edit::Replace(self.0(stored)?.encode_to_vec())),
            _ => Ok(Edit::Keep),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::DataType;
    use super::super::build::GraphBuilder;
    use super::*;

    /// A model with a constant of 4 KB that is kept in memory, one of 8 bytes, and more that was appended.
    fn model(folder: &std::path::Path) -> Model {
        let path = folder.join("net.onnx");
        let mut b = GraphBuilder::new("t");
        b.named_floats("large", ndarray::Array1::from_iter((0..1024).map(|n| n as f32)).view());
        b.named_constant("small", &[1], DataType::Int64, vec![7; 8]);
        b.named_node("Identity", &["large"], &["y"], &[]);
        b.output("y");
        fs::write(&path, b.into_model(17)).unwrap();
        let mut more = GraphBuilder::new("m");
        more.named_node("Identity", &["small"], &["z"], &[]);
        more.output("z");
        let read = Model::open(&path).unwrap();
        Model::from_bytes(read.extended(more.finish()), read.beside().clone()).unwrap()
    }

    fn graphs(model: &[u8]) -> usize {
        let mut count = 0;
        wire::visit(model, &[field::MODEL_GRAPH], &mut |_| count += 1).unwrap();
        count
    }

    fn same(one: &Model, other: &Model) {
        let (one, other) = (one.graph(), other.graph());
        assert_eq!(one.weights("large").unwrap(), other.weights("large").unwrap());
        assert_eq!(one.integers("small").unwrap(), other.integers("small").unwrap());
        let outputs = |graph: &super::super::Graph| graph.outputs.iter().map(|o| o.name.clone()).collect::<Vec<_>>();
        assert_eq!(outputs(one), outputs(other));
        assert_eq!(one.nodes.len(), other.nodes.len());
    }

    #[test]
    fn a_whole_model_is_one_graph_that_needs_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let model = model(folder.path());
        assert_eq!((graphs(model.bytes()), model.beside().kept().len()), (2, 1));
        let bytes = whole(&model).unwrap();
        assert_eq!(graphs(&bytes), 1);
        assert!(whole_size(&model).unwrap().abs_diff(bytes.len() as u64) < 256);
        same(&model, &Model::from_bytes(bytes, None).unwrap());
    }

    #[test]
    fn constants_go_to_a_file_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let model = model(folder.path());
        let mut data = Vec::new();
        let bytes = settled(&model, "all.data", |part| {
            data.extend_from_slice(part);
            Ok(())
        });
        let bytes = bytes.unwrap();
        assert!(data.len() == 4096 && bytes.len() < 512);
        fs::write(folder.path().join("all.data"), &data).unwrap();
        same(&model, &Model::from_bytes(bytes, Some(folder.path().to_owned())).unwrap());
        // Of a model whose constants lie in a file a whole one can be made.
        let path = folder.path().join("apart.onnx");
        fs::write(&path, settled(&model, "all.data", |_| Ok(())).unwrap()).unwrap();
        let bytes = whole(&Model::open(&path).unwrap()).unwrap();
        fs::remove_file(folder.path().join("all.data")).unwrap();
        same(&model, &Model::from_bytes(bytes, None).unwrap());
    }
}
