//! The event log: the last events, numbered and stamped, and followers of new ones.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::supervisor::engine::{Event, Uptime};

/// Events that are kept.
const EVENTS_KEPT: usize = 1_000;

/// One entry of the event log.
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

/// The last events, and a way to follow new ones. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EventLog {
    kept: Arc<Mutex<VecDeque<Arc<EventRecord>>>>,
    /// The number of the last event; 0 before the first.
    last: watch::Sender<u64>,
}

impl Default for EventLog {
    fn default() -> Self {
        Self { kept: Arc::default(), last: watch::channel(0).0 }
    }
}

impl EventLog {
    /// The events that are kept, oldest first.
    #[must_use]
    pub fn recent(&self) -> Vec<Arc<EventRecord>> {
        self.lock().iter().cloned().collect()
    }

    /// The events that are kept and come after event `number`, oldest first.
    #[must_use]
    pub fn after(&self, number: u64) -> Vec<Arc<EventRecord>> {
        let kept = self.lock();
        let seen = kept.partition_point(|record| record.number <= number);
        kept.range(seen..).cloned().collect()
    }

    /// The number of the last event; 0 before the first.
    #[must_use]
    pub fn last(&self) -> u64 {
        *self.last.borrow()
    }

    /// The number of the last event, with a way to wait for the next.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// Follows the events after event `number`, those that are kept and then new ones.
    #[must_use]
    pub fn follow(&self, number: u64) -> EventFollower {
        // A number of another log must not hold this one's events back.
        EventFollower { log: self.clone(), last: self.watch(), seen: number.min(self.last()) }
    }

    /// Adds an event.
    pub(crate) fn record(&self, event: Event, uptime: Uptime, at: Timestamp) {
        let kept = self.lock();
        let text = event.kind.to_string();
        let number = self.last() + 1;
        self.keep(kept, EventRecord { number, at, uptime, event, text });
    }

    /// Adds an event of another process' log, unless it is known already.
    pub(crate) fn copy(&self, record: EventRecord) {
        let kept = self.lock();
        if record.number > self.last() {
            self.keep(kept, record);
        }
    }

    fn keep(&self, mut kept: MutexGuard<'_, VecDeque<Arc<EventRecord>>>, record: EventRecord) {
        let number = record.number;
        if kept.len() == EVENTS_KEPT {
            kept.pop_front();
        }
        kept.push_back(Arc::new(record));
        // Under the lock, so that numbers only grow.
        self.last.send_replace(number);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<EventRecord>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the event log on and on. It queues nothing: what it has not read yet is in the log, as long as that keeps it.
#[derive(Debug)]
pub struct EventFollower {
    log: EventLog,
    last: watch::Receiver<u64>,
    /// The number of the last event that was returned or skipped.
    seen: u64,
}

/// What a follower reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Followed {
    /// The next event.
    Event(Arc<EventRecord>),
    /// So many events come next that are not kept any more.
    Dropped(u64),
}

impl EventFollower {
    /// Waits for what comes next. Nothing is lost when this is dropped.
    pub async fn next(&mut self) -> Followed {
        loop {
            self.last.borrow_and_update();
            if let Some(next) = self.try_next() {
                return next;
            }
            self.last.changed().await.expect("the log that is held here has the other end");
        }
    }

    /// What comes next, if it is there already.
    pub fn try_next(&mut self) -> Option<Followed> {
        let kept = self.log.lock();
        let next = kept.get(kept.partition_point(|record| record.number <= self.seen))?;
        let missed = next.number - self.seen - 1;
        if missed > 0 {
            self.seen += missed;
            return Some(Followed::Dropped(missed));
        }
        self.seen = next.number;
        Some(Followed::Event(Arc::clone(next)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::engine::EventKind;

    fn record(log: &EventLog, count: usize) {
        let event = || Event { task: None, kind: EventKind::Done };
        (0..count).for_each(|_| log.record(event(), Uptime::default(), Timestamp::UNIX_EPOCH));
    }

    fn numbers(follower: &mut EventFollower) -> Vec<u64> {
        std::iter::from_fn(|| match follower.try_next()? {
            Followed::Event(record) => Some(record.number),
            Followed::Dropped(count) => panic!("{count} were dropped"),
        })
        .collect()
    }

    #[test]
    fn a_follower_that_lags_reads_all_that_is_kept() {
        let log = EventLog::default();
        record(&log, 3);
        let mut follower = log.follow(1);
        record(&log, EVENTS_KEPT - 3);
        assert_eq!(numbers(&mut follower), (2..=EVENTS_KEPT as u64).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_not_kept_any_more_is_counted() {
        let log = EventLog::default();
        let mut follower = log.follow(0);
        record(&log, EVENTS_KEPT + 7);
        assert_eq!(follower.try_next(), Some(Followed::Dropped(7)));
        assert_eq!(numbers(&mut follower), (8..=EVENTS_KEPT as u64 + 7).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_follower_waits_for_the_next_event() {
        let log = EventLog::default();
        let mut follower = log.follow(u64::MAX);
        let next = tokio::spawn(async move { follower.next().await });
        tokio::task::yield_now().await;
        record(&log, 1);
        assert!(matches!(next.await.unwrap(), Followed::Event(record) if record.number == 1));
    }
}
