//! `stead man`: write manual pages, generated from the help texts.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, CommandFactory};

use super::{Cli, print};

/// Arguments of `stead man`.
#[derive(Debug, Clone, Args)]
pub(super) struct ManArgs {
    /// Directory to write to, such as ~/.local/share/man/man1; it is created if necessary
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Writes one page for stead and one for each subcommand.
///
/// # Errors
///
/// A page can't be written.
pub(super) fn run(args: &ManArgs) -> anyhow::Result<ExitCode> {
    let dir = &args.dir;
    let written = fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(Cli::command(), dir));
    written.with_context(|| format!("cannot write manual pages to {}", dir.display()))?;
    print(&format!("the manual pages are in {}", dir.display()))?;
    Ok(ExitCode::SUCCESS)
}
