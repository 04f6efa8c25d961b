//! ONNX Runtime. Nothing outside this module names the crate `ort`.
//!
//! Owns the process's one runtime environment, its sessions and their runs. Must not know where the library comes from.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use ort::environment::Environment;
use ort::ep::cuda::ConvAlgorithmSearch;
use ort::ep::{ArenaExtendStrategy, CUDA, ExecutionProvider};
use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};
use ort::session::RunOptions;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use super::cuda;
use super::device::DeviceChoice;
use super::library::{Library, LibraryError};
use super::{Cancel, Effort, Engine, EngineError, Given, OpenError, Outlet, Session, Value};
use crate::onnx::{Beside, Model, surgery};

mod constants;
mod held;
mod laid_out;
mod operators;

use constants::Kernels;
pub use held::Held;
pub use laid_out::LaidOut;
use operators::Shared;

/// A graph with one Identity node, loaded once to see whether a device works.
const TRIAL: &[u8] =
    b"\x08\x08:7\x0a\x10\x0a\x01x\x12\x01y\"\x08Identity\x12\x01tZ\x0f\x0a\x01x\x12\x0a\x0a\x08\x08\x01\x12\
    \x04\x0a\x02\x08\x01b\x0f\x0a\x01y\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01B\x04\x0a\x00\x10\x0d";

/// Session option: whether the threads of a session stop waiting busily as soon as a run is over. Every session has threads of
/// its own; those of one that ran just before take the cores from the next: two in turns ran at half their speed.
const STOP_SPINNING: &str = "session.force_spinning_stop";

/// The environment and the library it came from: a process can have only one.
static LOADED: Mutex<Option<(Environment, Library)>> = Mutex::new(None);

/// Loads the library and makes the environment, once per process; later calls get the first one.
fn environment(library: &Library) -> Result<(Environment, Library), LibraryError> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((environment, first)) = loaded.as_ref() {
        return Ok((environment.clone(), first.clone()));
    }
    let path = library.path.clone();
    let builder = ort::init_from(&path).map_err(|error| match error {
        ort::LoadDynamicError::BadVersion { version_str, .. } => LibraryError::TooOld { path, version: version_str },
        ort::LoadDynamicError::MissingApi { .. } => LibraryError::NotOnnxRuntime { path },
        other => LibraryError::Refused { path, reason: other.to_string() },
    })?;
    let refused = |error: ort::Error| LibraryError::Refused { path: library.path.clone(), reason: error.to_string() };
    let environment = builder.with_name("lensor").with_telemetry(false).build().map_err(refused)?;
    know_operators(&environment).map_err(refused)?;
    *loaded = Some((environment.clone(), library.clone()));
    Ok((environment, library.clone()))
}

/// Makes lensor's operators known to the runtime. It notes their domain with the first session that has them, and of two that are
/// made at the same time one fails (microsoft/onnxruntime#22663).
fn know_operators(environment: &Environment) -> Result<(), ort::Error> {
    let builder = ort::session::Session::builder(environment)?.with_intra_threads(1)?;
    builder.with_operators(operators::all(Shared::default())?)?.commit_from_memory(TRIAL).map(drop)
}

/// The execution providers that are compiled into the library and that lensor uses. Whether the machine has what they
/// need is known only when one is tried.
pub(super) fn providers(library: &Library) -> Result<Vec<&'static str>, LibraryError> {
    environment(library)?;
    let cuda = CUDA::is_available().unwrap_or(false).then_some("CUDA");
    Ok(["CPU"].into_iter().chain(cuda).collect())
}

/// ONNX Runtime on one device.
pub(super) struct OrtEngine {
    environment: Environment,
    library: Library,
    /// Index, and whether TensorFloat-32 is allowed.
    cuda: Option<(u32, bool)>,
    threads: usize,
    device: String,
    notice: Option<String>,
}

