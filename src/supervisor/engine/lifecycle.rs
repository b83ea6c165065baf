//! A task's life without people: starts, exits, probes, and the deadlines between them.

use std::time::{Duration, Instant};

use super::backoff::{Exhausted, backoff};
use super::drain::Cause;
use super::event::EventKind;
use super::exit::ExitReason;
use super::gate::Gate;
use super::input::{Effect, RunId, Straggler, TaskId};
use super::snapshot::{LastExit, ProbeSnapshot, TaskKind};
use super::task::{Failure, Phase, StopCause};
use super::{Engine, later};
use crate::supervisor::engine::{OnExhausted, Policy};

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
            Phase::Starting { .. } | Phase::Running { .. } | Phase::Ready { .. } | Phase::Stopping { .. } => {
                return false;
            }
            Phase::Backoff { .. } | Phase::Stopped | Phase::Done | Phase::Failed(Failure::Own(_)) => return false,
        };
        match (self.gate(id), waiting) {
            (Gate::Open, Some(_)) => self.spawn(id, now),
            (Gate::Shut(blockers), Some(false)) => {
                self.task_mut(id).phase = Phase::Waiting { announced: true };
                if let Some(first) = blockers.into_iter().next() {
                    let (dependency, condition) = (first.task, first.condition);
                    self.notice(id, EventKind::Waiting { dependency, condition });
                }
                return false;
            }
            (Gate::Never(dependency), Some(_)) => self.fail(id, Failure::Dependency(dependency)),
            // Somebody started the dependency again, so there is hope again.
            (Gate::Open | Gate::Shut(_), None) => self.task_mut(id).phase = Phase::Waiting { announced: false },
            (Gate::Shut(_), Some(true)) | (Gate::Never(_), None) => return false,
        }
        true
    }

    fn spawn(&mut self, id: TaskId, now: Instant) {
        let task = self.task_mut(id);
        task.run += 1;
        task.probe = None;
        task.peak_memory = None;
        task.phase = Phase::Starting { since: now, deadline: later(now, task.plan.restart.start_timeout) };
        let run = RunId { task: id, number: task.run };
        self.effects.push(Effect::Spawn(run));
    }

    pub(super) fn on_started(&mut self, run: RunId, pid: Option<u32>, address: Option<String>, now: Instant) {
        let task = self.task_mut(run.task);
        if task.run != run.number {
            return;
        }
        if let Phase::Stopping { pid: known, .. } = &mut task.phase {
            *known = pid;
        }
        let Phase::Starting { .. } = task.phase else { return };
        task.ever_started = true;
        task.address.clone_from(&address);
        task.phase =
            if task.plan.probed { Phase::Running { since: now, pid } } else { Phase::Ready { since: now, pid } };
        self.notice(run.task, EventKind::Started { run: run.number, pid, address });
    }

    pub(super) fn on_probed(&mut self, run: RunId, passed: bool, detail: String, now: Instant) {
        let at = self.uptime(now);
        let task = self.task_mut(run.task);
        let (Phase::Running { since, pid } | Phase::Ready { since, pid }) = task.phase else { return };
        if task.run != run.number {
            return;
        }
        let was_ready = matches!(task.phase, Phase::Ready { .. });
        let before = task.probe.as_ref().map_or(0, |probe| probe.failures);
        let failures = if passed { 0 } else { before.saturating_add(1) };
        task.probe = Some(ProbeSnapshot { passed, detail: detail.clone(), at, failures });
        task.phase = if passed { Phase::Ready { since, pid } } else { Phase::Running { since, pid } };
        let gave_up = task.plan.failure_threshold.is_some_and(|threshold| failures >= threshold);
        match (was_ready, passed) {
            (false, true) => {
                let after = now.saturating_duration_since(since);
                self.notice(run.task, EventKind::Ready { run: run.number, after });
                self.recover(run.task);
            }
            (true, false) => {
                self.notice(run.task, EventKind::Unready { run: run.number, detail: detail.clone() });
            }
            (true, true) | (false, false) => {}
        }
        if gave_up {
            let grace = self.task(run.task).plan.stop_timeout;
            self.stop(run.task, StopCause::GaveUp(ExitReason::NotReady { detail, failures }), grace, now);
        }
    }

    /// What is left of a run on its way down is named on its row, and where all can see it once it had to be killed.
    pub(super) fn on_left(&mut self, run: RunId, processes: Vec<Straggler>) {
        let task = self.task_mut(run.task);
        let Phase::Stopping { left, killed, .. } = &mut task.phase else { return };
        if task.run != run.number {
            return;
        }
        *left = processes;
        if *killed {
            self.name_left(run.task);
        }
    }

    fn name_left(&mut self, id: TaskId) {
        let task = self.task(id);
        let Phase::Stopping { left, .. } = &task.phase else { return };
        if left.is_empty() {
            return;
        }
        let (run, name, processes) = (task.run, task.plan.name.clone(), left.clone());
        if let Some(drain) = &mut self.drain {
            drain.note_left(&name, &processes);
        }
        self.notice(id, EventKind::Left { run, processes });
    }

    /// A run that uses too much memory is ended, and that counts as a failure.
    pub(super) fn on_exceeded(&mut self, run: RunId, used: u64, limit: u64, now: Instant) {
        let task = self.task(run.task);
        let is_up = matches!(task.phase, Phase::Running { .. } | Phase::Ready { .. });
        if is_up && task.run == run.number {
            let grace = task.plan.stop_timeout;
            self.stop(run.task, StopCause::GaveUp(ExitReason::OverMemory { used, limit }), grace, now);
        }
    }

    pub(super) fn on_measured(&mut self, run: RunId, peak_memory: u64) {
        let task = self.task_mut(run.task);
        if task.live_run(run.task) == Some(run) {
            task.peak_memory = Some(peak_memory);
        }
    }

    pub(super) fn on_exited(&mut self, run: RunId, reason: ExitReason, now: Instant) {
        if self.task(run.task).live_run(run.task) != Some(run) {
            return;
        }
        let (started, cause) = match &self.task(run.task).phase {
            Phase::Starting { .. } => (now, None),
            Phase::Running { since, .. } | Phase::Ready { since, .. } => (*since, None),
            Phase::Stopping { started, cause, .. } => (*started, Some(cause.clone())),
            Phase::Waiting { .. } | Phase::Backoff { .. } | Phase::Stopped | Phase::Done | Phase::Failed(_) => return,
        };
        let (reason, asked) = match &cause {
            Some(StopCause::GaveUp(why)) => (why.clone(), false),
            Some(StopCause::Asked | StopCause::Restart | StopCause::Leave) => (reason, true),
            None => (reason, false),
        };
        let ran_for = now.saturating_duration_since(started);
        self.record_exit(run, &reason, asked, ran_for, now);
        if self.drain.is_some() {
            self.stopped(run.task);
            return;
        }
        match cause {
            Some(StopCause::Asked) => self.stopped(run.task),
            Some(StopCause::Leave) => self.leave(run.task),
            Some(StopCause::Restart) => self.task_mut(run.task).phase = Phase::Waiting { announced: false },
            Some(StopCause::GaveUp(_)) | None => self.apply_policy(run.task, &reason, ran_for, now),
        }
    }

    fn record_exit(&mut self, run: RunId, reason: &ExitReason, asked: bool, ran_for: Duration, now: Instant) {
        let (at, id) = (self.uptime(now), run.task);
        let task = self.task_mut(id);
        let expected = asked || task.is_success(reason);
        task.ails |= !expected;
        *task.exits.entry(reason.class().into()).or_default() += 1;
        task.address = None;
        let peak_memory = task.peak_memory.take();
        task.last_exit = Some(LastExit { run: run.number, reason: reason.clone(), expected, at, ran_for, peak_memory });
        let (run, after, reason) = (run.number, ran_for, reason.clone());
        self.notice(id, EventKind::Exited { run, reason, expected, after, peak_memory });
    }

    /// Says that the task is well again, if it was not.
    fn recover(&mut self, id: TaskId) {
        let task = self.task_mut(id);
        if std::mem::take(&mut task.ails) {
            let run = task.run;
            self.notice(id, EventKind::Recovered { run });
        }
    }

    pub(super) fn stopped(&mut self, id: TaskId) {
        self.task_mut(id).phase = Phase::Stopped;
        self.notice(id, EventKind::Stopped);
    }

    fn apply_policy(&mut self, id: TaskId, reason: &ExitReason, ran_for: Duration, now: Instant) {
        let task = self.task(id);
        let success = task.is_success(reason);
        match task.plan.policy {
            Policy::Critical => self.fatal(id, reason.to_string(), now),
            Policy::Never | Policy::OnFailure if success => {
                self.task_mut(id).phase = Phase::Done;
                self.notice(id, EventKind::Done);
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
                self.notice(id, EventKind::Backoff { attempt, max_retries, wait });
            }
            Err(Exhausted(limit)) => {
                let escalation = task.plan.on_exhausted;
                let why = format!("{limit} spent: {reason}");
                self.notice(id, EventKind::Exhausted { limit });
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
        self.notice(id, EventKind::Failed { reason });
    }

    fn fatal(&mut self, id: TaskId, reason: String, now: Instant) {
        let name = self.task(id).plan.name.clone();
        self.fail(id, Failure::Own(reason.clone()));
        self.begin_drain(Cause::Fatal { name, reason }, now);
    }

    /// Asks a run to end; it is killed after `grace`, at once if that is zero. A run that is on its way
    /// down already only learns what comes after. Nothing happens if none is live.
    pub(super) fn stop(&mut self, id: TaskId, cause: StopCause, grace: Duration, now: Instant) {
        let task = self.task_mut(id);
        let (started, pid) = match &mut task.phase {
            Phase::Starting { .. } => (now, None),
            Phase::Running { since, pid } | Phase::Ready { since, pid } => (*since, *pid),
            Phase::Stopping { cause: current, kill_at, .. } => {
                *current = cause;
                *kill_at = (*kill_at).min(later(now, grace));
                return;
            }
            Phase::Waiting { .. } | Phase::Backoff { .. } | Phase::Stopped | Phase::Done | Phase::Failed(_) => return,
        };
        let kill_at = later(now, grace);
        task.phase = Phase::Stopping { started, pid, since: now, kill_at, killed: false, left: Vec::new(), cause };
        let run = RunId { task: id, number: task.run };
        if grace.is_zero() {
            self.kill(id, now);
        } else {
            self.effects.push(Effect::Stop(run));
            self.notice(id, EventKind::Stopping { run: run.number, grace });
        }
    }

    /// Acts on every deadline that is due.
    pub(super) fn expire(&mut self, now: Instant) {
        for id in self.ids() {
            let task = self.task(id);
            if task.deadline().is_none_or(|deadline| deadline > now) {
                continue;
            }
            match task.phase {
                Phase::Starting { .. } => {
                    let limit = task.plan.restart.start_timeout;
                    self.stop(id, StopCause::GaveUp(ExitReason::StartTimeout { limit }), Duration::ZERO, now);
                }
                Phase::Running { .. } | Phase::Ready { .. } => {
                    let recovers = task.recovers_by_lasting();
                    self.task_mut(id).budget.retries = 0;
                    if recovers {
                        self.recover(id);
                    }
                }
                Phase::Stopping { .. } => self.kill(id, now),
                Phase::Backoff { .. } => {
                    let task = self.task_mut(id);
                    task.restarts += 1;
                    task.budget.restarted(now);
                    task.phase = Phase::Waiting { announced: false };
                }
                Phase::Waiting { .. } | Phase::Stopped | Phase::Done | Phase::Failed(_) => {}
            }
        }
    }

    /// Kills a run that is on its way down.
    pub(super) fn kill(&mut self, id: TaskId, now: Instant) {
        let task = self.task_mut(id);
        let Phase::Stopping { since, killed: killed @ false, .. } = &mut task.phase else { return };
        *killed = true;
        let held = now.saturating_duration_since(*since);
        let run = RunId { task: id, number: task.run };
        let name = task.plan.name.clone();
        self.effects.push(Effect::Kill(run));
        self.notice(id, EventKind::Killed { run: run.number, held });
        if let Some(drain) = &mut self.drain {
            drain.note_killed(name, held);
        }
        self.name_left(id);
    }
}
