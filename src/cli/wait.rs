//! `stead wait`: wait until tasks are as far as they should be.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use clap_complete::ArgValueCandidates;
use tokio::time::timeout;

use super::board::{Board, Phase, Stage, Task};
use super::client::{Client, ClientError, block_on};
use super::{EXIT_REFUSED, FileArgs, complain, completions, print};
use crate::config::{Pretty, nearest, parse_duration};
use crate::ui::ansi;

/// What `stead wait` is told.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct WaitArgs {
    /// The tasks
    #[arg(value_name = "TASK", required_unless_present = "all", conflicts_with = "all")]
    #[arg(add = ArgValueCandidates::new(completions::tasks))]
    pub(super) tasks: Vec<String>,
    /// All processes
    #[arg(long)]
    pub(super) all: bool,
    /// What is waited for
    #[arg(long = "for", value_name = "WHAT", default_value = "ready")]
    pub(super) until: Until,
    /// How long at most: "30s", "2m"
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    pub(super) timeout: Duration,
}

/// What must be true of a task; as of `after` in the configuration.
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

/// How far a task is on its way.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    There,
    Underway,
    /// It does not get there by itself.
    Never,
}

/// Waits, and says why if it was in vain.
///
/// # Errors
///
/// There is no supervisor or no such task.
pub(super) fn run(file: &FileArgs, args: &WaitArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(file)?;
    let tell_reached = |name: &str| print(&format!("{name}: {}", args.until.word()));
    let missing = block_on(wait(&client, args, tell_reached))?;
    if missing.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    complain(&missing.join("; "));
    Ok(ExitCode::from(EXIT_REFUSED))
}

/// Waits, and tells of each task that is as far as it should be. Returns why it was in vain, if it was.
///
/// # Errors
///
/// As of [`run`]; those of `tell_reached`.
pub(super) async fn wait(
    client: &Client,
    args: &WaitArgs,
    tell_reached: impl FnMut(&str) -> io::Result<()>,
) -> anyhow::Result<Vec<String>> {
    let mut last = None;
    match timeout(args.timeout, reach(client, args, &mut last, tell_reached)).await {
        Ok(missing) => missing,
        Err(_) => {
            let board = last.ok_or(ClientError::Silent(args.timeout))?;
            let open = |task: &&Task| args.until.way(task) != Way::There;
            let told: Vec<_> =
                chosen(&board, args)?.into_iter().filter(open).map(|task| tell(task, board.now)).collect();
            Ok(vec![format!("not {} within {}: {}", args.until.word(), Pretty(args.timeout), told.join("; "))])
        }
    }
}

/// Follows the snapshots until all is reached, or something can't be any more: that is returned.
async fn reach(
    client: &Client,
    args: &WaitArgs,
    last: &mut Option<Board>,
    mut tell_reached: impl FnMut(&str) -> io::Result<()>,
) -> anyhow::Result<Vec<String>> {
    let mut events = client.events("").await?;
    let mut there = Vec::new();
    while let Some(message) = events.next().await? {
        if message.event != "snapshot" {
            continue;
        }
        let board: Board = serde_json::from_str(&message.data).context("the snapshot can't be read")?;
        let tasks = chosen(&board, args)?;
        for task in tasks.iter().filter(|task| args.until.way(task) == Way::There) {
            if !there.contains(&task.name) {
                tell_reached(&task.name)?;
                there.push(task.name.clone());
            }
        }
        if tasks.iter().all(|task| args.until.way(task) == Way::There) {
            return Ok(Vec::new());
        }
        let never: Vec<_> = tasks.iter().filter(|task| args.until.way(task) == Way::Never).collect();
        if !never.is_empty() {
            return Ok(never.into_iter().map(|task| tell(task, board.now)).collect());
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
        None => match nearest(name, board.tasks.iter().map(|task| task.name.as_str())) {
            Some(near) => bail!("there is no task named `{name}`; did you mean `{near}`?"),
            None => bail!("there is no task named `{name}`"),
        },
    };
    args.tasks.iter().map(find).collect()
}

fn tell(task: &Task, now: u64) -> String {
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

    fn way(self, task: &Task) -> Way {
        let reached = match self {
            Self::Started => task.run > 0 && !matches!(task.phase, Phase::Starting { .. }),
            Self::Ready => matches!(task.phase, Phase::Ready { .. } | Phase::Done),
            Self::Success => matches!(task.phase, Phase::Done),
            Self::Exited => task.last_exit.is_some(),
        };
        match &task.phase {
            _ if reached => Way::There,
            Phase::Stopped | Phase::Done | Phase::Failed { .. } => Way::Never,
            Phase::Waiting { .. }
            | Phase::Starting { .. }
            | Phase::Running { .. }
            | Phase::Ready { .. }
            | Phase::Stopping { .. }
            | Phase::Backoff { .. }
            | Phase::Unknown => Way::Underway,
        }
    }
}
