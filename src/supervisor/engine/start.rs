//! From waiting to ready: what starts, and what is seen of it.

use std::time::Instant;

use super::Engine;
use super::effect::Effect;
use super::event::EventKind;
use super::exit::ExitReason;
use super::gate::Gate;
use super::input::{Probe, RunId, Straggler, TaskId};
use super::snapshot::{ProbeSnapshot, TaskKind};
use super::task::{Failure, Phase, RunFindings, RunStage};

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
            Phase::Live(_) | Phase::Backoff { .. } | Phase::Scheduled | Phase::Stopped { .. } | Phase::Done => {
                return false;
            }
            Phase::Failed { failure: Failure::Own(_) | Failure::Group(_), .. } => return false,
        };
        match (self.gate(id), waiting) {
            (Gate::Open, Some(_)) => self.spawn(id, now),
            (Gate::Shut(blockers), Some(false)) => {
                let needs = self.start_needs(id, false);
                self.task_mut(id).phase = Phase::Waiting { announced: true };
                if let Some(first) = blockers.into_iter().next() {
                    let (dependency, condition) = (first.task, first.condition);
                    self.emit(id, EventKind::Waiting { dependency, condition });
                }
                return needs;
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
        self.bounce_followers(id);
    }

    pub(super) fn on_started(&mut self, id: RunId, pid: Option<u32>, address: Option<String>, now: Instant) {
        let task = self.task_mut(id.task);
        let Some(run) = task.run_mut(id.number).filter(|run| run.started.is_none()) else { return };
        run.pid = pid;
        run.started = Some(now);
        run.address.clone_from(&address);
        // One that is being stopped already has run all the same.
        if let RunStage::Starting { .. } = run.stage {
            run.stage = RunStage::Running;
        }
        task.has_started = true;
        self.emit(id.task, EventKind::Started { run: id.number, pid, address });
    }

    pub(super) fn on_probed(&mut self, id: RunId, probe: Probe, passed: bool, detail: String, now: Instant) {
        match probe {
            Probe::Ready => self.on_ready_probed(id, passed, detail, now),
            Probe::Live => self.on_live_probed(id, passed, detail, now),
        }
    }

    fn on_ready_probed(&mut self, id: RunId, passed: bool, detail: String, now: Instant) {
        let at = self.uptime(now);
        let task = self.task_mut(id.task);
        let grace = task.plan.stop_timeout;
        let Some(plan) = task.plan.ready else { return };
        let Some(run) = task.run_mut(id.number).filter(|run| run.is_up()) else { return };
        let is_ready = run.stage == RunStage::Ready;
        let failures = count_failures(&mut run.probe, passed, &detail, at);
        run.stage = if passed { RunStage::Ready } else { RunStage::Running };
        run.was_ready |= passed;
        let after = run.ran_for(now);
        match (is_ready, passed) {
            (false, true) => {
                self.emit(id.task, EventKind::Ready { run: id.number, after });
                self.recover(id.task);
            }
            (true, false) => {
                self.emit(id.task, EventKind::Unready { run: id.number, detail: detail.clone() });
            }
            (true, true) | (false, false) => {}
        }
        if plan.failure_threshold.is_some_and(|threshold| failures >= threshold) {
            self.give_up(id.task, ExitReason::NotReady { detail, failures }, grace, now);
        }
    }

    /// A run whose liveness probe fails too often is ended; that counts as a failure.
    fn on_live_probed(&mut self, id: RunId, passed: bool, detail: String, now: Instant) {
        let at = self.uptime(now);
        let task = self.task_mut(id.task);
        let grace = task.plan.stop_timeout;
        let Some(threshold) = task.plan.live_threshold else { return };
        let Some(run) = task.run_mut(id.number).filter(|run| run.is_up()) else { return };
        let failures = count_failures(&mut run.live_probe, passed, &detail, at);
        if failures >= threshold {
            self.give_up(id.task, ExitReason::NotLive { detail, failures }, grace, now);
        }
    }

    /// Ends a run that uses too much memory; that counts as a failure.
    pub(super) fn on_exceeded(&mut self, id: RunId, used: u64, limit: u64, now: Instant) {
        let task = self.task_mut(id.task);
        let grace = task.plan.stop_timeout;
        if task.run_mut(id.number).is_some_and(|run| run.is_up()) {
            self.give_up(id.task, ExitReason::OverMemory { used, limit }, grace, now);
        }
    }

    pub(super) fn on_measured(&mut self, id: RunId, findings: RunFindings) {
        if let Some(run) = self.task_mut(id.task).run_mut(id.number) {
            run.findings = findings;
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

    /// Records that the task is well again, if it was failing.
    pub(super) fn recover(&mut self, id: TaskId) {
        let task = self.task_mut(id);
        if std::mem::take(&mut task.failing) {
            let run = task.run;
            self.emit(id, EventKind::Recovered { run });
        }
    }
}

/// Keeps the last try of a probe. How many in a row have failed.
fn count_failures(probe: &mut Option<ProbeSnapshot>, passed: bool, detail: &str, at: super::Uptime) -> u32 {
    let before = probe.as_ref().map_or(0, |probe| probe.failures);
    let failures = if passed { 0 } else { before.saturating_add(1) };
    *probe = Some(ProbeSnapshot { passed, detail: detail.to_owned(), at, failures });
    failures
}
