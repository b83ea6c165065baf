//! Dependencies: whether a task may start, and what it waits for.

use super::Engine;
use super::input::TaskId;
use super::snapshot::Blocker;
use super::state::Reach;
use super::task::Failure;

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
    /// Judges every dependency of `id`.
    pub(super) fn gate(&self, id: TaskId) -> Gate {
        let mut blockers = Vec::new();
        for &(dependency, condition) in &self.task(id).plan.after {
            let task = self.task(dependency);
            match task.progress().toward(condition) {
                Reach::Met => {}
                Reach::Pending | Reach::Halted => blockers.push(Blocker {
                    task: task.plan.name.clone(),
                    condition,
                    state: task.state().word().into(),
                }),
                Reach::Failed => return Gate::Never(dependency),
            }
        }
        if blockers.is_empty() { Gate::Open } else { Gate::Shut(blockers) }
    }

    /// Why a task failed for good, for people.
    pub(super) fn failure_text(&self, failure: &Failure) -> String {
        match failure {
            Failure::Own(text) => text.clone(),
            Failure::Dependency(dependency) => format!("{} failed", self.task(*dependency).plan.name),
        }
    }
}
