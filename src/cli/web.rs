//! `stead web publish`: which page the running supervisor's web surface serves.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::json;

use super::client::{Client, block_on};
use super::{FileArgs, print};

const PATH: &str = "/api/v1/web-dist";

/// What `stead web` is told.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct WebArgs {
    #[command(subcommand)]
    command: WebCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum WebCommand {
    /// Serve a page of your own from now on, without a restart
    ///
    /// The directory is read once, whole: what happens to it afterwards changes nothing until it is published again.
    /// It is refused, and what was served stays, when a file is missing that its index.html asks for. A published page
    /// is served until it is taken back or stead ends; `[web] dist` is for one that stays.
    Publish(PublishArgs),
}

#[derive(Debug, Clone, Args)]
struct PublishArgs {
    /// The directory with index.html and all it needs
    #[arg(value_name = "DIR", required_unless_present = "reset", conflicts_with = "reset")]
    dir: Option<PathBuf>,
    /// Serve again what was served before any was published
    #[arg(long)]
    reset: bool,
    /// Print the supervisor's answer as JSON: {"files": how many}
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Published {
    files: usize,
}

/// Publishes a page, or takes it back.
///
/// # Errors
///
/// There is no supervisor, or the page is refused.
pub(super) fn run(file: &FileArgs, args: &WebArgs) -> anyhow::Result<ExitCode> {
    let WebCommand::Publish(PublishArgs { dir, json: as_json, .. }) = &args.command;
    let client = Client::of(file)?;
    let answer = match dir {
        Some(dir) => {
            let dir = std::path::absolute(dir).with_context(|| format!("{} means nothing here", dir.display()))?;
            let body = json!({ "dir": dir.to_str().with_context(|| format!("{} is not UTF-8", dir.display()))? });
            block_on(async { Ok(client.post(PATH, Some(&body)).await?) })?
        }
        None => block_on(async { Ok(client.delete(PATH).await?) })?,
    };
    if *as_json {
        print(&String::from_utf8_lossy(&answer))?;
        return Ok(ExitCode::SUCCESS);
    }
    let Published { files } = serde_json::from_slice(&answer)?;
    let done = if dir.is_some() { "published" } else { "served as before" };
    print(&format!("{done}: {files} files"))?;
    Ok(ExitCode::SUCCESS)
}
