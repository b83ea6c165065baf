//! `max_memory`: samples the memory of a task's tree and reports when it exceeds the limit.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{ProcessTask, Sampler, until_ending};
use crate::supervisor::RunContext;
use crate::supervisor::engine::Input;

/// The time between two samples.
const INTERVAL: Duration = Duration::from_secs(2);

impl ProcessTask {
    /// Reports once that the tree with this main process uses more than its `max_memory`, if it has one.
    pub(super) async fn watch_memory(&self, main: u32, context: &RunContext, over: &CancellationToken) {
        let Some(limit) = self.config.max_memory else { return };
        let watching = async {
            let used = loop {
                sleep(INTERVAL).await;
                let sample = Sampler::default().sample(&[((), main)]);
                match sample.get(&()) {
                    Some(usage) if usage.memory_bytes > limit => break usage.memory_bytes,
                    Some(_) | None => {}
                }
            };
            context.report(Input::Exceeded { run: context.run, used, limit }).await;
        };
        until_ending(Box::pin(watching), context, over).await;
    }
}
