//! `stead check`: validate the configuration.

use std::process::ExitCode;

use super::{FileArgs, complain, print};

/// Prints one line if the configuration is valid.
///
/// # Errors
///
/// It is not: the error holds every mistake.
pub(super) fn run(file: &FileArgs) -> anyhow::Result<ExitCode> {
    let config = file.load()?;
    config.warnings().iter().for_each(|warning| complain(&format!("warning: {warning}")));
    let count = config.tasks.len();
    print(&format!("{}: ok, {count} task{}", config.path.display(), if count == 1 { "" } else { "s" }))?;
    Ok(ExitCode::SUCCESS)
}
