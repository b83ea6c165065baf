//! Requests: which of them make sense now, and what they do.

use std::time::{Duration, Instant};

use super::Engine;
use super::drain::ShutdownCause;
use super::effect::Effect;
use super::event::EventKind;
use super::input::TaskId;
use super::policy::Policy;
use super::request::{Answer, Origin, RELOADS_WAITING, Refusal, Request, RequestId, Verb};
use super::snapshot::TaskKind;
use super::state::TaskState;
use super::task::{Phase, StopCause};

/// Whether a verb makes sense for a task.
enum Verdict {
    Act,
    /// It is in the requested state, or on its way there.
    Already,
    NotRunning,
    /// A reload is removing it.
    Leaving,
}

impl Engine {
    pub(super) fn on_requested(&mut self, id: RequestId, request: &Request, origin: &Origin, now: Instant) {
        let task = self.find(request);
        let verdict = match task {
            Ok(None) => self.allow(request),
            Ok(Some((id, verb))) => self.allow_verb(id, verb),
            Err(ref unknown) => Err(unknown.clone()),
        };
        let (asked, origin) = (request.to_string(), origin.clone());
        let kind = match &verdict {
            Ok(()) => EventKind::Requested { asked, origin: origin.clone() },
            Err(refusal) => EventKind::Refused { asked, origin: origin.clone(), refusal: refusal.clone() },
        };
        match task {
            Ok(Some((id, _))) => self.emit(id, kind),
            Ok(None) | Err(_) => self.emit_for_all(kind),
        }
        if let Err(refusal) = verdict {
            self.effects.push(Effect::Answer(id, Err(refusal)));
            return;
        }
        match (request, task) {
            (Request::Task { .. }, Ok(Some((id, verb)))) => self.act(id, verb, now),
            (Request::Task { .. }, Ok(None) | Err(_)) => {}
            (Request::RestartAll, _) => self.restart_all(now),
            (Request::ShutDown, _) => self.begin_drain(ShutdownCause::Graceful { origin }, now),
            (Request::KillAll, _) => self.force_drain(&origin, now),
            // It is answered once the configuration is read.
            (Request::Reload, _) => return self.await_load(id, origin),
        }
        self.effects.push(Effect::Answer(id, Ok(Answer::Taken)));
    }

    /// The task that a request names, if it names one.
    fn find(&self, request: &Request) -> Result<Option<(TaskId, Verb)>, Refusal> {
        let Request::Task { task, verb } = request else { return Ok(None) };
        let found = self.ids().find(|&id| self.task(id).plan.name == *task);
        found.map(|id| Some((id, *verb))).ok_or_else(|| Refusal::UnknownTask { task: task.clone() })
    }

    /// Whether a request that names no task makes sense now.
    fn allow(&self, request: &Request) -> Result<(), Refusal> {
        match request {
            Request::KillAll => Ok(()),
            Request::Task { .. } | Request::RestartAll | Request::Reload | Request::ShutDown if self.is_draining() => {
                Err(Refusal::Draining)
            }
            Request::Reload if self.reloads.len() >= RELOADS_WAITING => Err(Refusal::ManyReloads),
            Request::Task { .. } | Request::RestartAll | Request::Reload | Request::ShutDown => Ok(()),
        }
    }

    /// Whether a verb makes sense for a task now.
    fn allow_verb(&self, id: TaskId, verb: Verb) -> Result<(), Refusal> {
        let task = self.task(id);
        let (name, state) = (|| task.plan.name.clone(), task.state());
        let is_essential = task.plan.kind == TaskKind::Builtin && task.plan.policy == Policy::Critical;
        match verb {
            Verb::Signal { .. } if task.plan.kind != TaskKind::Process => {
                return Err(Refusal::NoProcess { task: name() });
            }
            Verb::Input | Verb::Attach if !task.plan.tty => return Err(Refusal::NoTerminal { task: name() }),
            // The one request that helps a drain along.
            Verb::Kill if state == TaskState::Stopping => {}
            Verb::Start | Verb::Stop | Verb::Restart | Verb::Kill if self.is_draining() => {
                return Err(Refusal::Draining);
            }
            Verb::Stop | Verb::Restart | Verb::Kill if is_essential => return Err(Refusal::Essential { task: name() }),
            Verb::Start | Verb::Stop | Verb::Restart | Verb::Kill => {}
            Verb::Signal { .. } | Verb::Input | Verb::Attach => {}
        }
        match verdict(verb, &task.phase) {
            Verdict::Act => Ok(()),
            Verdict::Already => Err(Refusal::already(name(), state)),
            Verdict::NotRunning => Err(Refusal::not_running(name(), state)),
            Verdict::Leaving => Err(Refusal::Leaving { task: name() }),
        }
    }

