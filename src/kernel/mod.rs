//! The kernel: what the faces may see and ask, behind one [`KernelHandle`].
//!
//! One way out (the snapshot, of which the latest wins, and the timeline) and one way in (requests). The
//! driver holds the other end, `Backend`. Nothing here decides anything.

mod charset;
pub(crate) mod clock;
mod emulator;
mod hooks;
mod journal;
pub mod logs;
mod merged;
pub(crate) mod metrics;
mod passage;
mod picture;
pub mod post_mortem;
mod promise;
#[cfg(test)]
pub(crate) mod sample;
mod screens;
mod usage;
mod viewer;
pub(crate) mod why;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

pub use hooks::{HookCount, HookCounts};
pub use journal::{EventRecord, Journal};
pub use logs::{LINE_BYTES, LogCounts, LogHub, LogLine, LogTail, Stream, TAIL_BYTES, TAIL_LINES};
pub use merged::{MERGED_LINES, MergedTail};
pub use picture::{Colour, Glyph, Ink, KeyModes, Picture, PictureRow, ScreenSize};
pub use post_mortem::{PostMortem, PostMortems};
pub use promise::Promise;
pub use screens::{INPUT_BYTES, InputRefusal, ScreenHub, TaskScreen};
pub(crate) use usage::SAMPLE_INTERVAL;
pub use usage::{Look, Lookers};
pub use viewer::{Sight, Viewer};

use crate::supervisor::core::{ChannelSnapshot, Notice, Origin, Refusal, Request, Snapshot, Stage, Uptime};

/// Requests that may wait for the driver; more are refused as [`Refusal::Unavailable`].
const REQUESTS_QUEUED: usize = 256;
/// How long a snapshot may take to tell of what has happened.
const SNAPSHOT_TIME: Duration = Duration::from_secs(1);
/// Probes of the event loop that may wait for it.
const PROBES_QUEUED: usize = 16;
/// How long a probe of the event loop waits: a lag of more than that is told as this.
const LAG_MOST: Duration = Duration::from_secs(2);

/// What a surface holds of the supervisor. Cheap to clone.
#[derive(Debug, Clone)]
pub struct KernelHandle {
    started: Instant,
    started_at: Timestamp,
    snapshot: watch::Receiver<Arc<Snapshot>>,
    requests: mpsc::Sender<Asked>,
    probes: mpsc::Sender<oneshot::Sender<()>>,
    channels: watch::Sender<Vec<ChannelSnapshot>>,
    journal: Journal,
    logs: LogHub,
    post_mortems: Option<PostMortems>,
    promise: Option<Promise>,
    screens: ScreenHub,
    lookers: Lookers,
    hooks: HookCounts,
}

impl KernelHandle {
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

    /// The supervisor's own clock, now.
    #[must_use]
    pub fn now(&self) -> Uptime {
        Uptime(self.started.elapsed())
    }

    /// The zero of that clock as a time of day; it also tells one supervisor from the next.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// The timeline.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Adds something to the timeline that a surface has to say.
    pub(crate) fn note(&self, notice: Notice) {
        tracing::info!(task = notice.task.as_deref().unwrap_or("stead"), "{}", notice.kind);
        self.journal.record(notice, self.now(), Timestamp::now());
    }

    /// What has become of the calls of each hook.
    #[must_use]
    pub fn hooks(&self) -> &HookCounts {
        &self.hooks
    }

    /// What the tasks wrote.
    #[must_use]
    pub fn logs(&self) -> &LogHub {
        &self.logs
    }

    /// What is kept of failed runs; none if nothing is.
    #[must_use]
    pub fn post_mortems(&self) -> Option<&PostMortems> {
        self.post_mortems.as_ref()
    }

    /// Says where failed runs are kept; before anybody is given a handle.
    pub(crate) fn set_post_mortems(&mut self, post_mortems: PostMortems) {
        self.post_mortems = Some(post_mortems);
    }

