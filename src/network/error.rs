//! What can go wrong with a network, in words that say what to do next.

use crate::autodiff::AutodiffError;
use crate::engine::EngineError;
use crate::model::layers::UnknownLayer;
use crate::model::near::suggestion;
use crate::model::settings::SettingsError;
use crate::model::source::SourceError;
use crate::onnx::OnnxError;

/// Why a network could not be opened or asked.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The file or its card.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// What is assumed about it.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Its graph.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// Its gradient.
    #[error(transparent)]
    Autodiff(#[from] AutodiffError),
    /// The runtime.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The output is not one score a class.
    #[error(
        "the output `{output}` has shape {shape:?}, not [batch, classes]{}",
        match others.as_slice() {
            [] => ": this network is no classifier, and only a score of a class, or a single number, can be explained".to_owned(),
            others => format!("; choose another with --output: {}", others.join(", ")),
        }
    )]
    NoClasses {
        /// Name of the output.
        output: String,
        /// Its shape for a batch of one.
        shape: Vec<usize>,
        /// The other outputs that may be.
        others: Vec<String>,
    },
    /// Nothing comes out.
    #[error("the network has no outputs: export it again with its scores as output")]
    NoOutputs,
    /// An output is named that does not exist.
    #[error("the network has no output `{name}` ({origin}){}", suggestion(close))]
    NoSuchTensor {
        /// The name.
        name: String,
        /// Who named it.
        origin: String,
        /// Names close to it.
        close: Vec<String>,
    },
    /// It does not run at the size that was assumed.
    #[error(
        "the network does not run at {height} × {width}, which was assumed because nothing says its size: set --size \
         HEIGHTxWIDTH ({reason})"
    )]
    Size {
        /// Height of the input, pixels.
        height: usize,
        /// Width of the input, pixels.
        width: usize,
        /// What happened.
        reason: String,
    },
    /// No layer has that name.
    #[error(transparent)]
    UnknownLayer(#[from] UnknownLayer),
    /// A run that does not seem to end.
    #[error(
        "one run of the network has not ended after {seconds:.0} s: {}",
        if *loops { "does one of its loops end at all?" } else { "it is far larger than its weights and pictures. \
         A smaller --size may do, where it takes any" }
    )]
    Endless {
        /// How long it was given.
        seconds: f64,
        /// Whether there are loops in it.
        loops: bool,
    },
    /// A run that takes more memory than any network of its size.
    #[error(
        "one picture takes more than {mib} MiB of memory in this network, which was stopped: do its sizes depend on each \
         other by mistake? A smaller --size may do, where it takes any"
    )]
    TooMuchMemory {
        /// What it took until then, in MiB.
        mib: u64,
    },
    /// An input that no machine should be asked to fill.
    #[error(
        "the network insists on an input of {shape:?}, more than 1 GiB: export it with a smaller batch or smaller sides"
    )]
    TooLarge {
        /// Batch, channels, height, width.
        shape: [usize; 4],
    },
    /// A batch of the wrong shape.
    #[error("the network takes [batch, {}, {}, {}], it was given {given:?}", expected[0], expected[1], expected[2])]
    Shape {
        /// Shape that was given.
        given: Vec<usize>,
        /// Channels, height, width.
        expected: [usize; 3],
    },
    /// The outputs are no scores of classes.
    #[error(
        "this network gives numbers, not probabilities: explain the output itself (--of logit); if it is a classifier \
         after all, set `activation` under `[output]` in its card"
    )]
    NoProbability,
    /// A class that does not exist.
    #[error("there is no class {class}: the network has {classes} classes")]
    NoSuchClass {
        /// The class asked for.
        class: usize,
        /// Number of classes.
        classes: usize,
    },
}
