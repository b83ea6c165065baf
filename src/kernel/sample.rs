//! Snapshots to test the surfaces with.

use std::time::Duration;

use crate::supervisor::engine::{
    GroupSnapshot, OnExhausted, PhaseSnapshot, Policy, Snapshot, Stage, Strategy, TaskKind, TaskSnapshot, Uptime,
};

/// A point on the supervisor's clock.
pub(crate) fn at(millis: u64) -> Uptime {
    Uptime(Duration::from_millis(millis))
}

/// A supervisor that is up, with these tasks.
pub(crate) fn snapshot(generation: u64, tasks: Vec<TaskSnapshot>) -> Snapshot {
    Snapshot { generation, at: at(0), stage: Stage::Up, tasks, groups: Vec::new() }
}

/// A process in this state, with the default policy and nothing behind it.
pub(crate) fn process(name: &str, phase: PhaseSnapshot) -> TaskSnapshot {
    TaskSnapshot {
        name: name.into(),
        kind: TaskKind::Process,
        about: format!("./{name}"),
        description: None,
        policy: Policy::OnFailure,
        on_exhausted: OnExhausted::Hold,
        replica_of: None,
        autostart: true,
        after: Vec::new(),
        probed: false,
        ports: std::collections::BTreeMap::new(),
        tty: false,
        phase,
        run: 1,
        runs_before: 0,
        retries: 0,
        max_retries: 5,
        initial_backoff: Duration::from_millis(500),
        max_backoff: Duration::from_secs(30),
        budget_back_at: None,
        restarts: 0,
        restarts_last_hour: 0,
        flapping_every: None,
        last_exit: None,
        exits: Default::default(),
        has_started: true,
        probe: None,
        live_probe: None,
        pending_stop: None,
        status: None,
        next_due: None,
        watch: None,
        usage: None,
        last_words: None,
        address: None,
    }
}

/// A group of these tasks without a budget.
pub(crate) fn group(name: &str, tasks: &[&str]) -> GroupSnapshot {
    GroupSnapshot {
        name: name.into(),
        tasks: tasks.iter().map(|&task| task.to_owned()).collect(),
        strategy: Strategy::OneForOne,
        on_exhausted: OnExhausted::Hold,
        restarts: 0,
        max_restarts: None,
    }
}

/// Up and ready since this point.
pub(crate) fn ready(since: u64) -> PhaseSnapshot {
    PhaseSnapshot::Ready { since: at(since), pid: Some(4_121) }
}
