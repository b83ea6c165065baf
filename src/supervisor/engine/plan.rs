//! What the engine supervises: every task with its policy, the order between them, and groups.

use std::collections::BTreeMap;
use std::time::Duration;

use super::input::TaskId;
use super::policy::{
    Condition, DrainConfig, EndsWhen, Intensity, OnExhausted, OnRestart, Overlap, Policy, RestartConfig, Strategy,
    WatchAction,
};
use super::snapshot::TaskKind;

/// All tasks of one supervisor. Dependencies and members of groups are by position, exist, and have no cycle.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// In the order in which they are shown.
    pub tasks: Vec<TaskPlan>,
    /// A task is in one at most.
    pub groups: Vec<GroupPlan>,
    /// Bounds of the ordered stop of everything.
    pub drain: DrainConfig,
    /// When the supervisor ends without being asked to.
    pub until: EndsWhen,
    /// Seeds the jitter of the backoff.
    pub seed: u64,
}

/// One task of the plan.
#[derive(Debug, Clone)]
pub struct TaskPlan {
    /// Its unique name.
    pub name: String,
    /// The task that it is one of several replicas of.
    pub replica_of: Option<String>,
    /// Tells what its runs are made of: after a reload, another number means that only a new run has what is planned.
    pub revision: u64,
    /// The number of its last run under an earlier supervisor: its runs go on counting from there.
    pub runs_before: u64,
    /// What it is made of.
    pub kind: TaskKind,
    /// For people: the command line, or what the surface is.
    pub about: String,
    /// What it is, in a few words for people.
    pub description: Option<String>,
    /// Whether it starts without being asked to, or needed.
    pub autostart: bool,
    /// What an exit means.
    pub policy: Policy,
    /// What a spent budget means.
    pub on_exhausted: OnExhausted,
    /// How long after a run one that is held as failed is tried again; never if none.
    pub slow_retry: Option<Duration>,
    /// When and how often it is started again.
    pub restart: RestartConfig,
    /// What must hold before it starts.
    pub after: Vec<Edge>,
    /// The probe that tells when it is ready; without one it counts as ready as soon as it runs.
    pub ready: Option<ReadyPlan>,
    /// So many failed tries of its liveness probe in a row end the run. None without that probe.
    pub live_threshold: Option<u32>,
    /// It starts when it is due; what a due time means while it runs.
    pub schedule: Option<Overlap>,
    /// What a changed file means, if it watches any.
    pub watch: Option<WatchAction>,
    /// The ports that it is to listen on, by name.
    pub ports: BTreeMap<String, u16>,
    /// Whether it has a terminal.
    pub tty: bool,
    /// How long it may take to stop before it is killed.
    pub stop_timeout: Duration,
    /// Exit codes that count as success.
    pub success_exit_codes: Vec<i32>,
}

impl TaskPlan {
    /// A process with the defaults of the file.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            replica_of: None,
            revision: 0,
            runs_before: 0,
            kind: TaskKind::Process,
            about: String::new(),
            description: None,
            autostart: true,
            policy: Policy::OnFailure,
            on_exhausted: OnExhausted::Hold,
            slow_retry: None,
            restart: RestartConfig::default(),
            after: Vec::new(),
            ready: None,
            live_threshold: None,
            schedule: None,
            watch: None,
            ports: BTreeMap::new(),
            tty: false,
            stop_timeout: Duration::from_secs(10),
            success_exit_codes: vec![0],
        }
    }
}

/// What a readiness probe means for the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadyPlan {
    /// So many failed tries in a row end the run.
    pub failure_threshold: Option<u32>,
    /// A run that was not ready in this time has failed.
    pub within: Option<Duration>,
}

/// A dependency of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The task that is waited for.
    pub task: TaskId,
    /// What must be true of it.
    pub condition: Condition,
    /// What its restarts mean for the dependent.
    pub on_restart: OnRestart,
    /// Whether the dependent needs it; else only the order is kept.
    pub required: bool,
}

/// A group of tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPlan {
    /// Its unique name.
    pub name: String,
    /// Its members, in its order.
    pub tasks: Vec<TaskId>,
    /// Which of them are restarted with one of them.
    pub strategy: Strategy,
    /// How many restarts all of them may have; no limit if none.
    pub intensity: Option<Intensity>,
    /// What it means if that is spent.
    pub on_exhausted: OnExhausted,
}
