//! How restarts reach dependents (`on_restart`) and mates of a group.
//!
//! A task that is reached is stopped in order, dependents first, and waits to start again: its edges, judged by the current
//! run of what it depends on, and its group let it start when it is its turn. One that is going down already is joined: it
//! is stopped once, and starts once.

use super::Engine;
use super::input::TaskId;
use super::plan::Edge;
use super::policy::{OnRestart, Policy};
use super::state::Reach;
use super::task::{Phase, StopCause};

impl Engine {
    /// Every task that goes along with `id` over these kinds of edges, and what goes along with those in turn.
    pub(super) fn followers(&self, id: TaskId, kinds: &[OnRestart]) -> Vec<TaskId> {
        let mut found = Vec::new();
        let mut todo = vec![id];
        while let Some(dependency) = todo.pop() {
            for other in self.ids().filter(|&other| other != id) {
                let task = self.task(other);
                let follows = |edge: &Edge| edge.task == dependency && kinds.contains(&edge.on_restart);
                let goes_along = |edge: &Edge| follows(edge) && task.goes_along(edge.on_restart);
                if !found.contains(&other) && task.plan.after.iter().any(goes_along) {
                    found.push(other);
                    todo.push(other);
                }
            }
        }
        found
    }

    /// A run of `id` begins: those that are restarted with it are, if they run or are done.
    pub(super) fn bounce_followers(&mut self, id: TaskId) {
        for follower in self.followers(id, &[OnRestart::Restart]) {
            self.bounce(follower);
        }
    }

    /// Has a task start again: a run of it is stopped first, in order. One that is being ended for a failure goes by its
    /// policy all the same.
    pub(super) fn bounce(&mut self, id: TaskId) {
        let task = self.task_mut(id);
        let keeps_cause = task.is_kept_down() || task.is_given_up();
        match &mut task.phase {
            Phase::Live(run) if !keeps_cause => run.request_stop(StopCause::Restart),
            Phase::Done => task.phase = Phase::WAITING,
            Phase::Live(_) | Phase::Waiting { .. } | Phase::Backoff { .. } | Phase::Scheduled => {}
            Phase::Stopped { .. } | Phase::Failed { .. } => {}
        }
    }

    /// Stops what may only run while what it depends on does.
    pub(super) fn stop_orphans(&mut self) {
        for id in self.live().collect::<Vec<_>>() {
            let task = self.task(id);
            let is_missing = |edge: &&Edge| {
                let is_down = self.task(edge.task).live().is_none();
                edge.on_restart == OnRestart::Stop && is_down && self.reach(edge) != Reach::Met
            };
            if !task.is_going_down() && task.plan.after.iter().any(|edge| is_missing(&edge)) {
                self.bounce(id);
            }
        }
    }

    /// A member of a group is about to be restarted by its policy: so are its mates, as the strategy has it.
    pub(super) fn bounce_mates(&mut self, id: TaskId) {
        for mate in self.mates_after(id) {
            // As in OTP: what has completed is started again, unless it is never restarted.
            if self.task(mate).phase != Phase::Done || self.task(mate).plan.policy != Policy::Never {
                self.bounce(mate);
            }
        }
    }
}
