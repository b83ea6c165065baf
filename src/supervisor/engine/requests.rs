//! What people and programs ask for, and how it is taken.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use super::Engine;
use super::drain::Cause;
use super::event::EventKind;
use super::input::{Answer, Effect, Origin, RELOADS_WAITING, Refusal, Request, RequestId, TaskId};
use super::snapshot::TaskKind;
use super::task::{Phase, StopCause};
use crate::supervisor::engine::Policy;

impl Engine {
    pub(super) fn on_requested(&mut self, id: RequestId, request: &Request, origin: &Origin, now: Instant) {
        match self.ask(request, origin, now) {
            // It is answered once the configuration is read.
            Ok(()) if *request == Request::Reload => self.await_load(id, origin),
            Ok(()) => self.effects.push(Effect::Answer(id, Ok(Answer::Taken))),
            Err(refusal) => self.effects.push(Effect::Answer(id, Err(refusal))),
        }
    }

    fn ask(&mut self, request: &Request, origin: &Origin, now: Instant) -> Result<(), Refusal> {
        let allowed = self.allow(request);
        let kind = match &allowed {
            Ok(_) => EventKind::Requested { asked: request.to_string(), origin: origin.clone() },
            Err(refusal) => {
                EventKind::Refused { asked: request.to_string(), origin: origin.clone(), refusal: refusal.clone() }
            }
        };
        match (&allowed, self.find(request)) {
            (_, Some(id)) => self.notice(id, kind),
            (_, None) => self.notice_all(kind),
        }
        self.act(request, allowed?, origin, now);
        Ok(())
    }

    /// The task a request names, if it names one that exists.
    fn find(&self, request: &Request) -> Option<TaskId> {
        let name = named(request)?;
        self.ids().find(|&id| self.task(id).plan.name == name)
    }

    /// Whether the request makes sense now; the task that it names.
    fn allow(&self, request: &Request) -> Result<Option<TaskId>, Refusal> {
        let Some(name) = named(request) else {
            let ends = matches!(request, Request::KillAll);
            let is_one_too_many = *request == Request::Reload && self.reloads.len() >= RELOADS_WAITING;
            return match (self.is_draining() && !ends, is_one_too_many) {
                (true, _) => Err(Refusal::Draining),
                (false, true) => Err(Refusal::ManyReloads),
                (false, false) => Ok(None),
            };
        };
        let name = || name.to_owned();
        let Some(id) = self.find(request) else {
            return Err(Refusal::UnknownTask { task: name() });
        };
        let state = Cow::from(self.state(id));
        let already = Err(Refusal::Already { task: name(), state: state.clone() });
        let not_running = Err(Refusal::NotRunning { task: name(), state });
        let (plan, phase) = (&self.task(id).plan, &self.task(id).phase);
        // The one request that helps a drain along.
        if let (Request::Kill(_), Phase::Stopping { killed, .. }) = (request, phase) {
            return if *killed { already } else { Ok(Some(id)) };
        }
        match request {
            Request::Signal { .. } if plan.kind != TaskKind::Process => {
                return Err(Refusal::NoProcess { task: name() });
            }
            Request::Input(_) | Request::Attach(_) if !plan.tty => return Err(Refusal::NoTerminal { task: name() }),
            Request::Signal { .. } | Request::Input(_) if !phase.has_process() => return not_running,
            // A drain goes on all the same.
            Request::Signal { .. } | Request::Input(_) | Request::Attach(_) => return Ok(Some(id)),
            Request::Start(_) | Request::Stop(_) | Request::Restart(_) | Request::Kill(_) if self.is_draining() => {
                return Err(Refusal::Draining);
            }
            Request::Start(_) | Request::Stop(_) | Request::Restart(_) | Request::Kill(_) => {}
            Request::RestartAll | Request::Reload | Request::ShutDown | Request::KillAll => {}
        }
        let is_essential = plan.kind == TaskKind::Builtin && plan.policy == Policy::Critical;
        match (request, phase) {
            (Request::Stop(_) | Request::Kill(_) | Request::Restart(_), _) if is_essential => {
                Err(Refusal::Essential { task: name() })
            }
            (Request::Start(_) | Request::Restart(_), Phase::Stopping { cause: StopCause::Leave, .. }) => {
                Err(Refusal::Leaving { task: name() })
            }
            (Request::Start(_), Phase::Starting { .. } | Phase::Running { .. } | Phase::Ready { .. }) => already,
            (Request::Start(_), Phase::Stopping { cause: StopCause::Restart, .. }) => already,
            (Request::Start(_) | Request::Restart(_), Phase::Waiting { .. }) => already,
            (Request::Stop(_), Phase::Stopping { cause: StopCause::Asked | StopCause::Leave, .. }) => already,
            (Request::Stop(_), Phase::Stopped | Phase::Done | Phase::Failed(_)) => not_running,
            (
                Request::Kill(_),
                Phase::Waiting { .. } | Phase::Backoff { .. } | Phase::Stopped | Phase::Done | Phase::Failed(_),
            ) => not_running,
            (
                Request::Start(_)
                | Request::Stop(_)
                | Request::Restart(_)
                | Request::Kill(_)
                | Request::Signal { .. }
                | Request::Input(_)
                | Request::Attach(_)
                | Request::RestartAll
                | Request::Reload
                | Request::ShutDown
                | Request::KillAll,
                _,
            ) => Ok(Some(id)),
        }
    }

