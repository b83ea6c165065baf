//! The ordered stop of everything.
//!
//! Every live run is to be stopped; each is once nothing that depends on it is in its way (see [`super::stop_order`]). So the
//! drain takes as long as the stop timeouts on its longest chain, and needs no bound of its own. A bound that is set kills
//! all tasks that are left when it is reached. stead's own parts come last, and report every end until then.

use std::time::{Duration, Instant};

use super::effect::Effect;
use super::event::EventKind;
use super::exit::ExitReason;
use super::input::{Straggler, TaskId};
use super::outcome::{Killed, ShutdownCause, ShutdownOutcome};
use super::policy::EndsWhen;
use super::request::Origin;
use super::snapshot::TaskKind;
use super::state::TaskState;
use super::stop_order::KILL_WAIT;
use super::task::{Failure, Phase, StopCause};
use super::{Engine, later};

/// How long stead's own parts go on after the bound: they are needed until the ends of the tasks are reported, or
/// [`KILL_WAIT`] is over, and then have the rest to stop.
const PARTS_TIME: Duration = Duration::from_millis(600);

/// A drain under way.
#[derive(Debug)]
pub(super) struct Drain {
    cause: ShutdownCause,
    since: Instant,
    /// When the last task is killed at the latest.
    deadline: Instant,
    /// The bound that is set, if one is.
    bound: Option<Instant>,
    stage: DrainStage,
    forced: bool,
    killed: Vec<Killed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DrainStage {
    /// Each run has its own time.
    Orderly,
    /// The bound was reached: all tasks were killed, and stead's own parts have until then.
    Bounded {
        parts_end: Instant,
    },
    /// That is over as well: everything was killed.
    Killed {
        wait_until: Instant,
    },
    Finished(Instant),
}

impl Drain {
    /// The time at which the drain needs attention next, besides its tasks' own deadlines.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        match self.stage {
            DrainStage::Orderly => self.bound,
            DrainStage::Bounded { parts_end } => Some(parts_end),
            DrainStage::Killed { wait_until } => Some(wait_until),
            DrainStage::Finished(_) => None,
        }
    }

    pub(super) fn note_killed(&mut self, name: String, held: Duration) {
        self.killed.push(Killed { name, held, left: Vec::new() });
    }

    pub(super) fn note_left(&mut self, name: &str, left: &[Straggler]) {
        if let Some(killed) = self.killed.iter_mut().rfind(|killed| killed.name == name) {
            killed.left = left.to_vec();
        }
    }

    pub(super) fn cause(&self) -> &ShutdownCause {
        &self.cause
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The most time that a run of this kind may still have.
    pub(super) fn time_left(&self, kind: TaskKind, now: Instant) -> Duration {
        let end = match (self.stage, kind) {
            (DrainStage::Orderly, _) => self.bound,
            (DrainStage::Bounded { parts_end }, TaskKind::Builtin) => Some(parts_end),
            (DrainStage::Bounded { .. } | DrainStage::Killed { .. } | DrainStage::Finished(_), _) => Some(now),
        };
        end.map_or(Duration::MAX, |end| end.saturating_duration_since(now))
    }
}

impl Engine {
    /// How it ended, once [`Effect::Finish`] has come.
    #[must_use]
    pub fn outcome(&self) -> Option<ShutdownOutcome> {
        let drain = self.drain.as_ref()?;
        let DrainStage::Finished(at) = drain.stage else { return None };
        Some(ShutdownOutcome {
            cause: drain.cause.clone(),
            forced: drain.forced,
            took: at.saturating_duration_since(drain.since),
            killed: drain.killed.clone(),
            abandoned: self.live().map(|id| self.task(id).plan.name.clone()).collect(),
        })
    }

