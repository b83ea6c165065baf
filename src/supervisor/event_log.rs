//! The timeline: the last events, stamped, and a live stream of new ones.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use utoipa::ToSchema;

use crate::supervisor::engine::{Event, Uptime};

/// Events that are kept for whoever connects later.
const EVENTS_KEPT: usize = 1_000;
/// Events a subscriber may lag behind before the oldest are dropped for it, and counted.
const EVENTS_QUEUED: usize = 256;

/// One entry of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventRecord {
    /// Counts from 1, without gaps.
    pub number: u64,
    /// The time of day.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The same on the supervisor's clock.
    pub uptime: Uptime,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// The same as a line for people.
    pub text: String,
}

/// The last events and a stream of new ones. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EventLog {
    kept: Arc<Mutex<Kept>>,
    live: broadcast::Sender<Arc<EventRecord>>,
}

#[derive(Debug, Default)]
struct Kept {
    last: u64,
    records: VecDeque<Arc<EventRecord>>,
}

impl Default for EventLog {
    fn default() -> Self {
        Self { kept: Arc::default(), live: broadcast::channel(EVENTS_QUEUED).0 }
    }
}

impl EventLog {
    /// The events that are kept, oldest first.
    #[must_use]
    pub fn recent(&self) -> Vec<Arc<EventRecord>> {
        self.lock().records.iter().cloned().collect()
    }

    /// The events that are kept and come after event `number`, oldest first.
    #[must_use]
    pub fn after(&self, number: u64) -> Vec<Arc<EventRecord>> {
        let kept = self.lock();
        let seen = kept.records.partition_point(|record| record.number <= number);
        kept.records.range(seen..).cloned().collect()
    }

    /// The events that are kept, and every one that comes after them.
    #[must_use]
    pub fn follow(&self) -> (Vec<Arc<EventRecord>>, broadcast::Receiver<Arc<EventRecord>>) {
        let kept = self.lock();
        (kept.records.iter().cloned().collect(), self.live.subscribe())
    }

    /// Adds an event.
    pub(crate) fn record(&self, event: Event, uptime: Uptime, at: Timestamp) {
        let kept = self.lock();
        let text = event.kind.to_string();
        let number = kept.last + 1;
        self.keep(kept, EventRecord { number, at, uptime, event, text });
    }

    /// Adds an event of another process' timeline, unless it is known already.
    pub(crate) fn copy(&self, record: EventRecord) {
        let kept = self.lock();
        if record.number > kept.last {
            self.keep(kept, record);
        }
    }

    fn keep(&self, mut kept: MutexGuard<'_, Kept>, record: EventRecord) {
        kept.last = record.number;
        let record = Arc::new(record);
        if kept.records.len() == EVENTS_KEPT {
            kept.records.pop_front();
        }
        kept.records.push_back(Arc::clone(&record));
        // Sent under the lock, so that `follow` neither misses an event nor sees one twice.
        // Nobody listening is fine: the record is kept.
        let _ = self.live.send(record);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
