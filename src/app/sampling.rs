//! What the tasks' process trees use, sampled only while somebody looks.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::kernel::{Lookers, SAMPLE_INTERVAL};
use crate::process::Sampler;
use crate::supervisor::engine::{Snapshot, Usage};

/// Samples until everybody who could ask for it is gone.
pub(super) async fn sample(
    lookers: Lookers,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    usage: watch::Sender<BTreeMap<String, Usage>>,
) {
    let mut looking = lookers.watch();
    let mut sampler = Sampler::default();
    loop {
        if looking.wait_for(|count| *count > 0).await.is_err() || usage.is_closed() {
            return;
        }
        let mains = mains(&snapshots.borrow());
        usage.send_replace(sampler.sample(&mains));
        lookers.note_sample();
        tokio::time::sleep(SAMPLE_INTERVAL).await;
    }
}

/// The main process of every task that has one now.
fn mains(snapshot: &Snapshot) -> Vec<(String, u32)> {
    snapshot.tasks.iter().filter_map(|task| Some((task.name.clone(), task.pid()?))).collect()
}
