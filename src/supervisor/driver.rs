//! The one loop that owns the state: it names what happened, passes it to the engine, and carries out its effects.
//!
//! It decides nothing. Starts, stops and waits run outside the loop and come back as inputs that carry their run, so
//! nothing is ever awaited inside it.

use std::collections::BTreeMap;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Runner;
use super::engine::{
    Answer, Effect, Engine, Input, Origin, Plan, Refusal, Request, RequestId, ShutdownOutcome, TaskId,
};
use super::handle::{Backend, QueuedRequest};
use super::live_runs::LiveRuns;
use super::publisher::{Additions, Publisher};
use super::reload::{LoadResult, Reload};
use super::run::RunOrder;
use super::signals::{ReceivedSignal, SignalListener, has_terminal};

/// What the loop works on.
pub(super) struct Driver {
    engine: Engine,
    runners: BTreeMap<TaskId, Runner>,
    runs: LiveRuns,
    reload: Reload,
    root: CancellationToken,
    signals: Option<SignalListener>,
    /// What SIGHUP asks for, if anything.
    on_hangup: Option<Request>,
    requests: mpsc::Receiver<QueuedRequest>,
    lag_checks: mpsc::Receiver<oneshot::Sender<()>>,
    answers: BTreeMap<RequestId, oneshot::Sender<Result<Answer, Refusal>>>,
    next_request: u64,
    publisher: Publisher,
}

