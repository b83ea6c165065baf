//! Where the dashboard's windows of the logs come from: the files, read on threads of their own.
//!
//! It needs the directory of the logs and a notice when something was written there, and knows no supervisor. A query
//! is taken at once and answered when it can be: a newer one takes the place of one that waits, and what is read is
//! handed in as it grows. However slow a disk is, no caller waits for it longer than [`ANSWER_MAY_TAKE`].

mod history;
mod scan;
mod search;
#[cfg(test)]
mod tests;
mod window;
mod worker;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::kernel::PostMortems;
use crate::logs::LogReader;
use crate::ui::{History, Hits, LogQuery, LogWindow};
use history::HistoryJob;
use search::{SearchJob, SearchRequest};
use window::{Opened, WindowJob};
use worker::Worker;

/// How long a frame, or a key, waits for lines that it needs. Well below what a person notices; an answer that takes
/// longer is shown when it comes.
const ANSWER_MAY_TAKE: Duration = Duration::from_millis(20);

/// The logs, as a dashboard reads them.
#[derive(Debug)]
pub(super) struct LogSource {
    windows: Worker<WindowJob>,
    searches: Worker<SearchJob>,
    histories: Worker<HistoryJob>,
}

impl LogSource {
    /// Reads these logs, and what is kept of failed runs.
    ///
    /// # Errors
    ///
    /// A thread can't be started.
    pub(super) fn new(reader: &LogReader, post_mortems: Option<PostMortems>) -> io::Result<Self> {
        let window = WindowJob::new(reader.clone());
        let search = SearchJob::new(reader.clone());
        Ok(Self {
            windows: Worker::start("log-window", window)?,
            searches: Worker::start("log-search", search)?,
            histories: Worker::start("log-history", HistoryJob::new(reader.clone(), post_mortems))?,
        })
    }

    /// Says what is wanted now, and whether something has been written since the last time.
    pub(super) fn ask(&mut self, wanted: LogQuery, has_changed: bool) {
        let LogQuery { choice, around, at, search, history } = wanted;
        let search = search.map(|search| SearchRequest { choice: choice.clone(), search });
        self.windows.ask(Opened { choice, around, at }, has_changed);
        self.searches.ask(search, has_changed);
        self.histories.ask(history, false);
    }

    /// Waits for the answer, but not for long. Of a search, what was found so far is enough.
    pub(super) async fn settle(&mut self) {
        let deadline = Instant::now() + ANSWER_MAY_TAKE;
        // What is too late comes with a later frame.
        let _ = timeout_at(deadline, self.windows.answered()).await;
        let _ = timeout_at(deadline, self.histories.answered()).await;
    }

    /// Waits until there is more to show than was taken last.
    pub(super) async fn changed(&mut self) {
        tokio::select! {
            () = self.windows.changed() => {}
            () = self.searches.changed() => {}
            () = self.histories.changed() => {}
        }
    }

    /// What has been read so far.
    pub(super) fn take(&mut self) -> (Arc<LogWindow>, Arc<Hits>, Arc<History>) {
        (self.windows.take(), self.searches.take(), self.histories.take())
    }
}
