//! Sparse constants made dense on reading: of a pruned network a file may keep only the weights other than zero, and where
//! they belong. The runtime computes with all of them anyway.
//!
//! Must not know what the constants are for.

use prost::Message;

use super::proto::{AttributeProto, DataType, EXTERNAL, SparseTensorProto, TensorProto, attribute_type};
use super::surgery::field;
use super::wire::{self, Edit, Fields};
use super::{Beside, OnnxError, tensor};

/// Most elements of a sparse constant of which hardly any is kept, and how many times the kept ones are believed beyond that.
const MOST: usize = 1 << 24;
const TIMES: usize = 1 << 10;

/// Most elements of all sparse constants of a file: 1 GiB of 32-bit floats.
const MOST_OF_ALL: usize = 1 << 28;

/// The bytes of a model with its sparse initializers and the sparse values of its Constant nodes made dense, in its inner
/// graphs and functions too; `None` where it has none.
pub(super) fn dense(model: &[u8]) -> Result<Option<Vec<u8>>, OnnxError> {
    let mut found = false;
    for part in Fields::of(model) {
        let part = part?;
        found |= match part.number {
            field::MODEL_GRAPH => is_in(part.content)?,
            field::MODEL_FUNCTION => nodes_have(part.content, field::FUNCTION_NODE)?,
            _ => false,
        };
    }
    if !found {
        return Ok(None);
    }
    let mut filling = Filling { elements: 0 };
    wire::rewrite(model, |part| match part.number {
        field::MODEL_GRAPH => filling.graph(part.content).map(Edit::Replace),
        field::MODEL_FUNCTION => filling.nodes(part.content, field::FUNCTION_NODE).map(Edit::Replace),
        _ => Ok(Edit::Keep),
    })
    .map(Some)
}

/// Whether a graph has anything sparse.
fn is_in(graph: &[u8]) -> Result<bool, OnnxError> {
    for part in Fields::of(graph) {
        if part?.number == field::GRAPH_SPARSE {
            return Ok(true);
        }
    }
    nodes_have(graph, field::GRAPH_NODE)
}

/// Whether a node of a graph or of a function has anything sparse.
fn nodes_have(message: &[u8], node: u64) -> Result<bool, OnnxError> {
    let (mut found, mut inner) = (false, Ok(false));
    wire::visit(message, &[node, field::NODE_ATTRIBUTE], &mut |attribute| {
        for part in Fields::of(attribute).flatten() {
            match part.number {
                field::ATTRIBUTE_SPARSE => found = true,
                field::ATTRIBUTE_GRAPH | field::ATTRIBUTE_GRAPHS => match is_in(part.content) {
                    Ok(there) => found |= there,
                    error => inner = error,
                },
                _ => {}
            }
        }
    })?;
    Ok(inner? || found)
}

/// A walk over what has sparse constants.
struct Filling {
    /// Elements of the dense ones so far.
    elements: usize,
}

impl Filling {
    fn graph(&mut self, graph: &[u8]) -> Result<Vec<u8>, OnnxError> {
        let mut added = Vec::new();
        let rest = wire::rewrite(graph, |part| {
            if part.number != field::GRAPH_SPARSE {
                return Ok(Edit::Keep);
            }
            let tensor = self.tensor(decode(part.content)?, "")?;
            wire::push(&mut added, field::GRAPH_INITIALIZER, &tensor.encode_to_vec());
            Ok(Edit::Drop)
        })?;
        let mut graph = self.nodes(&rest, field::GRAPH_NODE)?;
        graph.extend(added);
        Ok(graph)
    }

    fn nodes(&mut self, message: &[u8], node: u64) -> Result<Vec<u8>, OnnxError> {
        wire::rewrite(message, |part| match part.number == node && has_attributes(part.content)? {
            true => self.node(part.content).map(Edit::Replace),
            false => Ok(Edit::Keep),
        })
    }

    fn node(&mut self, node: &[u8]) -> Result<Vec<u8>, OnnxError> {
        let output = wire::content_of(node, field::NODE_OUTPUT)?.unwrap_or_default();
        let output = String::from_utf8_lossy(output).into_owned();
        wire::rewrite(node, |part| match part.number {
            field::NODE_ATTRIBUTE => self.attribute(part.content, &output),
            _ => Ok(Edit::Keep),
        })
    }

