//! The program as a value: its state, the one table of commands, and what follows from a message.
//!
//! Owns [`state`], [`command`] and [`update`](mod@update), which does no input or output, and [`run`], which does all of
//! it. Must not know how a pane is drawn.

pub mod command;
#[cfg(test)]
pub(crate) mod fixture;
pub mod follow;
mod late;
mod log;
pub mod picker;
pub mod pictures;
pub mod run;
pub mod state;
pub mod update;
pub mod view;
