//! Requests: which of them make sense now, and what they do.

use std::time::{Duration, Instant};

use super::Engine;
use super::effect::{Effect, LoadRequest};
use super::event::EventKind;
use super::input::TaskId;
use super::outcome::ShutdownCause;
use super::policy::OnRestart;
use super::policy::Policy;
use super::request::{Answer, Origin, RELOADS_WAITING, Refusal, Request, RequestId, Verb};
use super::snapshot::TaskKind;
use super::state::TaskState;
use super::task::{Phase, StopCause};

/// What a request comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Act,
    /// The task is in the requested state, or on its way there.
    Already,
    NotRunning,
    /// A reload is removing the task.
    Leaving,
}

impl Engine {
    pub(super) fn on_requested(&mut self, id: RequestId, request: &Request, origin: Origin, now: Instant) {
        let result = match request {
            Request::Task { task, verb } => self.on_task_request(task, *verb, &origin, now),
            Request::RestartAll | Request::Reload | Request::Scale { .. } | Request::ShutDown | Request::KillAll => {
                let allowed = self.allow(request);
                self.emit_for_all(asked(request, &origin, allowed.as_ref().err()));
                allowed.map(|()| Answer::Taken)
            }
        };
        if result.is_ok() {
            match request {
                Request::Task { .. } => {}
                Request::RestartAll => self.restart_all(),
                Request::ShutDown => self.begin_drain(ShutdownCause::Graceful { origin }, now),
                Request::KillAll => self.force_drain(&origin, now),
                // They are answered once the configuration is read.
                Request::Reload => return self.await_load(id, origin, LoadRequest::File),
                Request::Scale { task, replicas } => {
                    let request = LoadRequest::Scale { task: task.clone(), replicas: *replicas };
                    return self.await_load(id, origin, request);
                }
            }
        }
        self.effects.push(Effect::Answer(id, result));
    }

    /// Whether a request that names no task makes sense now. Shutting down twice does.
    fn allow(&self, request: &Request) -> Result<(), Refusal> {
        match request {
            Request::RestartAll | Request::Reload | Request::Scale { .. } if self.is_draining() => {
                Err(Refusal::Draining)
            }
            Request::Reload | Request::Scale { .. } if self.reloads.len() >= RELOADS_WAITING => {
                Err(Refusal::ManyReloads)
            }
            Request::Scale { task, .. }
                if !self.ids().any(|id| self.task(id).plan.replica_of.as_ref() == Some(task)) =>
            {
                match self.targets(task) {
                    targets if targets.is_empty() => Err(Refusal::UnknownTask { task: task.clone() }),
                    _ => Err(Refusal::NotReplicated { task: task.clone() }),
                }
            }
            Request::Task { .. }
            | Request::RestartAll
            | Request::Reload
            | Request::Scale { .. }
            | Request::ShutDown
            | Request::KillAll => Ok(()),
        }
    }

    /// The tasks that a name means: one, the replicas of one, or with an `@` the members of a group.
    fn targets(&self, name: &str) -> Vec<TaskId> {
        if let Some(group) = name.strip_prefix('@') {
            let members = self.groups.iter().find(|known| known.plan.name == group).map(|group| &group.plan.tasks);
            return members.into_iter().flatten().copied().filter(|id| self.board.contains(id)).collect();
        }
        if let Some(id) = self.named(name) {
            return vec![id];
        }
        self.ids().filter(|&id| self.task(id).plan.replica_of.as_deref() == Some(name)).collect()
    }

