//! The supervisor: a pure core, and the loop that drives it.

pub mod core;
pub(crate) mod run;
