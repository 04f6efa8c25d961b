//! # lensor: a terminal microscope for convolutional networks
//!
//! ONNX Runtime only runs forward. lensor rewrites the graph: reverse-mode differentiation from ONNX to ONNX, in
//! inference operators only ([`autodiff`]). What comes out is an ordinary ONNX model with extra outputs, the gradient of
//! a score with respect to the input and to inner tensors, and it runs on every execution provider.
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

pub mod app;
pub mod attribution;
pub mod autodiff;
pub mod blur;
pub mod choice;
pub mod cli;
pub mod config;
pub mod engine;
pub mod export;
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
