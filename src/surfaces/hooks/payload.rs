//! The payload of hooks, made from an entry of the event log.

use jiff::Timestamp;
use serde::Serialize;

use crate::config::HookConfig;
use crate::supervisor::EventRecord;
use crate::supervisor::engine::HookEvent;
use crate::supervisor::engine::{Event, EventKind, Snapshot};

/// An event as hooks get it; a webhook posts it as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct HookPayload {
    /// What has happened.
    pub(super) event: HookEvent,
    /// To which task.
    pub(super) task: String,
    /// The task that it is a replica of: a hook names all of them by it.
    #[serde(skip)]
    replica_of: Option<String>,
    /// The number of the run it is about.
    pub(super) run: u64,
    /// How it ended, or why it was given up; of one that has recovered, its state now.
    pub(super) reason: String,
    /// How much of the retry budget is used, the restart that follows included.
    pub(super) retries: u32,
    /// The retry budget.
    pub(super) max_retries: u32,
    /// When it happened.
    pub(super) at: Timestamp,
}

/// Whether an event can be one for hooks.
pub(super) fn is_for_hooks(event: &Event) -> bool {
    meaning(event).is_some()
}

fn meaning(event: &Event) -> Option<(HookEvent, &str)> {
    let kind = match &event.kind {
        EventKind::Exited { expected: false, .. } => HookEvent::Failed,
        EventKind::Exhausted { .. } => HookEvent::Exhausted,
        EventKind::Recovered { .. } => HookEvent::Recovered,
        EventKind::Draining { culprit: Some(culprit), .. } => return Some((HookEvent::Fatal, culprit)),
        _ => return None,
    };
    Some((kind, event.task.as_deref()?))
}

impl HookPayload {
    /// The payload of an event, if it is one for hooks; `snapshot` is of its time or a little later.
    pub(super) fn of(record: &EventRecord, snapshot: &Snapshot) -> Option<Self> {
        let (event, name) = meaning(&record.event)?;
        let task = snapshot.task(name)?;
        let last = task.last_exit.as_ref().map(|last| last.reason.to_string()).unwrap_or_default();
        let (run, reason) = match &record.event.kind {
            EventKind::Exited { run, reason, .. } => (*run, reason.to_string()),
            EventKind::Exhausted { limit } => (task.run, format!("{limit} spent: {last}")),
            EventKind::Recovered { run } => (*run, task.phase.word().to_owned()),
            EventKind::Draining { cause, .. } => {
                let reason = cause.strip_prefix(name).and_then(|rest| rest.strip_prefix(": "));
                (task.run, reason.unwrap_or(cause).to_owned())
            }
            _ => return None,
        };
        let (retries, max_retries) = (task.retries, task.max_retries);
        let replica_of = task.replica_of.clone();
        Some(Self { event, task: name.to_owned(), replica_of, run, reason, retries, max_retries, at: record.at })
    }

    /// Whether a hook wants it.
    pub(super) fn is_for(&self, hook: &HookConfig) -> bool {
        let names = [Some(&self.task), self.replica_of.as_ref()];
        let is_meant = || names.into_iter().flatten().any(|name| hook.tasks.contains(name));
        hook.on.contains(&self.event) && (hook.tasks.is_empty() || is_meant())
    }
}
