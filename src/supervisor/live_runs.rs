//! The runs that have not reported their end: how they are started, asked to end, and heard.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::Runner;
use super::engine::{ExitReason, Input, RunId};
use super::in_process::exit_reason;
use super::run::{OrderQueue, RunContext, RunOrder};

/// Takes what runs report, and others beside them.
pub(super) type ReportChannel = (mpsc::Sender<Input>, mpsc::Receiver<Input>);

/// All live runs.
pub(super) struct LiveRuns {
    /// Each returns how it ended.
    futures: JoinSet<ExitReason>,
    ids: HashMap<Id, RunId>,
    controls: BTreeMap<RunId, RunControl>,
    reports: ReportChannel,
}

/// The two ways to ask a run to end, and its other orders.
struct RunControl {
    stop: CancellationToken,
    grace: Arc<OnceLock<Duration>>,
    kill: CancellationToken,
    orders: OrderQueue,
}

impl LiveRuns {
    pub(super) fn new(reports: ReportChannel) -> Self {
        let futures = JoinSet::new();
        Self { futures, ids: HashMap::new(), controls: BTreeMap::new(), reports }
    }

    pub(super) fn spawn(&mut self, run: RunId, runner: &mut Runner) {
        let context = RunContext::new(run, self.reports.0.clone());
        let RunContext { stop, grace, kill, orders, .. } = context.clone();
        let id = self.futures.spawn(runner(context)).id();
        self.ids.insert(id, run);
        self.controls.insert(run, RunControl { stop, grace, kill, orders });
    }

    pub(super) fn stop(&self, run: RunId, grace: Duration) {
        if let Some(control) = self.controls.get(&run) {
            // The first time counts: a run is asked once.
            let _ = control.grace.set(grace);
            control.stop.cancel();
        }
    }

    pub(super) fn kill(&self, run: RunId) {
        if let Some(control) = self.controls.get(&run) {
            control.kill.cancel();
        }
    }

    pub(super) fn order(&self, run: RunId, order: RunOrder) {
        if let Some(control) = self.controls.get(&run) {
            control.orders.send(order);
        }
    }

    /// Waits for the next report or end of a run. A run reports its start before it ends, so reports come first.
    /// Cancel safe.
    pub(super) async fn next(&mut self) -> Input {
        loop {
            let ended = tokio::select! {
                biased;
                Some(report) = self.reports.1.recv() => return report,
                Some(ended) = self.futures.join_next_with_id() => ended,
                else => std::future::pending().await,
            };
            if let Some(input) = self.forget(ended) {
                return input;
            }
        }
    }

    fn forget(&mut self, ended: Result<(Id, ExitReason), JoinError>) -> Option<Input> {
        let (id, reason) = match ended {
            Ok(ended) => ended,
            Err(error) => (error.id(), exit_reason(Err(error))),
        };
        let run = self.ids.remove(&id)?;
        self.controls.remove(&run);
        Some(Input::Exited { run, reason })
    }

    /// Ends the runs that did not even follow their kill.
    pub(super) fn abort(&mut self) {
        self.futures.abort_all();
    }
}
