//! `stead check`: validate the configuration, and look whether what it names is there.

use std::io;
use std::process::ExitCode;

use clap::Args;

use super::{EXIT_USAGE, FileArgs, eprint_line, print, shows_colour};
use crate::app::inspect;
use crate::present::ansi::plain;

/// The arguments of `stead check`.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct CheckArgs {
    /// Fail if there are warnings, with exit code 2
    #[arg(long)]
    strict: bool,
}

/// Prints one line if the configuration is valid, and warnings to standard error.
///
/// # Errors
///
/// It is not: the error holds every mistake.
pub(super) fn run(file: &FileArgs, args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let config = file.load()?;
    let advice = inspect(&config);
    let count = config.tasks.len();
    let tasks = format!("{count} task{}", if count == 1 { "" } else { "s" });
    let path = plain(&config.path.to_string_lossy());
    if advice.is_empty() {
        print(&format!("{path}: ok, {tasks}"))?;
        return Ok(ExitCode::SUCCESS);
    }
    eprint_line(&advice.details(shows_colour(&io::stderr())));
    eprint_line("");
    if args.strict {
        eprint_line(&format!("stead: {advice}, and --strict allows none"));
        return Ok(ExitCode::from(EXIT_USAGE));
    }
    print(&format!("{path}: ok, {tasks}, {advice}"))?;
    Ok(ExitCode::SUCCESS)
}
