//! `stead attach`: this terminal becomes a dashboard of the supervisor that runs, or a task's terminal. Leaving
//! it leaves everything running.

mod dashboard;
mod log_changes;
mod mirror;
mod raw;
mod screens;
mod task;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use clap_complete::ArgValueCandidates;

use super::client::{Client, block_on};
use super::{FileArgs, completions};

/// The client's name: events call it `control/attach`.
const ATTACH_AGENT: &str = concat!("attach/", env!("CARGO_PKG_VERSION"));

/// The arguments of `stead attach`.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct AttachArgs {
    /// The task whose terminal it is to be (`tty = true`) [default: the whole dashboard]
    #[arg(value_name = "TASK", value_parser = NonEmptyStringValueParser::new())]
    #[arg(add = ArgValueCandidates::new(completions::tasks))]
    task: Option<String>,
    /// Leave the mouse to the terminal
    #[arg(long, conflicts_with = "task")]
    no_mouse: bool,
}

/// Attaches until the person leaves, or the supervisor ends.
///
/// # Errors
///
/// There is no supervisor, it refused, or there is no terminal here.
pub(super) fn run(file: &FileArgs, args: &AttachArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(file)?.called(ATTACH_AGENT);
    block_on(async {
        match &args.task {
            Some(task) => task::attach(&client, task).await,
            None => dashboard::attach(Arc::new(client), !args.no_mouse).await,
        }
    })
}
