//! # lensor: a terminal microscope for convolutional networks
//!
//! ONNX Runtime only runs forward. lensor rewrites the graph: reverse-mode differentiation from ONNX to ONNX, in
//! inference operators ([`autodiff`]). What comes out is an ordinary ONNX model with extra outputs, the gradient of
//! a score with respect to the input and to inner tensors, and it runs on every execution provider; `lensor differentiate`
//! writes it to a file. On the processor operators of lensor's own take the place of ONNX's where that is faster ([`engine`]).
//!
//! ## How data flows
//!
//! ```text
//!  keys, mouse, resize ─► app::update(State, Msg) ─► Effects ─► jobs ─► engine thread ── ONNX Runtime (CPU, CUDA, …)
//!         ▲                     │                                │            ▲
//!         │                     ▼                                │      onnx + autodiff: rewritten graphs
//!    terminal ◄── ui: a pure picture of State ◄── paint ◄── map ◄── attribution: arrays only
//! ```
//!
//! Model file → [`onnx`] (lossless protobuf) → [`model`] (what is the input, how are pixels prepared, what are the
//! labels, where is the head) → [`autodiff`] (the graphs a question needs) → [`engine`] (runs them, cancellable) →
//! [`network`] (a model that can be asked) → [`attribution`] (asks, returns arrays) → [`map`] (array → 2-D map) →
//! [`paint`] (map → pixels) → [`ui`] and [`terminal`], or [`export`]. One way: nothing on the left knows anything on its
//! right.
//!
//! ## The map
//!
//! | Where | What |
//! |---|---|
//! | [`onnx`] | read, look, expose inner tensors, free the batch axis, find the logits; the file's bytes stay, its weights beside them |
//! | [`autodiff`] | the rewrite: seeds, policy, one file of rules per operator family |
//! | [`engine`] | find, check, fetch and load ONNX Runtime; devices, sessions, cancelling, operators of lensor's own |
//! | [`model`] | card, settings and where they come from, labels, pictures, preprocessing, layers, head |
//! | [`network`] | forward, activations and gradients of batches, in sessions made when they are needed |
//! | [`attribution`] | one method a file; [`blur`] is shared with [`map`] |
//! | [`interpretation`] | what is inside: filters, feature maps, gradients of units, prototypical examples, maximisation, circuits |
//! | [`index`] | folders of pictures run through the network, and the file with what every unit said |
//! | [`evaluation`] | does it deserve trust: the gradient against differences of scores, which methods work |
//! | [`look`] | every setting of appearance; [`choice`] gives each its names |
//! | [`map`], [`paint`], [`export`] | array → map → pixels → files |
//! | [`jobs`] | the engine thread, the painters, the cache; icons kept on disk |
//! | [`app`], [`ui`], [`terminal`] | state and the one command table; pure views; the device |
//! | [`cli`], [`config`] | one file a subcommand; folders, keys, themes |
//!
//! Beside `src`: `models` (the bundled networks and pictures, and how they are made), `themes`, `tests` (the built program
//! from outside; `tests/reference` makes the numbers of PyTorch), `benches`.
//!
//! ## Invariants
//!
//! Said as what is absent; `tests/invariants.rs` holds the first three.
//!
//! 1. [`attribution`], [`map`] and [`paint`] never see a terminal; [`ui`] never sees an engine.
//! 2. Only `engine/ort.rs` and what belongs to it name the crate `ort`; only `terminal/picture.rs` names `ratatui_image`.
//! 3. Only [`terminal`] and [`cli`] write to stdout.
//! 4. [`app::update`](app::update::update) does no input or output and never waits; a view is a function of the state.
//! 5. The thread of the keys never waits for the engine, an encoder or a slow line: one engine thread, two painters, one
//!    render thread that keeps only the newest frame.
//! 6. A request carries a generation and the latest wins; each can be cancelled between kernels and between batches, and
//!    what is done by then is kept and labelled.
//! 7. Appearance ([`look`]), the step along α and another channel never touch the engine.
//! 8. Nothing is hidden: a picture shows its method, target, layer, raw range and device; a map that is zero, constant
//!    or not a number says so; a GPU that was asked for and is not there is an error; an operator without a rule is an
//!    error and never a silent zero.

pub mod app;
pub mod attribution;
pub mod autodiff;
pub mod blur;
pub mod choice;
pub mod cli;
pub mod config;
pub mod engine;
pub mod evaluation;
pub mod export;
pub mod index;
pub mod interpretation;
pub mod jobs;
pub mod look;
pub mod map;
pub mod model;
pub mod network;
pub mod onnx;
pub mod paint;
pub mod terminal;
pub mod ui;

#[cfg(test)]
mod fixtures;
