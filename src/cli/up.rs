//! `stead up`: run the tasks.

use std::process::ExitCode;

use clap::Args;
use clap_complete::ArgValueCandidates;

use super::launch::launch;
use super::{FileArgs, completions};

/// What `stead up` is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(super) struct UpArgs {
    #[command(flatten)]
    pub(super) view: ViewArgs,
    /// Run only these tasks and all they depend on
    #[arg(value_name = "TASK")]
    #[arg(add = ArgValueCandidates::new(completions::tasks))]
    tasks: Vec<String>,
}

/// How a run is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(super) struct ViewArgs {
    /// Print events and every line of output instead of drawing (chosen by itself without a terminal)
    #[arg(long)]
    pub(super) plain: bool,
    /// Print events only
    #[arg(long, conflicts_with = "plain")]
    pub(super) headless: bool,
    /// Leave the mouse to the terminal
    #[arg(long)]
    pub(super) no_mouse: bool,
}

/// Runs the tasks until they have ended.
///
/// # Errors
///
/// The configuration is wrong or has no such task, or nothing could be started.
pub(super) fn run(file: &FileArgs, args: &UpArgs) -> anyhow::Result<ExitCode> {
    launch(file.load()?.select(&args.tasks)?, &args.view)
}
