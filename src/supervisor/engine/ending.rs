//! The end of a run, and what follows: its policy, its group, its schedule. And the deadlines.

use std::time::{Duration, Instant};

use super::backoff::{Exhausted, backoff};
use super::event::{AfterExit, EventKind};
use super::exit::ExitReason;
use super::input::{RunId, TaskId};
use super::outcome::ShutdownCause;
use super::policy::{OnExhausted, Policy};
use super::snapshot::LastExit;
use super::state::TaskState;
use super::task::{Failure, Phase, Run, RunFindings, RunStage, Stop, StopCause};
use super::{Engine, later};

/// What follows an exit.
#[derive(Debug)]
pub(super) enum Next {
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
    /// With all of its group.
    GroupFailed {
        reason: String,
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
            Self::Failed { .. } | Self::GroupFailed { .. } => AfterExit::Failed,
            Self::Fatal { .. } => AfterExit::Fatal,
        }
    }
}

impl Engine {
    pub(super) fn on_exited(&mut self, id: RunId, reason: ExitReason, now: Instant) {
        let Some(run) = self.task_mut(id.task).run_mut(id.number).cloned() else { return };
        let ran_for = run.ran_for(now);
        let pending = run.pending_stop().cloned();
        let (cause, reason, asked) = match &run.stage {
            RunStage::Stopping(Stop { cause: StopCause::GaveUp(why), .. }) => (None, why.clone(), false),
            RunStage::Stopping(Stop { cause, .. }) => (Some(cause.clone()), reason, true),
            RunStage::Starting { .. } | RunStage::Running | RunStage::Ready => (pending, reason, false),
        };
        let is_fatal = self.task(id.task).is_fatal_end(&reason);
        let next = match cause {
            _ if self.is_draining() => Next::Stopped,
            Some(StopCause::Asked) => Next::Stopped,
            Some(StopCause::Leave) => Next::Leave,
            // It was to be restarted, but ended before it was asked to.
            Some(StopCause::Restart) if !asked && is_fatal => self.apply_policy(id.task, &reason, ran_for, now),
            Some(StopCause::Restart) => Next::Restart,
            Some(StopCause::Failed(reason)) => Next::GroupFailed { reason },
            Some(StopCause::GaveUp(_)) | None if run.is_due_again && !is_fatal => Next::Restart,
            Some(StopCause::GaveUp(_)) | None => self.apply_policy(id.task, &reason, ran_for, now),
        };
        self.record_exit(id, &run, reason, asked, &next, now);
        self.go_on(id.task, next, now);
    }

    fn record_exit(&mut self, id: RunId, ended: &Run, reason: ExitReason, asked: bool, next: &Next, now: Instant) {
        let (at, then, ran_for) = (self.uptime(now), next.kind(), ended.ran_for(now));
        let RunFindings { peak_memory, background, hint } = ended.findings.clone();
        let run = id.number;
        let reason = ended.named_killer(reason);
        let task = self.task_mut(id.task);
        task.has_succeeded = task.is_success(&reason);
        let expected = asked || task.has_succeeded;
        task.failing |= !expected;
        *task.exits.entry(reason.class().into()).or_default() += 1;
        task.last_exit = Some(LastExit {
            run,
            reason: reason.clone(),
            expected,
            succeeded: task.has_succeeded,
            at,
            ran_for,
            peak_memory,
            hint: hint.clone(),
        });
        self.emit(id.task, EventKind::Exited { run, reason, expected, then, after: ran_for, peak_memory });
        if !background.is_empty() {
            self.emit(id.task, EventKind::Background { run, processes: background, hint });
        }
    }

