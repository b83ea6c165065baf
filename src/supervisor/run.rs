//! What every run is given, whether it is a process or lives in this one.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::engine::{Input, RunId};
use crate::signal::Signal;

/// Inputs from runs that may wait for the driver. A run that finds the queue full waits its turn.
pub(crate) const INPUTS_QUEUED: usize = 1_024;

/// The two ways to ask a run to end, and its way to report.
#[derive(Debug, Clone)]
pub(crate) struct RunContext {
    /// Which run this is.
    pub(crate) run: RunId,
    /// Cancelled when it is asked to end: the polite part of the stop ladder.
    pub(crate) stop: CancellationToken,
    /// How long it has until it is killed, once it is asked to end.
    pub(crate) grace: Arc<OnceLock<Duration>>,
    /// Cancelled when it must end now, with all that belongs to it.
    pub(crate) kill: CancellationToken,
    /// Its orders beside those to end.
    pub(crate) orders: OrderQueue,
    inputs: mpsc::Sender<Input>,
}

impl RunContext {
    pub(crate) fn new(run: RunId, inputs: mpsc::Sender<Input>) -> Self {
        let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
        Self { run, stop, grace: Arc::default(), kill, orders: OrderQueue::default(), inputs }
    }

    /// Reports that the start has succeeded.
    pub(crate) async fn started(&self, pid: Option<u32>, address: Option<String>) {
        self.report(Input::Started { run: self.run, pid, address }).await;
    }

    /// Passes an input to the engine. The exit of the run is not reported here: it is what the run's future returns.
    pub(crate) async fn report(&self, input: Input) {
        // A full queue only delays the input; a closed one means that the supervisor has ended.
        let _ = self.inputs.send(input).await;
    }

    /// Waits until the run is asked to end, or must.
    pub(crate) async fn ending(&self) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.kill.cancelled() => {}
        }
    }
}

/// Orders on their way to a run. One that waits already is not queued twice, and of changed files only the latest waits, so
/// the queue is never longer than there are kinds of signals and one. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct OrderQueue {
    waiting: Arc<Mutex<Vec<RunOrder>>>,
    sent: Arc<Notify>,
}

/// An order to a run, beside those to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunOrder {
    /// Send a signal.
    Signal {
        signal: Signal,
        /// Whether all of the run's processes get it, or the main one alone.
        tree: bool,
    },
    /// Run the command for a changed file.
    OnChange { file: String },
}

impl OrderQueue {
    /// Adds an order.
    pub(crate) fn send(&self, order: RunOrder) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let RunOrder::OnChange { .. } = order {
            waiting.retain(|order| !matches!(order, RunOrder::OnChange { .. }));
        }
        if !waiting.contains(&order) {
            waiting.push(order);
        }
        self.sent.notify_one();
    }

    /// Waits until there are orders, and takes them all.
    pub(crate) async fn take(&self) -> Vec<RunOrder> {
        self.sent.notified().await;
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
