//! The driver's way out: the snapshot, and then the events that led to it.
//!
//! No event is published before a snapshot that shows its result.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::engine::{Engine, Event, EventKind, Snapshot, Uptime, Usage};
use super::event_log::EventLog;

/// After a quiet time a snapshot is published at once; while inputs keep coming, this often.
const PUBLISH_WITHIN: Duration = Duration::from_millis(20);

/// What a snapshot tells that the engine does not know, by the names of tasks.
#[derive(Debug, Clone)]
pub(crate) struct Additions {
    pub(crate) usage: watch::Receiver<BTreeMap<String, Usage>>,
    pub(crate) last_words: watch::Receiver<BTreeMap<String, String>>,
}

impl Additions {
    /// Waits for something new. Never comes if nothing can come any more.
    pub(super) async fn changed(&mut self) {
        tokio::select! {
            Ok(()) = self.usage.changed() => {}
            Ok(()) = self.last_words.changed() => {}
            else => std::future::pending().await,
        }
    }

    fn add_to(&mut self, snapshot: &mut Snapshot) {
        let (usage, last_words) = (self.usage.borrow_and_update(), self.last_words.borrow_and_update());
        for task in &mut snapshot.tasks {
            task.usage = usage.get(&task.name).cloned().filter(|_| task.is_live());
            task.last_words = last_words.get(&task.name).cloned();
        }
    }
}

impl Default for Additions {
    /// Nothing is added.
    fn default() -> Self {
        Self { usage: watch::channel(BTreeMap::new()).1, last_words: watch::channel(BTreeMap::new()).1 }
    }
}

/// Publishes the state.
pub(super) struct Publisher {
    pub(super) snapshot: watch::Sender<Arc<Snapshot>>,
    pub(super) additions: Additions,
    event_log: EventLog,
    started: Instant,
    /// When the last snapshot was published.
    published: Instant,
    /// Whether something has changed since.
    stale: bool,
    /// Events that the next snapshot will show.
    pending: Vec<(Event, Uptime, Timestamp)>,
}

impl Publisher {
    pub(super) fn new(
        snapshot: watch::Sender<Arc<Snapshot>>,
        additions: Additions,
        event_log: EventLog,
        started: Instant,
    ) -> Self {
        let (stale, published, pending) = (true, started, Vec::new());
        Self { snapshot, additions, event_log, started, published, stale, pending }
    }

    /// Notes that something has changed.
    pub(super) fn note_change(&mut self) {
        self.stale = true;
    }

    /// When the next snapshot is due; none if nothing has changed.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.stale.then(|| self.published + PUBLISH_WITHIN)
    }

    /// Keeps an event for the next snapshot.
    pub(super) fn record(&mut self, event: Event, now: Instant) {
        trace(&event);
        let uptime = Uptime(now.saturating_duration_since(self.started));
        self.pending.push((event, uptime, Timestamp::now()));
    }

    /// Publishes the state, if it differs from what was published last, and then the events that led to it.
    pub(super) fn publish(&mut self, engine: &Engine, now: Instant) {
        self.stale = false;
        self.published = now;
        let mut next = engine.snapshot(now);
        self.additions.add_to(&mut next);
        self.snapshot.send_if_modified(|current| {
            next.generation = current.generation;
            let at = std::mem::replace(&mut next.at, current.at);
            if **current == next {
                return false;
            }
            next.at = at;
            next.generation += 1;
            debug!(generation = next.generation, "snapshot");
            *current = Arc::new(next);
            true
        });
        for (event, uptime, at) in self.pending.drain(..) {
            self.event_log.record(event, uptime, at);
        }
    }
}

/// Writes an event to stead's own diagnostics.
fn trace(event: &Event) {
    let task = event.task.as_deref().unwrap_or("stead");
    match &event.kind {
        EventKind::Backoff { attempt, max_retries, wait } => {
            info!(task, retry = attempt, max = max_retries, backoff_ms = wait.as_millis(), "backoff");
        }
        EventKind::Exited { run, reason, after, .. } => {
            info!(task, run, %reason, class = reason.class(), ran_ms = after.as_millis(), "exited");
        }
        kind @ (EventKind::Exhausted { .. } | EventKind::Failed { .. } | EventKind::Killed { .. }) => {
            warn!(task, "{kind}");
        }
        kind => info!(task, "{kind}"),
    }
}
