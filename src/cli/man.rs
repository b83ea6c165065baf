//! `stead man`: the manual pages, made from what `--help` says.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, CommandFactory};

use super::{Cli, print};

/// What `stead man` is told.
#[derive(Debug, Clone, Args)]
pub(super) struct ManArgs {
    /// Where they are written, such as ~/.local/share/man/man1; made if need be
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Writes one page for stead and one for each subcommand.
///
/// # Errors
///
/// They can't be written.
pub(super) fn run(args: &ManArgs) -> anyhow::Result<ExitCode> {
    let dir = &args.dir;
    let written = fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(Cli::command(), dir));
    written.with_context(|| format!("cannot write manual pages to {}", dir.display()))?;
    print(&format!("the manual pages are in {}", dir.display()))?;
    Ok(ExitCode::SUCCESS)
}
