//! Tells the dashboard when the log of a task that another process supervises has grown, and what was written last.
//! All else it reads in the files itself.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tokio::task::spawn_blocking;

use crate::logs::{GrownLogs, LineQuery, LogChanges, LogHub, LogReader};

/// Watches a directory of logs while it lives.
#[derive(Debug)]
pub(super) struct FollowedLogs {
    grown: Arc<GrownLogs>,
    _changes: LogChanges,
}

impl FollowedLogs {
    /// Watches `dir`, which is not there before a task has written.
    ///
    /// # Errors
    ///
    /// It can't be made, or the system can't watch any more.
    pub(super) fn watch(dir: &Path) -> anyhow::Result<Self> {
        let grown = Arc::new(GrownLogs::default());
        let seen = Arc::clone(&grown);
        let changes = LogChanges::watch(dir, move |task| seen.add(&task.into()));
        Ok(Self { grown, _changes: changes.with_context(|| format!("cannot watch {}", dir.display()))? })
    }

    /// Passes on what has grown, for ever.
    pub(super) async fn pass_on(self, reader: LogReader, logs: LogHub) {
        loop {
            for task in self.grown.next().await {
                let (reader, tail) = (reader.clone(), logs.tail(&task));
                let told = spawn_blocking(move || {
                    let mut newest = reader.backwards(&[task], &LineQuery::default())?;
                    let Some(line) = newest.next().transpose()? else { return Ok(()) };
                    tail.write(line.run, line.stream, &line.bytes);
                    tail.finish();
                    std::io::Result::Ok(())
                });
                if let Ok(Err(error)) = told.await {
                    tracing::debug!(%error, "a log can't be read");
                }
            }
        }
    }
}