impl OrtEngine {
    /// Loads the library and tries the device.
    pub(super) fn new(library: &Library, choice: DeviceChoice, threads: usize) -> Result<Self, OpenError> {
        let (environment, library) = environment(library)?;
        let cpu = format!("CPU, {threads} thread{}", if threads == 1 { "" } else { "s" });
        let mut engine = Self { environment, library, cuda: None, threads, device: cpu.clone(), notice: None };
        let (index, tf32) = match choice {
            DeviceChoice::Cpu => return Ok(engine),
            DeviceChoice::Cuda { index, tf32 } => (index, tf32),
            DeviceChoice::Auto if CUDA::is_available().unwrap_or(false) => (0, false),
            DeviceChoice::Auto => {
                let unused =
                    "NVIDIA's driver is here, but this ONNX Runtime runs on the CPU: onnxruntime-gpu would use the GPU";
                engine.notice = cuda::has_driver().then(|| unused.to_owned());
                return Ok(engine);
            }
        };
        for path in cuda::libraries(&engine.library.path) {
            if let Err(error) = ort::util::preload_dylib(&path) {
                tracing::warn!(%error, path = %path.display(), "a library of CUDA could not be loaded");
            }
        }
        engine.cuda = Some((index, tf32));
        let name = cuda::gpu(index).map_or_else(String::new, |gpu| format!(", {}", gpu.name));
        engine.device = format!("CUDA {index}{name}{}", if tf32 { ", TensorFloat-32" } else { "" });
        if let Err(error) = engine.load(TRIAL, &Beside::default(), Effort::Light) {
            let EngineError::Load { reason } = error else { return Err(OpenError::Engine(error)) };
            let reason = cuda::in_words(&reason);
            if choice != DeviceChoice::Auto {
                let library = engine.library.path;
                return Err(OpenError::Device { device: choice, library, reason });
            }
            tracing::warn!(%reason, "CUDA cannot be used, running on the CPU");
            (engine.cuda, engine.device) = (None, cpu);
            engine.notice = Some(format!("CUDA cannot be used, so this runs on the CPU: {reason}"));
        }
        Ok(engine)
    }

    /// The GPU that a session runs on, if it does: what is loaded with no effort runs once, which is not worth the start there.
    fn cuda_for(&self, effort: Effort) -> Option<(u32, bool)> {
        self.cuda.filter(|_| effort != Effort::None)
    }

    fn builder(&self, effort: Effort) -> Result<SessionBuilder, ort::Error> {
        self.builder_with(effort, Shared::default())
    }

    /// With the kernels that lie beside a model.
    fn builder_with(&self, effort: Effort, kernels: Shared) -> Result<SessionBuilder, ort::Error> {
        // Level 3 adds the blocked layout of convolutions to level 2: on ResNet-18 a run takes a fifth less, but loading
        // takes nearly twice as long (135 ms instead of 75) and the weights are held once more.
        let level = match effort {
            Effort::None => GraphOptimizationLevel::Disable,
            Effort::Light => GraphOptimizationLevel::Level2,
            Effort::Full | Effort::Utmost => GraphOptimizationLevel::All,
        };
        let mut builder = ort::session::Session::builder(&self.environment)?
            .with_optimization_level(level)?
            .with_intra_threads(self.threads)?
            .with_config_entry(STOP_SPINNING, "1")?
            .with_operators(operators::all(kernels)?)?;
        if let Some((index, tf32)) = self.cuda_for(effort) {
            let provider = CUDA::default()
                .with_device_id(index as i32)
                // ONNX Runtime's own default is on, which is felt in a gradient's fourth digit.
                .with_tf32(tf32)
                // The default tries every algorithm at each new shape, for seconds; graphs here are many and run few times.
                .with_conv_algorithm_search(ConvAlgorithmSearch::Heuristic)
                // Every session has an arena of its own, which by default doubles what it takes at each step.
                .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested);
            // One by one rather than through `with_execution_providers`, which swallows the error.
            provider.register(&mut builder)?;
        }
        Ok(builder)
    }

    /// A session with lensor's own operators in the place of the runtime's; `None` where that would not help.
    fn with_operators(&self, model: &[u8], beside: &Beside) -> Option<Box<dyn Session>> {
        let model = Model::from_bytes(Bytes::copy_from_slice(model), beside.clone()).ok()?;
        let helps = self.has_operators() && surgery::has_winograd(&model) && self.convolves();
        let session = self.load_laid_out(&helps.then(|| self.lay_out(&model))??);
        session.map_err(|error| tracing::warn!(%error, "lensor's own operators are not used")).ok()
    }

    /// A session of a model with the kernels that lie beside it.
    fn load_with(
        &self,
        model: &[u8],
        beside: &Beside,
        effort: Effort,
        kernels: &Shared,
    ) -> Result<Box<dyn Session>, EngineError> {
        // The runtime copies every constant, and no input. With all effort it lays kernels out, which it can do with constants only.
        let given = effort == Effort::Light && self.cuda.is_none();
        let session = self.session(&|| self.builder_with(effort, kernels.clone()), model, beside, given);
        let (session, kernels) = session.map_err(|error| EngineError::Load { reason: error.message().to_owned() })?;
        let names = |outlets: &[ort::value::Outlet]| outlets.iter().map(|outlet| outlet.name().to_owned()).collect();
        let (mut inputs, outputs): (HashSet<_>, _) = (names(session.inputs()), names(session.outputs()));
        kernels.iter().for_each(|(name, _)| _ = inputs.remove(name));
        let cuda = self.cuda_for(effort).map(|(index, _)| index);
        Ok(Box::new(OrtSession { session, cuda, inputs, outputs, kernels }))
    }
}

