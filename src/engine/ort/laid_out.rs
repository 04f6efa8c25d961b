//! Models as the runtime computes them, with lensor's own operators in them.
//!
//! The runtime writes what it makes of a model; there the operators are made to read its tensors as they lie. Must not know
//! what a model is for.

use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::thread;

use ndarray::Array4;
use ort::session::builder::SessionBuilder;
use ort::value::Tensor;
use tempfile::TempDir;

use super::OrtEngine;
use super::operators::Shared;
use crate::engine::{Effort, winograd};
use crate::onnx::beside::for_each;
use crate::onnx::build::{Attr, GraphBuilder};
use crate::onnx::surgery::{self, Original, StandIns};
use crate::onnx::{DataType, Dim, Model};

/// Session option: the file beside an optimised model that takes its constants.
const CONSTANTS: &str = "session.optimized_model_external_initializers_file_name";

/// Session option: whether constants stay as they lie, for a session that never runs.
const NO_PACKING: &str = "session.disable_prepacking";

/// The most channels that a runtime lays out together.
const MOST: usize = 16;

/// A model that a runtime has laid out for its device, in files that are gone when this is dropped.
pub struct LaidOut {
    /// The model, for [`Engine::load_laid_out`](crate::engine::Engine::load_laid_out).
    pub model: Model,
    /// Kernels that are not in it.
    pub(super) kernels: Shared,
    _folder: TempDir,
}

impl OrtEngine {
    /// Whether the runtime lays maps out here as lensor's own convolutions take them.
    pub(super) fn convolves(&self) -> bool {
        let block = self.builder(Effort::Light).and_then(block);
        block.is_ok_and(|block| block > 1 && block == winograd::block())
    }

    pub(super) fn laid_out(&self, model: &Model) -> Result<LaidOut, Box<dyn Error>> {
        let block = block(self.builder(Effort::Light)?)?;
        if block == 1 || block != winograd::block() {
            return self.written(model, block, None);
        }
        let stand_ins = surgery::stand_in(model, block)?;
        self.written(model, block, Some(&stand_ins)).or_else(|error| {
            tracing::debug!(%error, "the runtime lays all kernels out");
            self.written(model, block, Some(&StandIns::none(model)))
        })
    }

    /// What the runtime writes of a model, or of the one with kernels that stand in for others; those are made ready meanwhile.
    /// Without stand-ins there are no convolutions of lensor's own.
    fn written(&self, model: &Model, block: usize, stand_ins: Option<&StandIns>) -> Result<LaidOut, Box<dyn Error>> {
        let folder = tempfile::Builder::new().prefix("lensor-").tempdir()?;
        let file = folder.path().join("model.onnx");
        let builder = || {
            // Runs on the very same device only, so that the runtime's warning about that is none.
            let builder = self.builder(Effort::Full)?.with_optimized_model_path(&file)?;
            Ok(builder.with_config_entry(CONSTANTS, "constants")?.with_config_entry(NO_PACKING, "1")?)
        };
        let kernels: Vec<_> =
            stand_ins.iter().flat_map(|all| &all.originals).map(|original| (original, OnceLock::new())).collect();
        let bytes = kernels.iter().map(|(original, _)| original.bytes()).sum();
        let session = thread::scope(|scope| {
            scope.spawn(|| for_each(&kernels, bytes, |(original, made)| _ = made.set(points(original, model))));
            let model = stand_ins.map_or(model, |all| &all.model);
            self.session(&builder, model.bytes(), model.beside(), false)
        });
        drop(session?);
        let missing = "the kernels of a convolution were not taken to their points";
        let kernels = kernels.into_iter().map(|(_, made)| made.into_inner().flatten().map(Arc::new).ok_or(missing));
        let kernels = kernels.collect::<Result<_, _>>()?;
        let written = Model::from_bytes(std::fs::read(&file)?, Some(folder.path().to_owned()))?;
        let own = stand_ins.map(|all| (self.threads, &all.originals[..]));
        Ok(LaidOut { model: surgery::read_blocked(&written, block, own)?, kernels, _folder: folder })
    }
}

