//! Where changes of the screen come from: the snapshot, the events, the logs that are shown, the screen of the selected task.

use std::io;
use std::sync::Arc;

use futures_util::future::{pending, select_all};
use tokio::sync::watch;

use super::log_source::LogSource;
use crate::kernel::KernelHandle;
use crate::logs::{LogLine, LogReader, LogTail};
use crate::screen::{ScreenContents, TaskScreen};
use crate::supervisor::engine::Snapshot;
use crate::supervisor::{EventLog, EventRecord};
use crate::ui::{History, Hits, LogOf, LogQuery, LogWindow};

/// What is watched. It follows what the dashboard wants to show.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) snapshot: watch::Receiver<Arc<Snapshot>>,
    event_log: EventLog,
    last_event: watch::Receiver<u64>,
    logs: LogSource,
    log_of: LogOf,
    /// Of the shown logs: they tell when something is written.
    tails: Vec<LogTail>,
    selected: Option<String>,
    screen: Option<TaskScreen>,
    /// One for each tail, and one for the screen.
    changes: Vec<watch::Receiver<u64>>,
    /// Whether one of them has changed since the logs were asked for.
    has_changed: bool,
}

impl Sources {
    /// Watches what `kernel` knows, and reads the logs through `reader`.
    ///
    /// # Errors
    ///
    /// The threads that read can't be started.
    pub(super) fn new(kernel: &KernelHandle, reader: &LogReader) -> io::Result<Self> {
        Ok(Self {
            snapshot: kernel.watch(),
            event_log: kernel.event_log().clone(),
            last_event: kernel.event_log().watch(),
            logs: LogSource::new(reader, kernel.post_mortems().cloned())?,
            log_of: LogOf::default(),
            tails: Vec::new(),
            selected: None,
            screen: None,
            changes: Vec::new(),
            has_changed: false,
        })
    }

    /// Watches these logs, and the screen of this task if it has one; waits a moment for what is wanted of the logs.
    pub(super) async fn follow(&mut self, kernel: &KernelHandle, query: LogQuery, selected: Option<&str>) {
        let screen = selected.and_then(|task| kernel.screens().get(task));
        let is_same_screen = self.selected.as_deref() == selected && self.screen.is_some() == screen.is_some();
        if self.log_of != query.choice.of || !is_same_screen {
            self.log_of = query.choice.of.clone();
            self.selected = selected.map(str::to_owned);
            self.tails = self.log_of.tasks().iter().map(|task| kernel.logs().tail(task)).collect();
            self.screen = screen;
            self.changes = self.tails.iter().map(LogTail::watch).collect();
            self.changes.extend(self.screen.iter().map(TaskScreen::watch));
            self.has_changed = true;
        }
        for changes in &mut self.changes {
            // Both at once: a change between the two would be lost.
            self.has_changed |= changes.borrow_and_update().has_changed();
        }
        self.logs.ask(query, std::mem::take(&mut self.has_changed));
        self.logs.settle().await;
    }

    /// The events that are kept.
    pub(super) fn events(&mut self) -> Vec<Arc<EventRecord>> {
        self.last_event.borrow_and_update();
        self.event_log.recent()
    }

    /// What has been read of the logs so far; behind their end, what could not be written there.
    pub(super) fn take_logs(&mut self) -> (Arc<LogWindow>, Arc<Hits>, Arc<History>) {
        let (mut window, hits, history) = self.logs.take();
        if window.is_end && window.choice.run.is_none() && window.choice.of == self.log_of {
            let mut lines = self.unwritten(&window);
            if !lines.is_empty() {
                lines.sort_by_key(|line| line.id);
                Arc::make_mut(&mut window).lines.extend(lines);
            }
        }
        (window, hits, history)
    }

    /// The lines that are in no log file, of those that the window shows.
    fn unwritten(&self, window: &LogWindow) -> Vec<Arc<LogLine>> {
        let filter = window.choice.line_filter();
        let mut unwritten: Vec<_> = self.tails.iter().flat_map(LogTail::unwritten).collect();
        unwritten.retain(|line| filter.as_ref().is_none_or(|filter| filter.passes(line)));
        unwritten
    }

    /// Bytes that the shown tasks wrote but that could not be kept.
    pub(super) fn lost_bytes(&self) -> u64 {
        self.tails.iter().map(LogTail::lost_bytes).sum()
    }

    /// The terminal of the selected task, if it has one.
    pub(super) fn screen(&self) -> Option<&TaskScreen> {
        self.screen.as_ref()
    }

    /// What that terminal shows now.
    pub(super) fn contents(&self) -> Option<ScreenContents> {
        self.screen().map(TaskScreen::contents)
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
            Ok(()) = self.last_event.changed() => {}
            () = self.logs.changed() => {}
            () = changes => self.has_changed = true,
            else => pending().await,
        }
    }
}
