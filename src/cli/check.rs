//! `stead check`: is the configuration right?

use std::process::ExitCode;

use super::{FileArgs, print};

/// Says so in one line.
///
/// # Errors
///
/// It is not.
pub(super) fn run(file: &FileArgs) -> anyhow::Result<ExitCode> {
    let config = file.load()?;
    let count = config.tasks.len();
    print(&format!("{}: ok, {count} task{}", config.path.display(), if count == 1 { "" } else { "s" }))?;
    Ok(ExitCode::SUCCESS)
}
