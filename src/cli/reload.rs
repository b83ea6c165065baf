//! `stead reload`: reload the configuration.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::client::{Client, ClientError, block_on};
use super::{FileArgs, eprint_line, print};
use crate::supervisor::engine::Changes;

/// Arguments of `stead reload`.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct ReloadArgs {
    /// Print the changes as JSON, as returned by POST /api/v1/reload
    #[arg(long)]
    json: bool,
}

/// Requests a reload, and prints what has changed.
///
/// # Errors
///
/// No supervisor runs, or the configuration is invalid; then nothing changes.
pub(super) fn run(file: &FileArgs, args: &ReloadArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(file)?;
    let answer = block_on(async { Ok(client.post("/api/v1/reload", None).await) })?;
    let answer = answer.inspect_err(show_report)?;
    if args.json {
        print(&String::from_utf8_lossy(&answer))?;
    } else {
        print(&changes_text(&serde_json::from_slice(&answer).context("cannot parse the answer of the supervisor")?))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the mistakes of the configuration if they are the reason of a refusal.
pub(super) fn show_report(error: &ClientError) {
    if let ClientError::Refused { report, .. } = error
        && !report.is_empty()
    {
        eprint_line(&format!("{report}\n"));
    }
}

/// The changes, one line for each kind.
pub(super) fn changes_text(changes: &Changes) -> String {
    if changes.is_empty() {
        return "nothing has changed".to_owned();
    }
    changes.to_string().replace("; ", "\n")
}
