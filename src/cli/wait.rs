//! `stead wait`: wait until a condition holds for tasks.

use std::collections::BTreeSet;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};
use clap_complete::ArgValueCandidates;
use serde_json::json;
use tokio::time::{Instant, timeout, timeout_at};

use super::client::{Client, ClientError, block_on};
use super::{EXIT_REFUSED, FileArgs, complain, completions, print};
use crate::config::UnknownTask;
use crate::duration::{Pretty, parse_duration};
use crate::present::ansi;
use crate::supervisor::engine::{Condition, PhaseSnapshot, Policy, Reach, TaskSnapshot, TaskState};
use crate::wire::{Lenient, LenientSnapshot};

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
    /// A probe says that it is ready, or it runs without one, or it has completed
    ///
    /// What is to end is waited for until it has: a task without a probe that has `restart = "never"`, or that another needs
    /// to succeed.
    Ready,
    /// It has completed with success
    Success,
    /// It has exited at least once, however it went
    Exited,
    /// It does not run, and only a request starts it again
    Stopped,
}

impl WaitArgs {
    /// Waits until every process is ready or done, or runs where no probe says more.
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
    let on_reached = |task: &Lenient<TaskSnapshot>| match args.json {
        true => Ok(()),
        false => print(&format!("{}: {}", task.name(), args.until.reached_by(task))),
    };
    let missing = block_on(wait(&client, args, on_reached))?;
    if args.json {
        print(&json!({ "reached": missing.is_empty(), "missing": missing }).to_string())?;
    }
    Ok(show_missing(&missing, args.json))
}

/// Prints why a condition can't hold, a line for each reason, unless that was printed as JSON. Returns the exit code.
pub(super) fn show_missing(missing: &[String], json: bool) -> ExitCode {
    if missing.is_empty() {
        return ExitCode::SUCCESS;
    }
    if !json {
        missing.iter().for_each(|reason| complain(reason));
    }
    ExitCode::from(EXIT_REFUSED)
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
    on_reached: impl FnMut(&Lenient<TaskSnapshot>) -> io::Result<()>,
) -> anyhow::Result<Vec<String>> {
    let mut last = None;
    match timeout(args.timeout, reach(client, args, &mut last, on_reached)).await {
        Ok(missing) => missing,
        Err(_) => {
            let snapshot = last.ok_or(ClientError::Silent(args.timeout))?;
            let ending = EndingTasks::of(client, &snapshot);
            let open = |task: &&Lenient<TaskSnapshot>| !args.until.is_reached_by(task, &ending);
            let late = format!("not {} within {}", args.until.word(), Pretty(args.timeout));
            let reason = |task| match args.until == Until::Ready && ending.waits_for_end_of(task) {
                true => format!("{late}: {}, and has not ended", describe(task, &snapshot)),
                false => format!("{late}: {}", describe(task, &snapshot)),
            };
            Ok(chosen(&snapshot, args)?.into_iter().filter(open).map(reason).collect())
        }
    }
}

/// How long after a failure the last words of the task may take to be known.
const LAST_WORDS_TIME: Duration = Duration::from_millis(500);

/// Follows the snapshots until the condition holds for all tasks, or can't hold any more; returns the reasons for that.
async fn reach(
    client: &Client,
    args: &WaitArgs,
    last: &mut Option<LenientSnapshot>,
    mut on_reached: impl FnMut(&Lenient<TaskSnapshot>) -> io::Result<()>,
) -> anyhow::Result<Vec<String>> {
    let mut events = client.events("").await?;
    let mut there = Vec::new();
    let mut in_vain: Option<(Instant, Vec<String>)> = None;
    loop {
        let next = match &in_vain {
            None => events.next_snapshot().await?,
            Some((at_last, reasons)) => match timeout_at(*at_last, events.next_snapshot()).await {
                Ok(next) => next?,
                Err(_) => return Ok(reasons.clone()),
            },
        };
        let Some(snapshot) = next else { break };
        let tasks = chosen(snapshot, args)?;
        let ending = EndingTasks::of(client, snapshot);
        for task in tasks.iter().filter(|task| args.until.is_reached_by(task, &ending)) {
            if !there.iter().any(|name| name == task.name()) {
                on_reached(task)?;
                there.push(task.name().to_owned());
            }
        }
        if tasks.iter().all(|task| args.until.is_reached_by(task, &ending)) {
            return Ok(Vec::new());
        }
        let is_vain = |task: &&&Lenient<TaskSnapshot>| {
            matches!(args.until.reach_of(task, &ending), Some(Reach::Halted | Reach::Failed))
        };
        let never: Vec<_> = tasks.iter().filter(is_vain).collect();
        if !never.is_empty() {
            let reasons = never.iter().map(|task| describe(task, snapshot)).collect();
            if !never.iter().any(|task| lacks_last_words(task)) {
                return Ok(reasons);
            }
            let at_last = in_vain.map_or_else(|| Instant::now() + LAST_WORDS_TIME, |(at_last, _)| at_last);
            in_vain = Some((at_last, reasons));
            continue;
        }
        if let Some((cause, _)) = snapshot.drain() {
            return Ok(vec![format!("stead is shutting down: {cause}")]);
        }
        *last = Some(snapshot.clone());
    }
    Ok(in_vain.map_or_else(|| vec!["the supervisor has ended".to_owned()], |(_, reasons)| reasons))
}

