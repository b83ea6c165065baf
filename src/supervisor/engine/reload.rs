//! Another plan while all runs: what has not changed is never touched.
//!
//! A task is known by its name. What a reload removes stays on the board until its run has ended, and is remembered
//! beyond that, so that its runs go on counting should it come back.

use super::Engine;
use super::effect::{Effect, LoadRequest};
use super::event::EventKind;
use super::group::Group;
use super::input::TaskId;
use super::plan::{GroupPlan, Plan, TaskPlan};
use super::replan::{BadConfig, Replan};
use super::request::{Answer, Origin, Refusal, Request, RequestId};
use super::task::{Failure, Phase, StopCause, Task};

impl Engine {
    /// Has the configuration read for each request, in their order: each sees the file as it is after that.
    pub(super) fn await_load(&mut self, id: RequestId, origin: Origin, request: LoadRequest) {
        if self.reloads.is_empty() {
            self.effects.push(Effect::Load(request.clone()));
        }
        self.reloads.push_back((id, origin, request));
    }

    pub(super) fn on_loaded(&mut self, loaded: Result<Box<Replan>, BadConfig>) {
        let Some((id, origin, request)) = self.reloads.pop_front() else { return };
        let answer = match loaded {
            Err(bad) => Err(Refusal::BadConfig(bad)),
            Ok(_) if self.is_draining() => Err(Refusal::Draining),
            Ok(replan) => {
                let Replan { plan, changes } = *replan;
                self.emit_for_all(EventKind::Reloaded { changes: changes.clone() });
                self.replan(plan);
                Ok(Answer::Reloaded(changes))
            }
        };
        if let Err(refusal) = &answer {
            let asked = match request {
                LoadRequest::File => Request::Reload,
                LoadRequest::Scale { task, replicas } => Request::Scale { task, replicas },
            };
            let asked = asked.to_string();
            self.emit_for_all(EventKind::Refused { asked, origin, refusal: refusal.clone() });
        }
        self.effects.push(Effect::Answer(id, answer));
        let next = self.reloads.front().map(|(_, _, request)| Effect::Load(request.clone()));
        self.effects.extend(next);
    }

    fn replan(&mut self, Plan { tasks, groups, drain, until: _, seed: _ }: Plan) {
        self.plan_drain = drain;
        let before = std::mem::take(&mut self.board);
        // A task that is new waits until all are there: its dependencies may be new, too.
        let ids: Vec<TaskId> = tasks.iter().map(|plan| self.id_for(plan)).collect();
        self.board.clone_from(&ids);
        self.effects.push(Effect::Adopt(ids.clone()));
        for (&id, mut plan) in ids.iter().zip(tasks) {
            for edge in &mut plan.after {
                edge.task = ids[edge.task.0];
            }
            if before.contains(&id) {
                self.adopt(id, plan);
            } else {
                self.task_mut(id).begin_anew(plan);
            }
        }
        for id in before.into_iter().filter(|id| !ids.contains(id)) {
            self.board.push(id);
            self.dismiss(id);
        }
        self.regroup(groups, &ids);
        self.start_all_needs();
    }

    /// Goes on with other groups. What a group of the same name has used of its budget stays used.
    fn regroup(&mut self, groups: Vec<GroupPlan>, ids: &[TaskId]) {
        let mut before = std::mem::take(&mut self.groups);
        for mut plan in groups {
            plan.tasks.iter_mut().for_each(|id| *id = ids[id.0]);
            match before.iter().position(|group| group.plan.name == plan.name) {
                Some(at) => {
                    let mut group = before.swap_remove(at);
                    group.adopt(plan);
                    self.groups.push(group);
                }
                None => self.groups.push(Group::new(plan)),
            }
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
    fn adopt(&mut self, id: TaskId, plan: TaskPlan) {
        let task = self.task_mut(id);
        task.budget.cap(plan.restart.max_retries);
        let old = std::mem::replace(&mut task.plan, plan);
        let waits_for_other = old.after != task.plan.after;
        let is_new = old.revision != task.plan.revision;
        let has_schedule = task.plan.schedule.is_some();
        match (&task.phase, task.phase.stop_cause()) {
            // It was being removed, and is wanted again.
            (_, Some(StopCause::Leave)) => self.restart(id),
            // A person wants it to be down.
            (_, Some(StopCause::Asked)) | (Phase::Stopped { asked: true }, _) => {}
            (Phase::Stopped { asked: false }, _) => task.phase = Phase::first(&task.plan),
            (Phase::Scheduled, _) if !has_schedule => task.phase = Phase::first(&task.plan),
            (Phase::Scheduled, _) => {}
            (Phase::Live(_) | Phase::Backoff { .. } | Phase::Done | Phase::Failed { .. }, _) if is_new => {
                self.restart(id)
            }
            (Phase::Done, _) if has_schedule => task.phase = Phase::Scheduled,
            (Phase::Waiting { .. } | Phase::Failed { failure: Failure::Dependency(_), .. }, _) if waits_for_other => {
                task.phase = Phase::WAITING;
            }
            (Phase::Waiting { .. } | Phase::Live(_) | Phase::Backoff { .. }, _) => {}
            (Phase::Done | Phase::Failed { .. }, _) => {}
        }
    }

    /// Stops a task that is not planned any more; it leaves the board once it is down.
    fn dismiss(&mut self, id: TaskId) {
        match self.task_mut(id).live_mut() {
            Some(run) => run.request_stop(StopCause::Leave),
            None => self.leave(id),
        }
    }

    /// Takes a task that is down off the board.
    pub(super) fn leave(&mut self, id: TaskId) {
        self.task_mut(id).phase = Phase::Stopped { asked: true };
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
