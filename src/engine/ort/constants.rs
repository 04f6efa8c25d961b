//! Models whose constants lie beside their bytes: in files, or in memory. Those are written once, where all sessions share them.
//!
//! The runtime copies every constant into a session of its own, but takes inputs as they lie: kernels of convolutions, which
//! are nearly all that a network has, are given to each run where the runtime would not lay them out anyway.

use std::any::Any;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use ort::session::Session;
use ort::session::builder::SessionBuilder;
use ort::value::{DynValue, Tensor};

use super::OrtEngine;
use crate::engine::library::numbers;
use crate::onnx::beside::{Elements, Stored, for_each};
use crate::onnx::{Beside, OnnxError, surgery};

/// Kernels that are inputs of a session, by their names.
pub(super) type Kernels = Vec<(String, Arc<DynValue>)>;

/// Session option: where the external data of a model that comes from memory lies.
const EXTERNAL_DATA_FOLDER: &str = "session.model_external_initializers_file_folder_path";

impl OrtEngine {
    /// ONNX Runtime before 1.21 finds external data only beside a model file: writes one there for the time of loading.
    /// `None` where that would not help.
    fn load_beside(
        &self,
        builder: &dyn Fn() -> Result<SessionBuilder, ort::Error>,
        model: &[u8],
        folder: &Path,
    ) -> Option<Result<Session, ort::Error>> {
        if numbers(&self.library.version).is_none_or(|version| version >= (1, 21, 0)) {
            return None;
        }
        let mut file = tempfile::Builder::new().prefix(".lensor-").suffix(".onnx").tempfile_in(folder).ok()?;
        file.write_all(model).ok()?;
        Some(builder().and_then(|mut builder| builder.commit_from_file(file.path())))
    }

    /// Loads a model that lies partly beside its bytes. With `kernels`, those of convolutions become inputs: what every run is to
    /// be given comes with the session.
    pub(super) fn session(
        &self,
        builder: &dyn Fn() -> Result<SessionBuilder, ort::Error>,
        model: &[u8],
        beside: &Beside,
        kernels: bool,
    ) -> Result<(Session, Kernels), ort::Error> {
        // All constants are in memory, or all that are not in the model are in files.
        if !beside.kept().is_empty() {
            return in_memory(builder()?, model, beside, kernels);
        }
        let Some(folder) = beside.folder() else {
            return Ok((builder()?.commit_from_memory(model)?, Kernels::new()));
        };
        let mut given = builder()?.with_config_entry(EXTERNAL_DATA_FOLDER, folder.to_string_lossy())?;
        let session = given.commit_from_memory(model);
        let session = session.or_else(|error| self.load_beside(builder, model, folder).unwrap_or(Err(error)))?;
        Ok((session, Kernels::new()))
    }
}

/// Loads a model whose constants are all in its bytes or in memory. With `kernels`, those of convolutions become inputs.
fn in_memory(
    mut builder: SessionBuilder,
    model: &[u8],
    beside: &Beside,
    kernels: bool,
) -> Result<(Session, Kernels), ort::Error> {
    let broken = |error: OnnxError| ort::Error::new(error.to_string());
    let stored = beside.stored(model).map_err(broken)?;
    let (mut inputs, mut given) = (Vec::new(), Kernels::new());
    for (Stored { name, shape, is_kernel, .. }, tensor) in stored.iter().zip(tensors(&stored)?) {
        if kernels && *is_kernel {
            inputs.push((name.as_str(), &shape[..]));
            given.push((name.clone(), tensor));
        } else {
            builder = builder.with_external_initializer(name, tensor)?;
        }
    }
    let session = builder.commit_from_memory(&surgery::given(model, inputs.into_iter()).map_err(broken)?)?;
    Ok((session, given))
}

/// A tensor whose elements lensor made room for: the runtime takes it as it lies.
struct Lent(Arc<DynValue>);

impl Elements for Lent {
    fn floats(&self) -> &[f32] {
        self.0.try_extract_tensor().map_or(&[], |(_, floats)| floats)
    }
}

