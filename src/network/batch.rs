//! Batches: together where the graph allows it, picture by picture where it does not.

use std::ops::Range;

use ndarray::{Array2, Array4, ArrayD, Axis, Slice, concatenate};

use crate::engine::{EngineError, Value};

use super::NetworkError;

/// Runs a batch at once, or picture by picture where `one_by_one` says so. Some graphs declare a free batch axis but
/// reshape to a batch of one inside: they fail, or give one row for several, and are run picture by picture from then on.
pub(super) fn run(
    one_by_one: &mut bool,
    x: &Array4<f32>,
    mut run: impl FnMut(&Value, Range<usize>) -> Result<Vec<Value>, EngineError>,
) -> Result<Vec<ArrayD<f32>>, NetworkError> {
    let count = x.len_of(Axis(0));
    if count == 1 || !*one_by_one {
        let floats = |values: Vec<Value>| values.into_iter().map(Value::into_f32).collect::<Result<Vec<_>, _>>();
        match run(&Value::from(x.to_owned()), 0..count).and_then(floats) {
            Ok(values) if values.iter().all(|value| value.shape().first() == Some(&count)) => return Ok(values),
            Err(error) if count == 1 || matches!(error, EngineError::Cancelled) => return Err(error.into()),
            _ => *one_by_one = true,
        }
    }
    let mut parts: Vec<Vec<ArrayD<f32>>> = Vec::new();
    for row in 0..count {
        let one = x.slice_axis(Axis(0), Slice::from(row..row + 1)).to_owned();
        for (at, value) in run(&Value::from(one), row..row + 1)?.into_iter().enumerate() {
            if parts.len() <= at {
                parts.push(Vec::with_capacity(count));
            }
            parts[at].push(value.into_f32()?);
        }
    }
    let join = |rows: Vec<ArrayD<f32>>| {
        let views: Vec<_> = rows.iter().map(|row| row.view()).collect();
        concatenate(Axis(0), &views).map_err(|error| EngineError::Value(error.to_string()).into())
    };
    parts.into_iter().map(join).collect()
}

/// Logits as `[batch, classes]`, whatever axes of one they came with.
pub(super) fn rows(value: Option<ArrayD<f32>>, classes: usize) -> Result<Array2<f32>, NetworkError> {
    let value = value.unwrap_or_default();
    let (shape, count) = (value.shape().to_vec(), value.len() / classes.max(1));
    let rows = value.into_shape_with_order((count, classes));
    rows.map_err(|_| NetworkError::NoClasses { output: "logits".to_owned(), shape })
}

/// Feature maps or gradients as `[batch, channels, height, width]`.
pub(super) fn maps(value: ArrayD<f32>) -> Result<Array4<f32>, NetworkError> {
    let shape = value.shape().to_vec();
    let maps = value.into_dimensionality();
    maps.map_err(|_| EngineError::Value(format!("expected [batch, channels, height, width], got {shape:?}")).into())
}
