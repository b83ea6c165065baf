//! The one integration test binary.

mod core;
mod driver;
mod tidy;
mod web;
