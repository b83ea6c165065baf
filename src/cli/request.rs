//! `stead start`, `stop`, `restart` and `kill`: one request of the running supervisor, for one or more tasks.

use std::process::ExitCode;

use clap::{ArgGroup, Args};
use clap_complete::ArgValueCandidates;

use serde_json::json;

use super::client::{Client, block_on};
use super::{EXIT_REFUSED, FileArgs, complain, completions, print};
use crate::config::UnknownTask;
use crate::supervisor::engine::Verb;
use crate::wire::{Lenient, LenientSnapshot, TasksRequest, TasksResponse};

/// Arguments of `stead start`, `stop`, `restart` and `kill`.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(group = ArgGroup::new("which").required(true))]
pub(super) struct RequestArgs {
    /// Names of tasks; a group is @NAME
    #[arg(value_name = "TASK", group = "which")]
    #[arg(add = ArgValueCandidates::new(completions::tasks))]
    tasks: Vec<String>,
    /// Select every process; a task that is done stays done
    #[arg(long, group = "which")]
    all: bool,
    /// Print the supervisor's answer as JSON
    ///
    /// The object is {"accepted": [REQUEST…], "unchanged": [SENTENCE…], "refused": [{"request", "detail", …}…]}.
    #[arg(long)]
    json: bool,
}

/// Arguments of `stead restart`.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct RestartArgs {
    #[command(flatten)]
    request: RequestArgs,
    /// Only print which tasks would be restarted
    ///
    /// These are the tasks that are named, and those that depend on them with `on_restart`. With --json: {"restarts": [TASK…]}.
    #[arg(long, conflicts_with = "all")]
    dry_run: bool,
}

/// Restarts tasks, or prints what that would restart.
///
/// # Errors
///
/// Those of [`run`], or there is no such task.
pub(super) fn restart(file: &FileArgs, RestartArgs { request, dry_run }: &RestartArgs) -> anyhow::Result<ExitCode> {
    if !dry_run {
        return run(file, Verb::Restart, request);
    }
    let client = Client::of(file)?;
    let snapshot: LenientSnapshot = block_on(async { Ok(client.read("/api/v1/snapshot").await?) })?;
    let mut names = Vec::new();
    for name in &request.tasks {
        match snapshot.tasks_meant(name) {
            meant if meant.is_empty() => return Err(UnknownTask::among(name, snapshot.names()).into()),
            meant => names.extend(meant.into_iter().map(Lenient::name)),
        }
    }
    let known = snapshot.known();
    let all = known.restarted_with(names);
    print(&match request.json {
        true => json!({ "restarts": all }).to_string(),
        false => format!("restarts {}", all.join(", ")),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Sends the request and prints whether it was accepted. `stead status` and `stead wait` show its effect.
///
/// # Errors
///
/// No supervisor runs, or it refused the whole request.
pub(super) fn run(file: &FileArgs, verb: Verb, args: &RequestArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(file)?;
    let chosen = if args.all { TasksRequest::all() } else { TasksRequest::of(args.tasks.clone()) };
    let answer = block_on(async { Ok(client.ask_of_several(verb, &chosen).await?) })?;
    let TasksResponse { accepted, unchanged, refused } = serde_json::from_slice(&answer)?;
    if args.json {
        print(&String::from_utf8_lossy(&answer))?;
    } else if accepted.is_empty() && unchanged.is_empty() && refused.is_empty() {
        print(&format!("nothing to {}", verb.word()))?;
    } else {
        accepted.iter().try_for_each(|request| print(&format!("{request}: accepted")))?;
        unchanged.iter().try_for_each(|unchanged| print(unchanged))?;
        refused.iter().for_each(|refused| complain(&refused.detail));
    }
    Ok(if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_REFUSED) })
}
