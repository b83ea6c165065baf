//! What happens to a task without requests: starts, exits, probes, and the deadlines between them.

use std::time::{Duration, Instant};

use super::backoff::{Exhausted, backoff};
use super::drain::ShutdownCause;
use super::effect::Effect;
use super::event::EventKind;
use super::exit::ExitReason;
use super::gate::Gate;
use super::input::{RunId, Straggler, TaskId};
use super::policy::{OnExhausted, Policy};
use super::snapshot::{LastExit, ProbeSnapshot, TaskKind};
use super::state::TaskState;
use super::task::{Failure, Phase, RunStage, Stop, StopCause};
use super::{Engine, later};

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
            Phase::Failed(Failure::Dependency(_)) => None,
            Phase::Live(_) | Phase::Backoff { .. } | Phase::Stopped | Phase::Done => return false,
            Phase::Failed(Failure::Own(_)) => return false,
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
            (Gate::Never(dependency), Some(_)) => self.fail(id, Failure::Dependency(dependency)),
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
        let Some(run) = task.run_mut(id.number) else { return };
        run.pid = pid;
        let RunStage::Starting { .. } = run.stage else { return };
        run.started = Some(now);
        run.address.clone_from(&address);
        run.stage = if probed { RunStage::Running } else { RunStage::Ready };
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
        if stop.killed {
            self.name_left(id.task);
        }
    }

    fn name_left(&mut self, id: TaskId) {
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
        let cause = match run.stage {
            RunStage::Stopping(Stop { cause, .. }) => Some(cause),
            RunStage::Starting { .. } | RunStage::Running | RunStage::Ready => None,
        };
        let (reason, asked) = match &cause {
            Some(StopCause::GaveUp(why)) => (why.clone(), false),
            Some(StopCause::Asked | StopCause::Restart | StopCause::Leave) => (reason, true),
            None => (reason, false),
        };
        self.record_exit(id, &reason, asked, ran_for, run.peak_memory, now);
        if self.drain.is_some() {
            self.stopped(id.task);
            return;
        }
        match cause {
            Some(StopCause::Asked) => self.stopped(id.task),
            Some(StopCause::Leave) => self.leave(id.task),
            Some(StopCause::Restart) => self.task_mut(id.task).phase = Phase::WAITING,
            Some(StopCause::GaveUp(_)) | None => self.apply_policy(id.task, &reason, ran_for, now),
        }
    }

    fn record_exit(
        &mut self,
        RunId { task: id, number: run }: RunId,
        reason: &ExitReason,
        asked: bool,
        ran_for: Duration,
        peak_memory: Option<u64>,
        now: Instant,
    ) {
        let at = self.uptime(now);
        let task = self.task_mut(id);
        let expected = asked || task.is_success(reason);
        task.failing |= !expected;
        *task.exits.entry(reason.class().into()).or_default() += 1;
        task.last_exit = Some(LastExit { run, reason: reason.clone(), expected, at, ran_for, peak_memory });
        self.emit(id, EventKind::Exited { run, reason: reason.clone(), expected, after: ran_for, peak_memory });
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

    fn apply_policy(&mut self, id: TaskId, reason: &ExitReason, ran_for: Duration, now: Instant) {
        let task = self.task(id);
        let success = task.is_success(reason);
        match task.plan.policy {
            Policy::Critical => self.fatal(id, reason.to_string(), now),
            Policy::Never | Policy::OnFailure if success => {
                self.task_mut(id).phase = Phase::Done;
                self.emit(id, EventKind::Done);
                self.recover(id);
            }
            Policy::Never => self.fail(id, Failure::Own(reason.to_string())),
            Policy::Always | Policy::OnFailure => self.retry(id, reason, ran_for, now),
        }
    }

    fn retry(&mut self, id: TaskId, reason: &ExitReason, ran_for: Duration, now: Instant) {
        let task = &mut self.tasks[id.0];
        match task.budget.spend(&task.plan.restart, ran_for, now) {
            Ok(attempt) => {
                let wait = backoff(&task.plan.restart, attempt);
                let wait = self.jitter.stretch(wait, task.plan.restart.jitter);
                let max_retries = task.plan.restart.max_retries;
                task.phase = Phase::Backoff { attempt, since: now, retry_at: later(now, wait) };
                self.emit(id, EventKind::Backoff { attempt, max_retries, wait });
            }
            Err(Exhausted(limit)) => {
                let escalation = task.plan.on_exhausted;
                let why = format!("{limit} spent: {reason}");
                self.emit(id, EventKind::Exhausted { limit });
                match escalation {
                    OnExhausted::Fatal => self.fatal(id, why, now),
                    OnExhausted::Hold => self.fail(id, Failure::Own(why)),
                }
            }
        }
    }

    fn fail(&mut self, id: TaskId, failure: Failure) {
        let reason = self.failure_text(&failure);
        self.task_mut(id).phase = Phase::Failed(failure);
        self.emit(id, EventKind::Failed { reason });
    }

    fn fatal(&mut self, id: TaskId, reason: String, now: Instant) {
        let name = self.task(id).plan.name.clone();
        self.fail(id, Failure::Own(reason.clone()));
        self.begin_drain(ShutdownCause::Fatal { name, reason }, now);
    }

    /// Ends a run that does not do what it should; that counts as a failure.
    fn give_up(&mut self, id: TaskId, why: ExitReason, now: Instant) {
        let grace = self.task(id).plan.stop_timeout;
        self.stop(id, StopCause::GaveUp(why), grace, now);
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
            self.effects.push(Effect::Stop(RunId { task: id, number }));
            self.emit(id, EventKind::Stopping { run: number, grace });
        }
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
                    self.task_mut(id).budget.retries = 0;
                    if recovers {
                        self.recover(id);
                    }
                }
                TaskState::Stopping => self.kill(id, now),
                TaskState::Backoff => {
                    let task = self.task_mut(id);
                    task.restarts += 1;
                    task.budget.restarted(now);
                    task.phase = Phase::WAITING;
                }
                TaskState::Waiting | TaskState::Stopped | TaskState::Done | TaskState::Failed => {}
            }
        }
    }

    /// Kills a run that is being stopped.
    pub(super) fn kill(&mut self, id: TaskId, now: Instant) {
        let task = self.task_mut(id);
        let (number, name) = (task.run, task.plan.name.clone());
        let Some(RunStage::Stopping(stop)) = task.live_mut().map(|run| &mut run.stage) else { return };
        if std::mem::replace(&mut stop.killed, true) {
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
