//! What a network needs to be asked about pictures: how pixels become its input, what its outputs are called, where its
//! layers and its head are.
//!
//! Owns the model card, the settings assumed where a network comes without one, pictures and their preparation. Must
//! not know about runtimes, gradients or terminals.

pub mod bundled;
pub mod card;
pub mod channels;
pub mod gallery;
pub mod head;
pub mod hub;
pub mod input;
pub mod labels;
pub mod layers;
pub mod near;
pub mod output;
pub mod picture;
pub mod preprocess;
pub mod receptive;
pub mod scale;
pub mod settings;
pub mod source;
pub mod summary;
pub mod unit;