    /// What the policy of a task makes of an exit.
    fn apply_policy(&mut self, id: TaskId, reason: &ExitReason, ran_for: Duration, now: Instant) -> Next {
        let task = &mut self.tasks[id.0];
        let success = task.is_success(reason);
        match task.plan.policy {
            Policy::Critical => return Next::Fatal { reason: reason.to_string(), limit: None },
            Policy::CriticalOnFailure if !success => return Next::Fatal { reason: reason.to_string(), limit: None },
            Policy::CriticalOnFailure => return Next::Done,
            Policy::Never | Policy::OnFailure if success => return Next::Done,
            Policy::Never => return Next::Failed { reason: reason.to_string(), limit: None, retry_at: None },
            Policy::Always | Policy::OnFailure => {}
        }
        match task.budget.spend(&task.plan.restart, ran_for, now) {
            Ok(attempt) => match self.spend_of_group(id, reason, now) {
                Some(next) => next,
                None => {
                    let restart = self.task(id).plan.restart;
                    let wait = self.jitter.stretch(backoff(&restart, attempt), restart.jitter);
                    Next::Backoff { attempt, wait }
                }
            },
            Err(Exhausted { limit, is_known }) => {
                let reason = format!("{limit} spent: {reason}");
                let limit = (!is_known).then_some(limit);
                match task.plan.on_exhausted {
                    OnExhausted::Fatal => Next::Fatal { reason, limit },
                    OnExhausted::Hold => {
                        let retry_at = task.plan.slow_retry.map(|wait| later(now, wait));
                        Next::Failed { reason, limit, retry_at }
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
                let task = self.task_mut(id);
                task.phase = if task.plan.schedule.is_some() { Phase::Scheduled } else { Phase::Done };
                self.emit(id, EventKind::Done);
                self.recover(id);
            }
            Next::Backoff { attempt, wait } => {
                let task = self.task_mut(id);
                let max_retries = task.plan.restart.max_retries;
                task.phase = Phase::Backoff { attempt, since: now, retry_at: later(now, wait) };
                self.emit(id, EventKind::Backoff { attempt, max_retries, wait });
                self.bounce_mates(id);
            }
            Next::Failed { reason, limit, retry_at } => {
                self.exhausted(id, limit);
                self.fail(id, Failure::Own(reason), retry_at);
            }
            Next::GroupFailed { reason } => self.fail(id, Failure::Group(reason), None),
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

    pub(super) fn fail(&mut self, id: TaskId, failure: Failure, retry_at: Option<Instant>) {
        let reason = self.failure_text(&failure);
        self.task_mut(id).phase = Phase::Failed { failure, retry_at };
        self.emit(id, EventKind::Failed { reason });
    }

    /// It stays down, as was asked.
    pub(super) fn stopped(&mut self, id: TaskId) {
        self.task_mut(id).phase = Phase::Stopped { asked: true };
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
                    self.give_up(id, ExitReason::StartTimeout { limit }, Duration::ZERO, now);
                }
                TaskState::Running | TaskState::Ready => self.expire_run(id, now),
                TaskState::Stopping if task.phase.stop().is_some_and(|stop| !stop.is_killed()) => self.kill(id, now),
                TaskState::Stopping => self.task_mut(id).give_up_waiting(),
                TaskState::Backoff | TaskState::Failed => {
                    let task = self.task_mut(id);
                    task.restarts += 1;
                    task.budget.restarted(now);
                    task.phase = Phase::WAITING;
                }
                TaskState::Waiting | TaskState::Scheduled | TaskState::Stopped | TaskState::Done => {}
            }
        }
    }

    /// A run is stable, or was not ready in time.
    fn expire_run(&mut self, id: TaskId, now: Instant) {
        let task = self.task_mut(id);
        task.budget.calm_down(now);
        if task.stable_by().is_some_and(|at| at <= now) {
            let recovers = task.recovers_by_lasting();
            task.budget.give_back();
            if recovers {
                self.recover(id);
            }
        }
        let task = self.task(id);
        if let (Some(by), Some(limit)) = (task.ready_by(), task.plan.ready.and_then(|ready| ready.within))
            && by <= now
        {
            let seen = task.live().and_then(|run| run.probe.as_ref()).map(|probe| probe.detail.clone());
            let (detail, grace) = (seen.unwrap_or_default(), task.plan.stop_timeout);
            self.give_up(id, ExitReason::ReadyTimeout { limit, detail }, grace, now);
        }
    }
}
