//! What has become of the calls of each hook, for the metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The counts of all hooks. Cheap to clone; they outlive the runs of the surface that counts.
#[derive(Debug, Clone, Default)]
pub struct HookCounts(Arc<Mutex<BTreeMap<String, HookCount>>>);

/// How often a hook was called, and how many events it missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HookCount {
    /// Calls that went well.
    pub succeeded: u64,
    /// Calls that failed, those that took too long included.
    pub failed: u64,
    /// Events it was not called for, because too many waited or the supervisor ended first.
    pub dropped: u64,
}

impl HookCounts {
    /// The counts by the name of the hook.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, HookCount> {
        self.lock().clone()
    }

    /// Changes the counts of a hook, which begin at 0.
    pub(crate) fn count(&self, hook: &str, change: impl FnOnce(&mut HookCount)) {
        change(self.lock().entry(hook.to_owned()).or_default());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, HookCount>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
