//! The words that people read: states, what comes next, why a task is not running, ages, countdowns, exits.
//!
//! Pure functions of a snapshot and a time. Every surface shows these and words nothing itself; the page's
//! `format.js` says the same, and `tests/words.json` holds both to it.

pub(crate) mod ansi;
pub(crate) mod clock;
pub(crate) mod line;
pub(crate) mod next;
pub(crate) mod parts;
pub(crate) mod post_mortem;
pub(crate) mod run_report;
pub(crate) mod state;
pub(crate) mod task;
pub(crate) mod text;
pub(crate) mod trouble;
pub(crate) mod why;

#[cfg(test)]
mod tests;
