//! Running ONNX graphs: the only part that knows there is a runtime behind it.
//!
//! Owns: finding and loading ONNX Runtime, devices, sessions, cancelling a run, lensor's own operators. Must not know what the
//! arrays mean.

use std::path::PathBuf;
use std::sync::Arc;

pub mod cancel;
mod cores;
mod cuda;
pub mod device;
mod figures;
pub mod library;
mod memory;
mod ort;
pub mod value;
mod winograd;

pub use cancel::Cancel;
pub use cores::cores;
use device::DeviceChoice;
use library::{Library, LibraryError, Search};
pub use memory::{Bound, most as memory, resident};
pub use ort::{Held, LaidOut};
pub use value::{ElementType, Value};

use crate::onnx::{Beside, Model};

/// Most elements of a tensor: 1 GiB of 32-bit floats.
pub const MOST_ELEMENTS: usize = 1 << 28;

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
    /// A tensor is larger than any feature map.
    #[error("the tensor `{output}` has the shape {shape:?}, more than 1 GiB: give the network smaller pictures")]
    TooLarge {
        /// Name of the tensor.
        output: String,
        /// Its shape.
        shape: Vec<i64>,
    },
    /// A session was asked for something it does not have, or was given the wrong type.
    #[error("{0}")]
    Value(String),
}

/// What a session is given as an input.
#[derive(Clone, Copy, Debug)]
pub enum Given<'a> {
    /// An array, which is copied to the device.
    Value(&'a Value),
    /// What is on the device already.
    Held(&'a Held),
}

/// One model, loaded on one device.
pub trait Session: Send {
    /// Runs the graph on the named inputs and returns the named outputs, in the order asked for. All
    /// inputs are needed and the whole graph is computed, whatever the outputs: a cheaper question wants a smaller graph.
    /// Fails with [`EngineError::Cancelled`] soon after `cancel` fires (it is looked at
    /// between kernels).
    fn run(&mut self, inputs: &[(&str, &Value)], outputs: &[&str], cancel: &Cancel) -> Result<Vec<Value>, EngineError> {
        let inputs: Vec<_> = inputs.iter().map(|(name, value)| (*name, Given::Value(value))).collect();
        Ok(self.run_held(&inputs, outputs, &[], cancel)?.0)
    }

    /// As [`Session::run`], with inputs that may be on the device already; the outputs `held` stay there, for other runs.
    fn run_held(
        &mut self,
        inputs: &[(&str, Given<'_>)],
        outputs: &[&str],
        held: &[&str],
        cancel: &Cancel,
    ) -> Result<(Vec<Value>, Vec<Held>), EngineError>;

    /// What the runtime knows of the outputs before any run.
    fn outlets(&self) -> Vec<Outlet>;
}

/// What is known of an output before any run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlet {
    /// Its name.
    pub name: String,
    /// Type of its elements; `None` for one that lensor does not read.
    pub element: Option<ElementType>,
    /// Sizes of the axes, `None` where they are decided by a run. Of a tensor of which not even the number of axes is known
    /// there are none, as of a single number.
    pub shape: Vec<Option<usize>>,
}

/// How much the runtime works on a graph before its first run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// None: for graphs that are only asked what is known of their outputs, and for models that are laid out already.
    None,
    /// Little: loads in about half the time and memory, for graphs that run a few times.
    Light,
    /// All it can, such as laying out convolution weights for the processor.
    Full,
    /// That, and lensor's own operators in the place of the runtime's where they are faster: for graphs that run often.
    Utmost,
}

/// Something that loads ONNX models: ONNX Runtime on a device, or an analytic stand-in in tests.
pub trait Engine: Send + Sync {
    /// Loads a serialised ONNX model. `beside` is where the elements of constants lie that are not in it.
    fn load(&self, model: &[u8], beside: &Beside, effort: Effort) -> Result<Box<dyn Session>, EngineError>;

    /// A model as the runtime computes it, with lensor's own operators ([`FIGURES`](crate::onnx::surgery::FIGURES),
    /// [`WINOGRAD`](crate::onnx::surgery::WINOGRAD)) on its tensors as they lie: to be loaded as often as it is needed. `None`
    /// where the device does not have the operators, or that fails.
    fn lay_out(&self, _model: &Model) -> Option<LaidOut> {
        None
    }

    /// Loads a model that this engine has laid out.
    fn load_laid_out(&self, laid_out: &LaidOut) -> Result<Box<dyn Session>, EngineError> {
        self.load(laid_out.model.bytes(), laid_out.model.beside(), Effort::None)
    }

    /// Puts an array on the device, for runs that take it again and again.
    fn hold(&self, value: Value) -> Result<Held, EngineError>;

    /// Whether lensor's own operators ([`DOMAIN`](crate::onnx::DOMAIN)) run there; elsewhere a graph does with ONNX's.
    fn has_operators(&self) -> bool {
        false
    }

    /// What it runs on, for the status line and `--json`: `CPU, 2 threads`.
    fn device(&self) -> &str;

    /// Version of the runtime, such as `1.32.0`.
    fn version(&self) -> &str;

    /// Bytes of the device's own memory that are free now; `None` for the CPU, and where that is not known.
    fn free_memory(&self) -> Option<u64> {
        None
    }

    /// What the user should know about the device, such as why a GPU that is there is not used.
    fn notice(&self) -> Option<&str> {
        None
    }
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no library to run on.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The device asked for cannot be used.
    #[error(
        "{device} cannot be used with {}: {reason}\nUse --device cpu, or install what is missing (for CUDA: \
         python3 -m pip install \"onnxruntime-gpu[cuda,cudnn]\", and NVIDIA's driver)",
        library.display()
    )]
    Device {
        /// What was asked for.
        device: DeviceChoice,
        /// The library it was tried with.
        library: PathBuf,
        /// The runtime's own words.
        reason: String,
    },
    /// The runtime failed on a trial graph.
    #[error(transparent)]
    Engine(EngineError),
}

/// Opens ONNX Runtime on a device. `threads` is how many work on one run (default: the cores this process may use).
/// The library is loaded once per process: later calls share it; the process's memory is limited to the machine's. `progress` hears what takes long, with the done
/// fraction where it is known.
pub fn open(
    search: &Search,
    device: &DeviceChoice,
    threads: Option<usize>,
    progress: &mut dyn FnMut(&str, Option<f32>),
) -> Result<Arc<dyn Engine>, OpenError> {
    let library = library::locate_or_fetch(search, progress)?;
    memory::limit();
    let threads = threads.unwrap_or_else(cores).max(1);
    Ok(Arc::new(ort::OrtEngine::new(&library, *device, threads)?))
}

/// Whether a library that runs on CUDA is to be preferred for a device.
pub fn wants_cuda(device: DeviceChoice) -> bool {
    match device {
        DeviceChoice::Cuda { .. } => true,
        DeviceChoice::Auto => cuda::has_driver(),
        DeviceChoice::Cpu => false,
    }
}

/// The execution providers in a library that lensor can use, such as `CPU` and `CUDA`. Loads the library.
pub fn providers(library: &Library) -> Result<Vec<&'static str>, LibraryError> {
    ort::providers(library)
}
