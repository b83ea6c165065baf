//! `stead signal`: send a signal to a task.

use std::process::ExitCode;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use clap_complete::{ArgValueCandidates, ArgValueCompleter};
use serde_json::json;

use super::client::{Client, block_on, segment};
use super::{FileArgs, completions, show_accepted};
use crate::config::parse_signal;
use crate::signal::Signal;

/// Arguments of `stead signal`.
#[derive(Debug, Clone, Args)]
pub(super) struct SignalArgs {
    /// Name of the task
    #[arg(value_name = "TASK", value_parser = NonEmptyStringValueParser::new())]
    #[arg(add = ArgValueCandidates::new(completions::tasks))]
    task: String,
    /// Signal: SIGHUP or HUP
    #[arg(value_name = "SIGNAL", value_parser = parse_signal, add = ArgValueCompleter::new(completions::signals))]
    signal: Signal,
    /// Signal every process of the task, not only its main process
    #[arg(long)]
    tree: bool,
    /// Print the supervisor's answer as JSON
    ///
    /// The object is {"accepted": "signal TASK SIGNAL"}.
    #[arg(long)]
    json: bool,
}

/// Sends the signal.
///
/// # Errors
///
/// No supervisor runs, or it refused.
pub(super) fn run(file: &FileArgs, args: &SignalArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(file)?;
    let path = format!("/api/v1/tasks/{}/signal", segment(&args.task));
    let body = json!({ "signal": args.signal, "tree": args.tree });
    let answer = block_on(async { Ok(client.post(&path, Some(&body)).await?) })?;
    show_accepted(&answer, args.json)
}