    fn on_task_request(&mut self, name: &str, verb: Verb, origin: &Origin, now: Instant) -> Result<Answer, Refusal> {
        let request = verb.of(name);
        let targets = self.targets(name);
        if targets.is_empty() {
            let unknown = Refusal::UnknownTask { task: name.to_owned() };
            self.emit_for_all(asked(&request, origin, Some(&unknown)));
            return Err(unknown);
        }
        if let (Verb::Start | Verb::Restart, Some(group)) = (verb, name.strip_prefix('@')) {
            self.groups.iter_mut().filter(|known| known.plan.name == group).for_each(super::group::Group::refund);
        }
        let results: Vec<_> = targets.iter().map(|&id| (id, self.allow_verb(id, verb))).collect();
        // Asked of several, it is refused only if it is by all of them.
        let refusal = results.iter().find_map(|(_, result)| result.clone().err());
        let accepted = results.iter().filter_map(|(_, result)| result.clone().ok());
        let answer = accepted.reduce(|one, other| if one == Answer::Taken { one } else { other });
        let result = answer.ok_or_else(|| refusal.unwrap_or(Refusal::Unavailable));
        match targets.as_slice() {
            &[id] => self.emit(id, asked(&request, origin, result.as_ref().err())),
            _ => self.emit_for_all(asked(&request, origin, result.as_ref().err())),
        }
        for (id, _) in results.into_iter().filter(|(_, result)| *result == Ok(Answer::Taken)) {
            self.act(id, verb, now);
        }
        result
    }

    /// Whether a verb makes sense for a task now, and whether there is anything to do.
    fn allow_verb(&self, id: TaskId, verb: Verb) -> Result<Answer, Refusal> {
        let task = self.task(id);
        let is_going_down = task.phase.stop_cause().is_some();
        let (name, state) = (|| task.plan.name.clone(), if is_going_down { TaskState::Stopping } else { task.state() });
        let is_essential = task.plan.kind == TaskKind::Builtin && task.plan.policy == Policy::Critical;
        match verb {
            Verb::Signal { .. } if task.plan.kind != TaskKind::Process => {
                return Err(Refusal::NoProcess { task: name() });
            }
            Verb::Input | Verb::Attach if !task.plan.tty => return Err(Refusal::NoTerminal { task: name() }),
            Verb::Start | Verb::Restart if self.is_draining() => return Err(Refusal::Draining),
            // Everything is being stopped. Only a kill helps that along.
            Verb::Stop if self.is_draining() => return Ok(Answer::Already { task: name(), state }),
            Verb::Kill if self.is_draining() => {}
            Verb::Stop | Verb::Restart | Verb::Kill if is_essential => return Err(Refusal::Essential { task: name() }),
            Verb::Start | Verb::Stop | Verb::Restart | Verb::Kill => {}
            Verb::Signal { .. } | Verb::Input | Verb::Attach => {}
        }
        match verdict(verb, &task.phase) {
            Verdict::Act => Ok(Answer::Taken),
            Verdict::Already => Ok(Answer::Already { task: name(), state }),
            Verdict::NotRunning => Err(Refusal::NotRunning { task: name(), state: state.word().into() }),
            Verdict::Leaving => Err(Refusal::Leaving { task: name() }),
        }
    }

    fn act(&mut self, id: TaskId, verb: Verb, now: Instant) {
        match verb {
            Verb::Start | Verb::Restart => {
                self.restart(id);
                self.start_needs(id, true);
            }
            Verb::Stop => self.stop_as_asked(id),
            Verb::Kill => self.kill_as_asked(id, now),
            Verb::Signal { signal, tree } => {
                let run = self.task(id).live_run(id);
                self.effects.extend(run.map(|run| Effect::Signal { run, signal, tree }));
            }
            Verb::Input | Verb::Attach => {}
        }
    }

    /// Gives the budget back, drops any countdown, and starts a new run once the old one is gone. What is restarted with
    /// it goes down first.
    pub(super) fn restart(&mut self, id: TaskId) {
        let task = self.task_mut(id);
        task.budget.refund();
        task.watch.is_suspended = false;
        match &mut task.phase {
            Phase::Live(run) => {
                run.request_stop(StopCause::Restart);
                for follower in self.followers(id, &[OnRestart::Restart, OnRestart::Stop]) {
                    self.bounce(follower);
                }
            }
            Phase::Waiting { .. } => {}
            Phase::Backoff { .. } | Phase::Scheduled | Phase::Stopped { .. } | Phase::Done | Phase::Failed { .. } => {
                task.phase = Phase::WAITING;
            }
        }
    }

    fn restart_all(&mut self) {
        let takes_part = |id: &TaskId| {
            let task = self.task(*id);
            let stays_down = match task.phase {
                Phase::Stopped { .. } | Phase::Scheduled | Phase::Done => true,
                Phase::Live(_) => task.phase.stop_cause() == Some(&StopCause::Leave),
                Phase::Waiting { .. } | Phase::Backoff { .. } | Phase::Failed { .. } => false,
            };
            task.plan.kind != TaskKind::Builtin && !stays_down
        };
        for id in self.ids().filter(takes_part).collect::<Vec<_>>() {
            self.restart(id);
        }
    }

