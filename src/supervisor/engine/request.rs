//! What people and programs ask of the supervisor, and the answers they get.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::replan::{BadConfig, Changes};
use super::state::TaskState;
use crate::signal::Signal;

/// Reloads that may wait for the configuration to be read; more are refused.
pub const RELOADS_WAITING: usize = 16;

/// Names a request until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Who asks: the name of a channel (`terminal`, `web`), or a signal (`SIGTERM`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Origin(pub String);

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a person or a program asks of the supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Do something with one task, with all replicas of one, or with all tasks of a group.
    Task {
        /// The name of the task, the name that its replicas have in common, or `@` and the name of the group.
        task: String,
        /// What is to be done.
        verb: Verb,
    },
    /// Restart every process that is not stopped or done.
    RestartAll,
    /// Read the configuration again, and apply what has changed.
    Reload,
    /// Run so many replicas of a task.
    Scale {
        /// The name that the replicas have in common.
        task: String,
        /// How many.
        replicas: u32,
    },
    /// Stop everything in order, then end.
    ShutDown,
    /// Kill everything that is left, now.
    KillAll,
}

/// What can be asked of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Start it if it does not run; during a backoff: now. Gives the retry budget back.
    Start,
    /// Stop it and keep it stopped.
    Stop,
    /// Stop the old run, if there is one, and start a new one. Gives the retry budget back.
    Restart,
    /// As `Stop`, without a grace period.
    Kill,
    /// Send it a signal. If it ends, that is an exit like any other: its policy decides what follows.
    Signal {
        /// The signal.
        signal: Signal,
        /// Whether all of its processes get it, or the main one alone.
        tree: bool,
    },
    /// Type into its terminal. The bytes go there directly; the request checks that it can be, and records who did.
    Input,
    /// Attach to its terminal. As `Input`, but the task need not run.
    Attach,
}

impl Verb {
    /// The verbs that start and stop.
    pub const LIFE: [Self; 4] = [Self::Start, Self::Stop, Self::Restart, Self::Kill];

    /// The request to do this with `task`.
    #[must_use]
    pub fn of(self, task: impl Into<String>) -> Request {
        Request::Task { task: task.into(), verb: self }
    }

    /// The word for it: the last part of its HTTP path, and the name of its subcommand.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Kill => "kill",
            Self::Signal { .. } => "signal",
            Self::Input => "input",
            Self::Attach => "attach",
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task { task, verb: verb @ (Verb::Start | Verb::Stop | Verb::Restart | Verb::Kill) } => {
                write!(f, "{} {task}", verb.word())
            }
            Self::Task { task, verb: Verb::Signal { signal, tree: false } } => write!(f, "signal {task} {signal}"),
            Self::Task { task, verb: Verb::Signal { signal, tree: true } } => {
                write!(f, "signal {task} {signal}, its whole tree")
            }
            Self::Task { task, verb: Verb::Input } => write!(f, "input to {task}"),
            Self::Task { task, verb: Verb::Attach } => write!(f, "attach to {task}"),
            Self::RestartAll => f.write_str("restart all"),
            Self::Reload => f.write_str("reload"),
            Self::Scale { task, replicas } => write!(f, "scale {task} to {replicas}"),
            Self::ShutDown => f.write_str("shut down"),
            Self::KillAll => f.write_str("kill all"),
        }
    }
}

/// The answer to a request that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is being done; the next snapshot shows the result so far.
    Taken,
    /// The task is in the requested state already, or on its way there: there is nothing to do.
    Already {
        /// Which task.
        task: String,
        /// The state it is in.
        state: TaskState,
    },
    /// The configuration was read again, and these are the changes.
    Reloaded(Changes),
}

impl Answer {
    /// The sentence to show if there was nothing to do: `api is ready already`.
    #[must_use]
    pub fn unchanged(&self) -> Option<String> {
        match self {
            Self::Already { task, state } => Some(format!("{task} is {state} already")),
            Self::Taken | Self::Reloaded(_) => None,
        }
    }
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize, ToSchema)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum Refusal {
    /// No task has this name.
    #[error("no {} is called `{task}`", if task.starts_with('@') { "group" } else { "task" })]
    UnknownTask {
        /// The name that was asked for.
        task: String,
    },
    /// Nothing is running that could be signalled or typed to.
    #[error("{task} is not running, it is {state}")]
    NotRunning {
        /// Which task.
        task: String,
        /// The state it is in.
        state: Cow<'static, str>,
    },
    /// It has no process that a signal could be sent to.
    #[error("{task} is a part of stead, not a process of its own")]
    NoProcess {
        /// Which task.
        task: String,
    },
    /// It has no terminal to type into.
    #[error("{task} has no terminal; `tty = true` gives it one")]
    NoTerminal {
        /// Which task.
        task: String,
    },
    /// It has no replicas that could be more or fewer.
    #[error("{task} has no replicas; `replicas = 1` in its table allows for more")]
    NotReplicated {
        /// Which task.
        task: String,
    },
    /// stead can't run without it.
    #[error("{task} can't be stopped alone: nothing goes on without it; shut down instead")]
    Essential {
        /// Which task.
        task: String,
    },
    /// A reload removed it from the configuration, and it is being stopped.
    #[error("{task} is not in the configuration any more; it is being stopped")]
    Leaving {
        /// Which task.
        task: String,
    },
    /// The configuration that was read is not valid.
    #[error("{0}; all goes on as it was")]
    BadConfig(BadConfig),
    /// Too many reloads wait for the configuration to be read.
    #[error("{RELOADS_WAITING} reloads wait already; ask again later")]
    ManyReloads,
    /// The supervisor is draining.
    #[error("stead is shutting down; nothing starts any more")]
    Draining,
    /// The supervisor has ended, or did not take the request in time.
    #[error("stead has ended or is too busy to answer")]
    Unavailable,
}
