//! How runs are stopped: in order, each with its own time, killed when that is over.
//!
//! A run that is to be stopped in order waits for the runs of its dependents that are going down as well: what depends on
//! it is down, or was killed in vain, before it is asked to stop. That holds for a drain, where all runs go down.

use std::time::{Duration, Instant};

use super::effect::Effect;
use super::event::EventKind;
use super::exit::ExitReason;
use super::input::{RunId, TaskId};
use super::snapshot::TaskKind;
use super::task::{RunStage, StopCause};
use super::{Engine, later};

/// How long after a kill the end of a run is waited for before others go on without it.
pub(super) const KILL_WAIT: Duration = Duration::from_millis(400);

impl Engine {
    /// Asks every run to stop that is to be, and that nothing is in the way of.
    pub(super) fn advance_stops(&mut self, now: Instant) {
        for id in self.ids() {
            let task = self.task(id);
            let Some(cause) = task.live().and_then(|run| run.pending_stop().cloned()) else { continue };
            if self.is_in_use(id) {
                continue;
            }
            let (kind, grace) = (task.plan.kind, task.plan.stop_timeout);
            let most = self.drain.as_ref().map_or(Duration::MAX, |drain| drain.time_left(kind, now));
            self.stop(id, cause, grace.min(most), now);
        }
    }

    /// Whether a dependent that goes down as well is not down yet.
    fn is_in_use(&self, id: TaskId) -> bool {
        self.users_going_down(id).next().is_some()
    }

    /// The dependents that go down as well and are not down yet: a stop in order waits for them. In a drain stead's own parts are in use by every task, and
    /// those that show what happens by the ones that depend on a part: what hooks still have to tell is shown.
    pub(super) fn users_going_down(&self, id: TaskId) -> impl Iterator<Item = TaskId> {
        let is_own = move |id: TaskId| self.task(id).plan.kind == TaskKind::Builtin;
        let is_last = move |id: TaskId| is_own(id) && self.task(id).plan.after.is_empty();
        self.live().filter(move |&other| {
            let task = self.task(other);
            let depends = task.plan.after.iter().any(|edge| edge.task == id);
            let outlives = (is_own(id) && !is_own(other)) || (is_last(id) && !is_last(other));
            (depends || (self.is_draining() && outlives)) && task.is_going_down() && !task.is_overdue()
        })
    }

    /// Ends a run that does not do what it should; that counts as a failure.
    pub(super) fn give_up(&mut self, id: TaskId, why: ExitReason, grace: Duration, now: Instant) {
        // A run that no other is to follow is stopped for that; a restart does not hide the failure.
        let task = self.task(id);
        let kept = task.phase.stop_cause().filter(|_| task.is_kept_down()).cloned();
        let cause = kept.unwrap_or(StopCause::GaveUp(why));
        self.stop(id, cause, grace, now);
    }

    /// Asks a run to end; it is killed after `grace`, at once if that is zero. For a run that is being stopped already
    /// only the cause changes, and the kill comes no later than before. Nothing happens if none is live.
    pub(super) fn stop(&mut self, id: TaskId, cause: StopCause, grace: Duration, now: Instant) {
        let task = self.task_mut(id);
        let number = task.run;
        if !task.live_mut().is_some_and(|run| run.stop(cause, later(now, grace), now)) {
            return;
        }
        if grace.is_zero() {
            self.kill(id, now);
        } else {
            self.effects.push(Effect::Stop(RunId { task: id, number }, grace));
            self.emit(id, EventKind::Stopping { run: number, grace });
        }
    }

    /// Kills a run that is being stopped.
    pub(super) fn kill(&mut self, id: TaskId, now: Instant) {
        let task = self.task_mut(id);
        let (number, name) = (task.run, task.plan.name.clone());
        let Some(RunStage::Stopping(stop)) = task.live_mut().map(|run| &mut run.stage) else { return };
        if !stop.kill(now) {
            return;
        }
        let held = now.saturating_duration_since(stop.since);
        self.effects.push(Effect::Kill(RunId { task: id, number }));
        self.emit(id, EventKind::Killed { run: number, held });
        if let Some(drain) = &mut self.drain {
            drain.note_killed(name, held);
        }
        self.name_left(id);
    }
}
