//! The ends of runs, as the events tell of them: the rules between the lines of a log.

use std::sync::Arc;

use jiff::Timestamp;

use super::query::LogOf;
use crate::present::ansi::plain;
use crate::supervisor::EventRecord;
use crate::supervisor::engine::EventKind;

/// How a run has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunEnd<'a> {
    pub(super) at: Timestamp,
    task: &'a str,
    run: u64,
    reason: String,
}

/// The ends that belong between the lines of these logs, the oldest first; of several tasks only those that were not
/// expected.
pub(super) fn run_ends<'a>(events: &'a [Arc<EventRecord>], of: &LogOf) -> Vec<RunEnd<'a>> {
    let is_merged = matches!(of, LogOf::Merged(_));
    let end = |record: &'a Arc<EventRecord>| {
        let task = record.event.task.as_deref().filter(|task| of.tasks().iter().any(|own| own == task))?;
        match &record.event.kind {
            EventKind::Exited { run, reason, expected, .. } if !(is_merged && *expected) => {
                Some(RunEnd { at: record.at, task, run: *run, reason: plain(&reason.to_string()) })
            }
            _ => None,
        }
    };
    events.iter().filter_map(end).collect()
}

impl RunEnd<'_> {
    /// `api-search run 2: code 3`
    pub(super) fn with_name(&self) -> String {
        format!("{} run {}: {}", plain(self.task), self.run, self.reason)
    }

    /// Whether it is how this run ended, and what there is to say of it.
    pub(super) fn of_run(&self, run: u32) -> Option<String> {
        (self.run == u64::from(run)).then(|| format!("run {}: {}", self.run, self.reason))
    }
}
