//! Where files live and what the user has set.

pub mod paths;
