//! `stead schema`: print the JSON Schema of `stead.toml`.

use std::process::ExitCode;

use super::print;
use crate::config;

/// Prints the schema.
///
/// # Errors
///
/// Standard output can't be written to.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    print(&format!("{:#}", config::schema()))?;
    Ok(ExitCode::SUCCESS)
}
