//! What every run is given, whether it is a process or lives in this one.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::core::{Event, RunId};

/// Events of runs that may wait for the driver. A run that finds the queue full waits its turn.
pub(crate) const EVENTS_QUEUED: usize = 1_024;

/// The two ways a run is told to end, and its way to say how it goes.
#[derive(Debug, Clone)]
pub(crate) struct RunContext {
    /// Which run this is; every event carries it.
    pub(crate) run: RunId,
    /// Cancelled when it is asked to end: the polite part of the stop ladder.
    pub(crate) stop: CancellationToken,
    /// Cancelled when it must end now, with all that belongs to it.
    pub(crate) kill: CancellationToken,
    /// Takes `Started` and `Probed`; the exit is what the run's future returns.
    pub(crate) events: mpsc::Sender<Event>,
}
