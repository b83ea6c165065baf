//! What happens to a task without requests: starts, exits, probes, and the deadlines between them.

use std::time::{Duration, Instant};

use super::backoff::{Exhausted, backoff};
use super::effect::Effect;
use super::event::{AfterExit, EventKind};
use super::exit::ExitReason;
use super::gate::Gate;
use super::input::{RunId, Straggler, TaskId};
use super::policy::{OnExhausted, Policy};
use super::shutdown::ShutdownCause;
use super::snapshot::{LastExit, ProbeSnapshot, TaskKind};
use super::state::TaskState;
use super::task::{Failure, Phase, RunStage, Stop, StopCause};
use super::{Engine, later};

/// What follows an exit.
#[derive(Debug)]
enum Next {
    Stopped,
    Leave,
    Restart,
    Done,
    Backoff {
        attempt: u32,
        wait: Duration,
    },
    Failed {
        reason: String,
        /// The limit that is spent now.
        limit: Option<String>,
        retry_at: Option<Instant>,
    },
    Fatal {
        reason: String,
        limit: Option<String>,
    },
}

impl Next {
    fn kind(&self) -> AfterExit {
        match self {
            Self::Stopped => AfterExit::Stopped,
            Self::Leave => AfterExit::Removed,
            Self::Restart => AfterExit::Restart,
            Self::Done => AfterExit::Done,
            Self::Backoff { .. } => AfterExit::Backoff,
            Self::Failed { .. } => AfterExit::Failed,
            Self::Fatal { .. } => AfterExit::Fatal,
        }
    }
}

impl Engine {
    /// Starts what may start, and fails what can't start any more. stead's own parts come first: one of them makes the
    /// processes, the others show them.
    pub(super) fn open_gates(&mut self, now: Instant) {
        let is_own = |id: &TaskId| self.task(*id).plan.kind == TaskKind::Builtin;
        let (own, others): (Vec<_>, Vec<_>) = self.ids().partition(is_own);
        let mut settled = false;
        while !settled {
            settled = true;
            for &id in own.iter().chain(&others) {
                settled &= !self.open_gate(id, now);
            }
        }
    }

    /// Whether the task changed in a way that others may depend on.
    fn open_gate(&mut self, id: TaskId, now: Instant) -> bool {
        let waiting = match self.task(id).phase {
            Phase::Waiting { announced } => Some(announced),
            Phase::Failed { failure: Failure::Dependency(_), .. } => None,
            Phase::Live(_) | Phase::Backoff { .. } | Phase::Stopped | Phase::Done => return false,
            Phase::Failed { failure: Failure::Own(_), .. } => return false,
        };
        match (self.gate(id), waiting) {
            (Gate::Open, Some(_)) => self.spawn(id, now),
            (Gate::Shut(blockers), Some(false)) => {
                self.task_mut(id).phase = Phase::Waiting { announced: true };
                if let Some(first) = blockers.into_iter().next() {
                    let (dependency, condition) = (first.task, first.condition);
                    self.emit(id, EventKind::Waiting { dependency, condition });
                }
                return false;
            }
            (Gate::Never(dependency), Some(_)) => self.fail(id, Failure::Dependency(dependency), None),
            // The dependency was started again, so this one may start after all.
            (Gate::Open | Gate::Shut(_), None) => self.task_mut(id).phase = Phase::WAITING,
            (Gate::Shut(_), Some(true)) | (Gate::Never(_), None) => return false,
        }
        true
    }

    fn spawn(&mut self, id: TaskId, now: Instant) {
        let number = self.task_mut(id).begin_run(now);
        self.effects.push(Effect::Spawn(RunId { task: id, number }));
    }

    pub(super) fn on_started(&mut self, id: RunId, pid: Option<u32>, address: Option<String>, now: Instant) {
        let task = self.task_mut(id.task);
        let probed = task.plan.probed;
        let Some(run) = task.run_mut(id.number).filter(|run| run.started.is_none()) else { return };
        run.pid = pid;
        run.started = Some(now);
        run.address.clone_from(&address);
        // One that is being stopped already has run all the same.
        if let RunStage::Starting { .. } = run.stage {
            run.stage = if probed { RunStage::Running } else { RunStage::Ready };
        }
        task.has_started = true;
        self.emit(id.task, EventKind::Started { run: id.number, pid, address });
    }