    fn attribute(&mut self, attribute: &[u8], output: &str) -> Result<Edit, OnnxError> {
        if let (Some(b"sparse_value"), Some(sparse)) =
            (wire::content_of(attribute, field::NAME)?, wire::content_of(attribute, field::ATTRIBUTE_SPARSE)?)
        {
            let t = Some(self.tensor(decode(sparse)?, output)?);
            let dense =
                AttributeProto { name: "value".to_owned(), t, r#type: attribute_type::TENSOR, ..Default::default() };
            return Ok(Edit::Replace(dense.encode_to_vec()));
        }
        wire::rewrite(attribute, |part| match part.number {
            field::ATTRIBUTE_GRAPH | field::ATTRIBUTE_GRAPHS => self.graph(part.content).map(Edit::Replace),
            _ => Ok(Edit::Keep),
        })
        .map(Edit::Replace)
    }

    /// A sparse constant as a dense one. Errors call it `output` where it has no name of its own.
    fn tensor(&mut self, sparse: SparseTensorProto, output: &str) -> Result<TensorProto, OnnxError> {
        let (values, indices) = (sparse.values.unwrap_or_default(), sparse.indices.unwrap_or_default());
        let called = if values.name.is_empty() { output } else { &values.name }.to_owned();
        let refused = |reason: String| OnnxError::Tensor { tensor: called.clone(), reason };
        let dims = &sparse.dims;
        let sizes: Option<Vec<usize>> = dims.iter().map(|size| usize::try_from(*size).ok()).collect();
        let count = sizes.as_ref().and_then(|sizes| sizes.iter().try_fold(1usize, |n, size| n.checked_mul(*size)));
        let kept = match values.dims.as_slice() {
            [kept] => usize::try_from(*kept).ok(),
            _ => None,
        }
        .ok_or_else(|| refused(format!("its values have the shape {:?}, one axis is believed", values.dims)))?;
        if [&values, &indices].iter().any(|tensor| tensor.data_location == EXTERNAL) {
            return Err(refused("a sparse constant with its elements in another file is not read".to_owned()));
        }
        let named = |error| match error {
            OnnxError::Tensor { reason, .. } => refused(reason),
            error => error,
        };
        for part in [&values, &indices] {
            tensor::check(part, &Beside::default()).map_err(named)?;
        }
        let believed = MOST.max(kept.saturating_mul(TIMES)).min(MOST_OF_ALL - self.elements);
        let (Some(sizes), Some(count)) = (sizes, count.filter(|count| *count <= believed)) else {
            return Err(refused(format!("the shape {dims:?} is impossible or far too large for {kept} values")));
        };
        self.elements += count;
        let places = places(&indices, kept, &sizes).map_err(|error| named(error.unwrap_or_else(|| {
            refused(format!(
                "its indices have the shape {:?}; for {kept} values in the shape {dims:?} it is [{kept}] or [{kept}, {}]",
                indices.dims,
                dims.len()
            ))
        })))?;
        if let Some(place) = places.iter().find(|place| place.is_none_or(|place| place >= count)) {
            let place = place.map_or_else(String::new, |place| format!(" {place}"));
            return Err(refused(format!("an index{place} lies outside its shape {dims:?}")));
        }
        if places.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(refused("its indices do not ascend".to_owned()));
        }
        let elements = elements(&values)
            .ok_or_else(|| refused(format!("sparse elements of type {} are not read", values.data_type)))?;
        let size = elements.len() / kept.max(1);
        let size = if kept == 0 { tensor::bits(values.data_type).unwrap_or(8) / 8 } else { size };
        let mut raw = vec![0u8; count * size];
        for (place, element) in places.into_iter().flatten().zip(elements.chunks_exact(size.max(1))) {
            raw[place * size..][..size].copy_from_slice(element);
        }
        let (name, data_type) = (values.name, values.data_type);
        Ok(TensorProto { dims: sparse.dims, data_type, name, raw_data: Some(raw.into()), ..Default::default() })
    }
}

fn decode(sparse: &[u8]) -> Result<SparseTensorProto, OnnxError> {
    SparseTensorProto::decode(sparse).map_err(|error| OnnxError::NotOnnx { reason: error.to_string() })
}

fn has_attributes(node: &[u8]) -> Result<bool, OnnxError> {
    Ok(wire::content_of(node, field::NODE_ATTRIBUTE)?.is_some())
}

/// Where each value belongs in row-major order, `None` for a place outside; fails without an error of its own where the
/// indices have a shape that means nothing.
fn places(indices: &TensorProto, kept: usize, sizes: &[usize]) -> Result<Vec<Option<usize>>, Option<OnnxError>> {
    let numbers = || tensor::integers(indices, &Beside::default()).map_err(Some);
    let [axes, length] = match indices.dims.as_slice() {
        [length] => [0, *length],
        [length, axes] => [*axes, *length],
        _ => return Err(None),
    };
    if length != kept as i64 || indices.data_type() != DataType::Int64 {
        return Err(None);
    }
    match axes {
        0 if indices.dims.len() == 1 => Ok(numbers()?.into_iter().map(|place| usize::try_from(place).ok()).collect()),
        axes if axes > 0 && axes as usize == sizes.len() => {
            let place = |coordinates: &[i64]| {
                coordinates.iter().zip(sizes).try_fold(0usize, |place, (coordinate, size)| {
                    let coordinate = usize::try_from(*coordinate).ok().filter(|coordinate| coordinate < size)?;
                    place.checked_mul(*size)?.checked_add(coordinate)
                })
            };
            Ok(numbers()?.chunks_exact(sizes.len()).map(place).collect())
        }
        _ => Err(None),
    }
}

/// The elements of a tensor in little-endian order; `None` for types whose elements are no whole number of bytes.
fn elements(values: &TensorProto) -> Option<Vec<u8>> {
    let size = match tensor::bits(values.data_type)? {
        bits if (8..=64).contains(&bits) => bits / 8,
        _ => return None,
    };
    if let Some(raw) = &values.raw_data {
        return Some(raw.to_vec());
    }
    let narrow = |bytes: [u8; 8]| bytes.into_iter().take(size);
    let whole: Vec<u8> = match values.data_type() {
        DataType::Float => values.float_data.iter().flat_map(|value| value.to_le_bytes()).collect(),
        DataType::Double => values.double_data.iter().flat_map(|value| value.to_le_bytes()).collect(),
        DataType::Int64 => values.int64_data.iter().flat_map(|value| value.to_le_bytes()).collect(),
        _ if !values.uint64_data.is_empty() => {
            values.uint64_data.iter().flat_map(|value| narrow(value.to_le_bytes())).collect()
        }
        _ => values.int32_data.iter().flat_map(|value| narrow(i64::from(*value).to_le_bytes())).collect(),
    };
    let count = values.dims.first().and_then(|count| usize::try_from(*count).ok())?;
    (Some(whole.len()) == count.checked_mul(size)).then_some(whole)
}
