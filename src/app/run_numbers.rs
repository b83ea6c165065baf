//! The number of the latest run of each task, so that runs go on counting where the last supervisor of the project ended.
//!
//! Follows the snapshots and writes now and then: no start waits for the disk. After a crash the last second may be
//! missing, so a failed run that is kept counts, too.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tracing::warn;

use crate::kernel::PostMortems;
use crate::supervisor::engine::Snapshot;

/// How often the numbers are written at most.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);

/// The number of the latest run of each task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RunNumbers(BTreeMap<String, u64>);

impl RunNumbers {
    /// Those that were kept in `file`; none if it can't be read.
    pub(super) fn read(file: &Path) -> Self {
        let read = fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self(read.unwrap_or_default())
    }

    /// The latest run of a task that anything is known of; 0 if nothing is.
    pub(super) fn latest(&self, task: &str, failed: Option<&PostMortems>) -> u64 {
        let kept = self.0.get(task).copied().unwrap_or_default();
        let failed = failed.and_then(|failed| failed.of(task).ok()?.last().map(|last| last.run));
        kept.max(failed.unwrap_or_default())
    }

    /// Takes over what a snapshot shows. Whether anything is new.
    fn note(&mut self, snapshot: &Snapshot) -> bool {
        let mut is_new = false;
        for task in snapshot.tasks.iter().filter(|task| !task.is_builtin() && task.run > 0) {
            is_new |= self.0.insert(task.name.clone(), task.run) != Some(task.run);
        }
        is_new
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
        serde_json::to_writer(&mut file, &self.0)?;
        file.flush()?;
        file.persist(path)?;
        Ok(())
    }
}

/// Keeps the numbers, on a task of its own.
#[derive(Debug)]
pub(super) struct RunCounter {
    work: JoinHandle<()>,
    numbers: RunNumbers,
    file: PathBuf,
    snapshots: watch::Receiver<Arc<Snapshot>>,
}

impl RunCounter {
    /// Starts with what the last supervisor had counted.
    pub(super) fn start(numbers: RunNumbers, file: PathBuf, snapshots: watch::Receiver<Arc<Snapshot>>) -> Self {
        let work = tokio::spawn(follow(numbers.clone(), file.clone(), snapshots.clone()));
        Self { work, numbers, file, snapshots }
    }

    /// Writes the last numbers.
    pub(super) async fn finish(mut self) {
        self.work.abort();
        self.numbers.note(&self.snapshots.borrow());
        write(self.numbers, self.file).await;
    }
}

async fn follow(mut numbers: RunNumbers, file: PathBuf, mut snapshots: watch::Receiver<Arc<Snapshot>>) {
    loop {
        let is_new = numbers.note(&snapshots.borrow_and_update());
        if is_new {
            write(numbers.clone(), file.clone()).await;
            tokio::time::sleep(WRITE_INTERVAL).await;
        }
        if snapshots.changed().await.is_err() {
            return;
        }
    }
}

async fn write(numbers: RunNumbers, file: PathBuf) {
    // Only the end of the runtime takes the writing away.
    if let Ok(Err(error)) = spawn_blocking(move || numbers.write(&file)).await {
        warn!(%error, "the numbers of the runs can't be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::sample::{process, ready, snapshot};

    #[test]
    fn the_numbers_come_back_and_those_of_absent_tasks_stay() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("runs");
        assert_eq!(RunNumbers::read(&file), RunNumbers::default());
        let mut numbers = RunNumbers::default();
        assert!(numbers.note(&snapshot(1, vec![process("api", ready(0)), process("db", ready(0))])));
        let mut api = process("api", ready(0));
        api.run = 7;
        assert!(numbers.note(&snapshot(2, vec![api.clone()])));
        assert!(!numbers.note(&snapshot(3, vec![api])));
        numbers.write(&file).unwrap();
        let read = RunNumbers::read(&file);
        assert_eq!((read.latest("api", None), read.latest("db", None), read.latest("new", None)), (7, 1, 0));
        fs::write(&file, "{\"api\": 7").unwrap();
        assert_eq!(RunNumbers::read(&file), RunNumbers::default());
    }
}
