//! What every run is given, whether it is a process or lives in this one.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::engine::{Input, RunId};
use crate::signal::Signal;

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
    /// What it is sent beside that.
    pub(crate) signals: Signals,
    /// Takes what the run reports; its exit is what its future returns.
    pub(crate) events: mpsc::Sender<Input>,
}

impl RunContext {
    /// Reports to the engine. Waits while the queue is full, and does nothing once the driver is gone.
    pub(crate) async fn report(&self, input: Input) {
        let _ = self.events.send(input).await;
    }

    /// Waits until the run is asked to end, or must.
    pub(crate) async fn ending(&self) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.kill.cancelled() => {}
        }
    }
}

/// Signals on their way to a run. One that waits already is not sent twice, as in the kernel: there are never more of
/// them than there are kinds of signals. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signals {
    waiting: Arc<Mutex<Vec<Sent>>>,
    sent: Arc<Notify>,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) signal: Signal,
    /// Whether all of the run's processes get it, or the main one alone.
    pub(crate) tree: bool,
}

impl Signals {
    /// Sends one.
    pub(crate) fn send(&self, sent: Sent) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.contains(&sent) {
            waiting.push(sent);
        }
        self.sent.notify_one();
    }

    /// Takes those that have been sent, once there are some.
    pub(crate) async fn take(&self) -> Vec<Sent> {
        self.sent.notified().await;
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
