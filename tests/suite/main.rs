//! The one integration test binary.

mod core;
