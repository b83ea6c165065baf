//! The one loop that owns the state: it names what happened, asks the core, and does what the core says.
//!
//! It decides nothing. Starts, stops and waits run outside the loop and come back as events that carry
//! their run, so nothing is ever awaited inside it.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::core::{
    Core, Effect, Event, ExitReason, Notice, NoticeKind, Origin, Plan, Refusal, Request, RequestId, RunId,
    ShutdownOutcome, Usage,
};
use super::in_process::exit_reason;
use super::run::{self, EVENTS_QUEUED, RunContext, Sent};
use super::signals::{Received, Signals};
use crate::kernel::{Asked, Backend};

/// After a quiet time a snapshot is published at once; while events keep coming, this often.
const PUBLISH_WITHIN: Duration = Duration::from_millis(20);

/// Brings one run to life and returns how it ended.
pub(super) type Runner = Box<dyn FnMut(RunContext) -> Pin<Box<dyn Future<Output = ExitReason> + Send>> + Send>;

/// What the loop works on.
pub(super) struct Driver {
    core: Core,
    started: Instant,
    runners: Vec<Runner>,
    /// Every run that has not reported its end; each returns how it ended.
    lives: JoinSet<ExitReason>,
    runs: HashMap<Id, RunId>,
    controls: BTreeMap<RunId, Control>,
    events: (mpsc::Sender<Event>, mpsc::Receiver<Event>),
    answers: BTreeMap<RequestId, oneshot::Sender<Result<(), Refusal>>>,
    next_request: u64,
    root: CancellationToken,
    signals: Option<Signals>,
    kernel: Backend,
    usage: watch::Receiver<BTreeMap<String, Usage>>,
    /// Whether something changed since the last snapshot, and when that one was published.
    stale: bool,
    published: Instant,
}

/// The two ways a run is told to end, and what else it is sent.
struct Control {
    stop: CancellationToken,
    kill: CancellationToken,
    signals: run::Signals,
}

/// What woke the loop.
enum Woken {
    Signal(Received),
    RootCancelled,
    Asked(Asked),
    Probed(oneshot::Sender<()>),
    Event(Event),
    Ended(Result<(Id, ExitReason), JoinError>),
    ChannelsChanged,
    UsageChanged,
    Deadline,
    PublishDue,
}

impl Driver {
    pub(super) fn new(
        plan: Plan,
        runners: Vec<Runner>,
        started: Instant,
        root: CancellationToken,
        kernel: Backend,
        usage: watch::Receiver<BTreeMap<String, Usage>>,
    ) -> Self {
        let signals = Signals::listen().inspect_err(|error| warn!(%error, "signals can't be listened to")).ok();
        Self {
            core: Core::new(plan, started),
            started,
            runners,
            lives: JoinSet::new(),
            runs: HashMap::new(),
            controls: BTreeMap::new(),
            events: mpsc::channel(EVENTS_QUEUED),
            answers: BTreeMap::new(),
            next_request: 0,
            root,
            signals,
            kernel,
            usage,
            stale: true,
            published: started,
        }
    }

    /// Supervises until the core says that it is over.
    pub(super) async fn run(mut self) -> ShutdownOutcome {
        let mut woken = Woken::Deadline;
        loop {
            if let Some(outcome) = self.handle(woken) {
                // What is left did not even follow its kill: it is aborted where it stands.
                self.lives.abort_all();
                return outcome;
            }
            woken = self.next().await;
        }
    }

    /// Names what happens next. Nothing that is ready is preferred, so that a flood of one kind starves no other.
    async fn next(&mut self) -> Woken {
        let now = now();
        let deadline = self.core.next_deadline().map(|at| tokio::time::Instant::from_std(at.max(now)));
        let publish_at = tokio::time::Instant::from_std(self.published + PUBLISH_WITHIN);
        let something = async {
            tokio::select! {
                signal = next_signal(&mut self.signals) => Woken::Signal(signal),
                Some(asked) = self.kernel.requests.recv() => Woken::Asked(asked),
                Some(probe) = self.kernel.probes.recv() => Woken::Probed(probe),
                woken = next_of_runs(&mut self.events.1, &mut self.lives) => woken,
                () = sleep_until(deadline) => Woken::Deadline,
                Ok(()) = self.kernel.channels.changed() => Woken::ChannelsChanged,
                Ok(()) = self.usage.changed() => Woken::UsageChanged,
            }
        };
        tokio::select! {
            biased;
            // First, once: a critical task that ends because it follows the root token is no fatal end.
            () = self.root.cancelled(), if !self.core.is_draining() => Woken::RootCancelled,
            woken = something => woken,
            () = sleep_until(Some(publish_at)), if self.stale => Woken::PublishDue,
        }
    }

    fn handle(&mut self, woken: Woken) -> Option<ShutdownOutcome> {
        let now = now();
        let event = match woken {
            Woken::Signal(signal) => self.on_signal(signal),
            Woken::RootCancelled => Some(self.request(Request::ShutDown, "its root token", None)),
            Woken::Asked(Asked { request, origin, answer }) => Some(self.request(request, &origin.0, Some(answer))),
            Woken::Probed(probe) => {
                self.publish(now);
                // Whoever asked may have gone away meanwhile.
                let _ = probe.send(());
                None
            }
            Woken::Event(event) => Some(event),
            Woken::Ended(ended) => self.on_ended(ended),
            Woken::Deadline => Some(Event::Tick),
            Woken::ChannelsChanged | Woken::UsageChanged => {
                self.stale = true;
                None
            }
            Woken::PublishDue => None,
        };
        self.stale |= event.is_some();
        let effects = event.map(|event| self.core.handle(event, now)).unwrap_or_default();
        let mut finished = false;
        let mut answers = Vec::new();
        for effect in effects {
            finished |= effect == Effect::Finish;
            match effect {
                Effect::Answer(id, answer) => answers.push((id, answer)),
                effect => self.apply(effect, now),
            }
        }
        let due = now.saturating_duration_since(self.published) >= PUBLISH_WITHIN;
        if self.stale && (finished || due || !answers.is_empty()) {
            self.publish(now);
        }
        // Last: whoever has an answer finds a snapshot that shows what was asked for.
        for (id, answer) in answers {
            self.answer(id, answer);
        }
        if finished { self.core.outcome() } else { None }
    }