/// The tensors of some constants, in their order. Those that are not written yet are written, in several threads.
fn tensors(stored: &[Stored]) -> Result<Vec<Arc<DynValue>>, ort::Error> {
    let open: Vec<_> = stored.iter().map(|constant| (constant, OnceLock::new())).collect();
    let written = |stored: &&Stored| stored.constant.holder().is_some();
    let bytes = stored.iter().filter(|stored| !written(stored)).map(|stored| stored.constant.size()).sum();
    for_each(&open, bytes, |(stored, made)| _ = made.set(tensor(stored)));
    let missing = || Err(ort::Error::new("a thread that wrote constants ended"));
    open.into_iter().map(|(_, made)| made.into_inner().unwrap_or_else(missing)).collect()
}

fn tensor(stored: &Stored) -> Result<Arc<DynValue>, ort::Error> {
    let Stored { shape, constant, .. } = stored;
    let of = |floats: Vec<f32>| Tensor::from_array((shape.clone(), floats));
    let held = match constant.holder() {
        Some(held) => held,
        None => constant.held(
            // Zeros of which the system makes each page when it is first written.
            of(vec![0.0; constant.size() / size_of::<f32>()])?,
            |tensor| tensor.extract_tensor_mut().1,
            |tensor| Arc::new(Lent(Arc::new(tensor.into_dyn()))),
        ),
    };
    if let Some(Lent(tensor)) = (&**held as &dyn Any).downcast_ref() {
        let (there, _) = tensor.try_extract_tensor::<f32>()?;
        if there.iter().map(|size| *size as usize).eq(shape.iter().copied()) {
            return Ok(tensor.clone());
        }
    }
    Ok(Arc::new(of(held.floats().to_vec())?.into_dyn()))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array4};

    use super::*;
    use crate::engine::{Cancel, Effort, EngineError, Value, device::DeviceChoice, library::Search, open};
    use crate::onnx::build::GraphBuilder;
    use crate::onnx::{DataType, Dim, Model};

    #[test]
    fn sessions_of_any_effort_share_constants_and_say_the_same() {
        let mut b = GraphBuilder::new("t");
        b.input("x", DataType::Float, &[1, 3, 8, 8].map(Dim::Fixed));
        let kernel =
            Array4::from_shape_fn((512, 3, 3, 3), |(o, c, h, w)| ((o + 2 * c + 3 * h + 5 * w) % 7) as f32 - 3.0);
        b.named_floats("kernel", kernel.view());
        b.named_floats("bias", Array1::from_shape_fn(512, |o| o as f32 / 512.0).view());
        b.named_floats("unused", Array1::zeros(512).view());
        b.named_node("Conv", &["x", "kernel", "bias"], &["y"], &[]);
        b.output("y");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.onnx");
        std::fs::write(&path, b.into_model(17)).unwrap();
        let model = Model::open(&path).unwrap();
        let engine = open(&Search::default(), &DeviceChoice::Cpu, Some(2), &mut |_, _| ()).unwrap();
        let x = Value::from(Array4::from_shape_fn((1, 3, 8, 8), |(_, c, h, w)| (c * 64 + h * 8 + w) as f32));
        let mut answers = Vec::new();
        for effort in [Effort::None, Effort::Light, Effort::Full, Effort::Light] {
            let mut session = engine.load(model.bytes(), model.beside(), effort).unwrap();
            answers.push(session.run(&[("x", &x)], &["y"], &Cancel::new()).unwrap());
            let error = session.run(&[("z", &x)], &["y"], &Cancel::new()).unwrap_err();
            assert!(matches!(error, EngineError::Value(error) if error == "the graph has no input `z`; it has x"));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "integers add up to the same in any order");
        let stored = model.beside().stored(model.bytes()).unwrap();
        let places = || {
            let tensors = tensors(&stored).unwrap();
            tensors.iter().map(|tensor| tensor.try_extract_tensor::<f32>().unwrap().1.as_ptr()).collect::<Vec<_>>()
        };
        assert_eq!((stored.len(), places()), (2, places()), "made once");
        let kept = &model.beside().kept()["lensor-memory-0"];
        assert_eq!(kept.bytes().as_ptr(), places()[0].cast(), "and read where the runtime has it");
        assert_eq!(kept.bytes()[..], kernel.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
    }
}
