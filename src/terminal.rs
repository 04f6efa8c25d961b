//! The terminal as a device: what it can do, how pictures reach it, and how it is left clean.
//!
//! Owns: asking the terminal ([`probe`]), encoding pixels ([`picture`]), the one thread that writes ([`screen`]), the
//! clipboard. Must not know what is shown or why.

pub mod changes;
pub mod clipboard;
pub mod depth;
pub mod graphics;
pub mod input;
pub mod kitty;
pub mod picture;
pub mod probe;
pub mod screen;
pub mod sixel;
