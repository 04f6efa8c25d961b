//! A model that can be asked.
//!
//! Owns the sessions. Must not know about terminals.

pub mod observe;
