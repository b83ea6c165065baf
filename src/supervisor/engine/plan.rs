//! What the core supervises: every task with its policy, and the order between them.

use std::time::Duration;

use super::input::TaskId;
use super::policy::{Condition, DrainConfig, OnExhausted, Policy, RestartConfig};
use super::snapshot::TaskKind;

/// All tasks of one supervisor. Dependencies are by place, exist, and have no cycle.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// In the order in which they are shown.
    pub tasks: Vec<TaskPlan>,
    /// How long an ordered stop may take.
    pub drain: DrainConfig,
    /// Seeds the jitter of the backoff.
    pub seed: u64,
}

/// One task of the plan.
#[derive(Debug, Clone)]
pub struct TaskPlan {
    /// Its unique name.
    pub name: String,
    /// Tells what its runs are made of: after a reload, another number means that only a new run has what is planned.
    pub revision: u64,
    /// The number of its last run under an earlier supervisor: its runs go on counting from there.
    pub runs_before: u64,
    /// What it is made of.
    pub kind: TaskKind,
    /// For people: the command line, or what the surface is.
    pub about: String,
    /// What an exit means.
    pub policy: Policy,
    /// What a spent budget means.
    pub on_exhausted: OnExhausted,
    /// How long after a run one that is held as failed is tried again; never if none.
    pub slow_retry: Option<Duration>,
    /// When and how often it is started again.
    pub restart: RestartConfig,
    /// What must hold before it starts.
    pub after: Vec<(TaskId, Condition)>,
    /// Whether a probe tells when it is ready; without one it is ready as soon as it runs.
    pub probed: bool,
    /// So many failed probes in a row end the run.
    pub failure_threshold: Option<u32>,
    /// Whether it has a terminal.
    pub tty: bool,
    /// How long it may take to stop before it is killed.
    pub stop_timeout: Duration,
    /// Exit codes that count as success.
    pub success_exit_codes: Vec<i32>,
}
