//! `stead run TASK` where a supervisor runs: it runs there, and only what it has started ends.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::{Context, bail};

use super::client::{Client, block_on, segment};
use super::logs::{KnownLogs, follow_until};
use super::wait::{Until, WaitArgs, describe, wait};
use super::{EXIT_REFUSED, FileArgs, complain, show_text};
use crate::config::UnknownTask;
use crate::present::run_report::{GUILTY_LINES, RunCase, RunFailure, RunReport};
use crate::supervisor::engine::{LastExit, TaskSnapshot, Verb, exit_code};
use crate::wire::{Lenient, LenientSnapshot, TasksRequest, WhyResponse};

/// How long what was started may take to stop.
const STOP_TIME: Duration = Duration::from_secs(60);

/// Runs the task and prints its output; returns its exit code.
///
/// # Errors
///
/// It runs already, or the supervisor refused or has ended.
pub(super) fn run(file: &FileArgs, client: &Client, task: &str, junit: Option<&Path>) -> anyhow::Result<ExitCode> {
    let before = snapshot(client)?;
    let names = || before.tasks.iter().map(|task| task.name().to_owned());
    let found = before.task(task).ok_or_else(|| UnknownTask::among(task, names()))?;
    if !is_at_rest(found) {
        complain(&format!("{}; `stead logs -f {task}` shows what it writes", describe(found, &before)));
        return Ok(ExitCode::from(EXIT_REFUSED));
    }
    let runs_before = found.known().map_or(0, |task| task.run);
    // Before the start, so that no line is missed.
    let (ended, sees_end) = channel::<()>();
    let printing = std::thread::spawn({
        let (dir, task) = (KnownLogs::of(file)?.dir, task.to_owned());
        move || {
            follow_until(&dir, &task, move || {
                let _ = sees_end.recv();
            })
        }
    });
    let asked = TasksRequest::of(vec![task.to_owned()]);
    block_on(async { Ok(client.ask_of_several(Verb::Start, &asked).await?) })?;
    let after = until_ended(client, task, runs_before);
    // The thread sees that this is gone.
    drop(ended);
    printing.join().map_err(|_| anyhow::anyhow!("the output can't be printed"))??;
    let after = after?;
    let last = last_exit(&after, task, runs_before);
    // Before it is stopped, which is no cause.
    let report = report(client, &after, task, last)?;
    stop_what_was_started(client, &before, &after, task)?;
    show_text(&report.text());
    if let Some(path) = junit {
        fs::write(path, report.junit()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    complain(&match last {
        Some(LastExit { reason, .. }) => format!("{task} has ended: {reason}"),
        None => format!("{task} has not run"),
    });
    Ok(ExitCode::from(last.map_or(EXIT_REFUSED, |last| exit_code(&last.reason, last.succeeded))))
}

fn snapshot(client: &Client) -> anyhow::Result<LenientSnapshot> {
    block_on(async { Ok(client.read("/api/v1/snapshot").await?) })
}

fn is_at_rest(task: &Lenient<TaskSnapshot>) -> bool {
    task.known().is_some_and(|task| task.state().is_at_rest() || !task.state().can_stop())
}

/// How the task ended, if it has since it was started.
fn last_exit<'a>(snapshot: &'a LenientSnapshot, task: &str, runs_before: u64) -> Option<&'a LastExit> {
    let last = snapshot.task(task).and_then(Lenient::known)?.last_exit.as_ref();
    last.filter(|last| last.run > runs_before)
}

/// Follows the task to its first end, whatever its policy makes of that. The answer to its start came after a snapshot in
/// which it is on its way.
fn until_ended(client: &Client, task: &str, runs_before: u64) -> anyhow::Result<LenientSnapshot> {
    block_on(async {
        let mut events = client.events("").await?;
        while let Some(snapshot) = events.next_snapshot().await? {
            let has_ended = last_exit(snapshot, task, runs_before).is_some();
            if has_ended || snapshot.task(task).is_none_or(is_at_rest) {
                return Ok(snapshot.clone());
            }
        }
        bail!("the supervisor has ended");
    })
}

/// Stops the tasks that run only because this one needed them, and its own next run.
fn stop_what_was_started(
    client: &Client,
    before: &LenientSnapshot,
    after: &LenientSnapshot,
    task: &str,
) -> anyhow::Result<()> {
    let mut needed = BTreeSet::new();
    let mut open = vec![task.to_owned()];
    while let Some(name) = open.pop() {
        for edge in after.task(&name).and_then(Lenient::known).iter().flat_map(|task| &task.after) {
            if needed.insert(edge.task.clone()) {
                open.push(edge.task.clone());
            }
        }
    }
    let was_at_rest = |name: &String| before.task(name).is_some_and(is_at_rest);
    let runs = |name: &String| after.task(name).is_some_and(|task| !is_at_rest(task));
    needed.insert(task.to_owned());
    let started: Vec<_> = needed.into_iter().filter(was_at_rest).filter(runs).collect();
    if started.is_empty() {
        return Ok(());
    }
    block_on(async {
        client.ask_of_several(Verb::Stop, &TasksRequest::of(started.clone())).await?;
        let stopped = WaitArgs { tasks: started, all: false, until: Until::Stopped, timeout: STOP_TIME, json: true };
        let missing = wait(client, &stopped, |_| Ok(())).await?;
        missing.iter().for_each(|missing| complain(missing));
        Ok(())
    })
}

fn report(client: &Client, after: &LenientSnapshot, task: &str, last: Option<&LastExit>) -> anyhow::Result<RunReport> {
    let failed = last.is_none_or(|last| !last.succeeded);
    let failure = if failed { Some(failure(client, task)?) } else { None };
    let how = last.map_or_else(|| "it has not run".to_owned(), |last| last.reason.to_string());
    let case = RunCase {
        name: task.to_owned(),
        millis: last.map_or(0, |last| last.ran_for.as_millis()),
        failure: failed.then_some(how),
    };
    Ok(RunReport { project: after.supervisor.project.clone(), cases: vec![case], failure })
}

fn failure(client: &Client, task: &str) -> anyhow::Result<RunFailure> {
    block_on(async {
        let why: WhyResponse = client.read(&format!("/api/v1/tasks/{}/why", segment(task))).await?;
        let causes = why.causes.unwrap_or_default();
        let guilty = causes.last().map_or_else(|| task.to_owned(), |cause| cause.task.clone());
        let of_guilty: Option<WhyResponse> = client.read(&format!("/api/v1/tasks/{}/why", segment(&guilty))).await.ok();
        let kept = of_guilty.and_then(|why| why.post_mortems.into_iter().next()).map(|last| last.lines);
        let lines: Vec<_> = kept.unwrap_or_default().into_iter().map(|line| line.text).collect();
        let first = lines.len().saturating_sub(GUILTY_LINES);
        Ok(RunFailure { causes, guilty, lines: lines[first..].to_vec() })
    })
}
