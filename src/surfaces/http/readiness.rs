//! What keeps the whole from being ready, for `/readyz`. Pure: a snapshot in, obstacles out.

use std::fmt;

use serde::Serialize;

use crate::duration::Pretty;
use crate::supervisor::engine::{PhaseSnapshot, Snapshot, Stage, TaskKind, TaskSnapshot, Uptime};

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
        write!(f, "{}: {state}", task.as_deref().unwrap_or("stead"))?;
        if why.is_empty() { Ok(()) } else { write!(f, ", {why}") }
    }
}

/// Everything that stands in the way. Surfaces don't count, nor does what is done or was stopped by a person.
pub(super) fn obstacles(snapshot: &Snapshot, now: Uptime) -> Vec<Obstacle> {
    let drain = match &snapshot.stage {
        Stage::Up => None,
        Stage::Draining { cause, .. } => Some(Obstacle { task: None, state: "draining", why: cause.clone() }),
    };
    let tasks = snapshot.tasks.iter().filter(|task| task.kind != TaskKind::Builtin);
    drain.into_iter().chain(tasks.filter_map(|task| obstacle(task, now))).collect()
}

fn obstacle(task: &TaskSnapshot, now: Uptime) -> Option<Obstacle> {
    let why = match &task.phase {
        PhaseSnapshot::Running { .. } if task.counts_as_ready() => return None,
        PhaseSnapshot::Ready { .. } | PhaseSnapshot::Scheduled | PhaseSnapshot::Done | PhaseSnapshot::Stopped => {
            return None;
        }
        PhaseSnapshot::Waiting { blockers } => {
            let named = blockers.iter().map(|b| format!("for {} {} ({})", b.task, b.condition, b.state));
            named.collect::<Vec<_>>().join(", ")
        }
        PhaseSnapshot::Running { .. } => task.probe.as_ref().map(|probe| probe.detail.clone()).unwrap_or_default(),
        PhaseSnapshot::Backoff { attempt, retry_at, .. } => {
            let last = task.last_exit.as_ref().map(|exit| format!("{}, ", exit.reason)).unwrap_or_default();
            format!("{last}retry {attempt} of {} in {}", task.max_retries, Pretty(now.until(*retry_at)))
        }
        PhaseSnapshot::Failed { reason, .. } => reason.clone(),
        PhaseSnapshot::Starting { .. } | PhaseSnapshot::Stopping { .. } => String::new(),
    };
    Some(Obstacle { task: Some(task.name.clone()), state: task.phase.word(), why })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::sample::{at, process, ready, snapshot};
    use crate::supervisor::engine::Blocker;
    use crate::supervisor::engine::Condition;

    fn told(tasks: Vec<TaskSnapshot>) -> Vec<String> {
        obstacles(&snapshot(1, tasks), at(1_000)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn ready_done_and_stopped_tasks_are_no_obstacle() {
        let tasks = vec![
            process("db", ready(0)),
            process("migrate", PhaseSnapshot::Done),
            process("mailer", PhaseSnapshot::Stopped),
        ];
        assert_eq!(told(tasks), [""; 0]);
    }

    #[test]
    fn what_is_not_ready_says_why() {
        let blockers = vec![Blocker { task: "db".into(), condition: Condition::Ready, state: "starting".into() }];
        let tasks = vec![
            process("api", PhaseSnapshot::Backoff { attempt: 3, since: at(0), retry_at: at(3_000) }),
            process(
                "worker",
                PhaseSnapshot::Failed { reason: "5 retries spent: SIGSEGV".into(), dependency: None, retry_at: None },
            ),
            process("mailer", PhaseSnapshot::Waiting { blockers }),
            process("db", PhaseSnapshot::Starting { since: at(0), deadline: at(30_000) }),
        ];
        assert_eq!(
            told(tasks),
            [
                "api: backoff, retry 3 of 5 in 2s",
                "worker: failed, 5 retries spent: SIGSEGV",
                "mailer: waiting, for db to be ready (starting)",
                "db: starting",
            ]
        );
    }

    #[test]
    fn a_surface_is_not_what_people_wait_for() {
        let mut web = process(
            "web",
            PhaseSnapshot::Failed { reason: "port 7070 in use".into(), dependency: None, retry_at: None },
        );
        web.kind = TaskKind::Builtin;
        assert_eq!(told(vec![web]), [""; 0]);
    }

    #[test]
    fn a_drain_is_an_obstacle() {
        let stage = Stage::Draining { cause: "asked by terminal".into(), fatal: false, deadline: at(9_000) };
        let drain = obstacles(&Snapshot { stage, ..snapshot(1, Vec::new()) }, at(0));
        assert_eq!(drain.iter().map(ToString::to_string).collect::<Vec<_>>(), ["stead: draining, asked by terminal"]);
    }
}
