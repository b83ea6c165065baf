//! `stead start`, `stop`, `restart` and `kill`: one request of the running supervisor, for one or more tasks.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{ArgGroup, Args};
use clap_complete::ArgValueCandidates;
use serde_json::{Value, json};

use super::client::{Client, block_on, parse};
use super::wait::{Until, WaitArgs, show_missing, wait};
use super::{EXIT_REFUSED, FileArgs, complain, completions, print};
use crate::config::UnknownTask;
use crate::duration::parse_duration;
use crate::supervisor::engine::{TaskState, Verb};
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
    /// Wait until they are ready, or have ended
    ///
    /// The exit code is 1 if one of them fails or it takes too long.
    #[arg(short, long)]
    wait: bool,
    /// With --wait: the longest wait, as 30s or 2m
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = parse_duration, requires = "wait")]
    timeout: Duration,
    /// Print the supervisor's answer as JSON
    ///
    /// The object is {"accepted": [REQUEST…], "unchanged": [SENTENCE…], "refused": [{"request", "detail", …}…]}; with --wait it
    /// has "reached": true or false, and "missing": [REASON…], too.
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

/// Sends the request and prints whether it was accepted; with `--wait` waits for its effect.
///
/// # Errors
///
/// No supervisor runs, or it refused the whole request.
pub(super) fn run(file: &FileArgs, verb: Verb, args: &RequestArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(file)?;
    let chosen = if args.all { TasksRequest::all() } else { TasksRequest::of(args.tasks.clone()) };
    let answer = block_on(async { Ok(client.ask_of_several(verb, &chosen).await?) })?;
    let TasksResponse { accepted, unchanged, refused } = parse(&answer)?;
    if args.json && !args.wait {
        print(&String::from_utf8_lossy(&answer))?;
    } else if !args.json && accepted.is_empty() && unchanged.is_empty() && refused.is_empty() {
        print(&format!("nothing to {}", verb.word()))?;
    } else if !args.json {
        accepted.iter().try_for_each(|request| print(&format!("{request}: accepted")))?;
        unchanged.iter().try_for_each(|unchanged| print(unchanged))?;
        refused.iter().for_each(|refused| complain(&refused.detail));
    }
    let missing = if args.wait { until_done(&client, verb, args)? } else { Vec::new() };
    if args.json && args.wait {
        let mut answer: Value = serde_json::from_slice(&answer).context("cannot read the answer of the supervisor")?;
        (answer["reached"], answer["missing"]) = (json!(missing.is_empty()), json!(missing));
        print(&answer.to_string())?;
    }
    let waited = show_missing(&missing, args.json);
    Ok(if refused.is_empty() { waited } else { ExitCode::from(EXIT_REFUSED) })
}

/// Waits for what was asked for. Returns the reasons why it does not come.
fn until_done(client: &Client, verb: Verb, args: &RequestArgs) -> anyhow::Result<Vec<String>> {
    let until = if matches!(verb, Verb::Stop | Verb::Kill) { Until::Stopped } else { Until::Ready };
    block_on(async {
        let mut tasks = args.tasks.clone();
        if args.all {
            // What was left at rest is not waited for. The answer came after the snapshot that shows the effect.
            let snapshot: LenientSnapshot = client.read("/api/v1/snapshot").await?;
            let is_left = |state: &str| [TaskState::Stopped, TaskState::Done].iter().any(|rest| rest.word() == state);
            let moved = snapshot.tasks.iter().filter(|task| !task.is_builtin() && !is_left(task.state()));
            tasks = moved.map(|task| task.name().to_owned()).collect();
        }
        let waiting = WaitArgs { tasks, all: false, until, timeout: args.timeout, json: args.json };
        wait(client, &waiting, |task| match args.json {
            true => Ok(()),
            false => print(&format!("{}: {}", task.name(), until.reached_by(task))),
        })
        .await
    })
}
