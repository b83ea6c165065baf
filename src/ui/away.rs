//! What happened since the last key: one line for each task that something happened to.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::model::Model;
use super::shown::Shown;
use crate::present::state::look;
use crate::supervisor::EventRecord;
use crate::supervisor::engine::{EventKind, Snapshot, TaskSnapshot, Uptime};

/// Who presses no key for so long was away.
const AWAY_FROM: Duration = Duration::from_secs(60);

/// When a person was away last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Absence {
    /// When a key was pressed last.
    last_key: Option<Uptime>,
    /// The last key before the last absence. From the beginning, if there was no key yet.
    pub(super) since: Uptime,
}

/// What has happened to one task.
#[derive(Debug)]
pub(super) struct TaskNews<'a> {
    pub(super) task: &'a TaskSnapshot,
    /// Ends that were not expected.
    pub(super) failures: usize,
    /// The first and the last of them; else the last event.
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// The words of the last event that says how it went on.
    pub(super) outcome: String,
}

impl Absence {
    /// Notes that a key is pressed.
    pub(super) fn note_key(&mut self, now: Uptime) {
        if self.last_key.is_some_and(|last| now.since(last) >= AWAY_FROM) {
            self.since = self.last_key.unwrap_or_default();
        }
        self.last_key = Some(now);
    }
}

/// The tasks that something happened to since then, the worst first and otherwise in their order.
pub(super) fn news<'a>(events: &[Arc<EventRecord>], snapshot: &'a Snapshot, since: Uptime) -> Vec<TaskNews<'a>> {
    let recent: Vec<_> = events.iter().filter(|record| record.uptime > since).collect();
    let of = |task: &'a TaskSnapshot| {
        let own: Vec<_> = recent.iter().filter(|record| record.event.task.as_deref() == Some(&task.name)).collect();
        let is_failure =
            |record: &Arc<EventRecord>| matches!(record.event.kind, EventKind::Exited { expected: false, .. });
        let failures: Vec<_> = own.iter().filter(|record| is_failure(record)).collect();
        let told = own.iter().rev().find(|record| tells(&record.event.kind))?;
        let (first, last) = match (failures.first(), failures.last()) {
            (Some(first), Some(last)) => (first.at, last.at),
            _ => (told.at, told.at),
        };
        Some(TaskNews { task, failures: failures.len(), first, last, outcome: told.text.clone() })
    };
    let mut news: Vec<_> = snapshot.tasks.iter().filter_map(of).collect();
    news.sort_by_key(|news| (news.failures == 0, look(news.task).rank));
    news
}

/// Whether an event is worth a line: a failure, an end, or what a person asked for. A start alone is not.
fn tells(kind: &EventKind) -> bool {
    !matches!(
        kind,
        EventKind::Started { .. } | EventKind::Ready { .. } | EventKind::Waiting { .. } | EventKind::Backoff { .. }
    )
}

/// The chosen line, if there are any.
pub(super) fn chosen<'a>(model: &Model, shown: &Shown<'a>, index: usize) -> Option<TaskNews<'a>> {
    let mut news = news(shown.events, shown.snapshot, model.absence.since);
    let last = news.len().checked_sub(1)?;
    Some(news.swap_remove(index.min(last)))
}
