//! `stead start`, `stop`, `restart` and `kill`: one request of the running supervisor, for one or more tasks.

use std::process::ExitCode;

use clap::{ArgGroup, Args};
use clap_complete::ArgValueCandidates;

use super::client::{Client, block_on};
use super::{EXIT_REFUSED, FileArgs, complain, completions, print};
use crate::supervisor::engine::Verb;
use crate::wire::{TasksRequest, TasksResponse};

/// Arguments of `stead start`, `stop`, `restart` and `kill`.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(group = ArgGroup::new("which").required(true))]
pub(super) struct RequestArgs {
    /// Names of tasks
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
