//! `stead reload`: have the configuration read anew.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::client::{Client, ClientError, block_on};
use super::{FileArgs, print, quote};
use crate::supervisor::engine::Changes;

/// What `stead reload` is told.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct ReloadArgs {
    /// Print what has changed as JSON, as POST /api/v1/reload answers
    #[arg(long)]
    json: bool,
}

/// Has the supervisor read its configuration anew, and says what that changed.
///
/// # Errors
///
/// There is no supervisor, or the configuration is wrong: all goes on as it was, then.
pub(super) fn run(file: &FileArgs, args: &ReloadArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(file)?;
    let answer = block_on(async { Ok(client.post("/api/v1/reload", None).await) })?;
    let answer = answer.inspect_err(show_report)?;
    if args.json {
        print(&String::from_utf8_lossy(&answer))?;
    } else {
        print(&told(&serde_json::from_slice(&answer).context("the answer can't be read")?))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows the mistakes of the configuration, if that is what was refused.
pub(super) fn show_report(error: &ClientError) {
    if let ClientError::Refused { report, .. } = error
        && !report.is_empty()
    {
        quote(&format!("{report}\n"));
    }
}

/// What has changed, a line for each kind of change.
pub(super) fn told(changes: &Changes) -> String {
    if changes.is_empty() {
        return "nothing has changed".to_owned();
    }
    changes.to_string().replace("; ", "\n")
}
