//! What starts a task beside people and its policy: the time of a schedule, and files that have changed.
//!
//! Both come as inputs. The engine computes no time of day, and looks at no file.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Engine;
use super::effect::Effect;
use super::event::EventKind;
use super::input::TaskId;
use super::policy::{Overlap, WatchAction};
use super::task::{Phase, StopCause};

/// What is known of the files that a task watches.
#[derive(Debug, Default)]
pub(super) struct WatchRounds {
    /// When the latest changes came, oldest first; at most [`WatchRounds::ROUNDS`].
    rounds: VecDeque<Instant>,
    /// It changes what it watches: changes mean nothing until a person starts it again.
    pub(super) is_suspended: bool,
}

impl WatchRounds {
    /// So many changes within [`WINDOW`](Self::WINDOW) are fine.
    pub(super) const ROUNDS: usize = 5;
    /// How long a change counts.
    pub(super) const WINDOW: Duration = Duration::from_secs(10);

    /// Counts a change. Whether that is one too many: the watch is suspended then.
    pub(super) fn count(&mut self, now: Instant) -> bool {
        self.rounds.retain(|at| now.saturating_duration_since(*at) < Self::WINDOW);
        self.is_suspended = self.rounds.len() >= Self::ROUNDS;
        if !self.is_suspended {
            self.rounds.push_back(now);
        }
        self.is_suspended
    }
}

impl Engine {
    /// A schedule says when its task is due next.
    pub(super) fn on_scheduled(&mut self, task: &str, next: Option<Instant>) {
        if let Some(id) = self.named(task) {
            self.task_mut(id).next_due = next;
        }
    }

    /// The task of that name, if something but a person may start it.
    fn triggered(&self, name: &str) -> Option<TaskId> {
        self.named(name).filter(|&id| !self.is_draining() && !self.has_failed_group(id))
    }

    /// A task is due. `late` is how late that is, if the time had passed unnoticed.
    pub(super) fn on_due(&mut self, task: &str, late: Option<Duration>) {
        let Some(id) = self.triggered(task) else { return };
        let task = self.task(id);
        let Some(overlap) = task.plan.schedule else { return };
        let is_kept_down = task.is_kept_down();
        match task.phase {
            // A person wants it to be down.
            Phase::Stopped { .. } => {}
            Phase::Live(_) if is_kept_down => {}
            Phase::Live(_) | Phase::Waiting { .. } => self.on_overlap(id, overlap),
            Phase::Backoff { .. } | Phase::Scheduled | Phase::Done | Phase::Failed { .. } => {
                self.emit(id, EventKind::Due { late });
                let task = self.task_mut(id);
                task.budget.refund();
                task.phase = Phase::WAITING;
            }
        }
    }

    /// It is due while it runs, or is about to.
    fn on_overlap(&mut self, id: TaskId, overlap: Overlap) {
        let task = self.task_mut(id);
        let is_given_up = task.is_given_up();
        let Some(run) = task.live_mut() else {
            return self.emit(id, EventKind::Overlapped { overlap: Overlap::Skip });
        };
        match overlap {
            Overlap::Skip => {}
            Overlap::Queue => run.is_due_again = true,
            // One that is being ended for a failure is replaced, too, but as its policy has it.
            Overlap::Replace if is_given_up => {}
            Overlap::Replace => run.request_stop(StopCause::Restart),
        }
        self.emit(id, EventKind::Overlapped { overlap });
    }

    /// A file that a task watches has changed.
    pub(super) fn on_changed(&mut self, task: &str, file: String, now: Instant) {
        let Some(id) = self.triggered(task) else { return };
        let task = self.task_mut(id);
        let (Some(action), false) = (task.plan.watch, task.watch.is_suspended) else { return };
        let keeps_cause = task.is_kept_down() || task.is_given_up();
        let acts = match task.phase {
            Phase::Live(_) => !keeps_cause,
            Phase::Backoff { .. } | Phase::Done | Phase::Failed { .. } => action == WatchAction::Restart,
            // It starts with the files as they are by then, or not at all.
            Phase::Waiting { .. } | Phase::Scheduled | Phase::Stopped { .. } => false,
        };
        if !acts {
            return;
        }
        if self.task_mut(id).watch.count(now) {
            return self.emit(id, EventKind::WatchSuspended { file, rounds: WatchRounds::ROUNDS as u32 });
        }
        self.emit(id, EventKind::FileChanged { file: file.clone() });
        let run = self.task(id).live_run(id);
        match action {
            WatchAction::Restart => self.restart(id),
            WatchAction::Signal(signal) => {
                self.effects.extend(run.map(|run| Effect::Signal { run, signal, tree: false }))
            }
            WatchAction::Run => self.effects.extend(run.map(|run| Effect::RunOnChange { run, file })),
        }
    }
}
