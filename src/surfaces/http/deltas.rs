//! The changes between snapshots, made once for all streams that need the same.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::limits::DELTAS_KEPT;
use crate::supervisor::engine::Snapshot;
use crate::wire::SnapshotDelta;

/// The last changes that were made, as JSON. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Deltas(Arc<Mutex<VecDeque<Made>>>);

#[derive(Debug)]
struct Made {
    base: u64,
    generation: u64,
    json: Arc<str>,
}

impl Deltas {
    /// What leads from one snapshot of this supervisor to a later one, as a JSON object.
    pub(super) fn between(&self, old: &Snapshot, new: &Snapshot) -> Arc<str> {
        let is_same = |made: &&Made| (made.base, made.generation) == (old.generation, new.generation);
        // Made under the lock: the streams that need the same wait for it instead of making it themselves.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = kept.iter().find(is_same) {
            return Arc::clone(&made.json);
        }
        let json = serde_json::to_string(&SnapshotDelta::between(old, new)).expect("it is plain and has string keys");
        let json: Arc<str> = json.into();
        if kept.len() == DELTAS_KEPT {
            kept.pop_front();
        }
        kept.push_back(Made { base: old.generation, generation: new.generation, json: Arc::clone(&json) });
        json
    }
}
