//! `stead scale`: run another number of replicas of a task.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::json;

use super::client::{Client, block_on, segment};
use super::reload::{changes_text, show_report};
use super::{FileArgs, print};
use crate::wire::ScaleRequest;

/// Arguments of `stead scale`.
#[derive(Debug, Clone, Args)]
pub(super) struct ScaleArgs {
    /// Name of the task that has `replicas` in its table
    #[arg(value_name = "TASK", value_parser = NonEmptyStringValueParser::new())]
    task: String,
    /// How many are to run
    #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    replicas: u32,
    /// Print the changes as JSON, as returned by POST /api/v1/reload
    #[arg(long)]
    json: bool,
}

/// Asks for so many replicas, and prints what has changed.
///
/// # Errors
///
/// No supervisor runs, or there can't be so many; then nothing changes.
pub(super) fn run(file: &FileArgs, args: &ScaleArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(file)?;
    let path = format!("/api/v1/tasks/{}/scale", segment(&args.task));
    let body = json!(ScaleRequest { replicas: args.replicas });
    let answer = block_on(async { Ok(client.post(&path, Some(&body)).await) })?;
    let answer = answer.inspect_err(show_report)?;
    if args.json {
        print(&String::from_utf8_lossy(&answer))?;
    } else {
        print(&changes_text(&serde_json::from_slice(&answer).context("cannot parse the answer of the supervisor")?))?;
    }
    Ok(ExitCode::SUCCESS)
}
