//! Both ends of the way into the driver: what is held by those who watch and ask, and what the driver holds.
//!
//! One way out (the snapshot, of which the latest wins, and the event log) and one way in (requests).

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::engine::{Answer, Event, Input, Origin, Refusal, Request, Snapshot, Stage, Uptime};
use super::event_log::EventLog;
use super::run::INPUTS_QUEUED;

/// Requests that may wait for the driver; more are refused as [`Refusal::Unavailable`].
const REQUESTS_QUEUED: usize = 256;
/// How long a snapshot may take to show what has happened.
const SNAPSHOT_TIME: Duration = Duration::from_secs(1);
/// Lag checks that may wait for the event loop.
const LAG_CHECKS_QUEUED: usize = 16;
/// How long a lag check waits for the event loop: a longer lag is reported as this.
const LAG_MOST: Duration = Duration::from_secs(2);

/// What may be seen and requested of a supervisor while it runs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SupervisorHandle {
    started: Instant,
    started_at: Timestamp,
    snapshot: watch::Receiver<Arc<Snapshot>>,
    requests: mpsc::Sender<QueuedRequest>,
    reports: mpsc::Sender<Input>,
    lag_checks: mpsc::Sender<oneshot::Sender<()>>,
    event_log: EventLog,
}

impl SupervisorHandle {
    /// The latest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.borrow())
    }

    /// The latest snapshot, with a way to wait for the next.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.clone()
    }

    /// The latest snapshot, once it shows what had happened by `at`; soon, in any case.
    pub(crate) async fn snapshot_since(&self, at: Uptime) -> Arc<Snapshot> {
        // One that shows nothing new is not published.
        let _ = timeout(SNAPSHOT_TIME, self.watch().wait_for(|snapshot| snapshot.at >= at)).await;
        self.snapshot()
    }

    /// The current time on the supervisor's own clock.
    #[must_use]
    pub fn now(&self) -> Uptime {
        Uptime(self.started.elapsed())
    }

    /// The zero of that clock as a time of day. It also distinguishes one supervisor from the next.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// The event log.
    #[must_use]
    pub fn event_log(&self) -> &EventLog {
        &self.event_log
    }

    /// Adds an event of a surface to the event log.
    pub(crate) fn note(&self, event: Event) {
        tracing::info!(task = event.task.as_deref().unwrap_or("stead"), "{}", event.kind);
        self.event_log.record(event, self.now(), Timestamp::now());
    }

    /// Sends a request, and waits until the supervisor has accepted or refused it.
    ///
    /// # Errors
    ///
    /// The supervisor's [`Refusal`], or [`Refusal::Unavailable`] when it has ended or its queue is full.
    pub async fn request(&self, request: Request, origin: Origin) -> Result<Answer, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.requests.try_send(QueuedRequest { request, origin, answer }).map_err(|_| Refusal::Unavailable)?;
        answered.await.unwrap_or(Err(Refusal::Unavailable))
    }

    /// Passes on what a trigger has noticed: a time, a changed file. Waits while the queue is full.
    pub(crate) async fn report(&self, input: Input) {
        // A closed queue means that the supervisor has ended.
        let _ = self.reports.send(input).await;
    }

    /// How long the event loop takes to answer. A snapshot of that moment is published first. `None` if it has ended.
    pub(crate) async fn check_lag(&self) -> Option<Duration> {
        let sent = tokio::time::Instant::now();
        let (answer, answered) = oneshot::channel();
        let check = async {
            self.lag_checks.send(answer).await.ok()?;
            answered.await.ok()
        };
        timeout(LAG_MOST, check).await.unwrap_or(Some(()))?;
        Some(sent.elapsed())
    }
}

/// A request on its way to the driver.
#[derive(Debug)]
pub(crate) struct QueuedRequest {
    pub(crate) request: Request,
    pub(crate) origin: Origin,
    pub(crate) answer: oneshot::Sender<Result<Answer, Refusal>>,
}

/// The driver's end.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) snapshot: watch::Sender<Arc<Snapshot>>,
    pub(crate) requests: mpsc::Receiver<QueuedRequest>,
    /// What runs and triggers report.
    pub(crate) reports: (mpsc::Sender<Input>, mpsc::Receiver<Input>),
    /// Each is answered at once, after the state was published.
    pub(crate) lag_checks: mpsc::Receiver<oneshot::Sender<()>>,
    pub(crate) event_log: EventLog,
}

/// Makes both ends. `started` is the zero of the supervisor's clock.
pub(crate) fn handle(started: Instant) -> (SupervisorHandle, Backend) {
    let first =
        Snapshot { generation: 0, at: Uptime::default(), stage: Stage::Up, tasks: Vec::new(), groups: Vec::new() };
    let (snapshot_tx, snapshot) = watch::channel(Arc::new(first));
    let (requests, requests_rx) = mpsc::channel(REQUESTS_QUEUED);
    let (lag_checks, lag_checks_rx) = mpsc::channel(LAG_CHECKS_QUEUED);
    let reports = mpsc::channel(INPUTS_QUEUED);
    let event_log = EventLog::default();
    let handle = SupervisorHandle {
        started,
        started_at: Timestamp::now() - started.elapsed(),
        snapshot,
        requests,
        reports: reports.0.clone(),
        lag_checks,
        event_log: event_log.clone(),
    };
    let backend =
        Backend { snapshot: snapshot_tx, requests: requests_rx, reports, lag_checks: lag_checks_rx, event_log };
    (handle, backend)
}
