//! The snapshot, made from the state.

use std::time::Instant;

use super::Engine;
use super::gate::Gate;
use super::input::TaskId;
use super::outcome::ShutdownCause;
use super::plan::Edge;
use super::snapshot::{
    AfterStop, Blocker, EdgeSnapshot, PendingStop, PhaseSnapshot, Snapshot, Stage, TaskSnapshot, Uptime, WatchState,
};
use super::task::{Failure, Phase, Run, RunStage, StopCause};

impl Engine {
    /// Everything as it stands. `generation` and `usage` are the driver's to fill in.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let stage = match &self.drain {
            None => Stage::Up,
            Some(drain) => Stage::Draining {
                cause: drain.cause().to_string(),
                fatal: matches!(drain.cause(), ShutdownCause::Fatal { .. }),
                deadline: self.uptime(drain.deadline()),
            },
        };
        Snapshot {
            generation: 0,
            at: self.uptime(now),
            stage,
            tasks: self.ids().map(|id| self.task_snapshot(id, now)).collect(),
            groups: self.group_snapshots(now),
        }
    }

    /// `at` on the supervisor's own clock.
    pub(super) fn uptime(&self, at: Instant) -> Uptime {
        Uptime(at.saturating_duration_since(self.started))
    }

    fn task_snapshot(&self, id: TaskId, now: Instant) -> TaskSnapshot {
        let task = self.task(id);
        let run = task.live();
        TaskSnapshot {
            name: task.plan.name.clone(),
            kind: task.plan.kind,
            about: task.plan.about.clone(),
            description: task.plan.description.clone(),
            policy: task.plan.policy,
            on_exhausted: task.plan.on_exhausted,
            replica_of: task.plan.replica_of.clone(),
            autostart: task.plan.autostart,
            after: task.plan.after.iter().map(|edge| self.edge_snapshot(edge)).collect(),
            probed: task.plan.ready.is_some(),
            ports: task.plan.ports.clone(),
            tty: task.plan.tty,
            phase: self.phase_snapshot(id),
            pending_stop: run.and_then(Run::pending_stop).and_then(|cause| self.pending_stop_snapshot(id, cause)),
            run: task.run,
            runs_before: task.plan.runs_before,
            retries: task.budget.retries,
            max_retries: task.plan.restart.max_retries,
            initial_backoff: task.plan.restart.initial_backoff,
            max_backoff: task.plan.restart.max_backoff,
            budget_back_at: task.budget_back_at().map(|at| self.uptime(at)),
            restarts: task.restarts,
            restarts_last_hour: task.budget.restarts_last_hour(now),
            flapping_every: task.budget.flapping().filter(|_| !task.state().is_at_rest()),
            last_exit: task.last_exit.clone(),
            exits: task.exits.clone(),
            has_started: task.has_started,
            probe: run.and_then(|run| run.probe.clone()),
            live_probe: run.and_then(|run| run.live_probe.clone()),
            status: run.and_then(|run| run.status.clone()),
            next_due: task.next_due.filter(|_| task.plan.schedule.is_some()).map(|at| self.uptime(at)),
            watch: task.plan.watch.map(|_| match task.watch.is_suspended {
                true => WatchState::Suspended,
                false => WatchState::Watching,
            }),
            usage: None,
            last_words: None,
            address: run.and_then(|run| run.address.clone()),
        }
    }

    fn edge_snapshot(&self, edge: &Edge) -> EdgeSnapshot {
        let Edge { task, condition, on_restart, required } = *edge;
        EdgeSnapshot { task: self.task(task).plan.name.clone(), condition, on_restart, required }
    }

    fn blockers(&self, id: TaskId) -> Vec<Blocker> {
        match self.gate(id) {
            Gate::Shut(blockers) => blockers,
            Gate::Open | Gate::Never(_) => Vec::new(),
        }
    }

    fn phase_snapshot(&self, id: TaskId) -> PhaseSnapshot {
        match &self.task(id).phase {
            Phase::Waiting { .. } => PhaseSnapshot::Waiting { blockers: self.blockers(id) },
            Phase::Live(run) => self.run_snapshot(run),
            &Phase::Backoff { attempt, since, retry_at } => {
                PhaseSnapshot::Backoff { attempt, since: self.uptime(since), retry_at: self.uptime(retry_at) }
            }
            Phase::Scheduled => PhaseSnapshot::Scheduled,
            Phase::Stopped { .. } => PhaseSnapshot::Stopped,
            Phase::Done => PhaseSnapshot::Done,
            Phase::Failed { failure, retry_at } => PhaseSnapshot::Failed {
                reason: self.failure_text(failure),
                retry_at: retry_at.map(|at| self.uptime(at)),
                dependency: match failure {
                    Failure::Own(_) | Failure::Group(_) => None,
                    Failure::Dependency(dependency) => Some(self.task(*dependency).plan.name.clone()),
                },
            },
        }
    }

    fn run_snapshot(&self, run: &Run) -> PhaseSnapshot {
        let (since, pid) = (self.uptime(run.started.unwrap_or(run.spawned)), run.pid);
        match &run.stage {
            &RunStage::Starting { deadline } => PhaseSnapshot::Starting { since, deadline: self.uptime(deadline) },
            RunStage::Running => PhaseSnapshot::Running { since, pid },
            RunStage::Ready => PhaseSnapshot::Ready { since, pid },
            RunStage::Stopping(stop) => PhaseSnapshot::Stopping {
                since: self.uptime(stop.since),
                kill_at: self.uptime(stop.kill_at),
                killed: stop.is_killed(),
                left: stop.left.clone(),
                then: after_stop(&stop.cause),
                pid,
            },
        }
    }

    /// None while everything is being stopped: the stage says so.
    fn pending_stop_snapshot(&self, id: TaskId, cause: &StopCause) -> Option<PendingStop> {
        let names = || self.users_going_down(id).map(|user| self.task(user).plan.name.clone());
        (!self.is_draining()).then(|| PendingStop { waits_for: names().collect(), then: after_stop(cause) })
    }
}

fn after_stop(cause: &StopCause) -> AfterStop {
    match cause {
        StopCause::Asked => AfterStop::Stay,
        StopCause::Restart => AfterStop::Restart,
        StopCause::GaveUp(_) => AfterStop::Retry,
        StopCause::Failed(_) => AfterStop::Fail,
        StopCause::Leave => AfterStop::Leave,
    }
}
