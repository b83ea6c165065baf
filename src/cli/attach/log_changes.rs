//! Tells the dashboard when the log of a task that another process supervises has grown, and what was written last.
//! All else it reads in the files itself.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use tokio::sync::Notify;

use crate::blocking;
use crate::logs::{LineQuery, LogChanges, LogHub, LogReader};

/// Watches a directory of logs while it lives.
#[derive(Debug)]
pub(super) struct GrownLogs {
    grown: Arc<Grown>,
    _changes: LogChanges,
}

/// The tasks whose logs have grown since they were last taken: at most all there are.
#[derive(Debug, Default)]
struct Grown {
    tasks: Mutex<BTreeSet<String>>,
    some: Notify,
}

impl GrownLogs {
    /// Watches `dir`, which is not there before a task has written.
    ///
    /// # Errors
    ///
    /// It can't be made, or the system can't watch any more.
    pub(super) fn watch(dir: &Path) -> anyhow::Result<Self> {
        let grown = Arc::new(Grown::default());
        let seen = Arc::clone(&grown);
        let changes = LogChanges::watch(dir, move |task| seen.add(task));
        Ok(Self { grown, _changes: changes.with_context(|| format!("cannot watch {}", dir.display()))? })
    }

    /// Passes on what has grown, for ever.
    pub(super) async fn pass_on(self, reader: LogReader, logs: LogHub) {
        loop {
            for task in self.grown.next().await {
                let (reader, tail) = (reader.clone(), logs.tail(&task));
                let told = blocking::spawn(move || {
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

impl Grown {
    fn add(&self, task: &str) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if !tasks.contains(task) {
            tasks.insert(task.to_owned());
            self.some.notify_one();
        }
    }

    async fn next(&self) -> BTreeSet<String> {
        self.some.notified().await;
        std::mem::take(&mut self.tasks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
