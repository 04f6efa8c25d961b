//! Batches: together where the graph allows it, in parts of the size that it insists on where it does not.

use ndarray::{Array2, Array4, ArrayBase, ArrayD, Axis, Ix4, IxDyn, RawData, Slice, concatenate};

use crate::engine::{EngineError, Value};

use super::NetworkError;

/// Runs a batch at once where `part` is `None`, and otherwise so many pictures at a time, the last one repeated where some
/// are missing. Some graphs declare a free batch axis but reshape to a batch of one inside: they fail, or give one row for
/// several, and are run picture by picture from then on. `run` is told which rows of the batch it is given.
pub(super) fn run(
    part: &mut Option<usize>,
    x: &Array4<f32>,
    mut run: impl FnMut(&Value, &[usize]) -> Result<Vec<Value>, EngineError>,
) -> Result<Vec<ArrayD<f32>>, NetworkError> {
    let count = x.len_of(Axis(0));
    if part.is_none() || *part == Some(count) {
        let floats = |values: Vec<Value>| values.into_iter().map(Value::into_f32).collect::<Result<Vec<_>, _>>();
        let rows: Vec<usize> = (0..count).collect();
        match run(&Value::from(x.to_owned()), &rows).and_then(floats) {
            Ok(values) if values.iter().all(|value| value.shape().first() == Some(&count)) => return Ok(values),
            Err(error) if count == 1 || part.is_some() || matches!(error, EngineError::Cancelled) => {
                return Err(error.into());
            }
            _ => *part = Some(1),
        }
    }
    let size = part.unwrap_or(1).max(1);
    let mut parts: Vec<Vec<ArrayD<f32>>> = Vec::new();
    for start in (0..count).step_by(size) {
        let rows: Vec<usize> = (start..start + size).map(|row| row.min(count - 1)).collect();
        let some = x.select(Axis(0), &rows);
        for (at, value) in run(&Value::from(some), &rows)?.into_iter().enumerate() {
            if parts.len() <= at {
                parts.push(Vec::with_capacity(count.div_ceil(size)));
            }
            let mut value = value.into_f32()?;
            if value.shape().first().is_some_and(|given| *given > count - start) {
                value.slice_axis_inplace(Axis(0), Slice::from(..count - start));
            }
            parts[at].push(value);
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
    rows.map_err(|_| NetworkError::NoClasses { output: "logits".to_owned(), shape, others: Vec::new() })
}

/// Feature maps or gradients as `[batch, channels, height, width]`.
pub(super) fn maps<S: RawData>(value: ArrayBase<S, IxDyn>) -> Result<ArrayBase<S, Ix4>, NetworkError> {
    let shape = value.shape().to_vec();
    let maps = value.into_dimensionality();
    maps.map_err(|_| EngineError::Value(format!("expected [batch, channels, height, width], got {shape:?}")).into())
}
