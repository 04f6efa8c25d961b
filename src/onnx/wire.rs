//! Editing a protobuf message field by field, without a schema: what is not touched stays byte for byte.
//!
//! Knows the wire format only (varint, 64-bit, length-delimited, 32-bit). Must not know what the fields mean.

use super::OnnxError;

/// One field as it lies in the message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    /// Field number of the schema.
    pub number: u64,
    /// The whole field, with its key.
    pub whole: &'a [u8],
    /// Content of a length-delimited field; empty for the other kinds.
    pub content: &'a [u8],
}

/// What becomes of a field.
pub(super) enum Edit {
    Keep,
    Drop,
    /// The new content of a length-delimited field.
    Replace(Vec<u8>),
    /// The contents of the fields that stand in its place, all of its number.
    Split(Vec<Vec<u8>>),
}

/// Walks over the fields of a message in the order they lie in.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn next_field(&mut self) -> Result<Field<'a>, OnnxError> {
        let start = self.rest;
        let key = self.varint()?;
        let content = match key & 7 {
            0 => {
                self.varint()?;
                &[][..]
            }
            1 => self.take(8).map(|_| &[][..])?,
            2 => {
                let length = self.varint()?;
                self.take(usize::try_from(length).map_err(|_| cut_short())?)?
            }
            5 => self.take(4).map(|_| &[][..])?,
            kind => return Err(OnnxError::NotOnnx { reason: format!("wire type {kind} does not exist") }),
        };
        let whole = &start[..start.len() - self.rest.len()];
        Ok(Field { number: key >> 3, whole, content })
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], OnnxError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(cut_short)?;
        self.rest = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, OnnxError> {
        prost::encoding::decode_varint(&mut self.rest).map_err(|_| cut_short())
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, OnnxError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.next_field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

fn cut_short() -> OnnxError {
    OnnxError::NotOnnx { reason: "a field reaches beyond the end of its message".into() }
}

/// Copies a message, letting `edit` decide about every field.
pub(super) fn rewrite(
    message: &[u8],
    mut edit: impl FnMut(&Field) -> Result<Edit, OnnxError>,
) -> Result<Vec<u8>, OnnxError> {
    let mut out = Vec::with_capacity(message.len() + 1024);
    for field in Fields::of(message) {
        let field = field?;
        match edit(&field)? {
            Edit::Keep => out.extend_from_slice(field.whole),
            Edit::Drop => {}
            Edit::Replace(content) => push(&mut out, field.number, &content),
            Edit::Split(contents) => contents.iter().for_each(|content| push(&mut out, field.number, content)),
        }
    }
    Ok(out)
}

/// As [`rewrite`], for the messages inside a message that lie at a path of field numbers.
pub(super) fn edit_at(
    message: &[u8],
    path: &[u64],
    edit: &mut dyn FnMut(&Field) -> Result<Edit, OnnxError>,
) -> Result<Vec<u8>, OnnxError> {
    match path.split_first() {
        None => rewrite(message, edit),
        Some((number, rest)) => rewrite(message, |field| match field.number == *number {
            true => edit_at(field.content, rest, edit).map(Edit::Replace),
            false => Ok(Edit::Keep),
        }),
    }
}

/// Shows the messages inside a message that lie at a path of field numbers.
pub(super) fn visit(message: &[u8], path: &[u64], see: &mut dyn FnMut(&[u8])) -> Result<(), OnnxError> {
    let Some((number, rest)) = path.split_first() else {
        see(message);
        return Ok(());
    };
    for field in Fields::of(message) {
        let field = field?;
        if field.number == *number {
            visit(field.content, rest, see)?;
        }
    }
    Ok(())
}

/// Content of the last length-delimited field of this number, which is the one that counts.
pub(super) fn content_of(message: &[u8], number: u64) -> Result<Option<&[u8]>, OnnxError> {
    let mut content = None;
    for field in Fields::of(message) {
        let field = field?;
        if field.number == number {
            content = Some(field.content);
        }
    }
    Ok(content)
}

/// Appends an integer field to a message.
pub(super) fn push_varint(message: &mut Vec<u8>, number: u64, value: u64) {
    prost::encoding::encode_varint(number << 3, message);
    prost::encoding::encode_varint(value, message);
}

/// Appends a length-delimited field to a message.
pub(super) fn push(message: &mut Vec<u8>, number: u64, content: &[u8]) {
    prost::encoding::encode_varint(number << 3 | 2, message);
    prost::encoding::encode_varint(content.len() as u64, message);
    message.extend_from_slice(content);
}

/// Most messages (nodes, attributes, tensors, ...) that a model may hold: decoding costs some hundred bytes for each,
/// while an empty one takes two bytes of the file.
const MOST_MESSAGES: usize = 2_000_000;

/// Most bytes that integers may take once they are decoded, of those that are stored one by one and not as raw bytes: each
/// takes a byte of the file at least.
const MOST_INTEGERS: usize = 512 << 20;

/// Deepest nesting of messages that is looked into; more is not ONNX.
const DEEPEST: usize = 60;

/// What begins a file that is often found in a model's place, and what that is.
const MISTAKEN: [(&[u8], &str); 3] = [
    (b"version https://git-lfs", "it is a pointer of Git LFS, and `git lfs pull` fetches what it points to"),
    (b"<!", "it is a web page"),
    (b"<html", "it is a web page"),
];

/// Refuses what is no model at all, and a model that would take far more memory than its size suggests.
pub(super) fn check_size(model: &[u8]) -> Result<(), OnnxError> {
    if let Some((_, what)) = MISTAKEN.iter().find(|(begin, _)| model.starts_with(begin)) {
        return Err(OnnxError::NotOnnx { reason: (*what).to_owned() });
    }
    Census::default().count(model, Kind::Model, 0)
}

/// The messages of the ONNX schema that hold lists of others, or of numbers.
#[derive(Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Function,
    Node,
    Attribute,
    Tensor,
    Sparse,
    Leaf,
}

