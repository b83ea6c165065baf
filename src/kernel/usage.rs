//! Whether anybody looks at cpu and memory: they are sampled only then.

use std::sync::Arc;

use tokio::sync::watch;

/// Counts who looks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Lookers(Arc<watch::Sender<usize>>);

impl Default for Lookers {
    fn default() -> Self {
        Self(Arc::new(watch::channel(0).0))
    }
}

impl Lookers {
    /// One more looks, until the result is dropped.
    #[must_use]
    pub fn look(&self) -> Look {
        self.0.send_modify(|count| *count += 1);
        Look(self.clone())
    }

    /// The number of lookers, with a way to wait for a change.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<usize> {
        self.0.subscribe()
    }
}

/// Somebody looks as long as this lives.
#[derive(Debug)]
pub struct Look(Lookers);

impl Drop for Look {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}
