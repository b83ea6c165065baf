//! How often a task has failed in the trouble that it is in, and since when, by the events.

use std::sync::Arc;

use jiff::Timestamp;

use crate::supervisor::EventRecord;
use crate::supervisor::engine::EventKind;

/// A series of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FailureSeries {
    pub(super) count: usize,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

/// The ends of `task` that were failures, up to now and back to where it was well. None if no event tells of one.
pub(super) fn failures(events: &[Arc<EventRecord>], task: &str) -> Option<FailureSeries> {
    let mut series: Option<FailureSeries> = None;
    for record in events.iter().rev().filter(|record| record.event.task.as_deref() == Some(task)) {
        match &record.event.kind {
            EventKind::Exited { expected: false, .. } => {
                let known = series.get_or_insert(FailureSeries { count: 0, first: record.at, last: record.at });
                (known.count, known.first) = (known.count + 1, record.at);
            }
            EventKind::Recovered { .. } | EventKind::Done | EventKind::Stopped => break,
            _ => {}
        }
    }
    series
}