impl Engine for OrtEngine {
    fn load(&self, model: &[u8], beside: &Beside, effort: Effort) -> Result<Box<dyn Session>, EngineError> {
        if effort == Effort::Utmost
            && let Some(session) = self.with_operators(model, beside)
        {
            return Ok(session);
        }
        self.load_with(model, beside, effort, &Shared::default())
    }

    fn load_laid_out(&self, LaidOut { model, kernels, .. }: &LaidOut) -> Result<Box<dyn Session>, EngineError> {
        self.load_with(model.bytes(), model.beside(), Effort::None, kernels)
    }

    fn lay_out(&self, model: &Model) -> Option<LaidOut> {
        if !self.has_operators() {
            return None;
        }
        let laid_out = self.laid_out(model);
        laid_out.map_err(|error| tracing::warn!(%error, "lensor's own operators are not used")).ok()
    }

    fn hold(&self, value: Value) -> Result<Held, EngineError> {
        let held = Held::of(value)?;
        self.cuda.map_or(Ok(held.clone()), |(index, _)| held.on_cuda(index))
    }

    fn has_operators(&self) -> bool {
        self.cuda.is_none()
    }

    fn device(&self) -> &str {
        &self.device
    }

    fn version(&self) -> &str {
        &self.library.version
    }

    fn free_memory(&self) -> Option<u64> {
        cuda::gpu(self.cuda?.0).map(|gpu| gpu.free)
    }

    fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }
}

struct OrtSession {
    session: ort::session::Session,
    /// Index of the GPU, where it runs on one.
    cuda: Option<u32>,
    /// Names of its inputs, but for the kernels.
    inputs: HashSet<String>,
    /// Names of its outputs: there may be hundreds.
    outputs: HashSet<String>,
    /// What else every run is given.
    kernels: Kernels,
}

