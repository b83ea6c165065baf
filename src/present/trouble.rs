//! Which tasks are not well, the worst first, and what there is to say of each in a few words.

use std::time::Duration;

use super::clock::Clock;
use super::next::next;
use super::state::look;
use super::task::{flapping, retries};
use crate::supervisor::engine::{PhaseSnapshot, Snapshot, Stage, TaskSnapshot, Uptime};

/// So long after an end that was not expected a task that runs again is still worth a look.
const SHAKEN_FOR: Duration = Duration::from_secs(30);
/// A start may take as long before a probe that does not pass means trouble.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A task that is not well.
#[derive(Debug)]
pub(crate) struct Trouble<'a> {
    pub(crate) task: &'a TaskSnapshot,
    /// The tasks that it keeps from running.
    pub(crate) blocks: Vec<&'a str>,
}

/// The tasks that are not well, the worst first and otherwise in their order. One that another one blocks stands with that.
pub(crate) fn troubles<'a>(snapshot: &'a Snapshot, clock: &Clock) -> Vec<Trouble<'a>> {
    if matches!(snapshot.stage, Stage::Draining { .. }) {
        return Vec::new();
    }
    let unwell: Vec<&TaskSnapshot> = snapshot.tasks.iter().filter(|task| is_in_trouble(task, clock)).collect();
    let blocker = |task: &TaskSnapshot| {
        root(task, snapshot).filter(|root| unwell.iter().any(|unwell| unwell.name == *root)).map(str::to_owned)
    };
    let blocks = |name: &str| {
        let blocked = snapshot.tasks.iter().filter(|task| blocker(task).as_deref() == Some(name));
        blocked.map(|task| task.name.as_str()).collect()
    };
    let alone = unwell.iter().copied().filter(|task| blocker(task).is_none());
    let mut troubles: Vec<_> = alone.map(|task| Trouble { task, blocks: blocks(&task.name) }).collect();
    troubles.sort_by_key(|trouble| look(trouble.task).rank);
    troubles
}

/// Whether a person should look at a task.
pub(crate) fn is_in_trouble(task: &TaskSnapshot, clock: &Clock) -> bool {
    if task.is_flapping() {
        return true;
    }
    match &task.phase {
        PhaseSnapshot::Failed { .. } | PhaseSnapshot::Backoff { .. } => true,
        PhaseSnapshot::Stopping { killed, .. } => *killed,
        PhaseSnapshot::Running { since, .. } if !task.counts_as_ready() => {
            let is_failing = task.probe.as_ref().is_some_and(|probe| !probe.passed);
            is_shaken(task, clock) || (is_failing && !clock.is_before(later(*since, STARTS_WITHIN)))
        }
        PhaseSnapshot::Starting { .. } | PhaseSnapshot::Running { .. } | PhaseSnapshot::Ready { .. } => {
            is_shaken(task, clock)
        }
        PhaseSnapshot::Waiting { .. } | PhaseSnapshot::Scheduled | PhaseSnapshot::Stopped | PhaseSnapshot::Done => {
            false
        }
    }
}

/// Whether its last run ended badly, and the retry has not lasted yet: trouble that comes again must not blink.
fn is_shaken(task: &TaskSnapshot, clock: &Clock) -> bool {
    let last = task.last_exit.as_ref().filter(|last| !last.expected && task.retries > 0);
    last.is_some_and(|last| clock.is_before(later(last.at, SHAKEN_FOR)))
}

fn later(at: Uptime, wait: Duration) -> Uptime {
    Uptime(at.0.saturating_add(wait))
}

/// The task at the end of the chain that blocks this one; none if it is not blocked.
fn root<'a>(task: &'a TaskSnapshot, snapshot: &'a Snapshot) -> Option<&'a str> {
    let mut blocker = blocked_by(task)?;
    for _ in 0..snapshot.tasks.len() {
        match snapshot.task(blocker).and_then(blocked_by) {
            Some(next) => blocker = next,
            None => return Some(blocker),
        }
    }
    None
}

/// The task that keeps this one from running.
pub(crate) fn blocked_by(task: &TaskSnapshot) -> Option<&str> {
    match &task.phase {
        PhaseSnapshot::Failed { dependency, .. } => dependency.as_deref(),
        _ => None,
    }
}

/// What is wrong with a task that is not well, in a few words: `34/h, every 20s`, `retry in 3.0s · 2/5`.
pub(crate) fn what(task: &TaskSnapshot, clock: &Clock) -> String {
    if let Some(often) = flapping(task) {
        return often;
    }
    match &task.phase {
        PhaseSnapshot::Failed { dependency: Some(dependency), .. } => format!("needs {dependency}"),
        PhaseSnapshot::Failed { retry_at: Some(at), .. } => format!("tried again in {}", clock.left(*at)),
        PhaseSnapshot::Failed { .. } if task.retries > 0 => "gave up".to_owned(),
        PhaseSnapshot::Failed { .. } => "failed".to_owned(),
        PhaseSnapshot::Backoff { retry_at, .. } => {
            format!("retry in {} · {}", clock.left(*retry_at), retries(task.retries, task.max_retries))
        }
        PhaseSnapshot::Running { .. } | PhaseSnapshot::Starting { .. } if !task.counts_as_ready() => {
            next(task, false, clock).text
        }
        PhaseSnapshot::Running { .. } | PhaseSnapshot::Starting { .. } | PhaseSnapshot::Ready { .. } => {
            format!("started again · {}", retries(task.retries, task.max_retries))
        }
        PhaseSnapshot::Waiting { .. }
        | PhaseSnapshot::Stopping { .. }
        | PhaseSnapshot::Scheduled
        | PhaseSnapshot::Stopped
        | PhaseSnapshot::Done => next(task, false, clock).text,
    }
}

/// What a short row says beside the name and the state: what is wrong, what is waited for; empty if all is well.
pub(crate) fn brief(task: &TaskSnapshot, is_draining: bool, clock: &Clock) -> String {
    if task.is_flapping() {
        return format!("{}/h", task.restarts_last_hour);
    }
    match &task.phase {
        PhaseSnapshot::Failed { dependency: Some(dependency), .. } => format!("← {dependency}"),
        PhaseSnapshot::Failed { .. } => {
            let spent = (task.retries > 0).then(|| retries(task.retries, task.max_retries));
            let last = task.last_exit.as_ref().map(|last| last.reason.to_string());
            spent.into_iter().chain(last).collect::<Vec<_>>().join(" ")
        }
        PhaseSnapshot::Backoff { retry_at, .. } => {
            format!("{} in {}", retries(task.retries, task.max_retries), clock.left(*retry_at))
        }
        PhaseSnapshot::Ready { .. } | PhaseSnapshot::Running { .. } if task.counts_as_ready() && !is_draining => {
            if task.retries > 0 { retries(task.retries, task.max_retries) } else { String::new() }
        }
        PhaseSnapshot::Waiting { blockers } => {
            blockers.iter().map(|blocker| format!("… {}", blocker.task)).collect::<Vec<_>>().join(" ")
        }
        _ => next(task, is_draining, clock).text,
    }
}

/// How long the state has lasted, for a column of ages: `9m`, `41s`. None if it is not known.
pub(crate) fn since(task: &TaskSnapshot, clock: &Clock) -> Option<String> {
    let at = task.up_since().or_else(|| task.last_exit.as_ref().map(|last| last.at))?;
    Some(clock.age(at).trim_end_matches(" ago").to_owned())
}