/// What a model holds, so far.
#[derive(Default)]
struct Census {
    messages: usize,
    integers: usize,
}

impl Census {
    fn count(&mut self, message: &[u8], kind: Kind, depth: usize) -> Result<(), OnnxError> {
        let refused = |reason: String| Err(OnnxError::NotOnnx { reason });
        if depth > DEEPEST {
            return refused("graphs are nested too deeply".into());
        }
        for field in Fields::of(message) {
            let field = field?;
            self.messages += 1;
            let inner = match (kind, field.number) {
                (Kind::Model, 7) | (Kind::Attribute, 6 | 11) => Some(Kind::Graph),
                (Kind::Model, 25) => Some(Kind::Function),
                (Kind::Graph, 1) | (Kind::Function, 7) => Some(Kind::Node),
                (Kind::Node, 5) => Some(Kind::Attribute),
                (Kind::Graph, 5) | (Kind::Attribute, 5 | 10) | (Kind::Sparse, 1 | 2) => Some(Kind::Tensor),
                (Kind::Graph, 15) | (Kind::Attribute, 22 | 23) => Some(Kind::Sparse),
                (Kind::Model, 8 | 14) | (Kind::Node, 9) | (Kind::Graph, 11 | 12) | (Kind::Tensor, 13) => {
                    Some(Kind::Leaf)
                }
                // Sizes of axes, and lists in attributes, are as few as messages.
                (Kind::Tensor, 1) | (Kind::Sparse, 3) | (Kind::Attribute, 8) => {
                    self.messages = self.messages.saturating_add(field.content.len());
                    None
                }
                (Kind::Tensor, 5 | 7 | 11) => {
                    let each = if field.number == 5 { size_of::<i32>() } else { size_of::<i64>() };
                    self.integers = self.integers.saturating_add(field.content.len().saturating_mul(each));
                    None
                }
                _ => None,
            };
            if self.messages > MOST_MESSAGES {
                return refused(format!("it has more than {MOST_MESSAGES} fields"));
            }
            if self.integers > MOST_INTEGERS {
                return refused("it has more than 512 MiB of integers that are not kept as raw data".into());
            }
            if let Some(inner) = inner {
                self.count(field.content, inner, depth + 1)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_one_field_and_keeps_the_rest_byte_for_byte() {
        // field 1 = varint 300, field 9999 = "unknown", field 2 = "old", field 3 = fixed32, field 4 = fixed64
        let mut message = vec![0x08, 0xac, 0x02];
        push(&mut message, 9999, b"unknown");
        push(&mut message, 2, b"old");
        message.extend([0x1d, 1, 2, 3, 4, 0x21, 1, 2, 3, 4, 5, 6, 7, 8]);
        let same = rewrite(&message, |_| Ok(Edit::Keep)).unwrap();
        assert_eq!(same, message);
        let edited = rewrite(&message, |field| {
            Ok(match field.number {
                2 => Edit::Replace(b"a longer one".to_vec()),
                4 => Edit::Drop,
                _ => Edit::Keep,
            })
        })
        .unwrap();
        let mut expected = vec![0x08, 0xac, 0x02];
        push(&mut expected, 9999, b"unknown");
        push(&mut expected, 2, b"a longer one");
        expected.extend([0x1d, 1, 2, 3, 4]);
        assert_eq!(edited, expected);
    }

    #[test]
    fn lengths_beyond_the_end_are_errors() {
        for message in [&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0x0a], &[0x0b], &[0x1d, 1], &[0xff; 12]] {
            assert!(Fields::of(message).any(|field| field.is_err()), "{message:?}");
        }
    }
}
