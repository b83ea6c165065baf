//! Why everything ended, and how.

use std::fmt;
use std::time::Duration;

use super::exit::ExitReason;
use super::input::Straggler;
use super::request::Origin;
use crate::duration::Pretty;

/// Why everything ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShutdownCause {
    /// A person or a client asked for it.
    Graceful {
        /// Who.
        origin: Origin,
    },
    /// Every task was done or had failed, and none could start again.
    Completed {
        /// Those that had failed.
        failed: Vec<String>,
    },
    /// The task that it was all for has ended.
    Ended {
        /// Which task.
        name: String,
        /// How it ended.
        reason: ExitReason,
        /// Whether that was a success by its own codes.
        success: bool,
    },
    /// A task's end made it pointless to go on.
    Fatal {
        /// Which task.
        name: String,
        /// How it ended.
        reason: String,
    },
}

impl fmt::Display for ShutdownCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Graceful { origin } => write!(f, "asked by {origin}"),
            Self::Completed { failed } if failed.is_empty() => f.write_str("every task is done"),
            Self::Completed { failed } => write!(f, "every task has ended, failed: {}", failed.join(", ")),
            Self::Ended { name, reason, .. } => write!(f, "{name} has ended: {reason}"),
            Self::Fatal { name, reason } => write!(f, "{name}: {reason}"),
        }
    }
}

/// How it all ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShutdownOutcome {
    /// Why.
    pub cause: ShutdownCause,
    /// Whether a second signal or a request cut the drain short.
    pub forced: bool,
    /// How long the drain took.
    pub took: Duration,
    /// What did not stop in time and was killed, in that order.
    pub killed: Vec<Killed>,
    /// What was still there when time was up.
    pub abandoned: Vec<String>,
}

/// A task that had to be killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Killed {
    /// Its name.
    pub name: String,
    /// How long it had held up the stop.
    pub held: Duration,
    /// The first few processes that had to be killed, if that is known.
    pub left: Vec<Straggler>,
}

impl ShutdownOutcome {
    /// 0 after a graceful end, 1 after a fatal one, 130 when a graceful drain was cut short. When every task has ended: 1
    /// if one has failed. When the task that it was all for has ended: its exit code, or 128 and the number of its signal.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match (&self.cause, self.forced) {
            (ShutdownCause::Fatal { .. }, _) => 1,
            (ShutdownCause::Completed { failed }, false) => u8::from(!failed.is_empty()),
            (ShutdownCause::Ended { reason, success, .. }, false) => exit_code(reason, *success),
            (ShutdownCause::Completed { .. } | ShutdownCause::Ended { .. }, true) => 130,
            (ShutdownCause::Graceful { .. }, true) => 130,
            (ShutdownCause::Graceful { .. }, false) => 0,
        }
    }
}

impl fmt::Display for ShutdownOutcome {
    /// The last line of every end, without its `stead: `.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.cause, self.forced) {
            (ShutdownCause::Fatal { name, reason }, _) => write!(f, "fatal: {name}: {reason}"),
            (ShutdownCause::Graceful { origin }, false) => {
                write!(f, "graceful, asked by {origin}, drained in {}", Pretty(self.took))
            }
            (cause @ (ShutdownCause::Completed { .. } | ShutdownCause::Ended { .. }), false) => {
                write!(f, "{cause}, drained in {}", Pretty(self.took))
            }
            (cause @ (ShutdownCause::Completed { .. } | ShutdownCause::Ended { .. }), true) => {
                write!(f, "{cause}, forced: killed after {}", Pretty(self.took))
            }
            (ShutdownCause::Graceful { origin }, true) => {
                write!(f, "forced, asked by {origin}, killed after {}", Pretty(self.took))
            }
        }
    }
}

/// The exit code that passes on how a run ended. What a task counts as success stays its own code.
#[must_use]
pub fn exit_code(reason: &ExitReason, success: bool) -> u8 {
    match reason {
        ExitReason::Code { code } => u8::try_from(*code).unwrap_or(1),
        ExitReason::Signal { signal, .. } => u8::try_from(signal.as_raw() + 128).unwrap_or(1),
        ExitReason::Finished => 0,
        ExitReason::StartFailed { .. } => 127,
        ExitReason::Panic { .. }
        | ExitReason::Error { .. }
        | ExitReason::Aborted
        | ExitReason::StartTimeout { .. }
        | ExitReason::NotReady { .. }
        | ExitReason::ReadyTimeout { .. }
        | ExitReason::NotLive { .. }
        | ExitReason::OverMemory { .. } => u8::from(!success),
    }
}
