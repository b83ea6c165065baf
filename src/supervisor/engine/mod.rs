//! The pure state machine: inputs and the time go in, effects come out.
//!
//! No clock, no I/O, no tokio; the same inputs at the same instants give the same effects. Deadlines are
//! polled, never scheduled as effects, so a stale timer can't exist.
//!
//! ```text
//!             start                    ready
//!  Waiting ─────────▶ Starting ──▶ Running ◀─▶ Ready        (no probe: Ready as soon as it runs)
//!     ▲ deps not met      │ start failed  │ exited / probe gave up
//!     │                   ▼               ▼
//!     │      Backoff { attempt, retry_at } ◀── budget left
//!     └──────────────────────┘            │ budget spent
//!  Stopping { kill_at } ─▶ Stopped        ├─▶ fatal (the whole supervisor drains)
//!  Done (policy says it is done)          └─▶ Failed, held for a person
//! ```

#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::wildcard_enum_match_arm)]

mod backoff;
mod bounce;
mod drain;
mod effect;
mod ending;
mod event;
mod exit;
mod gate;
mod group;
mod input;
mod outcome;
mod plan;
mod policy;
mod reload;
mod replan;
mod request;
mod respond;
mod snapshot;
mod start;
mod state;
mod stop_order;
mod task;
mod trigger;
mod view;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub use backoff::{backoff, backoff_waits};
pub use effect::{Effect, LoadRequest};
pub use event::{AfterExit, Event, EventKind, HookEvent};
pub use exit::{ExitReason, Killer};
pub use input::{Input, Probe, RunId, Straggler, TaskId};
pub use outcome::{Killed, ShutdownCause, ShutdownOutcome, exit_code};
pub use plan::{Edge, GroupPlan, Plan, ReadyPlan, TaskPlan};
pub use policy::{
    Condition, Dependency, DrainConfig, EndsWhen, Intensity, OnExhausted, OnRestart, Overlap, Policy, RestartConfig,
    Strategy, WatchAction,
};
pub use replan::{BadConfig, Changes, Replan};
pub use request::{Answer, Origin, RELOADS_WAITING, Refusal, Request, RequestId, Verb};
pub use snapshot::{
    AfterStop, Blocker, EdgeSnapshot, GroupSnapshot, LastExit, PendingStop, PhaseSnapshot, ProbeSnapshot, Snapshot,
    Stage, TaskKind, TaskSnapshot, Uptime, Usage, WatchState, tasks_meant,
};
pub use state::{Progress, Reach, TaskState};

use backoff::Jitter;
use drain::Drain;
use group::Group;
use task::{RunFindings, Task};

/// The state of one supervisor.
#[derive(Debug)]
pub struct Engine {
    started: Instant,
    /// Every task there ever was, by id: one that a reload removes and another brings back goes on counting its runs.
    tasks: Vec<Task>,
    /// The ones that are supervised, in the order in which they are shown.
    board: Vec<TaskId>,
    /// The requests that wait for the configuration to be read; the first is being served.
    reloads: VecDeque<(RequestId, Origin, LoadRequest)>,
    groups: Vec<Group>,
    plan_drain: DrainConfig,
    until: EndsWhen,
    drain: Option<Drain>,
    jitter: Jitter,
    /// Effects of the input at hand, in order.
    effects: Vec<Effect>,
}

impl Engine {
    /// A supervisor that has started nothing yet: the first [`Input::Tick`] does.
    #[must_use]
    pub fn new(plan: Plan, now: Instant) -> Self {
        Self {
            started: now,
            board: (0..plan.tasks.len()).map(TaskId).collect(),
            reloads: VecDeque::new(),
            tasks: plan.tasks.into_iter().map(Task::new).collect(),
            groups: plan.groups.into_iter().map(Group::new).collect(),
            plan_drain: plan.drain,
            until: plan.until,
            drain: None,
            jitter: Jitter::seeded(plan.seed),
            effects: Vec::new(),
        }
    }

    /// Applies one input, then expires deadlines: an exit beats its own kill deadline.
    pub fn handle(&mut self, input: Input, now: Instant) -> Vec<Effect> {
        match input {
            Input::Started { run, pid, address } => self.on_started(run, pid, address, now),
            Input::Exited { run, reason } => self.on_exited(run, reason, now),
            Input::Probed { run, probe, passed, detail } => self.on_probed(run, probe, passed, detail, now),
            Input::Left { run, processes } => self.on_left(run, processes),
            Input::Exceeded { run, used, limit } => self.on_exceeded(run, used, limit, now),
            Input::Said { run, status } => {
                if let Some(run) = self.task_mut(run.task).run_mut(run.number) {
                    run.status = Some(status);
                }
            }
            Input::Measured { run, peak_memory, background, hint } => {
                self.on_measured(run, RunFindings { peak_memory: Some(peak_memory), background, hint });
            }
            Input::Requested { id, request, origin } => self.on_requested(id, &request, origin, now),
            Input::Scheduled { task, next } => self.on_scheduled(&task, next),
            Input::Due { task, late } => self.on_due(&task, late),
            Input::Changed { task, file } => self.on_changed(&task, file, now),
            Input::Loaded(loaded) => self.on_loaded(loaded),
            Input::Tick => {}
        }
        self.expire(now);
        self.advance(now);
        std::mem::take(&mut self.effects)
    }

    /// Does all that has become possible.
    fn advance(&mut self, now: Instant) {
        self.end_when_over(now);
        self.enforce_bound(now);
        if !self.is_draining() {
            self.stop_orphans();
            self.open_gates(now);
            // What can't start any more has failed just now.
            self.end_when_over(now);
        }
        self.advance_stops(now);
        self.finish_drain(now);
    }

    /// The time at which [`handle`](Self::handle) must be called next, or `None` if only an input can change the state.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let drain = self.drain.as_ref().and_then(Drain::next_deadline);
        self.board.iter().filter_map(|&id| self.task(id).deadline()).chain(drain).min()
    }

    fn task(&self, id: TaskId) -> &Task {
        &self.tasks[id.0]
    }

    fn task_mut(&mut self, id: TaskId) -> &mut Task {
        &mut self.tasks[id.0]
    }

    /// The task of that name on the board.
    fn named(&self, name: &str) -> Option<TaskId> {
        self.ids().find(|&id| self.task(id).plan.name == name)
    }

    /// The tasks on the board.
    fn ids(&self) -> impl Iterator<Item = TaskId> + use<> {
        self.board.clone().into_iter()
    }

    fn emit(&mut self, id: TaskId, kind: EventKind) {
        let task = Some(self.task(id).plan.name.clone());
        self.effects.push(Effect::Event(Event { task, kind }));
    }

    fn emit_for_all(&mut self, kind: EventKind) {
        self.effects.push(Effect::Event(Event { task: None, kind }));
    }
}

/// `now + wait`, or some thirty years from now where that can't be said: no configured duration overflows.
fn later(now: Instant, wait: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(1_000_000_000);
    now.checked_add(wait).unwrap_or_else(|| now.checked_add(FAR).unwrap_or(now))
}
