//! Where changes of the screen come from: the snapshot, the log that is shown, the screen of the selected task.

use std::sync::Arc;

use futures_util::future::{pending, select_all};
use tokio::sync::watch;

use crate::kernel::{KernelHandle, LogLine, LogTail, MergedTail, Picture, TaskScreen};
use crate::supervisor::core::Snapshot;
use crate::ui::LogOf;

/// What is watched. It follows what the dashboard wants to show.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) snapshot: watch::Receiver<Arc<Snapshot>>,
    log_of: LogOf,
    log: Log,
    screen: Option<Screen>,
    /// One for each tail, and one for the screen.
    changes: Vec<watch::Receiver<u64>>,
}

#[derive(Debug)]
enum Log {
    Task(LogTail),
    Merged(MergedTail),
}

#[derive(Debug)]
struct Screen {
    task: String,
    screen: TaskScreen,
}

impl Sources {
    pub(super) fn new(kernel: &KernelHandle) -> Self {
        let none = LogOf::Merged(Vec::new());
        let log = Log::Merged(MergedTail::new(kernel.logs(), &[]));
        Self { snapshot: kernel.watch(), log_of: none, log, screen: None, changes: Vec::new() }
    }

    /// Watches this log, and the screen of this task if it has one.
    pub(super) fn follow(&mut self, kernel: &KernelHandle, log_of: LogOf, selected: Option<&str>) {
        // A reload may have taken the terminal away.
        let has_screen = selected.is_some_and(|task| kernel.screens().get(task).is_some());
        let watched = self.screen.as_ref().map(|screen| screen.task.as_str());
        let is_same_screen = watched == selected.filter(|_| has_screen);
        if self.log_of == log_of && is_same_screen {
            return;
        }
        if self.log_of != log_of {
            self.log = match &log_of {
                LogOf::Task(task) => Log::Task(kernel.logs().tail(task)),
                LogOf::Merged(tasks) => Log::Merged(MergedTail::new(kernel.logs(), tasks)),
            };
            self.log_of = log_of;
        }
        let screen = |task: &str| Some(Screen { task: task.to_owned(), screen: kernel.screens().get(task)? });
        self.screen = selected.and_then(screen);
        let tails: Vec<&LogTail> = match &self.log {
            Log::Task(tail) => vec![tail],
            Log::Merged(merged) => merged.tails().collect(),
        };
        self.changes = tails.into_iter().map(LogTail::watch).collect();
        self.changes.extend(self.screen.iter().map(|screen| screen.screen.watch()));
    }

    /// Whose log it is.
    pub(super) fn log_of(&self) -> &LogOf {
        &self.log_of
    }

    /// The log as it is now, and who wrote each line if it is a merged one.
    pub(super) fn read_log(&mut self) -> (Vec<Arc<LogLine>>, Vec<Arc<str>>) {
        self.changes.iter_mut().for_each(watch::Receiver::mark_unchanged);
        match &mut self.log {
            Log::Task(tail) => (tail.lines(), Vec::new()),
            Log::Merged(merged) => merged.read(),
        }
    }

    /// The terminal of the selected task, if it has one.
    pub(super) fn screen(&self) -> Option<&TaskScreen> {
        self.screen.as_ref().map(|screen| &screen.screen)
    }

    /// What that terminal shows now.
    pub(super) fn picture(&self) -> Option<Picture> {
        self.screen().map(TaskScreen::picture)
    }

    /// Waits until one of them has changed. A source that is gone never changes again.
    pub(super) async fn changed(&mut self) {
        let changes = async {
            while !self.changes.is_empty() {
                let waits = self.changes.iter_mut().map(|changes| Box::pin(changes.changed()));
                let (change, index, _) = select_all(waits).await;
                match change {
                    Ok(()) => return,
                    Err(_) => drop(self.changes.remove(index)),
                }
            }
            pending().await
        };
        tokio::select! {
            Ok(()) = self.snapshot.changed() => {}
            () = changes => {}
            else => pending().await,
        }
    }
}
