//! Where files live and what the user has set.

pub mod keys;
pub mod paths;
pub mod theme;