    /// Whether a drain has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.drain.is_some()
    }

    /// Ends it all if that is to happen without being asked for.
    pub(super) fn end_when_over(&mut self, now: Instant) {
        if self.is_draining() {
            return;
        }
        match self.until {
            EndsWhen::Asked => {}
            EndsWhen::Task(id) => {
                let task = self.task(id);
                if !task.state().is_at_rest() {
                    return;
                }
                let name = task.plan.name.clone();
                let (reason, success) = match (&task.phase, &task.last_exit) {
                    (Phase::Failed { failure: failure @ Failure::Dependency(_), .. }, _) => {
                        (ExitReason::Error { message: self.failure_text(failure) }, false)
                    }
                    (_, Some(last)) => (last.reason.clone(), last.succeeded),
                    (_, None) => (ExitReason::Error { message: "it was stopped before it ran".to_owned() }, false),
                };
                self.begin_drain(ShutdownCause::Ended { name, reason, success }, now);
            }
            EndsWhen::AllDone => {
                let is_task = |id: &TaskId| self.task(*id).plan.kind != TaskKind::Builtin;
                let tasks: Vec<_> = self.ids().filter(is_task).collect();
                if tasks.iter().all(|&id| self.task(id).is_over()) {
                    let failed = tasks.iter().map(|&id| self.task(id)).filter(|task| task.state() == TaskState::Failed);
                    let failed = failed.map(|task| task.plan.name.clone()).collect();
                    self.begin_drain(ShutdownCause::Completed { failed }, now);
                }
            }
        }
    }

    /// Begins the drain; nothing starts from here on. The first cause stays the cause.
    pub(super) fn begin_drain(&mut self, cause: ShutdownCause, now: Instant) {
        if self.drain.is_some() {
            return;
        }
        let (bound, culprit) = match &cause {
            ShutdownCause::Graceful { .. } => (self.plan_drain.graceful, None),
            ShutdownCause::Completed { .. } | ShutdownCause::Ended { .. } => (self.plan_drain.graceful, None),
            ShutdownCause::Fatal { name, .. } => (Some(self.plan_drain.fatal), Some(name.clone())),
        };
        let chain = self.longest_chain(now);
        let within = bound.map_or(chain, |bound| bound.min(chain));
        self.emit_for_all(EventKind::Draining { cause: cause.to_string(), culprit, within });
        let bound = bound.map(|bound| later(now, bound));
        let (deadline, stage) = (later(now, within), DrainStage::Orderly);
        self.drain = Some(Drain { cause, since: now, deadline, bound, stage, forced: false, killed: Vec::new() });
        for id in self.ids() {
            match &mut self.task_mut(id).phase {
                Phase::Waiting { .. } | Phase::Backoff { .. } | Phase::Scheduled => self.stopped(id),
                Phase::Live(run) => run.request_stop(StopCause::Asked),
                Phase::Failed { retry_at, .. } => *retry_at = None,
                Phase::Stopped { .. } | Phase::Done => {}
            }
        }
    }

    /// Kills every task that is left, now.
    pub(super) fn force_drain(&mut self, origin: &Origin, now: Instant) {
        self.begin_drain(ShutdownCause::Graceful { origin: origin.clone() }, now);
        self.emit_for_all(EventKind::Forced { origin: origin.clone() });
        if let Some(drain) = &mut self.drain {
            drain.forced = true;
            drain.deadline = drain.deadline.min(now);
            drain.bound = Some(drain.bound.map_or(now, |bound| bound.min(now)));
        }
    }

    /// Acts on the bound, if it is reached.
    pub(super) fn enforce_bound(&mut self, now: Instant) {
        while let Some(drain) = &mut self.drain {
            match drain.stage {
                DrainStage::Orderly if drain.bound.is_some_and(|bound| now >= bound) => {
                    drain.stage = DrainStage::Bounded { parts_end: later(now, PARTS_TIME) };
                    self.kill_all(|kind| kind != TaskKind::Builtin, now);
                }
                DrainStage::Bounded { parts_end } if now >= parts_end => {
                    drain.stage = DrainStage::Killed { wait_until: later(now, KILL_WAIT) };
                    self.kill_all(|_| true, now);
                }
                DrainStage::Orderly
                | DrainStage::Bounded { .. }
                | DrainStage::Killed { .. }
                | DrainStage::Finished(_) => return,
            }
        }
    }

    /// Ends the drain once nothing is left whose end may still be waited for.
    pub(super) fn finish_drain(&mut self, now: Instant) {
        let Some(drain) = &self.drain else { return };
        let is_over = match drain.stage {
            DrainStage::Finished(_) => return,
            DrainStage::Killed { wait_until } => now >= wait_until,
            DrainStage::Orderly | DrainStage::Bounded { .. } => false,
        };
        if is_over || self.live().all(|id| self.task(id).is_overdue()) {
            self.finish(now);
        }
    }

    /// Kills the live runs of these kinds of tasks.
    fn kill_all(&mut self, kinds: fn(TaskKind) -> bool, now: Instant) {
        for id in self.live().filter(|&id| kinds(self.task(id).plan.kind)).collect::<Vec<_>>() {
            self.stop(id, StopCause::Asked, Duration::ZERO, now);
            self.kill(id, now);
        }
    }

    fn finish(&mut self, now: Instant) {
        for id in self.live().collect::<Vec<_>>() {
            self.emit(id, EventKind::Abandoned);
        }
        if let Some(drain) = &mut self.drain {
            drain.stage = DrainStage::Finished(now);
        }
        self.effects.push(Effect::Finish);
    }

    /// How long the tasks may take to stop one after the other, each with its whole stop timeout.
    fn longest_chain(&self, now: Instant) -> Duration {
        let own = |id: TaskId| {
            let task = self.task(id);
            task.live().map(|run| run.stop_time_left(task.plan.stop_timeout, now)).unwrap_or_default()
        };
        // What a task and its dependents take. There are no cycles, so this settles after as many rounds as the longest
        // chain has links.
        let mut chain = vec![Duration::ZERO; self.tasks.len()];
        let tasks: Vec<_> = self.live().filter(|&id| self.task(id).plan.kind != TaskKind::Builtin).collect();
        tasks.iter().for_each(|&id| chain[id.0] = own(id));
        let mut settled = false;
        while !settled {
            settled = true;
            for &id in &tasks {
                let live = |dependency: &TaskId| tasks.contains(dependency);
                for dependency in self.task(id).plan.after.iter().map(|edge| edge.task).filter(live) {
                    let needs = own(dependency).saturating_add(chain[id.0]);
                    if needs > chain[dependency.0] {
                        chain[dependency.0] = needs;
                        settled = false;
                    }
                }
            }
        }
        chain.into_iter().max().unwrap_or_default()
    }

    pub(super) fn live(&self) -> impl Iterator<Item = TaskId> {
        self.ids().filter(|&id| self.task(id).live().is_some())
    }
}