/// What woke the loop.
enum Woken {
    Signal(ReceivedSignal),
    RootCancelled,
    Requested(QueuedRequest),
    LagCheck(oneshot::Sender<()>),
    Run(Input),
    Loaded(Box<LoadResult>),
    Added,
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
        additions: Additions,
    ) -> Self {
        let Backend { snapshot, requests, reports, lag_checks, event_log } = backend;
        let signals = SignalListener::new().inspect_err(|error| warn!(%error, "signals can't be listened to")).ok();
        // A terminal that is closed drains. Without one SIGHUP can only mean a reload, if there is anything to read.
        let on_hangup = if reload.is_possible() && !has_terminal() { Request::Reload } else { Request::ShutDown };
        let on_hangup = Some(on_hangup);
        let runners = runners.into_iter().enumerate().filter_map(|(id, runner)| Some((TaskId(id), runner?)));
        Self {
            engine: Engine::new(plan, started),
            runners: runners.collect(),
            runs: LiveRuns::new(reports),
            reload,
            root,
            signals,
            on_hangup,
            requests,
            lag_checks,
            answers: BTreeMap::new(),
            next_request: 0,
            publisher: Publisher::new(snapshot, additions, event_log, started),
        }
    }

    /// Does not end because its terminal is closed. Without a terminal SIGHUP means what it always does.
    pub(super) fn outliving_its_terminal(mut self) -> Self {
        self.on_hangup.take_if(|request| *request == Request::ShutDown);
        self
    }

    /// Supervises until the engine says that it is over.
    pub(super) async fn run(mut self) -> ShutdownOutcome {
        // Before anything starts: a client that asks at once must not receive an empty list of tasks.
        self.publisher.publish(&self.engine, now());
        let mut woken = Woken::Deadline;
        loop {
            if let Some(outcome) = self.handle(woken) {
                self.runs.abort();
                return outcome;
            }
            woken = self.next().await;
        }
    }

    /// Waits for what happens next. No kind is preferred, so that a flood of one starves no other.
    async fn next(&mut self) -> Woken {
        let now = now();
        let deadline = self.engine.next_deadline().map(|at| at.max(now));
        let publish_at = self.publisher.due_at();
        let something = async {
            tokio::select! {
                signal = next_signal(&mut self.signals) => Woken::Signal(signal),
                Some(queued) = self.requests.recv() => Woken::Requested(queued),
                Some(check) = self.lag_checks.recv() => Woken::LagCheck(check),
                input = self.runs.next() => Woken::Run(input),
                loaded = self.reload.next() => Woken::Loaded(Box::new(loaded)),
                () = sleep_until(deadline) => Woken::Deadline,
                () = self.publisher.additions.changed() => Woken::Added,
            }
        };
        tokio::select! {
            biased;
            // First, once: a critical task that ends because it follows the root token is no fatal end.
            () = self.root.cancelled(), if !self.engine.is_draining() => Woken::RootCancelled,
            woken = something => woken,
            () = sleep_until(publish_at) => Woken::PublishDue,
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
                self.publisher.publish(&self.engine, now);
                // The client may be gone.
                let _ = check.send(());
                None
            }
            Woken::Run(input) => Some(input),
            Woken::Loaded(loaded) => Some(self.reload.input(*loaded)),
            Woken::Deadline => Some(Input::Tick),
            Woken::Added => {
                self.publisher.note_change();
                None
            }
            Woken::PublishDue => None,
        };
        let effects = input.map(|input| {
            self.publisher.note_change();
            self.engine.handle(input, now)
        });
        self.carry_out(effects.unwrap_or_default(), now)
    }

    /// Carries out effects. First of all the state is published, where one of them can't wait for that: a client that
    /// has its answer, or a run that is asked to end, finds a snapshot and events that show why.
    fn carry_out(&mut self, effects: Vec<Effect>, now: Instant) -> Option<ShutdownOutcome> {
        let mut due = self.publisher.due_at().is_some_and(|at| at <= now);
        let mut finished = false;
        let mut orders = Vec::new();
        for effect in effects {
            match effect {
                Effect::Event(event) => self.publisher.record(event, now),
                order => {
                    finished |= order == Effect::Finish;
                    due |= matches!(order, Effect::Answer(..) | Effect::Stop(..) | Effect::Kill(_) | Effect::Finish);
                    orders.push(order);
                }
            }
        }
        if due {
            self.publisher.publish(&self.engine, now);
        }
        orders.into_iter().for_each(|order| self.apply(order));
        if finished { self.engine.outcome() } else { None }
    }

    /// A first signal drains, unless SIGHUP means a reload. During a drain SIGHUP changes nothing; any other signal kills
    /// what is left.
    fn on_signal(&mut self, signal: ReceivedSignal) -> Option<Input> {
        info!(signal = signal.name(), "signal received");
        let request = match (signal, self.engine.is_draining()) {
            (ReceivedSignal::Hangup, true) => return None,
            (ReceivedSignal::Hangup, false) => self.on_hangup.clone()?,
            (ReceivedSignal::Interrupt | ReceivedSignal::Terminate, true) => Request::KillAll,
            (ReceivedSignal::Interrupt | ReceivedSignal::Terminate, false) => Request::ShutDown,
        };
        Some(self.request(request, signal.name(), None))
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

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Load(request) => self.reload.begin(request),
            Effect::Adopt(ids) => self.reload.adopt(ids, &mut self.runners),
            Effect::Spawn(run) => {
                let runner = self.runners.get_mut(&run.task).expect("every task of the plan has a runner");
                self.runs.spawn(run, runner);
            }
            Effect::Stop(run, grace) => self.runs.stop(run, grace),
            Effect::Kill(run) => self.runs.kill(run),
            Effect::Signal { run, signal, tree } => self.runs.order(run, RunOrder::Signal { signal, tree }),
            Effect::RunOnChange { run, file } => self.runs.order(run, RunOrder::OnChange { file }),
            Effect::Answer(id, answer) => {
                if let Some(asked) = self.answers.remove(&id) {
                    // The client may be gone.
                    let _ = asked.send(answer);
                }
            }
            Effect::Event(_) | Effect::Finish => {}
        }
    }
}

/// Now, by a clock that tests can pause.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

async fn next_signal(signals: &mut Option<SignalListener>) -> ReceivedSignal {
    match signals {
        Some(signals) => signals.next().await,
        None => std::future::pending().await,
    }
}
