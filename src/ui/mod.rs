//! The dashboard as pure functions.