    /// What is promised of the processes that tasks leave behind; none if this supervisor makes no processes.
    #[must_use]
    pub fn promise(&self) -> Option<Promise> {
        self.promise
    }

    /// Says what is promised; before anybody is given a handle.
    pub(crate) fn set_promise(&mut self, promise: Promise) {
        self.promise = Some(promise);
    }

    /// The terminals of the tasks that have one: what they show, and a way to type into them.
    #[must_use]
    pub fn screens(&self) -> &ScreenHub {
        &self.screens
    }

    /// Says that somebody looks: cpu and memory are sampled while the result lives.
    #[must_use]
    pub fn look(&self) -> Look {
        self.lookers.look()
    }

    /// Asks for something, and waits until the supervisor has taken or refused it.
    ///
    /// # Errors
    ///
    /// The supervisor's [`Refusal`], or [`Refusal::Unavailable`] when it has ended or has too much to do.
    pub async fn request(&self, request: Request, origin: Origin) -> Result<(), Refusal> {
        let (answer, answered) = oneshot::channel();
        self.requests.try_send(Asked { request, origin, answer }).map_err(|_| Refusal::Unavailable)?;
        answered.await.unwrap_or(Err(Refusal::Unavailable))
    }

    /// How long the event loop takes to answer; a snapshot of that moment is published with it. None if it has ended.
    pub(crate) async fn probe_loop(&self) -> Option<Duration> {
        let asked = tokio::time::Instant::now();
        let (answer, answered) = oneshot::channel();
        let probe = async {
            self.probes.send(answer).await.ok()?;
            answered.await.ok()
        };
        timeout(LAG_MOST, probe).await.unwrap_or(Some(()))?;
        Some(asked.elapsed())
    }

    /// Says who is connected; the gateway's to call.
    pub(crate) fn set_channels(&self, channels: Vec<ChannelSnapshot>) {
        self.channels.send_replace(channels);
    }
}

/// A request on its way to the driver.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) request: Request,
    pub(crate) origin: Origin,
    pub(crate) answer: oneshot::Sender<Result<(), Refusal>>,
}

/// The driver's end of the kernel.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) snapshot: watch::Sender<Arc<Snapshot>>,
    pub(crate) requests: mpsc::Receiver<Asked>,
    /// To be answered at once, after the state was published.
    pub(crate) probes: mpsc::Receiver<oneshot::Sender<()>>,
    pub(crate) channels: watch::Receiver<Vec<ChannelSnapshot>>,
    pub(crate) journal: Journal,
    pub(crate) lookers: Lookers,
}

/// Makes both ends. `started` is the zero of the supervisor's clock.
pub(crate) fn kernel(started: Instant, logs: LogHub) -> (KernelHandle, Backend) {
    let first =
        Snapshot { generation: 0, at: Uptime::default(), stage: Stage::Up, tasks: Vec::new(), channels: Vec::new() };
    let (snapshot_tx, snapshot) = watch::channel(Arc::new(first));
    let (requests, requests_rx) = mpsc::channel(REQUESTS_QUEUED);
    let (probes, probes_rx) = mpsc::channel(PROBES_QUEUED);
    let (channels, channels_rx) = watch::channel(Vec::new());
    let journal = Journal::default();
    let lookers = Lookers::default();
    let handle = KernelHandle {
        started,
        started_at: Timestamp::now() - started.elapsed(),
        snapshot,
        requests,
        probes,
        channels,
        journal: journal.clone(),
        logs,
        post_mortems: None,
        promise: None,
        screens: ScreenHub::default(),
        lookers: lookers.clone(),
        hooks: HookCounts::default(),
    };
    let backend = Backend {
        snapshot: snapshot_tx,
        requests: requests_rx,
        probes: probes_rx,
        channels: channels_rx,
        journal,
        lookers,
    };
    (handle, backend)
}
