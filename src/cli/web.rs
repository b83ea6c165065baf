//! `stead web publish`: replace the page that the running supervisor serves.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;

use super::client::{Client, block_on};
use super::{FileArgs, print};
use crate::wire::{PublishResponse, WEB_DIST_PATH};

/// Arguments of `stead web`.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct WebArgs {
    #[command(subcommand)]
    command: WebCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum WebCommand {
    /// Serve a page of your own, without a restart
    ///
    /// The whole directory is read once; later changes in it have no effect until it is published again. A directory
    /// that lacks a file which its index.html needs is refused, and the page does not change. A published page is
    /// served until --reset or until stead ends; set `[web] dist` for a permanent one.
    Publish(PublishArgs),
}

#[derive(Debug, Clone, Args)]
struct PublishArgs {
    /// Directory that holds index.html and the files it needs
    #[arg(value_name = "DIR", required_unless_present = "reset", conflicts_with = "reset")]
    dir: Option<PathBuf>,
    /// Serve the page of before the first publish again
    #[arg(long)]
    reset: bool,
    /// Print the supervisor's answer as JSON
    ///
    /// The object is {"files": COUNT}.
    #[arg(long)]
    json: bool,
}

/// Publishes a page, or withdraws it.
///
/// # Errors
///
/// No supervisor runs, or it refused the page.
pub(super) fn run(file: &FileArgs, args: &WebArgs) -> anyhow::Result<ExitCode> {
    let WebCommand::Publish(PublishArgs { dir, json: as_json, .. }) = &args.command;
    let client = Client::of(file)?;
    let answer = match dir {
        Some(dir) => {
            let dir =
                std::path::absolute(dir).with_context(|| format!("cannot make {} an absolute path", dir.display()))?;
            let body =
                json!({ "dir": dir.to_str().with_context(|| format!("the path {} is not UTF-8", dir.display()))? });
            block_on(async { Ok(client.post(WEB_DIST_PATH, Some(&body)).await?) })?
        }
        None => block_on(async { Ok(client.delete(WEB_DIST_PATH).await?) })?,
    };
    if *as_json {
        print(&String::from_utf8_lossy(&answer))?;
        return Ok(ExitCode::SUCCESS);
    }
    let PublishResponse { files } = serde_json::from_slice(&answer)?;
    let done = if dir.is_some() { "published" } else { "served as before" };
    print(&format!("{done}: {files} files"))?;
    Ok(ExitCode::SUCCESS)
}
