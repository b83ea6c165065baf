//! `stead plan`: the start order of the tasks, and what a reload would change.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::json;
use unicode_width::UnicodeWidthStr;

use super::client::{Client, ClientError, block_on};
use super::reload::{changes_text, show_report};
use super::{FileArgs, print};
use crate::config::{Config, TaskConfig};
use crate::present::ansi;
use crate::supervisor::engine::{Changes, Dependency, OnRestart};

/// Arguments of `stead plan`.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct PlanArgs {
    /// Print the plan as JSON
    ///
    /// The object is {"layers": [[TASK…]…], "reload": CHANGES or null}.
    #[arg(long)]
    json: bool,
}

/// Prints the order in which the tasks start, and what a reload would change if a supervisor runs.
///
/// # Errors
///
/// The configuration is invalid, or the supervisor can't be reached.
pub(super) fn run(file: &FileArgs, args: &PlanArgs) -> anyhow::Result<ExitCode> {
    let config = file.load()?;
    let layers = layers(&config);
    let changes = changes(&Client::of(file)?)?;
    if args.json {
        let names: Vec<Vec<&str>> =
            layers.iter().map(|layer| layer.iter().map(|task| task.name.as_str()).collect()).collect();
        print(&json!({ "layers": names, "reload": changes }).to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    print(&table(&layers))?;
    match changes {
        Some(changes) => print(&format!("\na reload would change:\n{}", changes_text(&changes)))?,
        None => print("\nno supervisor runs here; `stead up` starts these tasks")?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What a reload would change; `None` without a supervisor.
fn changes(client: &Client) -> anyhow::Result<Option<Changes>> {
    match block_on(async { Ok(client.post("/api/v1/reload?dry_run=true", None).await) })? {
        Ok(answer) => Ok(Some(serde_json::from_slice(&answer).context("cannot parse the answer of the supervisor")?)),
        Err(ClientError::NoServer(_)) => Ok(None),
        Err(error) => {
            show_report(&error);
            Err(error.into())
        }
    }
}

/// The tasks grouped by the length of the longest chain of dependencies below them, in the order of the file.
fn layers(config: &Config) -> Vec<Vec<&TaskConfig>> {
    let mut layers: Vec<Vec<&TaskConfig>> = Vec::new();
    let mut left: Vec<&TaskConfig> = config.tasks.iter().collect();
    // There are no cycles, so every round finds at least one.
    while !left.is_empty() {
        let waits = |task: &&TaskConfig| {
            task.after.iter().any(|dependency| left.iter().any(|other| other.name == dependency.task))
        };
        let (later, layer): (Vec<_>, Vec<_>) = left.iter().copied().partition(waits);
        layers.push(layer);
        left = later;
    }
    layers
}

fn table(layers: &[Vec<&TaskConfig>]) -> String {
    let tasks = || layers.iter().flatten();
    let width = tasks().map(|task| task.name.width()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for (number, layer) in layers.iter().enumerate() {
        for (place, task) in layer.iter().enumerate() {
            let number = if place == 0 { (number + 1).to_string() } else { String::new() };
            let command = ansi::plain_text(task.command.to_string().as_bytes());
            let after = task.after.iter().map(edge);
            let after = after.collect::<Vec<_>>().join(", ");
            let after = if after.is_empty() { after } else { format!("   waits for {after}") };
            let asked = if task.autostart { "" } else { "   when it is asked for, or needed" };
            lines.push(format!("{number:>3}  {:width$}  {command}{after}{asked}", task.name));
        }
    }
    lines.join("\n")
}

/// `db to be ready, restarts with it`
fn edge(Dependency { task, condition, on_restart, required }: &Dependency) -> String {
    let on_restart = match on_restart {
        OnRestart::Ignore => "",
        OnRestart::Restart => " and restarts with it",
        OnRestart::Stop => " and stops with it",
    };
    let optional = if *required { "" } else { " if it runs" };
    format!("{task} {condition}{optional}{on_restart}")
}
