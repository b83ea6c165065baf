//! Another plan while all runs: what has not changed is never touched.
//!
//! A task is known by its name. What a reload removes stays on the board until its run has ended, and is remembered
//! beyond that, so that its runs go on counting should it come back.

use std::time::Instant;

use super::Engine;
use super::effect::Effect;
use super::event::EventKind;
use super::input::TaskId;
use super::plan::{Plan, TaskPlan};
use super::replan::{BadConfig, Replan};
use super::request::{Answer, Origin, Refusal, Request, RequestId};
use super::task::{Failure, Phase, StopCause, Task};

impl Engine {
    /// Has the configuration read for whoever asked, in the order of asking: each sees the file as it is after that.
    pub(super) fn await_load(&mut self, id: RequestId, origin: Origin) {
        if self.reloads.is_empty() {
            self.effects.push(Effect::Load);
        }
        self.reloads.push_back((id, origin));
    }

    pub(super) fn on_loaded(&mut self, loaded: Result<Box<Replan>, BadConfig>, now: Instant) {
        let Some((id, origin)) = self.reloads.pop_front() else { return };
        let answer = match loaded {
            Err(bad) => Err(Refusal::BadConfig(bad)),
            Ok(_) if self.is_draining() => Err(Refusal::Draining),
            Ok(replan) => {
                let Replan { plan, changes } = *replan;
                self.emit_for_all(EventKind::Reloaded { changes: changes.clone() });
                self.replan(plan, now);
                Ok(Answer::Reloaded(changes))
            }
        };
        if let Err(refusal) = &answer {
            let asked = Request::Reload.to_string();
            self.emit_for_all(EventKind::Refused { asked, origin, refusal: refusal.clone() });
        }
        self.effects.push(Effect::Answer(id, answer));
        if !self.reloads.is_empty() {
            self.effects.push(Effect::Load);
        }
    }

    fn replan(&mut self, Plan { tasks, drain, seed: _ }: Plan, now: Instant) {
        self.plan_drain = drain;
        let before = std::mem::take(&mut self.board);
        // A task that is new waits until all are there: its dependencies may be new, too.
        let ids: Vec<TaskId> = tasks.iter().map(|plan| self.id_for(plan)).collect();
        self.board.clone_from(&ids);
        self.effects.push(Effect::Adopt(ids.clone()));
        for (&id, mut plan) in ids.iter().zip(tasks) {
            for (dependency, _) in &mut plan.after {
                *dependency = ids[dependency.0];
            }
            if before.contains(&id) {
                self.adopt(id, plan, now);
            } else {
                self.task_mut(id).begin_anew(plan);
            }
        }
        for id in before.into_iter().filter(|id| !ids.contains(id)) {
            self.board.push(id);
            self.dismiss(id, now);
        }
    }

    /// The id that goes with the name, a new one if it was never heard of.
    fn id_for(&mut self, plan: &TaskPlan) -> TaskId {
        let known = self.tasks.iter().position(|task| task.plan.name == plan.name);
        TaskId(known.unwrap_or_else(|| {
            self.tasks.push(Task::new(plan.clone()));
            self.tasks.len() - 1
        }))
    }

    /// Goes on with another plan for a task that is on the board.
    fn adopt(&mut self, id: TaskId, plan: TaskPlan, now: Instant) {
        let task = self.task_mut(id);
        task.budget.cap(plan.restart.max_retries);
        let old = std::mem::replace(&mut task.plan, plan);
        let waits_for_other = old.after != task.plan.after;
        let is_new = old.revision != task.plan.revision;
        match (&task.phase, task.phase.stop_cause()) {
            // It was being removed, and is wanted again.
            (_, Some(StopCause::Leave)) => self.restart(id, now),
            // A person wants it to be down.
            (_, Some(StopCause::Asked)) | (Phase::Stopped, _) => {}
            (Phase::Live(_) | Phase::Backoff { .. } | Phase::Done | Phase::Failed { .. }, _) if is_new => {
                self.restart(id, now);
            }
            (Phase::Waiting { .. } | Phase::Failed { failure: Failure::Dependency(_), .. }, _) if waits_for_other => {
                task.phase = Phase::WAITING;
            }
            (
                Phase::Waiting { .. } | Phase::Live(_) | Phase::Backoff { .. } | Phase::Done | Phase::Failed { .. },
                _,
            ) => {}
        }
    }

    /// Stops a task that is not planned any more; it leaves the board once it is down.
    fn dismiss(&mut self, id: TaskId, now: Instant) {
        if self.task(id).live_run(id).is_some() {
            let grace = self.task(id).plan.stop_timeout;
            self.stop(id, StopCause::Leave, grace, now);
        } else {
            self.leave(id);
        }
    }

    /// Takes a task that is down off the board.
    pub(super) fn leave(&mut self, id: TaskId) {
        self.task_mut(id).phase = Phase::Stopped;
        self.board.retain(|&on| on != id);
        self.emit(id, EventKind::Removed);
    }
}

impl Task {
    /// Comes back to the board, or comes there first: nothing but the number of its runs goes on.
    fn begin_anew(&mut self, plan: TaskPlan) {
        let run = self.run;
        *self = Self { run, ..Self::new(plan) };
    }
}
