//! The snapshot, made from the state.

use std::time::Instant;

use super::Engine;
use super::drain::Cause;
use super::gate::Gate;
use super::input::TaskId;
use super::snapshot::{AfterStop, Blocker, PhaseSnapshot, Snapshot, Stage, TaskSnapshot, Uptime};
use super::task::{Failure, Phase, StopCause};

impl Engine {
    /// Everything as it stands. `generation` and `usage` are the driver's to fill in.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let stage = match &self.drain {
            None => Stage::Up,
            Some(drain) => Stage::Draining {
                cause: drain.cause().to_string(),
                fatal: matches!(drain.cause(), Cause::Fatal { .. }),
                deadline: self.uptime(drain.ends()),
            },
        };
        Snapshot {
            generation: 0,
            at: self.uptime(now),
            stage,
            tasks: self.ids().map(|id| self.task_snapshot(id, now)).collect(),
        }
    }

    /// `at` on the supervisor's own clock.
    pub(super) fn uptime(&self, at: Instant) -> Uptime {
        Uptime(at.saturating_duration_since(self.started))
    }

    fn task_snapshot(&self, id: TaskId, now: Instant) -> TaskSnapshot {
        let task = self.task(id);
        TaskSnapshot {
            name: task.plan.name.clone(),
            kind: task.plan.kind,
            about: task.plan.about.clone(),
            policy: task.plan.policy,
            on_exhausted: task.plan.on_exhausted,
            tty: task.plan.tty,
            phase: self.phase_snapshot(id, self.blockers(id)),
            run: task.run,
            retries: task.budget.retries,
            max_retries: task.plan.restart.max_retries,
            initial_backoff: task.plan.restart.initial_backoff,
            max_backoff: task.plan.restart.max_backoff,
            budget_back_at: task.budget_back_at().map(|at| self.uptime(at)),
            restarts: task.restarts,
            restarts_last_hour: task.budget.restarts_last_hour(now),
            last_exit: task.last_exit.clone(),
            exits: task.exits.clone(),
            probe: task.probe.clone(),
            usage: None,
            address: task.address.clone(),
        }
    }

    /// The word for a task's state.
    pub(super) fn state(&self, id: TaskId) -> &'static str {
        self.phase_snapshot(id, Vec::new()).word()
    }

    fn blockers(&self, id: TaskId) -> Vec<Blocker> {
        match self.gate(id) {
            Gate::Shut(blockers) => blockers,
            Gate::Open | Gate::Never(_) => Vec::new(),
        }
    }

    fn phase_snapshot(&self, id: TaskId, blockers: Vec<Blocker>) -> PhaseSnapshot {
        match &self.task(id).phase {
            Phase::Waiting { .. } => PhaseSnapshot::Waiting { blockers },
            &Phase::Starting { since, deadline } => {
                PhaseSnapshot::Starting { since: self.uptime(since), deadline: self.uptime(deadline) }
            }
            &Phase::Running { since, pid } => PhaseSnapshot::Running { since: self.uptime(since), pid },
            &Phase::Ready { since, pid } => PhaseSnapshot::Ready { since: self.uptime(since), pid },
            &Phase::Stopping { pid, since, kill_at, killed, ref left, ref cause, .. } => PhaseSnapshot::Stopping {
                since: self.uptime(since),
                kill_at: self.uptime(kill_at),
                killed,
                left: left.clone(),
                then: match cause {
                    StopCause::Asked => AfterStop::Stay,
                    StopCause::Restart => AfterStop::Restart,
                    StopCause::GaveUp(_) => AfterStop::Retry,
                    StopCause::Leave => AfterStop::Leave,
                },
                pid,
            },
            &Phase::Backoff { attempt, since, retry_at } => {
                PhaseSnapshot::Backoff { attempt, since: self.uptime(since), retry_at: self.uptime(retry_at) }
            }
            Phase::Stopped => PhaseSnapshot::Stopped,
            Phase::Done => PhaseSnapshot::Done,
            Phase::Failed(failure) => PhaseSnapshot::Failed {
                reason: self.failure_text(failure),
                dependency: match failure {
                    Failure::Own(_) => None,
                    Failure::Dependency(dependency) => Some(self.task(*dependency).plan.name.clone()),
                },
            },
        }
    }
}