    fn act(&mut self, id: TaskId, verb: Verb, now: Instant) {
        match verb {
            Verb::Start | Verb::Restart => self.restart(id, now),
            Verb::Stop => self.stop_as_asked(id, now),
            Verb::Kill => self.kill_as_asked(id, now),
            Verb::Signal { signal, tree } => {
                let run = self.task(id).live_run(id);
                self.effects.extend(run.map(|run| Effect::Signal { run, signal, tree }));
            }
            Verb::Input | Verb::Attach => {}
        }
    }

    /// Gives the budget back, drops any countdown, and starts a new run once the old one is gone.
    pub(super) fn restart(&mut self, id: TaskId, now: Instant) {
        let task = self.task_mut(id);
        task.budget.refund();
        let grace = task.plan.stop_timeout;
        match task.phase {
            Phase::Live(_) => self.stop(id, StopCause::Restart, grace, now),
            Phase::Waiting { .. } => {}
            Phase::Backoff { .. } | Phase::Stopped | Phase::Done | Phase::Failed(_) => task.phase = Phase::WAITING,
        }
    }

    fn restart_all(&mut self, now: Instant) {
        let takes_part = |id: &TaskId| {
            let task = self.task(*id);
            let stays_down = match task.phase {
                Phase::Stopped | Phase::Done => true,
                Phase::Live(_) => task.phase.stop_cause() == Some(&StopCause::Leave),
                Phase::Waiting { .. } | Phase::Backoff { .. } | Phase::Failed(_) => false,
            };
            task.plan.kind != TaskKind::Builtin && !stays_down
        };
        for id in self.ids().filter(takes_part).collect::<Vec<_>>() {
            self.restart(id, now);
        }
    }

    fn stop_as_asked(&mut self, id: TaskId, now: Instant) {
        let task = self.task(id);
        let grace = task.plan.stop_timeout;
        match task.phase {
            Phase::Live(_) => self.stop(id, StopCause::Asked, grace, now),
            Phase::Waiting { .. } | Phase::Backoff { .. } => self.stopped(id),
            Phase::Stopped | Phase::Done | Phase::Failed(_) => {}
        }
    }

    /// A run that is being stopped already keeps what comes after.
    fn kill_as_asked(&mut self, id: TaskId, now: Instant) {
        match self.task(id).phase.stop() {
            Some(_) => self.kill(id, now),
            None => self.stop(id, StopCause::Asked, Duration::ZERO, now),
        }
    }
}

/// What a verb means in each state.
fn verdict(verb: Verb, phase: &Phase) -> Verdict {
    use TaskState::{Backoff, Done, Failed, Ready, Running, Starting, Stopped, Stopping, Waiting};
    match verb {
        Verb::Start => match phase.state() {
            Waiting | Starting | Running | Ready => Verdict::Already,
            Stopping => match phase.stop_cause() {
                Some(StopCause::Restart) => Verdict::Already,
                Some(StopCause::Leave) => Verdict::Leaving,
                Some(StopCause::Asked | StopCause::GaveUp(_)) | None => Verdict::Act,
            },
            Backoff | Stopped | Done | Failed => Verdict::Act,
        },
        Verb::Stop => match phase.state() {
            Waiting | Starting | Running | Ready | Backoff => Verdict::Act,
            Stopping => match phase.stop_cause() {
                Some(StopCause::Asked | StopCause::Leave) => Verdict::Already,
                Some(StopCause::Restart | StopCause::GaveUp(_)) | None => Verdict::Act,
            },
            Stopped | Done | Failed => Verdict::NotRunning,
        },
        Verb::Restart => match phase.state() {
            Waiting => Verdict::Already,
            Stopping if phase.stop_cause() == Some(&StopCause::Leave) => Verdict::Leaving,
            Starting | Running | Ready | Stopping | Backoff | Stopped | Done | Failed => Verdict::Act,
        },
        Verb::Kill => match phase.state() {
            Starting | Running | Ready => Verdict::Act,
            Stopping if phase.stop().is_some_and(|stop| stop.killed) => Verdict::Already,
            Stopping => Verdict::Act,
            Waiting | Backoff | Stopped | Done | Failed => Verdict::NotRunning,
        },
        Verb::Signal { .. } | Verb::Input => match phase.state() {
            Running | Ready | Stopping => Verdict::Act,
            Waiting | Starting | Backoff | Stopped | Done | Failed => Verdict::NotRunning,
        },
        Verb::Attach => Verdict::Act,
    }
}
