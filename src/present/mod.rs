//! The words that people read: why a task is not running, ages, countdowns.
//!
//! Pure functions of a snapshot and a time. Every surface shows these and words nothing itself.

pub(crate) mod clock;
pub(crate) mod why;
