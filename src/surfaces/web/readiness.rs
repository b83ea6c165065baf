//! What keeps the whole from being ready, for `/readyz`. Pure: a snapshot in, obstacles out.

use std::fmt;

use serde::Serialize;

use crate::config::Pretty;
use crate::supervisor::core::{PhaseSnapshot, Snapshot, Stage, TaskKind, TaskSnapshot, Uptime};

/// One reason why the whole is not ready.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Obstacle {
    /// The task; none for the supervisor as a whole.
    task: Option<String>,
    /// The state it is in.
    state: &'static str,
    /// Why, for people.
    why: String,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task, state, why } = self;
        write!(f, "{} is {state}", task.as_deref().unwrap_or("stead"))?;
        if why.is_empty() { Ok(()) } else { write!(f, ": {why}") }
    }
}

/// Everything that stands in the way. Surfaces don't count, nor does what is done or was stopped by a person.
pub(super) fn obstacles(snapshot: &Snapshot, now: Uptime) -> Vec<Obstacle> {
    let drain = match &snapshot.stage {
        Stage::Up => None,
        Stage::Draining { cause, .. } => Some(Obstacle { task: None, state: "draining", why: cause.clone() }),
    };
    let tasks = snapshot.tasks.iter().filter(|task| task.kind != TaskKind::Surface);
    drain.into_iter().chain(tasks.filter_map(|task| obstacle(task, now))).collect()
}

fn obstacle(task: &TaskSnapshot, now: Uptime) -> Option<Obstacle> {
    let why = match &task.phase {
        PhaseSnapshot::Ready { .. } | PhaseSnapshot::Done | PhaseSnapshot::Stopped => return None,
        PhaseSnapshot::Waiting { blockers } => {
            let named = blockers.iter().map(|b| format!("for {} {} ({})", b.task, b.condition, b.state));
            named.collect::<Vec<_>>().join(", ")
        }
        PhaseSnapshot::Running { .. } => task.probe.as_ref().map(|probe| probe.detail.clone()).unwrap_or_default(),
        PhaseSnapshot::Backoff { attempt, retry_at, .. } => {
            let last = task.last_exit.as_ref().map(|exit| format!("{}, ", exit.reason)).unwrap_or_default();
            format!("{last}retry {attempt} of {} in {}", task.max_retries, Pretty(now.until(*retry_at)))
        }
        PhaseSnapshot::Failed { reason } => reason.clone(),
        PhaseSnapshot::Starting { .. } | PhaseSnapshot::Stopping { .. } => String::new(),
    };
    Some(Obstacle { task: Some(task.name.clone()), state: task.phase.word(), why })
}