impl Session for OrtSession {
    fn run_held(
        &mut self,
        inputs: &[(&str, Given<'_>)],
        outputs: &[&str],
        held: &[&str],
        cancel: &Cancel,
    ) -> Result<(Vec<Value>, Vec<Held>), EngineError> {
        let named = |kind: &str, wanted: &str, names: &HashSet<String>, present: &[ort::value::Outlet]| {
            if names.contains(wanted) {
                return Ok(());
            }
            let present: Vec<_> =
                present.iter().map(|outlet| outlet.name()).filter(|name| names.contains(*name)).collect();
            Err(EngineError::Value(format!("the graph has no {kind} `{wanted}`; it has {}", present.join(", "))))
        };
        let (given, made) = (&self.inputs, &self.outputs);
        inputs.iter().try_for_each(|(name, _)| named("input", name, given, self.session.inputs()))?;
        let wanted = || outputs.iter().chain(held);
        wanted().try_for_each(|name| named("output", name, made, self.session.outputs()))?;
        if cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }

        let failed = |error: ort::Error| EngineError::Run { reason: error.message().to_owned() };
        // A binding, because run options that select outputs cannot be shared with the thread that cancels.
        let mut binding = self.session.create_binding().map_err(failed)?;
        for (name, given) in inputs {
            match given {
                // The binding keeps its inputs, so it must own them: the one copy on the way in.
                Given::Value(value) => binding.bind_input(*name, Held::of((*value).clone())?.tensor()),
                Given::Held(held) => binding.bind_input(*name, held.tensor()),
            }
            .map_err(failed)?;
        }
        for (name, kernel) in &self.kernels {
            binding.bind_input(name, kernel).map_err(failed)?;
        }
        let host = MemoryInfo::default();
        for name in outputs {
            binding.bind_output_to_device(*name, &host).map_err(failed)?;
        }
        let device = self.device_memory().map_err(failed)?;
        for name in held {
            binding.bind_output_to_device(*name, &device).map_err(failed)?;
        }
        // Run options that were terminated stay so: new ones for each run.
        let options = Arc::new(RunOptions::new().map_err(failed)?);
        let terminate = {
            let options = options.clone();
            cancel.on_cancel(move || {
                if let Err(error) = options.terminate() {
                    tracing::warn!(%error, "the run could not be told to stop");
                }
            })
        };
        let result = self.session.run_binding_with_options(&binding, &options);
        drop(terminate);
        let produced = match result {
            Ok(produced) => produced,
            Err(_) if cancel.is_cancelled() => return Err(EngineError::Cancelled),
            Err(error) => return Err(failed(error)),
        };
        let produced = produced.into_iter().map(|(name, value)| Ok((name, Held::made(name, value)?)));
        let produced: HashMap<&str, Held> = produced.collect::<Result<_, EngineError>>()?;
        let find = |name: &&str| {
            let held = produced.get(name).cloned();
            held.ok_or_else(|| EngineError::Value(format!("the run made no output `{name}`")))
        };
        let values = outputs.iter().map(|name| find(name)?.value()).collect::<Result<_, _>>()?;
        let held = held.iter().map(find).collect::<Result<_, _>>()?;
        Ok((values, held))
    }

    fn outlets(&self) -> Vec<Outlet> {
        let outlet = |outlet: &ort::value::Outlet| {
            let ort::value::ValueType::Tensor { ty, shape, .. } = outlet.dtype() else { return None };
            let shape = shape.iter().map(|size| usize::try_from(*size).ok()).collect();
            Some(Outlet { name: outlet.name().to_owned(), element: held::element(*ty), shape })
        };
        self.session.outputs().iter().filter_map(outlet).collect()
    }
}

impl OrtSession {
    /// Where the device has its tensors.
    fn device_memory(&self) -> Result<MemoryInfo<'static>, ort::Error> {
        match self.cuda {
            Some(index) => {
                let (kind, memory) = (AllocatorType::Device, MemoryType::Default);
                MemoryInfo::new(AllocationDevice::CUDA, index as i32, kind, memory)
            }
            None => Ok(MemoryInfo::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, arr0, arr1};

    use super::*;
    use crate::engine::{ElementType, library::Search, open};

    /// Identity of one input of each element type: `f32` → `f32_out`, ….
    const IDENTITIES: &[u8] =
        b"\x08\x08:\xd3\x02\x0a\x18\x0a\x03f32\x12\x07f32_out\"\x08Identity\x0a\x18\x0a\x03f64\x12\x07f64_out\"\
    \x08Identity\x0a\x18\x0a\x03i64\x12\x07i64_out\"\x08Identity\x0a\x18\x0a\x03i32\x12\x07i32_out\"\x08Iden\
    tity\x0a\x16\x0a\x02u8\x12\x06u8_out\"\x08Identity\x0a\x1a\x0a\x04bool\x12\x08bool_out\"\x08Identity\x12\
    \x01tZ\x0b\x0a\x03f32\x12\x04\x0a\x02\x08\x01Z\x0b\x0a\x03f64\x12\x04\x0a\x02\x08\x0bZ\x0b\x0a\x03i64\
    \x12\x04\x0a\x02\x08\x07Z\x0b\x0a\x03i32\x12\x04\x0a\x02\x08\x06Z\x0a\x0a\x02u8\x12\x04\x0a\x02\x08\x02Z\
    \x0c\x0a\x04bool\x12\x04\x0a\x02\x08\x09b\x0f\x0a\x07f32_out\x12\x04\x0a\x02\x08\x01b\x0f\x0a\x07f64_out\
    \x12\x04\x0a\x02\x08\x0bb\x0f\x0a\x07i64_out\x12\x04\x0a\x02\x08\x07b\x0f\x0a\x07i32_out\x12\x04\x0a\x02\
    \x08\x06b\x0e\x0a\x06u8_out\x12\x04\x0a\x02\x08\x02b\x10\x0a\x08bool_out\x12\x04\x0a\x02\x08\x09B\x04\
    \x0a\x00\x10\x0d";
    /// Doubles `x` `n` times in a Loop.
    const LOOP: &[u8] =
        b"\x08\x08:\xc5\x01\x0a\x90\x01\x0a\x01n\x0a\x00\x0a\x01x\x12\x01y\"\x04Loop*}\x0a\x04body2r\x0a\x11\x0a\
    \x01c\x12\x02c2\"\x08Identity\x0a\x0f\x0a\x01s\x0a\x01s\x12\x02s2\"\x03Add\x12\x01bZ\x0b\x0a\x01i\x12\
    \x06\x0a\x04\x08\x07\x12\x00Z\x0b\x0a\x01c\x12\x06\x0a\x04\x08\x09\x12\x00Z\x0f\x0a\x01s\x12\x0a\x0a\x08\
    \x08\x01\x12\x04\x0a\x02\x08\x01b\x0c\x0a\x02c2\x12\x06\x0a\x04\x08\x09\x12\x00b\x10\x0a\x02s2\x12\x0a\
    \x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01\xa0\x01\x05\x12\x01tZ\x0b\x0a\x01n\x12\x06\x0a\x04\x08\x07\x12\
    \x00Z\x0f\x0a\x01x\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01b\x0f\x0a\x01y\x12\x0a\x0a\x08\x08\x01\
    \x12\x04\x0a\x02\x08\x01B\x04\x0a\x00\x10\x0d";

    /// `y = x + w`, two elements, where `w` is in `weights.bin` from its fourth byte on.
    const EXTERNAL: &[u8] =
        b"\x08\x08:s\x0a\x0e\x0a\x01x\x0a\x01w\x12\x01y\"\x03Add\x12\x01t*<\x08\x02\x10\x01B\x01wj\x17\x0a\x08loca\
    tion\x12\x0bweights.binj\x0b\x0a\x06offset\x12\x014j\x0b\x0a\x06length\x12\x018p\x01Z\x0f\x0a\x01x\x12\
    \x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x02b\x0f\x0a\x01y\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\
    \x02B\x04\x0a\x00\x10\x0d";

    fn session(model: &[u8]) -> Box<dyn Session> {
        let engine = open(&Search::default(), &DeviceChoice::Cpu, Some(2), &mut |_, _| ()).unwrap();
        assert_eq!(engine.device(), "CPU, 2 threads");
        engine.load(model, &Beside::default(), Effort::Full).unwrap()
    }

    #[test]
    fn every_element_type_goes_in_and_comes_out() {
        let reversed = arr1(&[1.0, 2.0, 3.0, 4.0]).into_shape_with_order((2, 2)).unwrap().reversed_axes();
        let values = [
            ("f32", Value::F32(reversed.into_dyn())),
            ("f64", Value::F64(arr0(0.1).into_dyn())),
            ("i64", Value::I64(arr1(&[i64::MIN, i64::MAX]).into_dyn())),
            ("i32", Value::I32(ArrayD::zeros(vec![0, 4]))),
            ("u8", Value::U8(arr1(&[0, 255]).into_dyn())),
            ("bool", Value::Bool(arr1(&[true, false]).into_dyn())),
        ];
        let inputs: Vec<_> = values.iter().map(|(name, value)| (*name, value)).collect();
        let outputs: Vec<_> = values.iter().map(|(name, _)| format!("{name}_out")).collect();
        let outputs: Vec<_> = outputs.iter().map(String::as_str).collect();
        let mut session = session(IDENTITIES);
        let produced = session.run(&inputs, &outputs, &Cancel::new()).unwrap();
        assert!(produced.iter().eq(values.iter().map(|(_, value)| value)), "{produced:?}");
        let produced = session.run(&inputs, &["u8_out", "f32_out", "u8_out"], &Cancel::new()).unwrap();
        assert_eq!(produced, [values[4].1.clone(), values[0].1.clone(), values[4].1.clone()], "the order asked for");
    }

    #[test]
    fn what_is_held_is_an_input_of_other_sessions() {
        let engine = open(&Search::default(), &DeviceChoice::Cpu, Some(2), &mut |_, _| ()).unwrap();
        let mut session = engine.load(LOOP, &Beside::default(), Effort::Light).unwrap();
        let (n, x) = (Value::I64(arr0(2).into_dyn()), Value::F32(arr1(&[3.0]).into_dyn()));
        let held = engine.hold(x.clone()).unwrap();
        assert_eq!((held.shape(), held.element_type(), held.bytes()), (&[1][..], ElementType::F32, 4));
        let inputs = [("n", Given::Value(&n)), ("x", Given::Held(&held))];
        let (values, left) = session.run_held(&inputs, &["y"], &["y"], &Cancel::new()).unwrap();
        let four_times = Value::F32(arr1(&[12.0]).into_dyn());
        assert_eq!((&values[0], &left[0].value().unwrap()), (&four_times, &four_times));
        assert_eq!(held.value().unwrap(), x, "an input stays what it was");
        drop((session, held));
        let mut other = engine.load(LOOP, &Beside::default(), Effort::Light).unwrap();
        let inputs = [("n", Given::Value(&n)), ("x", Given::Held(&left[0]))];
        let (values, _) = other.run_held(&inputs, &["y"], &[], &Cancel::new()).unwrap();
        assert_eq!(values, [Value::F32(arr1(&[48.0]).into_dyn())], "it outlives the session that made it");
    }

    #[test]
    fn external_data_is_read_from_its_folder() {
        let engine = open(&Search::default(), &DeviceChoice::Cpu, None, &mut |_, _| ()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let beside = Beside::from(Some(folder.path().to_owned()));
        assert!(
            matches!(engine.load(EXTERNAL, &beside, Effort::Light), Err(EngineError::Load { .. })),
            "it is not there"
        );
        let weights: Vec<u8> = [7.0_f32, 10.0, 20.0].into_iter().flat_map(f32::to_le_bytes).collect();
        std::fs::write(folder.path().join("weights.bin"), weights).unwrap();
        let mut session = engine.load(EXTERNAL, &beside, Effort::Light).unwrap();
        let x = Value::F32(arr1(&[1.0, 2.0]).into_dyn());
        let produced = session.run(&[("x", &x)], &["y"], &Cancel::new()).unwrap();
        assert_eq!(produced, [Value::F32(arr1(&[11.0, 22.0]).into_dyn())]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside the data");
    }

    #[test]
    fn unknown_names_and_broken_models_are_errors() {
        let mut session = session(LOOP);
        let x = Value::F32(arr1(&[1.0]).into_dyn());
        let error = session.run(&[("z", &x)], &["y"], &Cancel::new()).unwrap_err().to_string();
        assert_eq!(error, "the graph has no input `z`; it has n, x");
        let error = session.run(&[("x", &x)], &["w"], &Cancel::new()).unwrap_err().to_string();
        assert_eq!(error, "the graph has no output `w`; it has y");
        assert!(matches!(session.run(&[("n", &x), ("x", &x)], &["y"], &Cancel::new()), Err(EngineError::Run { .. })));
        let engine = open(&Search::default(), &DeviceChoice::Cpu, None, &mut |_, _| ()).unwrap();
        assert!(matches!(engine.load(b"not a model", &Beside::default(), Effort::Full), Err(EngineError::Load { .. })));
    }

    #[test]
    fn a_cancelled_run_stops_and_the_session_lives_on() {
        let mut session = session(LOOP);
        let x = Value::F32(arr1(&[1.0]).into_dyn());
        let cancel = Cancel::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while cancel.hooks() == 0 {
                    std::thread::yield_now();
                }
                cancel.cancel();
            });
            let endless = Value::I64(arr0(i64::MAX).into_dyn());
            assert!(matches!(session.run(&[("n", &endless), ("x", &x)], &["y"], &cancel), Err(EngineError::Cancelled)));
        });
        let thrice = Value::I64(arr0(3).into_dyn());
        assert!(matches!(session.run(&[("n", &thrice), ("x", &x)], &["y"], &cancel), Err(EngineError::Cancelled)));
        let produced = session.run(&[("n", &thrice), ("x", &x)], &["y"], &Cancel::new()).unwrap();
        assert_eq!(produced, [Value::F32(arr1(&[8.0]).into_dyn())]);
    }

    #[test]
    fn a_gpu_that_is_not_there_is_an_error() {
        let far = DeviceChoice::Cuda { index: 4096, tf32: false };
        match open(&Search::default(), &far, None, &mut |_, _| ()) {
            Err(OpenError::Device { device, reason, .. }) => assert!(device == far && !reason.is_empty()),
            Err(other) => panic!("{other}"),
            Ok(engine) => panic!("opened {}", engine.device()),
        }
    }
}
