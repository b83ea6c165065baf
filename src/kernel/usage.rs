//! Who observes cpu and memory: they are sampled only while someone does.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

/// The time between two samples while there are observers.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(2);
/// A sample that is younger than this is new enough for one who looks once: over less time a share of a core means little.
const SAMPLE_AGE_MOST: Duration = Duration::from_millis(250);
/// How long [`UsageObserver::sampled`] waits for a fresh sample before it settles for an older one.
const SAMPLE_TIME: Duration = Duration::from_secs(2);

/// Counts the observers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct UsageObservers(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    observers: watch::Sender<usize>,
    /// When the last sample was taken.
    sampled: watch::Sender<Option<Instant>>,
    /// Someone waits for a new one.
    wanted: Notify,
}

impl Default for UsageObservers {
    fn default() -> Self {
        Self(Arc::new(Counts {
            observers: watch::channel(0).0,
            sampled: watch::channel(None).0,
            wanted: Notify::new(),
        }))
    }
}

impl UsageObservers {
    /// Adds an observer, until the result is dropped.
    #[must_use]
    pub fn observe(&self) -> UsageObserver {
        self.0.observers.send_modify(|count| *count += 1);
        UsageObserver(self.clone())
    }

    /// The number of observers, with a way to wait for a change.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<usize> {
        self.0.observers.subscribe()
    }

    /// Waits until the next sample is due: after [`SAMPLE_INTERVAL`], or when someone waits for it.
    pub(crate) async fn due(&self) {
        let _ = timeout(SAMPLE_INTERVAL, self.0.wanted.notified()).await;
    }

    /// Notes that a sample was taken.
    pub(crate) fn note_sample(&self) {
        self.0.sampled.send_replace(Some(Instant::now()));
    }
}

/// One observer of cpu and memory, as long as this lives.
#[derive(Debug)]
pub struct UsageObserver(UsageObservers);

impl UsageObserver {
    /// Waits for a sample that is no older than [`SAMPLE_AGE_MOST`]: for an observer that reads one value.
    pub(crate) async fn sampled(&self) {
        let counts = &self.0.0;
        if counts.observers.receiver_count() == 0 {
            // No sampler runs.
            return;
        }
        let mut sampled = counts.sampled.subscribe();
        let is_fresh = |at: &Option<Instant>| at.is_some_and(|at| at.elapsed() < SAMPLE_AGE_MOST);
        if !is_fresh(&sampled.borrow_and_update()) {
            counts.wanted.notify_one();
        }
        // In vain if the machine is too busy.
        let _ = timeout(SAMPLE_TIME, sampled.wait_for(is_fresh)).await;
    }
}

impl Drop for UsageObserver {
    fn drop(&mut self) {
        self.0.0.observers.send_modify(|count| *count -= 1);
    }
}
