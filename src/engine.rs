//! Running ONNX graphs: the only part that knows there is a runtime behind it.
//!
//! Owns: finding and loading ONNX Runtime, devices, sessions, cancelling a run. Must not know what the arrays mean.

use std::path::Path;

pub mod cancel;
pub mod value;

pub use cancel::Cancel;
pub use value::{ElementType, Value};

/// Why a graph could not be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The run was cancelled; nothing is wrong.
    #[error("cancelled")]
    Cancelled,
    /// The runtime refused the model.
    #[error("ONNX Runtime could not load the model: {reason}")]
    Load {
        /// The runtime's own words, which name the node.
        reason: String,
    },
    /// A run failed.
    #[error("ONNX Runtime failed while running: {reason}")]
    Run {
        /// The runtime's own words, which name the node.
        reason: String,
    },
    /// A session was asked for something it does not have, or was given the wrong type.
    #[error("{0}")]
    Value(String),
}

/// One model, loaded on one device.
pub trait Session: Send {
    /// Runs the graph on the named inputs and returns the named outputs, in the order asked for. Only what the named
    /// outputs need is computed. Fails with [`EngineError::Cancelled`] soon after `cancel` fires (it is looked at
    /// between kernels).
    fn run(&mut self, inputs: &[(&str, &Value)], outputs: &[&str], cancel: &Cancel) -> Result<Vec<Value>, EngineError>;
}

/// Something that loads ONNX models: ONNX Runtime on a device, or an analytic stand-in in tests.
pub trait Engine: Send + Sync {
    /// Loads a serialised ONNX model. `folder` is where its external data files lie.
    fn load(&self, model: &[u8], folder: Option<&Path>) -> Result<Box<dyn Session>, EngineError>;

    /// What it runs on, for the status line and `--json`: `CPU, 2 threads`.
    fn device(&self) -> &str;

    /// Version of the runtime, such as `1.32.0`.
    fn version(&self) -> &str;
}