    pub(super) fn on_probed(&mut self, id: RunId, passed: bool, detail: String, now: Instant) {
        let at = self.uptime(now);
        let task = self.task_mut(id.task);
        let threshold = task.plan.failure_threshold;
        let Some(run) = task.run_mut(id.number).filter(|run| run.is_up()) else { return };
        let was_ready = run.stage == RunStage::Ready;
        let before = run.probe.as_ref().map_or(0, |probe| probe.failures);
        let failures = if passed { 0 } else { before.saturating_add(1) };
        run.probe = Some(ProbeSnapshot { passed, detail: detail.clone(), at, failures });
        run.stage = if passed { RunStage::Ready } else { RunStage::Running };
        let after = run.ran_for(now);
        match (was_ready, passed) {
            (false, true) => {
                self.emit(id.task, EventKind::Ready { run: id.number, after });
                self.recover(id.task);
            }
            (true, false) => {
                self.emit(id.task, EventKind::Unready { run: id.number, detail: detail.clone() });
            }
            (true, true) | (false, false) => {}
        }
        if threshold.is_some_and(|threshold| failures >= threshold) {
            self.give_up(id.task, ExitReason::NotReady { detail, failures }, now);
        }
    }

    /// Records what is left of a run that is being stopped. Once it had to be killed, that is an event.
    pub(super) fn on_left(&mut self, id: RunId, processes: Vec<Straggler>) {
        let Some(run) = self.task_mut(id.task).run_mut(id.number) else { return };
        let RunStage::Stopping(stop) = &mut run.stage else { return };
        stop.left = processes;
        if stop.is_killed() {
            self.name_left(id.task);
        }
    }

    pub(super) fn name_left(&mut self, id: TaskId) {
        let task = self.task(id);
        let Some(stop) = task.phase.stop().filter(|stop| !stop.left.is_empty()) else { return };
        let (run, name, processes) = (task.run, task.plan.name.clone(), stop.left.clone());
        if let Some(drain) = &mut self.drain {
            drain.note_left(&name, &processes);
        }
        self.emit(id, EventKind::Left { run, processes });
    }

    /// Ends a run that uses too much memory; that counts as a failure.
    pub(super) fn on_exceeded(&mut self, id: RunId, used: u64, limit: u64, now: Instant) {
        if self.task_mut(id.task).run_mut(id.number).is_some_and(|run| run.is_up()) {
            self.give_up(id.task, ExitReason::OverMemory { used, limit }, now);
        }
    }

    pub(super) fn on_measured(&mut self, id: RunId, peak_memory: u64) {
        if let Some(run) = self.task_mut(id.task).run_mut(id.number) {
            run.peak_memory = Some(peak_memory);
        }
    }

    pub(super) fn on_exited(&mut self, id: RunId, reason: ExitReason, now: Instant) {
        let Some(run) = self.task_mut(id.task).run_mut(id.number).cloned() else { return };
        let ran_for = run.ran_for(now);
        let pending = run.pending_stop().cloned();
        let (cause, reason, asked) = match run.stage {
            RunStage::Stopping(Stop { cause: StopCause::GaveUp(why), .. }) => (None, why, false),
            RunStage::Stopping(Stop { cause, .. }) => (Some(cause), reason, true),
            RunStage::Starting { .. } | RunStage::Running | RunStage::Ready => (pending, reason, false),
        };
        let next = match cause {
            _ if self.is_draining() => Next::Stopped,
            Some(StopCause::Asked) => Next::Stopped,
            Some(StopCause::Leave) => Next::Leave,
            Some(StopCause::Restart) => Next::Restart,
            Some(StopCause::GaveUp(_)) | None => self.apply_policy(id.task, &reason, ran_for, now),
        };
        self.record_exit(id, reason, asked, ran_for, run.peak_memory, &next, now);
        self.go_on(id.task, next, now);
    }

    #[expect(clippy::too_many_arguments, reason = "all that is known of an exit")]
    fn record_exit(
        &mut self,
        RunId { task: id, number: run }: RunId,
        reason: ExitReason,
        asked: bool,
        ran_for: Duration,
        peak_memory: Option<u64>,
        next: &Next,
        now: Instant,
    ) {
        let (at, then) = (self.uptime(now), next.kind());
        let task = self.task_mut(id);
        let expected = asked || task.is_success(&reason);
        task.failing |= !expected;
        *task.exits.entry(reason.class().into()).or_default() += 1;
        task.last_exit = Some(LastExit { run, reason: reason.clone(), expected, at, ran_for, peak_memory });
        self.emit(id, EventKind::Exited { run, reason, expected, then, after: ran_for, peak_memory });
    }

