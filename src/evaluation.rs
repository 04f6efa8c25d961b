//! Whether an explanation deserves trust: questions to a network whose answers are known beforehand.
//!
//! Owns the checks, one a file. Must not know about terminals, colours or files.

pub mod gradient_check;
pub mod methods;
