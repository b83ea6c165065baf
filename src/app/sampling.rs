//! Samples what the process trees of tasks use, only while a client asks for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::kernel::UsageObservers;
use crate::process::Sampler;
use crate::supervisor::engine::{Snapshot, Usage};

/// Samples until no handle is left that could ask for it.
pub(super) async fn sample(
    observers: UsageObservers,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    usage: watch::Sender<BTreeMap<String, Usage>>,
) {
    let mut observed = observers.watch();
    let mut sampler = Sampler::default();
    loop {
        if observed.wait_for(|count| *count > 0).await.is_err() || usage.is_closed() {
            return;
        }
        let mains = mains(&snapshots.borrow());
        usage.send_replace(sampler.sample(&mains));
        observers.note_sample();
        observers.due().await;
    }
}

/// Returns the main process of every task that has one now.
fn mains(snapshot: &Snapshot) -> Vec<(String, u32)> {
    snapshot.tasks.iter().filter_map(|task| Some((task.name.clone(), task.pid()?))).collect()
}
