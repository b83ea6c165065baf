//! Whether anybody looks at cpu and memory: they are sampled only then.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// The time between two samples while somebody goes on looking.
pub(crate) const SAMPLE_INTERVAL: Duration = Duration::from_secs(2);
/// How long who looks once waits for a sample; what is there then is as good as it gets.
const SAMPLE_TIME: Duration = Duration::from_secs(2);

/// Counts who looks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Lookers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    count: watch::Sender<usize>,
    /// When the last sample was taken.
    sampled: watch::Sender<Option<Instant>>,
}

impl Default for Lookers {
    fn default() -> Self {
        Self(Arc::new(Shared { count: watch::channel(0).0, sampled: watch::channel(None).0 }))
    }
}

impl Lookers {
    /// One more looks, until the result is dropped.
    #[must_use]
    pub fn look(&self) -> Look {
        self.0.count.send_modify(|count| *count += 1);
        Look(self.clone())
    }

    /// The number of lookers, with a way to wait for a change.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<usize> {
        self.0.count.subscribe()
    }

    /// Says that a sample was taken.
    pub(crate) fn note_sample(&self) {
        self.0.sampled.send_replace(Some(Instant::now()));
    }
}

/// Somebody looks as long as this lives.
#[derive(Debug)]
pub struct Look(Lookers);

impl Look {
    /// Waits for a sample, for whoever looks once: one that is no older than those who go on looking see.
    pub(crate) async fn sampled(&self) {
        if self.0.0.count.receiver_count() == 0 {
            // Nobody samples.
            return;
        }
        let mut sampled = self.0.0.sampled.subscribe();
        let is_fresh = |at: &Option<Instant>| at.is_some_and(|at| at.elapsed() < SAMPLE_INTERVAL);
        // In vain if the machine is too busy.
        let _ = timeout(SAMPLE_TIME, sampled.wait_for(is_fresh)).await;
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        self.0.0.count.send_modify(|count| *count -= 1);
    }
}
