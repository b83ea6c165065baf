//! Collects which logs have grown, for one reader that follows all of them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The tasks whose logs have grown since they were last taken: at most all there are.
#[derive(Debug, Default)]
pub(crate) struct GrownLogs {
    tasks: Mutex<BTreeSet<Arc<str>>>,
    some: Notify,
}

impl GrownLogs {
    /// Notes that the log of a task has grown.
    pub(crate) fn add(&self, task: &Arc<str>) {
        let mut tasks = self.lock();
        if !tasks.contains(task) {
            tasks.insert(Arc::clone(task));
            self.some.notify_one();
        }
    }

    /// Waits until logs have grown, and takes their names. Nothing is lost when this is dropped.
    pub(crate) async fn next(&self) -> BTreeSet<Arc<str>> {
        loop {
            let grown = self.take();
            if !grown.is_empty() {
                return grown;
            }
            self.some.notified().await;
        }
    }

    /// Takes the names of those that have grown.
    pub(crate) fn take(&self) -> BTreeSet<Arc<str>> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Arc<str>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