    /// What may only run while it does goes down first.
    fn stop_as_asked(&mut self, id: TaskId) {
        match &mut self.task_mut(id).phase {
            Phase::Live(run) => {
                run.request_stop(StopCause::Asked);
                for follower in self.followers(id, &[OnRestart::Stop]) {
                    self.bounce(follower);
                }
            }
            Phase::Waiting { .. } | Phase::Backoff { .. } | Phase::Scheduled => self.stopped(id),
            Phase::Stopped { .. } | Phase::Done | Phase::Failed { .. } => {}
        }
    }

    /// As a stop without a grace, and at once. A run that is being stopped already keeps what comes after.
    fn kill_as_asked(&mut self, id: TaskId, now: Instant) {
        match (&self.task(id).phase, self.task(id).phase.stop()) {
            (_, Some(_)) => self.kill(id, now),
            (Phase::Live(run), None) => {
                let cause = run.pending_stop().cloned().unwrap_or(StopCause::Asked);
                self.stop(id, cause, Duration::ZERO, now);
            }
            (Phase::Waiting { .. } | Phase::Backoff { .. } | Phase::Scheduled, None) => self.stopped(id),
            (Phase::Stopped { .. } | Phase::Done | Phase::Failed { .. }, None) => {}
        }
    }
}

/// The event that says what was asked, and whether it was refused.
fn asked(request: &Request, origin: &Origin, refusal: Option<&Refusal>) -> EventKind {
    let (asked, origin) = (request.to_string(), origin.clone());
    match refusal {
        None => EventKind::Requested { asked, origin },
        Some(refusal) => EventKind::Refused { asked, origin, refusal: refusal.clone() },
    }
}

/// What a verb comes to in each state.
fn verdict(verb: Verb, phase: &Phase) -> Verdict {
    use TaskState::{Backoff, Done, Failed, Ready, Running, Scheduled, Starting, Stopped, Stopping, Waiting};
    let state = if phase.stop_cause().is_some() { Stopping } else { phase.state() };
    match verb {
        Verb::Start => match state {
            Starting | Running | Ready => Verdict::Already,
            Stopping => match phase.stop_cause() {
                Some(StopCause::Restart) => Verdict::Already,
                Some(StopCause::Leave) => Verdict::Leaving,
                Some(StopCause::Asked | StopCause::GaveUp(_) | StopCause::Failed(_)) | None => Verdict::Act,
            },
            // What it waits for may have to be started.
            Waiting | Backoff | Scheduled | Stopped | Done | Failed => Verdict::Act,
        },
        Verb::Stop => match state {
            Waiting | Starting | Running | Ready | Backoff | Scheduled => Verdict::Act,
            Stopping => match phase.stop_cause() {
                Some(StopCause::Asked | StopCause::Leave) => Verdict::Already,
                Some(StopCause::Restart | StopCause::GaveUp(_) | StopCause::Failed(_)) | None => Verdict::Act,
            },
            Stopped | Done | Failed => Verdict::Already,
        },
        Verb::Restart => match state {
            Waiting => Verdict::Already,
            Stopping if phase.stop_cause() == Some(&StopCause::Leave) => Verdict::Leaving,
            Starting | Running | Ready | Stopping | Backoff | Scheduled | Stopped | Done | Failed => Verdict::Act,
        },
        Verb::Kill => match state {
            Waiting | Starting | Running | Ready | Backoff | Scheduled => Verdict::Act,
            Stopping if phase.stop().is_some_and(|stop| stop.is_killed()) => Verdict::Already,
            Stopping => Verdict::Act,
            Stopped | Done | Failed => Verdict::Already,
        },
        Verb::Signal { .. } | Verb::Input => match state {
            Running | Ready | Stopping => Verdict::Act,
            Waiting | Starting | Backoff | Scheduled | Stopped | Done | Failed => Verdict::NotRunning,
        },
        Verb::Attach => Verdict::Act,
    }
}