    /// What the policy of a task makes of an exit.
    fn apply_policy(&mut self, id: TaskId, reason: &ExitReason, ran_for: Duration, now: Instant) -> Next {
        let task = &mut self.tasks[id.0];
        let success = task.is_success(reason);
        match task.plan.policy {
            Policy::Critical => return Next::Fatal { reason: reason.to_string(), limit: None },
            Policy::Never | Policy::OnFailure if success => return Next::Done,
            Policy::Never => return Next::Failed { reason: reason.to_string(), limit: None, retry_at: None },
            Policy::Always | Policy::OnFailure => {}
        }
        match task.budget.spend(&task.plan.restart, ran_for, now) {
            Ok(attempt) => {
                let wait = backoff(&task.plan.restart, attempt);
                Next::Backoff { attempt, wait: self.jitter.stretch(wait, task.plan.restart.jitter) }
            }
            Err(Exhausted { limit, is_known }) => {
                let reason = format!("{limit} spent: {reason}");
                let limit = (!is_known).then_some(limit);
                match task.plan.on_exhausted {
                    OnExhausted::Fatal => Next::Fatal { reason, limit },
                    OnExhausted::Hold => {
                        Next::Failed { reason, limit, retry_at: task.plan.slow_retry.map(|wait| later(now, wait)) }
                    }
                }
            }
        }
    }

    /// Goes on after an exit.
    fn go_on(&mut self, id: TaskId, next: Next, now: Instant) {
        match next {
            Next::Stopped => self.stopped(id),
            Next::Leave => self.leave(id),
            Next::Restart => self.task_mut(id).phase = Phase::WAITING,
            Next::Done => {
                self.task_mut(id).phase = Phase::Done;
                self.emit(id, EventKind::Done);
                self.recover(id);
            }
            Next::Backoff { attempt, wait } => {
                let task = self.task_mut(id);
                let max_retries = task.plan.restart.max_retries;
                task.phase = Phase::Backoff { attempt, since: now, retry_at: later(now, wait) };
                self.emit(id, EventKind::Backoff { attempt, max_retries, wait });
            }
            Next::Failed { reason, limit, retry_at } => {
                self.exhausted(id, limit);
                self.fail(id, Failure::Own(reason), retry_at);
            }
            Next::Fatal { reason, limit } => {
                self.exhausted(id, limit);
                let name = self.task(id).plan.name.clone();
                self.fail(id, Failure::Own(reason.clone()), None);
                self.begin_drain(ShutdownCause::Fatal { name, reason }, now);
            }
        }
    }

    fn exhausted(&mut self, id: TaskId, limit: Option<String>) {
        if let Some(limit) = limit {
            self.emit(id, EventKind::Exhausted { limit });
        }
    }

    fn fail(&mut self, id: TaskId, failure: Failure, retry_at: Option<Instant>) {
        let reason = self.failure_text(&failure);
        self.task_mut(id).phase = Phase::Failed { failure, retry_at };
        self.emit(id, EventKind::Failed { reason });
    }

    /// Records that the task is well again, if it was failing.
    fn recover(&mut self, id: TaskId) {
        let task = self.task_mut(id);
        if std::mem::take(&mut task.failing) {
            let run = task.run;
            self.emit(id, EventKind::Recovered { run });
        }
    }

    pub(super) fn stopped(&mut self, id: TaskId) {
        self.task_mut(id).phase = Phase::Stopped;
        self.emit(id, EventKind::Stopped);
    }

    /// Acts on every deadline that is due.
    pub(super) fn expire(&mut self, now: Instant) {
        for id in self.ids() {
            let task = self.task(id);
            if task.deadline().is_none_or(|deadline| deadline > now) {
                continue;
            }
            match task.state() {
                TaskState::Starting => {
                    let limit = task.plan.restart.start_timeout;
                    self.stop(id, StopCause::GaveUp(ExitReason::StartTimeout { limit }), Duration::ZERO, now);
                }
                TaskState::Running | TaskState::Ready => {
                    let recovers = task.recovers_by_lasting();
                    self.task_mut(id).budget.give_back();
                    if recovers {
                        self.recover(id);
                    }
                }
                TaskState::Stopping if task.phase.stop().is_some_and(|stop| !stop.is_killed()) => self.kill(id, now),
                TaskState::Stopping => self.task_mut(id).give_up_waiting(),
                TaskState::Backoff | TaskState::Failed => {
                    let task = self.task_mut(id);
                    task.restarts += 1;
                    task.budget.restarted(now);
                    task.phase = Phase::WAITING;
                }
                TaskState::Waiting | TaskState::Stopped | TaskState::Done => {}
            }
        }
    }
}