fn points(original: &Original, model: &Model) -> Option<winograd::Kernels> {
    let (_, kernels) = model.graph().weight_bytes(&original.kernels).ok()?;
    winograd::Kernels::of_bytes(&kernels, original.channels)
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

#[cfg(test)]
mod tests {
    use ndarray::Array1;

    use super::*;
    use crate::engine::{Cancel, Session, Value};
    use crate::fixtures::{engine, sine, with_input};
    use crate::onnx::Beside;

    /// A residual block with a convolution at every place, another, one that passes over places, and one that is normalised.
    fn residual() -> Vec<u8> {
        let mut b = with_input([32, 13, 11]);
        for (name, shape) in
            [("a", [64, 32, 3, 3]), ("b", [32, 64, 3, 3]), ("c", [32, 32, 3, 3]), ("d", [32, 32, 3, 3])]
        {
            b.named_floats(name, sine(shape, [0.1, 1.7, 0.3]).view());
        }
        b.named_floats("bias", sine(64, [0.1, 2.1, 0.5]).view());
        let pads = |pads| ("pads", Attr::Ints(pads));
        b.named_node("Conv", &["x", "a", "bias"], &["conv_a"], &[pads(&[1, 1, 1, 1])]);
        b.named_node("Relu", &["conv_a"], &["relu_a"], &[]);
        b.named_node("Conv", &["relu_a", "b"], &["conv_b"], &[pads(&[0, 2, 2, 0])]);
        b.named_node("Add", &["conv_b", "x"], &["sum"], &[]);
        b.named_node("Relu", &["sum"], &["relu_b"], &[]);
        b.named_node("Conv", &["relu_b", "c"], &["conv_c"], &[pads(&[0, 0, 0, 0]), ("strides", Attr::Ints(&[2, 1]))]);
        b.named_node("Conv", &["relu_b", "d"], &["conv_d"], &[pads(&[1, 1, 1, 1])]);
        for (name, value) in [("scale", 0.5), ("shift", -0.1), ("mean", 0.2), ("variance", 2.0)] {
            b.named_floats(name, Array1::from_elem(32, value).view());
        }
        b.named_node("BatchNormalization", &["conv_d", "scale", "shift", "mean", "variance"], &["normal"], &[]);
        ["relu_a", "conv_c", "normal"].iter().for_each(|name| b.output(name));
        b.into_model(17)
    }

    #[test]
    fn convolutions_of_lensors_own_give_what_the_runtimes_give() {
        let model = residual();
        let engine = engine();
        let laid_out = engine.lay_out(&Model::from_bytes(model.clone(), None).unwrap()).unwrap();
        let own = laid_out.model.graph().nodes.iter().filter(|node| node.qualified_op() == surgery::WINOGRAD).count();
        let kernels = laid_out.kernels.len();
        assert_eq!((own, kernels), if winograd::block() < 8 { (0, 0) } else { (3, 2) }, "two have stand-ins");
        let [mut plain, mut utmost] =
            [Effort::Full, Effort::Utmost].map(|effort| engine.load(&model, &Beside::default(), effort).unwrap());
        for count in [1, 5] {
            let x = Value::from(sine((count, 32, 13, 11), [1.0, 0.37, 0.2]));
            let run = |session: &mut Box<dyn Session>| {
                session.run(&[("x", &x)], &["relu_a", "conv_c", "normal"], &Cancel::new()).unwrap()
            };
            for (found, expected) in run(&mut utmost).into_iter().zip(run(&mut plain)) {
                let [found, expected] = [found, expected].map(|value| value.into_f32().unwrap());
                assert_eq!(found.shape(), expected.shape());
                for (found, expected) in found.iter().zip(&expected) {
                    approx::assert_abs_diff_eq!(*found, *expected, epsilon = 2e-5);
                }
            }
        }
    }
}
