//! One binary for all integration tests.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod binary;
mod browser;
mod commands;
mod config;
mod dashboard;
mod driver;
mod engine;
mod tidy;