/// Whether a task failed by itself, and what it wrote last is not known, or not yet.
fn lacks_last_words(task: &Lenient<TaskSnapshot>) -> bool {
    let known = task.known().filter(|known| known.state() == TaskState::Failed && known.last_exit.is_some());
    known.is_some_and(|known| known.last_words.is_none())
}

fn chosen<'a>(snapshot: &'a LenientSnapshot, args: &WaitArgs) -> anyhow::Result<Vec<&'a Lenient<TaskSnapshot>>> {
    if args.all {
        return Ok(snapshot.tasks.iter().filter(|task| takes_part(task)).collect());
    }
    let mut all = Vec::new();
    for name in &args.tasks {
        match snapshot.tasks_meant(name) {
            meant if meant.is_empty() => return Err(UnknownTask::among(name, snapshot.names()).into()),
            meant => all.extend(meant),
        }
    }
    Ok(all)
}

/// Whether a wait for all waits for it: what no one has asked for yet, or is not due yet, does not count.
fn takes_part(task: &Lenient<TaskSnapshot>) -> bool {
    let is_asked_for = |task: &TaskSnapshot| {
        let is_not_due = task.state() == TaskState::Scheduled && task.last_exit.is_none();
        !is_not_due && (task.autostart || task.has_started || task.state() != TaskState::Stopped)
    };
    !task.is_builtin() && task.known().is_none_or(is_asked_for)
}

/// Which tasks are to end: a wait until they are ready waits for that.
struct EndingTasks<'a> {
    /// Whether `never` was written for stead: in files of other tools it is what servers have, too.
    never_ends: bool,
    /// Those that other tasks need to succeed.
    needed: BTreeSet<&'a str>,
}

impl<'a> EndingTasks<'a> {
    fn of(client: &Client, snapshot: &'a LenientSnapshot) -> Self {
        let edges = snapshot.tasks.iter().filter_map(Lenient::known).flat_map(|task| &task.after);
        let needed = edges.filter(|edge| edge.condition == Condition::Success).map(|edge| edge.task.as_str()).collect();
        Self { never_ends: client.has_own_file(), needed }
    }

    /// Whether `task` runs, no probe says when it is ready, and it is to end.
    fn waits_for_end_of(&self, task: &Lenient<TaskSnapshot>) -> bool {
        let is_to_end = |task: &TaskSnapshot| {
            let is_over = self.needed.contains(task.name.as_str()) || (self.never_ends && task.policy == Policy::Never);
            task.state() == TaskState::Running && !task.probed && is_over
        };
        task.known().is_some_and(is_to_end)
    }
}

/// The state of a task and what happens to it next, or why it has failed, as a sentence.
pub(super) fn describe(task: &Lenient<TaskSnapshot>, snapshot: &LenientSnapshot) -> String {
    let name = task.name();
    if let Some(known @ TaskSnapshot { phase: PhaseSnapshot::Failed { reason, .. }, .. }) = task.known() {
        let wrote = known.last_words.as_ref().map(|line| format!(" (“{}”)", ansi::plain_text(line.trim().as_bytes())));
        return format!("{name} has failed: {}{}", ansi::plain_text(reason.as_bytes()), wrote.unwrap_or_default());
    }
    let state = match task.known().map(TaskSnapshot::state) {
        Some(TaskState::Backoff) => "backing off",
        Some(TaskState::Stopped | TaskState::Done) => return format!("{name} is {}", task.state()),
        Some(_) | None => task.state(),
    };
    let next = ansi::plain_text(snapshot.next(task).as_bytes());
    let gap = if next.is_empty() { "" } else { ", " };
    format!("{name} is {state}{gap}{next}")
}

impl Until {
    fn word(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Ready => "ready",
            Self::Success => "done with success",
            Self::Exited => "exited",
            Self::Stopped => "stopped",
        }
    }

    /// The word for a task for which this holds. A task that is done counts as ready, and is called done; one that runs
    /// without a probe is called running.
    pub(super) fn reached_by(self, task: &Lenient<TaskSnapshot>) -> &'static str {
        match task.known().map(TaskSnapshot::state) {
            Some(state @ (TaskState::Running | TaskState::Done | TaskState::Scheduled)) if self == Self::Ready => {
                state.word()
            }
            Some(state) if self == Self::Stopped => state.word(),
            _ => self.word(),
        }
    }

    /// None for a task in a state that this program does not know.
    fn reach_of(self, task: &Lenient<TaskSnapshot>, ending: &EndingTasks<'_>) -> Option<Reach> {
        let is_to_end = ending.waits_for_end_of(task);
        let task = task.known()?;
        let condition = match self {
            Self::Started => Condition::Started,
            Self::Ready if is_to_end => Condition::Success,
            Self::Ready => Condition::Ready,
            Self::Success => Condition::Success,
            Self::Exited => Condition::Exited,
            Self::Stopped => return Some(if task.state().is_at_rest() { Reach::Met } else { Reach::Pending }),
        };
        Some(task.toward(condition))
    }

    fn is_reached_by(self, task: &Lenient<TaskSnapshot>, ending: &EndingTasks<'_>) -> bool {
        self.reach_of(task, ending) == Some(Reach::Met)
    }
}
