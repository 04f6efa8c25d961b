//! Models as the runtime computes them, with lensor's own operators in them.
//!
//! The runtime writes what it makes of a model; there the operators are made to read its tensors as they lie. Must not know
//! what a model is for.

use ndarray::Array4;
use ort::session::builder::SessionBuilder;
use ort::value::Tensor;
use tempfile::TempDir;

use super::OrtEngine;
use crate::engine::Effort;
use crate::onnx::build::{Attr, GraphBuilder};
use crate::onnx::{DataType, Dim, Model, surgery};

/// Session option: the file beside an optimised model that takes its constants.
const CONSTANTS: &str = "session.optimized_model_external_initializers_file_name";

/// The most channels that a runtime lays out together.
const MOST: usize = 16;

/// A model that a runtime has laid out for its device, in files that are gone when this is dropped.
pub struct LaidOut {
    /// The model, to be loaded with [`Effort::None`].
    pub model: Model,
    _folder: TempDir,
}

impl OrtEngine {
    pub(super) fn laid_out(&self, model: &Model) -> Result<LaidOut, Box<dyn std::error::Error>> {
        let block = block(self.builder(Effort::Light)?)?;
        let folder = tempfile::Builder::new().prefix("lensor-").tempdir()?;
        let file = folder.path().join("model.onnx");
        // Runs on the very same device only, so that the runtime's warning about that is none.
        let builder = || {
            let builder = self.builder(Effort::Full)?;
            Ok(builder.with_optimized_model_path(&file)?.with_config_entry(CONSTANTS, "constants")?)
        };
        drop(self.session(&builder, model.bytes(), model.beside())?);
        let written = Model::from_bytes(std::fs::read(&file)?, Some(folder.path().to_owned()))?;
        Ok(LaidOut { model: surgery::read_blocked(&written, block)?, _folder: folder })
    }
}

/// How many channels the runtime lays out together on this processor: seen from what it does. 1 where it does not.
fn block(builder: SessionBuilder) -> Result<usize, ort::Error> {
    let mut graph = GraphBuilder::new("");
    graph.input("maps", DataType::Float, &[1, MOST, 1, 2].map(Dim::Fixed));
    graph.named_node("com.microsoft.nchwc.ReorderInput", &["maps"], &["blocks"], &[("channels_last", Attr::Int(0))]);
    graph.output("blocks");
    let mut session = { builder }.commit_from_memory(&graph.into_model(17))?;
    let maps = Array4::from_shape_fn((1, MOST, 1, 2), |(_, channel, _, place)| (2 * channel + place) as f32);
    let blocks = session.run(ort::inputs!["maps" => Tensor::from_array(maps)?])?;
    let (_, values) = blocks["blocks"].try_extract_tensor::<f32>()?;
    // The second place of the first channel lies behind the first place of all that lie together.
    Ok(values.iter().position(|value| *value == 1.0).unwrap_or(1))
}
