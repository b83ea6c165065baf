//! `stead wait`: wait until a condition holds for tasks.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{ArgGroup, Args, ValueEnum};
use clap_complete::ArgValueCandidates;
use serde_json::json;
use tokio::time::timeout;

use super::board::{Board, Phase, Stage, Task};
use super::client::{Client, ClientError, block_on};
use super::{EXIT_REFUSED, FileArgs, complain, completions, print};
use crate::config::UnknownTask;
use crate::duration::{Pretty, parse_duration};
use crate::present::ansi;
use crate::supervisor::engine::{Condition, Reach};

/// Arguments of `stead wait`.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(group = ArgGroup::new("which").required(true))]
pub(super) struct WaitArgs {
    /// Names of tasks
    #[arg(value_name = "TASK", group = "which")]
    #[arg(add = ArgValueCandidates::new(completions::tasks))]
    pub(super) tasks: Vec<String>,
    /// Wait for every process
    #[arg(long, group = "which")]
    pub(super) all: bool,
    /// Condition to wait for
    #[arg(long = "for", value_name = "WHAT", default_value = "ready")]
    pub(super) until: Until,
    /// The longest wait, as 30s or 2m
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    pub(super) timeout: Duration,
    /// Print the result as JSON
    ///
    /// The object is {"reached": true or false, "missing": [REASON…]}.
    #[arg(long)]
    pub(super) json: bool,
}

/// A condition on a task, with the meanings of `after` in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Until {
    /// It has been started
    Started,
    /// It is ready, or has completed
    Ready,
    /// It has completed with success
    Success,
    /// It has exited at least once, however it went
    Exited,
}

impl WaitArgs {
    /// Waits until every process is ready or done.
    pub(super) fn until_all_are_ready(timeout: Duration) -> Self {
        Self { tasks: Vec::new(), all: true, until: Until::Ready, timeout, json: false }
    }
}

/// Waits, and prints why if the condition can't hold.
///
/// # Errors
///
/// No supervisor runs, or there is no such task.
pub(super) fn run(file: &FileArgs, args: &WaitArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(file)?;
    let on_reached = |task: &Task| match args.json {
        true => Ok(()),
        false => print(&format!("{}: {}", task.name, args.until.reached_by(task))),
    };
    let missing = block_on(wait(&client, args, on_reached))?;
    if args.json {
        print(&json!({ "reached": missing.is_empty(), "missing": missing }).to_string())?;
        return Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_REFUSED) });
    }
    if missing.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    complain(&missing.join("; "));
    Ok(ExitCode::from(EXIT_REFUSED))
}

/// Waits, and calls `on_reached` for each task once the condition holds for it. Returns the reasons why it can't hold;
/// none if it holds for all.
///
/// # Errors
///
/// Those of [`run`] and of `on_reached`.
pub(super) async fn wait(
    client: &Client,
    args: &WaitArgs,
    on_reached: impl FnMut(&Task) -> io::Result<()>,
) -> anyhow::Result<Vec<String>> {
    let mut last = None;
    match timeout(args.timeout, reach(client, args, &mut last, on_reached)).await {
        Ok(missing) => missing,
        Err(_) => {
            let board = last.ok_or(ClientError::Silent(args.timeout))?;
            let open = |task: &&Task| !args.until.is_reached_by(task);
            let sentences: Vec<_> =
                chosen(&board, args)?.into_iter().filter(open).map(|task| describe(task, board.now)).collect();
            Ok(vec![format!("not {} within {}: {}", args.until.word(), Pretty(args.timeout), sentences.join("; "))])
        }
    }
}

/// Follows the snapshots until the condition holds for all tasks, or can't hold any more; returns the reasons for that.
async fn reach(
    client: &Client,
    args: &WaitArgs,
    last: &mut Option<Board>,
    mut on_reached: impl FnMut(&Task) -> io::Result<()>,
) -> anyhow::Result<Vec<String>> {
    let mut events = client.events("").await?;
    let mut there = Vec::new();
    while let Some(message) = events.next().await? {
        if message.event != "snapshot" {
            continue;
        }
        let board: Board = serde_json::from_str(&message.data).context("cannot parse the snapshot")?;
        let tasks = chosen(&board, args)?;
        for task in tasks.iter().filter(|task| args.until.is_reached_by(task)) {
            if !there.contains(&task.name) {
                on_reached(task)?;
                there.push(task.name.clone());
            }
        }
        if tasks.iter().all(|task| args.until.is_reached_by(task)) {
            return Ok(Vec::new());
        }
        let is_vain = |task: &&&Task| matches!(task.toward(args.until.condition()), Reach::Halted | Reach::Failed);
        let never: Vec<_> = tasks.iter().filter(is_vain).collect();
        if !never.is_empty() {
            return Ok(never.into_iter().map(|task| describe(task, board.now)).collect());
        }
        if let Stage::Draining { cause, .. } = &board.stage {
            return Ok(vec![format!("stead is shutting down: {cause}")]);
        }
        *last = Some(board);
    }
    Ok(vec!["the supervisor has ended".to_owned()])
}

fn chosen<'a>(board: &'a Board, args: &WaitArgs) -> anyhow::Result<Vec<&'a Task>> {
    if args.all {
        return Ok(board.tasks.iter().filter(|task| !task.is_surface()).collect());
    }
    let find = |name: &String| match board.tasks.iter().find(|task| task.name == *name) {
        Some(task) => Ok(task),
        None => Err(UnknownTask::among(name, board.tasks.iter().map(|task| task.name.clone())).into()),
    };
    args.tasks.iter().map(find).collect()
}

/// The state of a task and what happens to it next, as a sentence.
pub(super) fn describe(task: &Task, now: u64) -> String {
    let next = ansi::plain_text(task.next(now).as_bytes());
    let gap = if next.is_empty() { "" } else { ", " };
    format!("{} is {}{gap}{next}", task.name, task.phase.word())
}

impl Until {
    fn word(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Ready => "ready",
            Self::Success => "done with success",
            Self::Exited => "exited",
        }
    }

    /// The word for a task for which this holds. A task that is done counts as ready, and is called done.
    fn reached_by(self, task: &Task) -> &'static str {
        match task.phase {
            Phase::Done if self == Self::Ready => task.phase.word(),
            _ => self.word(),
        }
    }

    fn condition(self) -> Condition {
        match self {
            Self::Started => Condition::Started,
            Self::Ready => Condition::Ready,
            Self::Success => Condition::Success,
            Self::Exited => Condition::Exited,
        }
    }

    fn is_reached_by(self, task: &Task) -> bool {
        task.toward(self.condition()) == Reach::Met
    }
}
