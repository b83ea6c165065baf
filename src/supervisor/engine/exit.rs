//! How a run ended, whole: never "task panicked" alone.

use std::fmt;
use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::duration::{Pretty, millis};
use crate::signal::Signal;

/// Why a run is over. Its `Display` is what every face shows: `code 7`, `SIGKILL`, `panic: …`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ExitReason {
    /// The process ended with this code.
    Code {
        /// As `exit` was given it.
        code: i32,
    },
    /// The process was ended by a signal.
    Signal {
        /// By name.
        signal: Signal,
        /// Whether the kernel wrote a core file.
        core_dumped: bool,
        /// Who sent it, where that is known of a SIGKILL.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Killer>,
    },
    /// An in-process task returned without an error.
    Finished,
    /// An in-process task panicked.
    Panic {
        /// What it panicked with.
        message: String,
    },
    /// An in-process task returned an error.
    Error {
        /// The error with its chain of causes.
        message: String,
    },
    /// An in-process task was aborted because it did not follow its cancellation in time.
    Aborted,
    /// It never ran.
    StartFailed {
        /// What was tried and why it failed.
        message: String,
    },
    /// Its start took longer than `start_timeout`.
    StartTimeout {
        /// The limit that was passed.
        #[serde(rename = "limit_ms", with = "millis")]
        #[schema(value_type = u64)]
        limit: Duration,
    },
    /// It ran, but its readiness probe gave up on it.
    NotReady {
        /// The last result of the probe.
        detail: String,
        /// How many tries in a row had failed.
        failures: u32,
    },
    /// It was not ready within its `ready.within`.
    ReadyTimeout {
        /// The limit that was passed.
        #[serde(rename = "limit_ms", with = "millis")]
        #[schema(value_type = u64)]
        limit: Duration,
        /// The last result of the probe; empty if there was none.
        detail: String,
    },
    /// Its liveness probe gave up on it.
    NotLive {
        /// The last result of the probe.
        detail: String,
        /// How many tries in a row had failed.
        failures: u32,
    },
    /// It used more memory than its `max_memory`.
    OverMemory {
        /// What it used, in bytes.
        #[serde(rename = "used_bytes")]
        used: u64,
        /// What it may use.
        #[serde(rename = "limit_bytes")]
        limit: u64,
    },
}

/// Who ended a run with SIGKILL. The signal itself does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "who", rename_all = "snake_case")]
pub enum Killer {
    /// stead.
    Stead {
        /// The time that it had to stop; nothing if it was to be killed at once.
        #[serde(rename = "after_ms", with = "millis")]
        #[schema(value_type = u64)]
        after: Duration,
    },
    /// The kernel, for want of memory.
    OutOfMemory {
        /// Whether its cgroup says so. Else it is only known that the system killed a process for that reason.
        certain: bool,
    },
    /// The kernel, at the end of its limit of processor time.
    CpuTime,
    /// A process that is not part of stead.
    Other,
}

impl ExitReason {
    /// The class an exit is counted under, in the API and in metrics; a small fixed set.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::Code { code: 0 } | Self::Finished => "success",
            Self::Code { .. } => "code",
            Self::Signal { .. } => "signal",
            Self::Panic { .. } => "panic",
            Self::Error { .. } => "error",
            Self::Aborted => "aborted",
            Self::StartFailed { .. } => "start_failed",
            Self::StartTimeout { .. } => "start_timeout",
            Self::NotReady { .. } | Self::ReadyTimeout { .. } => "not_ready",
            Self::NotLive { .. } => "not_live",
            Self::OverMemory { .. } => "over_memory",
        }
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code { code } => write!(f, "code {code}"),
            Self::Signal { signal, by: Some(by), .. } => write!(f, "{signal}{by}"),
            Self::Signal { signal, core_dumped: false, by: None } => write!(f, "{signal}"),
            Self::Signal { signal, core_dumped: true, by: None } => write!(f, "{signal} (core dumped)"),
            Self::Finished => f.write_str("finished"),
            Self::Panic { message } => write!(f, "panic: {message}"),
            Self::Error { message } | Self::StartFailed { message } => f.write_str(message),
            Self::Aborted => f.write_str("aborted"),
            Self::StartTimeout { limit } => write!(f, "start took longer than {}", Pretty(*limit)),
            Self::NotReady { detail, failures } => write!(f, "not ready after {failures} tries: {detail}"),
            Self::ReadyTimeout { limit, detail } if detail.is_empty() => {
                write!(f, "not ready within {}", Pretty(*limit))
            }
            Self::ReadyTimeout { limit, detail } => write!(f, "not ready within {}: {detail}", Pretty(*limit)),
            Self::NotLive { detail, failures: 1 } => write!(f, "not live: {detail}"),
            Self::NotLive { detail, failures } => write!(f, "not live: {detail}, {failures} times in a row"),
            Self::OverMemory { used, limit } => {
                let [used, limit] = [used, limit].map(|&bytes| ByteSize(bytes).display().iec());
                write!(f, "used {used:.0} of memory, over its {limit:.0}")
            }
        }
    }
}

impl fmt::Display for Killer {
    /// Follows the name of the signal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stead { after: Duration::ZERO } => f.write_str(" by stead"),
            Self::Stead { after } => write!(f, " by stead (it did not stop within {})", Pretty(*after)),
            Self::OutOfMemory { certain: true } => f.write_str(" by the kernel (out of memory)"),
            Self::OutOfMemory { certain: false } => f.write_str(", probably by the kernel (out of memory)"),
            Self::CpuTime => f.write_str(" by the kernel (its limit of processor time is spent)"),
            Self::Other => f.write_str(" from outside stead"),
        }
    }
}
