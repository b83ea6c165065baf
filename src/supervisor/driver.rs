//! The one loop that owns the state: it names what happened, asks the core, and does what the core says.
//!
//! It decides nothing. Starts, stops and waits run outside the loop and come back as events that carry
//! their run, so nothing is ever awaited inside it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::Runner;
use super::engine::{
    Answer, Effect, Engine, Event, EventKind, ExitReason, Input, Origin, Plan, Refusal, Request, RequestId, RunId,
    ShutdownOutcome, TaskId, Uptime, Usage,
};
use super::handle::{Backend, QueuedRequest};
use super::in_process::exit_reason;
use super::reload::{LoadResult, Reload};
use super::run::{self, EVENTS_QUEUED, RunContext, Sent};
use super::signals::{Received, Signals, has_terminal};

/// After a quiet time a snapshot is published at once; while events keep coming, this often.
const PUBLISH_WITHIN: Duration = Duration::from_millis(20);

/// What the loop works on.
pub(super) struct Driver {
    engine: Engine,
    started: Instant,
    runners: BTreeMap<TaskId, Runner>,
    reload: Reload,
    /// What SIGHUP asks for.
    on_hangup: Request,
    /// Every run that has not reported its end; each returns how it ended.
    lives: JoinSet<ExitReason>,
    runs: HashMap<Id, RunId>,
    controls: BTreeMap<RunId, Control>,
    inputs: (mpsc::Sender<Input>, mpsc::Receiver<Input>),
    answers: BTreeMap<RequestId, oneshot::Sender<Result<Answer, Refusal>>>,
    next_request: u64,
    root: CancellationToken,
    signals: Option<Signals>,
    backend: Backend,
    usage: watch::Receiver<BTreeMap<String, Usage>>,
    /// Whether something changed since the last snapshot, and when that one was published.
    stale: bool,
    published: Instant,
    /// What the timeline gets with the next snapshot, so that nobody reads of what no snapshot shows yet.
    pending_events: Vec<(Event, Uptime, Timestamp)>,
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
    Requested(QueuedRequest),
    LagCheck(oneshot::Sender<()>),
    Input(Input),
    Ended(Result<(Id, ExitReason), JoinError>),
    Loaded(Box<LoadResult>),
    UsageChanged,
    Deadline,
    PublishDue,
}

impl Driver {
    pub(super) fn new(
        plan: Plan,
        runners: Vec<Option<Runner>>,
        reload: Reload,
        started: Instant,
        root: CancellationToken,
        backend: Backend,
        usage: watch::Receiver<BTreeMap<String, Usage>>,
    ) -> Self {
        let signals = Signals::listen().inspect_err(|error| warn!(%error, "signals can't be listened to")).ok();
        // A terminal that is closed drains. Whoever has none can only mean a reload, if there is anything to read.
        let on_hangup = if reload.is_possible() && !has_terminal() { Request::Reload } else { Request::ShutDown };
        let runners = runners.into_iter().enumerate().filter_map(|(id, runner)| Some((TaskId(id), runner?)));
        Self {
            engine: Engine::new(plan, started),
            started,
            runners: runners.collect(),
            reload,
            on_hangup,
            lives: JoinSet::new(),
            runs: HashMap::new(),
            controls: BTreeMap::new(),
            inputs: mpsc::channel(EVENTS_QUEUED),
            answers: BTreeMap::new(),
            next_request: 0,
            root,
            signals,
            backend,
            usage,
            stale: true,
            published: started,
            pending_events: Vec::new(),
        }
    }

    /// Supervises until the core says that it is over.
    pub(super) async fn run(mut self) -> ShutdownOutcome {
        // Before anything starts: whoever asks at once must not hear that there are no tasks.
        self.publish(now());
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
        let deadline = self.engine.next_deadline().map(|at| tokio::time::Instant::from_std(at.max(now)));
        let publish_at = tokio::time::Instant::from_std(self.published + PUBLISH_WITHIN);
        let something = async {
            tokio::select! {
                signal = next_signal(&mut self.signals) => Woken::Signal(signal),
                Some(queued) = self.backend.requests.recv() => Woken::Requested(queued),
                Some(check) = self.backend.lag_checks.recv() => Woken::LagCheck(check),
                woken = next_of_runs(&mut self.inputs.1, &mut self.lives) => woken,
                loaded = self.reload.next() => Woken::Loaded(Box::new(loaded)),
                () = sleep_until(deadline) => Woken::Deadline,
                Ok(()) = self.usage.changed() => Woken::UsageChanged,
            }
        };
        tokio::select! {
            biased;
            // First, once: a critical task that ends because it follows the root token is no fatal end.
            () = self.root.cancelled(), if !self.engine.is_draining() => Woken::RootCancelled,
            woken = something => woken,
            () = sleep_until(Some(publish_at)), if self.stale => Woken::PublishDue,
        }
    }

