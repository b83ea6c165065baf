//! Dependencies: whether a task may start, what it waits for, and what it needs to be started for it.

use std::collections::BTreeSet;

use super::Engine;
use super::input::TaskId;
use super::plan::Edge;
use super::policy::{Condition, OnRestart};
use super::snapshot::Blocker;
use super::state::Reach;
use super::task::{Failure, Phase};

/// Whether a task may start.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// All its dependencies hold.
    Open,
    /// These do not hold yet.
    Shut(Vec<Blocker>),
    /// This one can't hold any more unless a person starts it again.
    Never(TaskId),
}

impl Engine {
    /// Judges every dependency of `id`, and whether its group lets it start.
    pub(super) fn gate(&self, id: TaskId) -> Gate {
        let mut blockers = Vec::new();
        for edge in &self.task(id).plan.after {
            match self.reach(edge) {
                Reach::Met => {}
                Reach::Pending | Reach::Halted => blockers.push(self.blocker(edge.task, edge.condition)),
                Reach::Failed => return Gate::Never(edge.task),
            }
        }
        blockers.extend(self.restarting_mates(id).map(|mate| self.blocker(mate, Condition::Started)));
        if blockers.is_empty() { Gate::Open } else { Gate::Shut(blockers) }
    }

    fn blocker(&self, id: TaskId, condition: Condition) -> Blocker {
        let task = self.task(id);
        Blocker { task: task.plan.name.clone(), condition, state: task.state().word().into() }
    }

    /// How far a dependency is. One whose restarts matter is judged by its current run; one that is not required holds up
    /// its dependent only while it is on its way.
    pub(super) fn reach(&self, edge: &Edge) -> Reach {
        let task = self.task(edge.task);
        let progress = match edge.on_restart {
            OnRestart::Ignore => task.progress(),
            OnRestart::Restart | OnRestart::Stop => task.current_progress(),
        };
        match progress.toward(edge.condition) {
            Reach::Halted | Reach::Failed if !edge.required => Reach::Met,
            reach @ (Reach::Met | Reach::Pending | Reach::Halted | Reach::Failed) => reach,
        }
    }

    /// Has what `id` needs started: every required dependency that is at rest and does not hold, also beyond those that
    /// wait. A person's start of `id` asks for what has failed, too. Whether anything is started.
    pub(super) fn start_needs(&mut self, id: TaskId, with_failed: bool) -> bool {
        let mut starts = false;
        let mut todo = vec![id];
        let mut seen = BTreeSet::new();
        while let Some(id) = todo.pop() {
            if !seen.insert(id) {
                continue;
            }
            for edge in self.task(id).plan.after.clone() {
                let missing = match self.reach(&edge) {
                    Reach::Halted => true,
                    Reach::Failed => with_failed,
                    Reach::Met | Reach::Pending => false,
                };
                let task = self.task_mut(edge.task);
                let is_asked = with_failed || matches!(task.phase, Phase::Stopped { asked: false });
                if edge.required && missing && is_asked {
                    task.phase = Phase::WAITING;
                    starts = true;
                }
                if edge.required && matches!(task.phase, Phase::Waiting { .. }) {
                    todo.push(edge.task);
                }
            }
        }
        starts
    }

    /// Has everything started that what waits needs.
    pub(super) fn start_all_needs(&mut self) {
        for id in self.ids() {
            if let Phase::Waiting { .. } = self.task(id).phase {
                self.start_needs(id, false);
            }
        }
    }

    /// Why a task failed for good, for people.
    pub(super) fn failure_text(&self, failure: &Failure) -> String {
        match failure {
            Failure::Own(text) | Failure::Group(text) => text.clone(),
            Failure::Dependency(dependency) => format!("{} failed", self.task(*dependency).plan.name),
        }
    }
}
