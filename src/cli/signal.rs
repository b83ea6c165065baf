//! `stead signal`: send a signal to a task.

use std::process::ExitCode;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use clap_complete::{ArgValueCandidates, ArgValueCompleter};
use serde_json::json;

use super::client::{Client, block_on, segment};
use super::{FileArgs, completions, show_accepted};
use crate::signal::Signal;

/// What `stead signal` is told.
#[derive(Debug, Clone, Args)]
pub(super) struct SignalArgs {
    /// The task
    #[arg(value_name = "TASK", value_parser = NonEmptyStringValueParser::new())]
    #[arg(add = ArgValueCandidates::new(completions::tasks))]
    task: String,
    /// The signal: `SIGHUP` or `HUP`
    #[arg(value_name = "SIGNAL", add = ArgValueCompleter::new(completions::signals))]
    signal: Signal,
    /// Send it to all of the task's processes, not to its main process alone
    #[arg(long)]
    tree: bool,
    /// Print the supervisor's answer as JSON: {"accepted": "signal TASK SIGNAL"}
    #[arg(long)]
    json: bool,
}

/// Sends it.
///
/// # Errors
///
/// There is no supervisor, or it refused.
pub(super) fn run(file: &FileArgs, args: &SignalArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(file)?;
    let path = format!("/api/v1/tasks/{}/signal", segment(&args.task));
    let body = json!({ "signal": args.signal, "tree": args.tree });
    let answer = block_on(async { Ok(client.post(&path, Some(&body)).await?) })?;
    show_accepted(&answer, args.json)
}
