//! The past of one task: its runs of which lines are kept, and what is kept of those that failed.

use super::worker::{Job, JobProgress};
use crate::kernel::PostMortems;
use crate::logs::LogReader;
use crate::ui::{History, HistoryQuery};

/// Reads it, and again whenever a run begins or ends.
#[derive(Debug)]
pub(super) struct HistoryJob {
    reader: LogReader,
    post_mortems: Option<PostMortems>,
    task: String,
}

impl HistoryJob {
    pub(super) fn new(reader: LogReader, post_mortems: Option<PostMortems>) -> Self {
        Self { reader, post_mortems, task: String::new() }
    }
}

impl Job for HistoryJob {
    type Query = HistoryQuery;
    type Answer = History;

    fn turn_to(&mut self, wanted: HistoryQuery) {
        self.task = wanted.of;
    }

    fn refresh(&mut self) {}

    fn step(&mut self) -> JobProgress {
        JobProgress::Done
    }

    fn answer(&mut self) -> History {
        let of = self.task.clone();
        // What can't be read is not known; the window of the log says why.
        let runs = self.reader.runs(&of).unwrap_or_default();
        let post_mortems = self.post_mortems.as_ref().and_then(|kept| kept.of(&of).ok()).unwrap_or_default();
        History { of, runs, post_mortems }
    }
}
