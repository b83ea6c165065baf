//! Dependencies: whether a task may start, and what it waits for.

use super::Engine;
use super::input::TaskId;
use super::snapshot::Blocker;
use super::task::{Failure, Phase, Task};
use crate::supervisor::engine::Condition;

/// Whether a task may start.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// All its dependencies hold.
    Open,
    /// These do not hold yet.
    Shut(Vec<Blocker>),
    /// This one can never hold by itself any more.
    Never(TaskId),
}

/// Whether one condition holds.
enum Met {
    Yes,
    NotYet,
    Never,
}

impl Engine {
    /// Looks at everything that `id` depends on.
    pub(super) fn gate(&self, id: TaskId) -> Gate {
        let mut blockers = Vec::new();
        for &(dependency, condition) in &self.task(id).plan.after {
            let task = self.task(dependency);
            match met(task, condition) {
                Met::Yes => {}
                Met::NotYet => blockers.push(Blocker {
                    task: task.plan.name.clone(),
                    condition,
                    state: self.state(dependency).into(),
                }),
                Met::Never => return Gate::Never(dependency),
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

fn met(task: &Task, condition: Condition) -> Met {
    let holds = match condition {
        Condition::Started => task.ever_started,
        Condition::Ready => matches!(task.phase, Phase::Ready { .. } | Phase::Done),
        Condition::Success => task.phase == Phase::Done,
        Condition::Exited => task.last_exit.is_some(),
    };
    if holds {
        Met::Yes
    } else if let Phase::Failed(_) = task.phase {
        Met::Never
    } else {
        Met::NotYet
    }
}
