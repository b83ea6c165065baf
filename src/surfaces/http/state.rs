//! What the routes share: the kernel, and the permits that bound what runs at once.

use std::sync::Arc;

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::deltas::Deltas;
use super::limits::{ATTACHED_MOST, READS_MOST, STREAMS_MOST};
use super::problem::Problem;
use crate::kernel::KernelHandle;
use crate::logs::LogReader;
use crate::supervisor::engine::Snapshot;
use crate::surfaces::SharedConfig;
use crate::wire::{Lenient, SnapshotResponse, VersionResponse};

/// The state of the API. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::surfaces) struct Api {
    pub(super) kernel: KernelHandle,
    pub(super) config: SharedConfig,
    /// Permits for live streams.
    streams: Arc<Semaphore>,
    /// Permits for attached terminals.
    attached: Arc<Semaphore>,
    /// Permits to read logs.
    pub(super) reads: Arc<Semaphore>,
    pub(super) deltas: Deltas,
}

impl Api {
    pub(in crate::surfaces) fn new(kernel: KernelHandle, config: SharedConfig) -> Self {
        let [streams, attached, reads] =
            [STREAMS_MOST, ATTACHED_MOST, READS_MOST].map(|most| Arc::new(Semaphore::new(most)));
        Self { kernel, config, streams, attached, reads, deltas: Deltas::default() }
    }

    /// A permit for a live stream.
    pub(super) fn stream_permit(&self) -> Result<OwnedSemaphorePermit, Problem> {
        permit(&self.streams, || format!("{STREAMS_MOST} live streams are open already"))
    }

    /// A permit to attach to a terminal.
    pub(super) fn attach_permit(&self) -> Result<OwnedSemaphorePermit, Problem> {
        permit(&self.attached, || format!("{ATTACHED_MOST} terminals are attached to already"))
    }

    /// What the tasks wrote.
    pub(super) fn logs(&self) -> LogReader {
        LogReader::new(&self.config.current().logs.dir)
    }

    pub(super) fn version(&self) -> VersionResponse {
        VersionResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            project: self.config.current().project().into_owned(),
            pid: std::process::id(),
            started_at: self.kernel.started_at(),
            containment: self.kernel.containment().map(Lenient::Known),
        }
    }

    pub(super) fn snapshot(&self, snapshot: Arc<Snapshot>) -> SnapshotResponse {
        SnapshotResponse { supervisor: self.version(), now: self.kernel.now(), snapshot }
    }
}

fn permit(permits: &Arc<Semaphore>, detail: impl FnOnce() -> String) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(permits).try_acquire_owned().map_err(|_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail()))
}