    /// A first signal drains. During a drain a closed terminal changes nothing; any other cuts it short.
    fn on_signal(&mut self, signal: Received) -> Option<Event> {
        info!(signal = signal.name(), "signal received");
        match signal {
            Received::Hangup if self.core.is_draining() => None,
            Received::Interrupt | Received::Terminate if self.core.is_draining() => {
                Some(self.request(Request::KillAll, signal.name(), None))
            }
            Received::Interrupt | Received::Terminate | Received::Hangup => {
                Some(self.request(Request::ShutDown, signal.name(), None))
            }
        }
    }

    fn request(
        &mut self,
        request: Request,
        origin: &str,
        answer: Option<oneshot::Sender<Result<(), Refusal>>>,
    ) -> Event {
        self.next_request += 1;
        let id = RequestId(self.next_request);
        if let Some(answer) = answer {
            self.answers.insert(id, answer);
        }
        Event::Requested { id, request, origin: Origin(origin.to_owned()) }
    }

    fn on_ended(&mut self, ended: Result<(Id, ExitReason), JoinError>) -> Option<Event> {
        let (id, reason) = match ended {
            Ok(ended) => ended,
            Err(error) => (error.id(), exit_reason(Err(error))),
        };
        let run = self.runs.remove(&id)?;
        self.controls.remove(&run);
        Some(Event::Exited { run, reason })
    }

    fn apply(&mut self, effect: Effect, now: Instant) {
        match effect {
            Effect::Spawn(run) => self.spawn(run),
            Effect::Stop(run) => {
                if let Some(control) = self.controls.get(&run) {
                    control.stop.cancel();
                }
            }
            Effect::Kill(run) => {
                if let Some(control) = self.controls.get(&run) {
                    control.kill.cancel();
                }
            }
            Effect::Signal { run, signal, tree } => {
                if let Some(control) = self.controls.get(&run) {
                    control.signals.send(Sent { signal, tree });
                }
            }
            Effect::Answer(id, answer) => self.answer(id, answer),
            Effect::Notice(notice) => self.record(notice, now),
            Effect::Finish => {}
        }
    }

    fn answer(&mut self, id: RequestId, answer: Result<(), Refusal>) {
        if let Some(asked) = self.answers.remove(&id) {
            // Whoever asked may have gone away meanwhile.
            let _ = asked.send(answer);
        }
    }

    fn spawn(&mut self, run: RunId) {
        let (stop, kill, signals) = (CancellationToken::new(), CancellationToken::new(), run::Signals::default());
        let control = Control { stop: stop.clone(), kill: kill.clone(), signals: signals.clone() };
        let context = RunContext { run, stop, kill, signals, events: self.events.0.clone() };
        let life = (self.runners[run.task.0])(context);
        let id = self.lives.spawn(life).id();
        self.runs.insert(id, run);
        self.controls.insert(run, control);
    }

    fn record(&self, notice: Notice, now: Instant) {
        let task = notice.task.as_deref().unwrap_or("stead");
        match &notice.kind {
            NoticeKind::Backoff { attempt, max_retries, wait } => {
                info!(task, retry = attempt, max = max_retries, backoff_ms = wait.as_millis(), "backoff");
            }
            NoticeKind::Exited { run, reason, after, .. } => {
                info!(task, run, %reason, class = reason.class(), ran_ms = after.as_millis(), "exited");
            }
            kind @ (NoticeKind::Exhausted { .. } | NoticeKind::Failed { .. } | NoticeKind::Killed { .. }) => {
                warn!(task, "{kind}");
            }
            kind => info!(task, "{kind}"),
        }
        let uptime = super::core::Uptime(now.saturating_duration_since(self.started));
        self.kernel.journal.record(notice, uptime, Timestamp::now());
    }

    /// Publishes the state, if it differs from what was published last.
    fn publish(&mut self, now: Instant) {
        self.stale = false;
        self.published = now;
        let mut next = self.core.snapshot(now);
        next.channels.clone_from(&self.kernel.channels.borrow_and_update());
        let usage = self.usage.borrow_and_update();
        for task in next.tasks.iter_mut().filter(|task| task.is_live()) {
            task.usage = usage.get(&task.name).copied();
        }
        drop(usage);
        self.kernel.snapshot.send_if_modified(|current| {
            next.generation = current.generation;
            let at = std::mem::replace(&mut next.at, current.at);
            if **current == next {
                return false;
            }
            next.at = at;
            next.generation += 1;
            debug!(generation = next.generation, "snapshot");
            *current = Arc::new(next);
            true
        });
    }
}

/// What runs report. A run reports its start before it ends, so events are looked at before ends.
async fn next_of_runs(events: &mut mpsc::Receiver<Event>, lives: &mut JoinSet<ExitReason>) -> Woken {
    tokio::select! {
        biased;
        Some(event) = events.recv() => Woken::Event(event),
        Some(ended) = lives.join_next_with_id() => Woken::Ended(ended),
        else => std::future::pending().await,
    }
}

/// Now, by a clock that tests can pause.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

async fn next_signal(signals: &mut Option<Signals>) -> Received {
    match signals {
        Some(signals) => signals.next().await,
        None => std::future::pending().await,
    }
}
