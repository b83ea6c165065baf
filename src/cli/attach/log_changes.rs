//! Tells the dashboard when the log of a task that another process supervises has grown, and what was written last.
//! All else it reads in the files itself.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use crate::logs::LogHub;
use crate::logs::{LineQuery, LogReader};

/// Watches a directory of logs while it lives.
#[derive(Debug)]
pub(super) struct LogChanges {
    grown: Arc<Grown>,
    _watcher: RecommendedWatcher,
}

/// The tasks whose logs have grown since somebody looked: at most all there are.
#[derive(Debug, Default)]
struct Grown {
    tasks: Mutex<BTreeSet<String>>,
    some: Notify,
}

impl LogChanges {
    /// Watches `dir`, which is not there before somebody has written something.
    ///
    /// # Errors
    ///
    /// It can't be made, or the system can't watch any more.
    pub(super) fn watch(dir: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let grown = Arc::new(Grown::default());
        let seen = Arc::clone(&grown);
        let see = move |event: notify::Result<Event>| match event {
            // Reading, which is what we do, is no change.
            Ok(event) if event.kind.is_access() => {}
            Ok(event) => event.paths.iter().filter_map(|path| task_of(path)).for_each(|task| seen.add(task)),
            Err(error) => tracing::warn!(%error, "changes of the logs can't be seen"),
        };
        let mut watcher = notify::recommended_watcher(see).context("cannot watch for changes")?;
        watcher.watch(dir, RecursiveMode::NonRecursive).with_context(|| format!("cannot watch {}", dir.display()))?;
        Ok(Self { grown, _watcher: watcher })
    }

    /// Passes on what has grown, for ever.
    pub(super) async fn pass_on(self, reader: LogReader, logs: LogHub) {
        loop {
            for task in self.grown.next().await {
                let (reader, tail) = (reader.clone(), logs.tail(&task));
                let told = spawn_blocking(move || {
                    let mut newest = reader.backwards(&[task], &LineQuery::default())?;
                    let Some(line) = newest.next().transpose()? else { return Ok(()) };
                    tail.write(line.run.number.into(), line.stream, &line.bytes);
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

/// The task whose log or index this is.
fn task_of(path: &Path) -> Option<&str> {
    let is_log = path.extension() == Some(OsStr::new("log"));
    path.file_stem().filter(|_| is_log)?.to_str()
}
