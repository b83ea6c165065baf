//! The policy of a task, and of the supervisor as a whole: what an exit means, and when and how often a task is
//! started again.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::TaskId;
use crate::duration::{maybe_millis, millis};
use crate::signal::Signal;

/// Bounds of the ordered stop of everything. Without one it takes as long as the stop timeouts on its longest chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DrainConfig {
    /// When it was asked for: `drain`. None by default.
    #[serde(rename = "drain_ms", with = "maybe_millis")]
    pub graceful: Option<Duration>,
    /// After a fatal end: `drain_fatal`, 3 s by default.
    #[serde(rename = "drain_fatal_ms", with = "millis")]
    pub fatal: Duration,
}

impl Default for DrainConfig {
    fn default() -> Self {
        Self { graceful: None, fatal: Duration::from_secs(3) }
    }
}

/// When and how often a task is started again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RestartConfig {
    /// The retry budget: restarts without a stable run in between. 5 by default.
    pub max_retries: u32,
    /// A run this long is stable and gives the whole budget back. 5 minutes by default.
    #[serde(rename = "reset_after_ms", with = "millis")]
    pub reset_after: Duration,
    /// The first wait. 500 ms by default.
    #[serde(rename = "initial_backoff_ms", with = "millis")]
    pub initial_backoff: Duration,
    /// The longest wait. 30 s by default.
    #[serde(rename = "max_backoff_ms", with = "millis")]
    pub max_backoff: Duration,
    /// Share of the wait, 0 to 1, that is added at random. 0 by default.
    pub jitter: f64,
    /// A second limit over a sliding window. Off by default.
    pub intensity: Option<Intensity>,
    /// A start that takes longer has failed. 30 s by default.
    #[serde(rename = "start_timeout_ms", with = "millis")]
    pub start_timeout: Duration,
}

impl Default for RestartConfig {
    fn default() -> Self {
        Self {
            max_retries: 5,
            reset_after: Duration::from_secs(300),
            initial_backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(30),
            jitter: 0.0,
            intensity: None,
            start_timeout: Duration::from_secs(30),
        }
    }
}

/// At most `restarts` within any stretch of `within`; one more escalates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Intensity {
    /// How many restarts are still fine; at most [`Intensity::MOST`].
    pub restarts: u32,
    /// The length of the sliding window.
    #[serde(rename = "within_ms", with = "millis")]
    pub within: Duration,
}

impl Intensity {
    /// The most restarts that a window can allow: their instants are remembered one by one.
    pub const MOST: u32 = 1_000;
}

/// What an exit means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Fatal, whatever the code: everything drains.
    Critical,
    /// Fatal unless it succeeded; then it is done.
    CriticalOnFailure,
    /// Started again after every exit.
    Always,
    /// Started again unless it succeeded.
    OnFailure,
    /// Done: never started again by itself.
    Never,
}

/// What a spent retry budget means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnExhausted {
    /// The supervisor ends with this task as its cause.
    Fatal,
    /// The task is held `Failed` until a person starts it again.
    Hold,
}

impl Policy {
    /// Whether some end of a run is fatal.
    #[must_use]
    pub fn is_critical(self) -> bool {
        match self {
            Self::Critical | Self::CriticalOnFailure => true,
            Self::Always | Self::OnFailure | Self::Never => false,
        }
    }
}

/// One entry of `after`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The task that is waited for.
    pub task: String,
    /// What must be true of it.
    pub condition: Condition,
    /// What its restarts mean for the dependent.
    pub on_restart: OnRestart,
    /// Whether the dependent needs it. If not, only the order is kept: the dependent neither starts it nor fails with it.
    pub required: bool,
}

impl Dependency {
    /// A dependency that is required, and whose restarts mean nothing.
    #[must_use]
    pub fn new(task: impl Into<String>, condition: Condition) -> Self {
        Self { task: task.into(), condition, on_restart: OnRestart::Ignore, required: true }
    }
}

/// What a dependent does when its dependency is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnRestart {
    /// Nothing.
    Ignore,
    /// It is restarted with every new run of the dependency.
    Restart,
    /// It is stopped while the dependency is down, and comes back with it.
    Stop,
}

/// Which tasks of a group are restarted when one of them is, as Erlang/OTP has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// That task alone.
    OneForOne,
    /// All of them.
    OneForAll,
    /// That task and the ones after it in the order of the group.
    RestForOne,
}

impl Strategy {
    /// As the file has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::OneForOne => "one-for-one",
            Self::OneForAll => "one-for-all",
            Self::RestForOne => "rest-for-one",
        }
    }
}

/// What a due time of a schedule means while the task still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Overlap {
    /// Nothing: this time is left out.
    Skip,
    /// It runs once more, right after.
    Queue,
    /// The run is stopped for a new one.
    Replace,
}

/// What a changed file means for the task that watches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchAction {
    /// It is restarted.
    Restart,
    /// Its processes get this signal.
    Signal(Signal),
    /// A command is run.
    Run,
}

/// When the supervisor ends without being asked to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EndsWhen {
    /// Never.
    #[default]
    Asked,
    /// When every task is done or has failed, and none can start again.
    AllDone,
    /// When this task has ended.
    Task(TaskId),
}

/// What must be true of a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// It has been started.
    Started,
    /// It is ready now, or has completed.
    Ready,
    /// It has completed with success.
    Success,
    /// It has exited at least once, however it went.
    Exited,
}

impl Condition {
    /// As the file has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Ready => "ready",
            Self::Success => "success",
            Self::Exited => "exited",
        }
    }
}

impl fmt::Display for Condition {
    /// As it reads after "for db": `to be ready`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Started => "to be started",
            Self::Ready => "to be ready",
            Self::Success => "to succeed",
            Self::Exited => "to exit",
        })
    }
}