    fn act(&mut self, request: &Request, id: Option<TaskId>, origin: &Origin, now: Instant) {
        match (request, id) {
            (Request::Start(_) | Request::Restart(_), Some(id)) => self.restart(id, now),
            (Request::Stop(_), Some(id)) => self.stop_as_asked(id, now),
            (Request::Kill(_), Some(id)) => self.kill_as_asked(id, now),
            (&Request::Signal { signal, tree, .. }, Some(id)) => {
                let run = self.task(id).live_run(id);
                self.effects.extend(run.map(|run| Effect::Signal { run, signal, tree }));
            }
            (Request::RestartAll, _) => {
                for id in self.ids().filter(|&id| self.takes_part_in_restart_all(id)).collect::<Vec<_>>() {
                    self.restart(id, now);
                }
            }
            (Request::ShutDown, _) => self.begin_drain(Cause::Graceful { origin: origin.clone() }, now),
            (Request::KillAll, _) => self.force_drain(origin, now),
            (Request::Input(_) | Request::Attach(_) | Request::Reload, _) => {}
            (
                Request::Start(_) | Request::Stop(_) | Request::Restart(_) | Request::Kill(_) | Request::Signal { .. },
                None,
            ) => {}
        }
    }

    /// Gives the budget back, drops any countdown, and starts a new run once the old one is gone.
    pub(super) fn restart(&mut self, id: TaskId, now: Instant) {
        let task = self.task_mut(id);
        task.budget.refund();
        let grace = task.plan.stop_timeout;
        match task.phase {
            Phase::Starting { .. } | Phase::Running { .. } | Phase::Ready { .. } | Phase::Stopping { .. } => {
                self.stop(id, StopCause::Restart, grace, now);
            }
            Phase::Waiting { .. } => {}
            Phase::Backoff { .. } | Phase::Stopped | Phase::Done | Phase::Failed(_) => {
                task.phase = Phase::Waiting { announced: false };
            }
        }
    }

    fn stop_as_asked(&mut self, id: TaskId, now: Instant) {
        let task = self.task(id);
        let grace = task.plan.stop_timeout;
        match task.phase {
            Phase::Starting { .. } | Phase::Running { .. } | Phase::Ready { .. } | Phase::Stopping { .. } => {
                self.stop(id, StopCause::Asked, grace, now);
            }
            Phase::Waiting { .. } | Phase::Backoff { .. } => self.stopped(id),
            Phase::Stopped | Phase::Done | Phase::Failed(_) => {}
        }
    }

    /// A run that is on its way down already keeps what comes after.
    fn kill_as_asked(&mut self, id: TaskId, now: Instant) {
        match self.task(id).phase {
            Phase::Stopping { .. } => self.kill(id, now),
            Phase::Starting { .. } | Phase::Running { .. } | Phase::Ready { .. } => {
                self.stop(id, StopCause::Asked, Duration::ZERO, now);
            }
            Phase::Waiting { .. } | Phase::Backoff { .. } | Phase::Stopped | Phase::Done | Phase::Failed(_) => {}
        }
    }

    fn takes_part_in_restart_all(&self, id: TaskId) -> bool {
        let task = self.task(id);
        let stays_down = match task.phase {
            Phase::Stopped | Phase::Done | Phase::Stopping { cause: StopCause::Leave, .. } => true,
            Phase::Waiting { .. }
            | Phase::Starting { .. }
            | Phase::Running { .. }
            | Phase::Ready { .. }
            | Phase::Stopping { .. }
            | Phase::Backoff { .. }
            | Phase::Failed(_) => false,
        };
        task.plan.kind != TaskKind::Builtin && !stays_down
    }
}

/// The name of the task that a request is about.
fn named(request: &Request) -> Option<&str> {
    match request {
        Request::Start(task)
        | Request::Stop(task)
        | Request::Restart(task)
        | Request::Kill(task)
        | Request::Signal { task, .. }
        | Request::Input(task)
        | Request::Attach(task) => Some(task),
        Request::RestartAll | Request::Reload | Request::ShutDown | Request::KillAll => None,
    }
}
