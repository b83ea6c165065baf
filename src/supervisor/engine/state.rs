//! The state of a task in one word, and what follows from it: the engine and every client judge by the same rules.

use std::fmt;

use super::policy::Condition;

/// The state of a task, without its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// It starts as soon as its dependencies allow.
    Waiting,
    /// A start is under way.
    Starting,
    /// It runs, and is not known to be ready.
    Running,
    /// It runs and is ready.
    Ready,
    /// It was asked to end and has not ended yet.
    Stopping,
    /// It waits to be started again.
    Backoff,
    /// It starts when it is due.
    Scheduled,
    /// A person or the drain stopped it, or it does not start without being asked to.
    Stopped,
    /// Its policy does not start it again.
    Done,
    /// It failed for good and is held for a person.
    Failed,
}

impl TaskState {
    /// The word that every surface shows.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Ready => "ready",
            Self::Stopping => "stopping",
            Self::Backoff => "backoff",
            Self::Scheduled => "scheduled",
            Self::Stopped => "stopped",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// Whether a run is live: starting, up, or being stopped.
    #[must_use]
    pub fn is_live(self) -> bool {
        match self {
            Self::Starting | Self::Running | Self::Ready | Self::Stopping => true,
            Self::Waiting | Self::Backoff | Self::Scheduled | Self::Stopped | Self::Done | Self::Failed => false,
        }
    }

    /// Whether its run has come to life and is not being stopped.
    #[must_use]
    pub fn is_up(self) -> bool {
        match self {
            Self::Running | Self::Ready => true,
            Self::Waiting
            | Self::Starting
            | Self::Stopping
            | Self::Backoff
            | Self::Scheduled
            | Self::Stopped
            | Self::Done
            | Self::Failed => false,
        }
    }

    /// Whether nothing is live and only a request starts it again.
    #[must_use]
    pub fn is_at_rest(self) -> bool {
        match self {
            Self::Stopped | Self::Done | Self::Failed => true,
            Self::Waiting
            | Self::Starting
            | Self::Running
            | Self::Ready
            | Self::Stopping
            | Self::Backoff
            | Self::Scheduled => false,
        }
    }

    /// Whether a stop would change something: it runs, or would start without being asked.
    #[must_use]
    pub fn can_stop(self) -> bool {
        self != Self::Stopping && !self.is_at_rest()
    }

    /// Whether a start would change something: it is at rest, or waits for its next try or its next time.
    #[must_use]
    pub fn can_start(self) -> bool {
        matches!(self, Self::Backoff | Self::Scheduled) || self.is_at_rest()
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a [`Condition`] is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The state.
    pub state: TaskState,
    /// Whether it counts as ready: by its probe, or because it runs and has none.
    pub is_ready: bool,
    /// Whether any run has come to life.
    pub has_started: bool,
    /// Whether any run has ended, however it went.
    pub has_exited: bool,
    /// Whether the last run that has ended has succeeded.
    pub has_succeeded: bool,
}

/// How far a task is from a [`Condition`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The condition holds.
    Met,
    /// It does not hold yet, and may without a request.
    Pending,
    /// The task is at rest: the condition holds only after a request starts the task.
    Halted,
    /// The task has failed for good.
    Failed,
}

impl Progress {
    /// How far this is from `condition`.
    #[must_use]
    pub fn toward(self, condition: Condition) -> Reach {
        // One that is scheduled has completed until it runs again.
        let has_completed = self.state == TaskState::Done || (self.state == TaskState::Scheduled && self.has_succeeded);
        let holds = match condition {
            Condition::Started => self.has_started,
            Condition::Ready => self.is_ready || has_completed,
            Condition::Success => has_completed,
            Condition::Exited => self.has_exited,
        };
        match self.state {
            _ if holds => Reach::Met,
            TaskState::Failed => Reach::Failed,
            TaskState::Stopped | TaskState::Done => Reach::Halted,
            TaskState::Waiting
            | TaskState::Starting
            | TaskState::Running
            | TaskState::Ready
            | TaskState::Stopping
            | TaskState::Backoff
            | TaskState::Scheduled => Reach::Pending,
        }
    }
}