    fn handle(&mut self, woken: Woken) -> Option<ShutdownOutcome> {
        let now = now();
        let input = match woken {
            Woken::Signal(signal) => self.on_signal(signal),
            Woken::RootCancelled => Some(self.request(Request::ShutDown, "its root token", None)),
            Woken::Requested(QueuedRequest { request, origin, answer }) => {
                Some(self.request(request, &origin.0, Some(answer)))
            }
            Woken::LagCheck(check) => {
                self.publish(now);
                // Whoever asked may have gone away meanwhile.
                let _ = check.send(());
                None
            }
            Woken::Input(input) => Some(input),
            Woken::Ended(ended) => self.on_ended(ended),
            Woken::Loaded(loaded) => Some(self.reload.input(*loaded)),
            Woken::Deadline => Some(Input::Tick),
            Woken::UsageChanged => {
                self.stale = true;
                None
            }
            Woken::PublishDue => None,
        };
        self.stale |= input.is_some();
        let effects = input.map(|input| self.engine.handle(input, now)).unwrap_or_default();
        let mut finished = false;
        let mut due = now.saturating_duration_since(self.published) >= PUBLISH_WITHIN;
        let (events, effects): (Vec<_>, Vec<_>) =
            effects.into_iter().partition(|effect| matches!(effect, Effect::Event(_)));
        for effect in &effects {
            finished |= *effect == Effect::Finish;
            due |= finished || matches!(effect, Effect::Answer(..) | Effect::Stop(_) | Effect::Kill(_));
        }
        events.into_iter().for_each(|event| self.apply(event, now));
        // Before all else: whoever has an answer, or is told to end, finds a snapshot and a timeline that show why.
        if self.stale && due {
            self.publish(now);
        }
        effects.into_iter().for_each(|effect| self.apply(effect, now));
        if finished { self.engine.outcome() } else { None }
    }

    /// A first signal drains, unless SIGHUP means a reload. During a drain SIGHUP changes nothing; any other cuts it short.
    fn on_signal(&mut self, signal: Received) -> Option<Input> {
        info!(signal = signal.name(), "signal received");
        match signal {
            Received::Hangup if self.engine.is_draining() => None,
            Received::Interrupt | Received::Terminate if self.engine.is_draining() => {
                Some(self.request(Request::KillAll, signal.name(), None))
            }
            Received::Hangup => Some(self.request(self.on_hangup.clone(), signal.name(), None)),
            Received::Interrupt | Received::Terminate => Some(self.request(Request::ShutDown, signal.name(), None)),
        }
    }

    fn request(
        &mut self,
        request: Request,
        origin: &str,
        answer: Option<oneshot::Sender<Result<Answer, Refusal>>>,
    ) -> Input {
        self.next_request += 1;
        let id = RequestId(self.next_request);
        if let Some(answer) = answer {
            self.answers.insert(id, answer);
        }
        Input::Requested { id, request, origin: Origin(origin.to_owned()) }
    }

    fn on_ended(&mut self, ended: Result<(Id, ExitReason), JoinError>) -> Option<Input> {
        let (id, reason) = match ended {
            Ok(ended) => ended,
            Err(error) => (error.id(), exit_reason(Err(error))),
        };
        let run = self.runs.remove(&id)?;
        self.controls.remove(&run);
        Some(Input::Exited { run, reason })
    }

    fn apply(&mut self, effect: Effect, now: Instant) {
        match effect {
            Effect::Load => self.reload.begin(),
            Effect::Adopt(ids) => self.reload.adopt(ids, &mut self.runners),
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
            Effect::Event(event) => self.record(event, now),
            Effect::Finish => {}
        }
    }

    fn answer(&mut self, id: RequestId, answer: Result<Answer, Refusal>) {
        if let Some(asked) = self.answers.remove(&id) {
            // Whoever asked may have gone away meanwhile.
            let _ = asked.send(answer);
        }
    }

    fn spawn(&mut self, run: RunId) {
        let (stop, kill, signals) = (CancellationToken::new(), CancellationToken::new(), run::Signals::default());
        let control = Control { stop: stop.clone(), kill: kill.clone(), signals: signals.clone() };
        let context = RunContext { run, stop, kill, signals, events: self.inputs.0.clone() };
        let runner = self.runners.get_mut(&run.task).expect("every task of the plan has a runner");
        let life = runner(context);
        let id = self.lives.spawn(life).id();
        self.runs.insert(id, run);
        self.controls.insert(run, control);
    }

    fn record(&mut self, event: Event, now: Instant) {
        let task = event.task.as_deref().unwrap_or("stead");
        match &event.kind {
            EventKind::Backoff { attempt, max_retries, wait } => {
                info!(task, retry = attempt, max = max_retries, backoff_ms = wait.as_millis(), "backoff");
            }
            EventKind::Exited { run, reason, after, .. } => {
                info!(task, run, %reason, class = reason.class(), ran_ms = after.as_millis(), "exited");
            }
            kind @ (EventKind::Exhausted { .. } | EventKind::Failed { .. } | EventKind::Killed { .. }) => {
                warn!(task, "{kind}");
            }
            kind => info!(task, "{kind}"),
        }
        let uptime = Uptime(now.saturating_duration_since(self.started));
        self.pending_events.push((event, uptime, Timestamp::now()));
    }

    /// Publishes the state, if it differs from what was published last, and then what has led to it.
    fn publish(&mut self, now: Instant) {
        self.stale = false;
        self.published = now;
        let mut next = self.engine.snapshot(now);
        let usage = self.usage.borrow_and_update();
        for task in next.tasks.iter_mut().filter(|task| task.is_live()) {
            task.usage = usage.get(&task.name).copied();
        }
        drop(usage);
        self.backend.snapshot.send_if_modified(|current| {
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
        for (event, uptime, at) in self.pending_events.drain(..) {
            self.backend.event_log.record(event, uptime, at);
        }
    }
}

/// What runs report. A run reports its start before it ends, so events are looked at before ends.
async fn next_of_runs(inputs: &mut mpsc::Receiver<Input>, lives: &mut JoinSet<ExitReason>) -> Woken {
    tokio::select! {
        biased;
        Some(input) = inputs.recv() => Woken::Input(input),
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
