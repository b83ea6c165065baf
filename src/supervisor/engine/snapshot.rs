//! What every face shows: one value, made by the core, the latest wins.
//!
//! All times are on the supervisor's own clock ([`Uptime`]), so that a snapshot can travel to a browser or
//! to another process and a countdown still means the same.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use super::exit::ExitReason;
use super::input::Straggler;
use super::policy::{Condition, OnExhausted, OnRestart, Policy, Strategy};
use super::state::{Progress, Reach, TaskState};
use crate::duration::{maybe_millis, millis};

/// A point on the supervisor's monotonic clock: the time since it started. Serialized as milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = u64)]
pub struct Uptime(#[serde(with = "millis")] pub Duration);

impl Uptime {
    /// The time from `earlier` to here; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The time from here to `later`; zero if that is past.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        later.since(self)
    }
}

/// The whole supervisor at one instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    /// Grows with every change.
    pub generation: u64,
    /// When it was taken.
    pub at: Uptime,
    /// Whether it supervises or drains.
    pub stage: Stage,
    /// Every task, in the order of the plan.
    pub tasks: Vec<TaskSnapshot>,
    /// Every group.
    pub groups: Vec<GroupSnapshot>,
}

impl Snapshot {
    /// The task of that name.
    #[must_use]
    pub fn task(&self, name: &str) -> Option<&TaskSnapshot> {
        self.tasks.iter().find(|task| task.name == name)
    }

    /// The group that a task is in.
    #[must_use]
    pub fn group_of(&self, name: &str) -> Option<&GroupSnapshot> {
        self.groups.iter().find(|group| group.tasks.iter().any(|task| task == name))
    }

    /// The tasks that a name means: the one that is called so, the replicas that have it in common, or with an `@` the
    /// members of a group.
    #[must_use]
    pub fn tasks_meant(&self, name: &str) -> Vec<&str> {
        let tasks = self.tasks.iter().map(|task| (task.name.as_str(), task.replica_of.as_deref()));
        tasks_meant(name, tasks, &self.groups)
    }

    /// The tasks that a restart of these restarts, themselves first: for a person to look at before.
    #[must_use]
    pub fn restarted_with<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Vec<&str> {
        let mut found = Vec::new();
        for name in names {
            let all = self.restarted_with_one(name);
            found.extend(all.into_iter().filter(|name| !found.contains(name)).collect::<Vec<_>>());
        }
        found
    }

    fn restarted_with_one(&self, name: &str) -> Vec<&str> {
        let Some(first) = self.task(name) else { return Vec::new() };
        // Nothing is stopped by the start of what does not run.
        let goes_along = |task: &TaskSnapshot, edge: &EdgeSnapshot| match edge.on_restart {
            OnRestart::Ignore => false,
            OnRestart::Restart => task.comes_back() || task.state() == TaskState::Done,
            OnRestart::Stop => first.is_live() && task.comes_back(),
        };
        let mut found = vec![first.name.as_str()];
        let mut at = 0;
        while let Some(&dependency) = found.get(at) {
            for task in &self.tasks {
                let follows = |edge: &EdgeSnapshot| edge.task == dependency && goes_along(task, edge);
                if !found.contains(&task.name.as_str()) && task.after.iter().any(follows) {
                    found.push(&task.name);
                }
            }
            at += 1;
        }
        found
    }
}

/// The tasks that a name means, of these tasks, each with what it is a replica of, and groups.
#[must_use]
pub fn tasks_meant<'a>(
    name: &str,
    tasks: impl Iterator<Item = (&'a str, Option<&'a str>)> + Clone,
    groups: impl IntoIterator<Item = &'a GroupSnapshot>,
) -> Vec<&'a str> {
    if let Some(group) = name.strip_prefix('@') {
        let group = groups.into_iter().find(|known| known.name == group);
        return group.into_iter().flat_map(|group| group.tasks.iter().map(String::as_str)).collect();
    }
    if let Some((task, _)) = tasks.clone().find(|(task, _)| *task == name) {
        return vec![task];
    }
    tasks.filter(|(_, replica_of)| *replica_of == Some(name)).map(|(task, _)| task).collect()
}

/// Where the supervisor is in its own life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// Tasks are supervised.
    Up,
    /// Everything is being stopped.
    Draining {
        /// Why: `asked by terminal`, `db: SIGKILL`.
        cause: String,
        /// Whether a task's end is the cause.
        fatal: bool,
        /// When the rest is killed.
        deadline: Uptime,
    },
}

/// One task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskSnapshot {
    /// Its unique name.
    pub name: String,
    /// What it is made of.
    pub kind: TaskKind,
    /// The command line, or what the surface is: for people.
    pub about: String,
    /// What it is, in a few words for people.
    pub description: Option<String>,
    /// What an exit means.
    pub policy: Policy,
    /// What a spent budget means.
    pub on_exhausted: OnExhausted,
    /// The task that it is one of several replicas of.
    pub replica_of: Option<String>,
    /// Whether it starts without being asked to, or needed.
    pub autostart: bool,
    /// What it depends on.
    pub after: Vec<EdgeSnapshot>,
    /// Whether a probe tells when it is ready; without one it counts as ready as soon as it runs.
    pub probed: bool,
    /// The ports that it is to listen on, by name.
    pub ports: BTreeMap<String, u16>,
    /// Whether it has a terminal to attach to and type into.
    pub tty: bool,
    /// The state with its data.
    #[serde(flatten)]
    pub phase: PhaseSnapshot,
    /// The stop of its run that waits for its dependents to stop first; none while everything is being stopped.
    pub pending_stop: Option<PendingStop>,
    /// The number of the latest run; 0 before the first.
    pub run: u64,
    /// The number of the last run under an earlier supervisor of the project.
    pub runs_before: u64,
    /// How much of the budget is used.
    pub retries: u32,
    /// The budget.
    pub max_retries: u32,
    /// The first wait of the backoff, in milliseconds.
    #[serde(rename = "initial_backoff_ms", with = "millis")]
    #[schema(value_type = u64)]
    pub initial_backoff: Duration,
    /// The longest wait of the backoff, in milliseconds.
    #[serde(rename = "max_backoff_ms", with = "millis")]
    #[schema(value_type = u64)]
    pub max_backoff: Duration,
    /// When the current run becomes stable and the budget comes back; only while some of it is used.
    pub budget_back_at: Option<Uptime>,
    /// Restarts by policy since the supervisor started.
    pub restarts: u64,
    /// Restarts by policy in the last hour.
    pub restarts_last_hour: u32,
    /// While it is flapping, which is to say that its runs end again and again: the mean time between its last restarts,
    /// in milliseconds.
    #[serde(rename = "flapping_every_ms", with = "maybe_millis")]
    #[schema(value_type = Option<u64>)]
    pub flapping_every: Option<Duration>,
    /// How the last finished run ended.
    pub last_exit: Option<LastExit>,
    /// Exits by class of reason; see [`ExitReason::class`].
    pub exits: BTreeMap<Cow<'static, str>, u64>,
    /// Whether any run has come to life.
    pub has_started: bool,
    /// The last try of the readiness probe in this run.
    pub probe: Option<ProbeSnapshot>,
    /// The last try of the liveness probe in this run.
    pub live_probe: Option<ProbeSnapshot>,
    /// What this run does, in its own words (`STATUS=` of sd_notify).
    pub status: Option<String>,
    /// When it is due next, if it has a schedule.
    pub next_due: Option<Uptime>,
    /// Whether it watches files; suspended if it changes them itself.
    pub watch: Option<WatchState>,
    /// What the process tree uses. The engine leaves it empty; the driver adds it while a client shows it.
    pub usage: Option<Usage>,
    /// What its last failed run wrote last of what went wrong, by its level or its shape. The engine leaves it empty; the
    /// publisher adds it.
    pub last_words: Option<String>,
    /// Where a surface that listens can be reached: `http://127.0.0.1:7070`.
    pub address: Option<String>,
}

impl TaskSnapshot {
    /// The state, without its data.
    #[must_use]
    pub fn state(&self) -> TaskState {
        self.phase.state()
    }

    /// Whether a run is live: starting, up, or being stopped.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.state().is_live()
    }

    /// Whether a run is live, and another may follow it.
    fn comes_back(&self) -> bool {
        match self.phase {
            PhaseSnapshot::Stopping { then, .. } => matches!(then, AfterStop::Restart | AfterStop::Retry),
            PhaseSnapshot::Starting { .. } | PhaseSnapshot::Running { .. } | PhaseSnapshot::Ready { .. } => true,
            PhaseSnapshot::Waiting { .. } | PhaseSnapshot::Backoff { .. } | PhaseSnapshot::Scheduled => false,
            PhaseSnapshot::Stopped | PhaseSnapshot::Done | PhaseSnapshot::Failed { .. } => false,
        }
    }

    /// How far it is from a condition that a dependent, or a client, waits for.
    #[must_use]
    pub fn toward(&self, condition: Condition) -> Reach {
        let progress = Progress {
            state: self.state(),
            // A run that is to be stopped is not the one that is waited for.
            is_ready: self.counts_as_ready() && self.pending_stop.is_none(),
            has_started: self.has_started,
            has_exited: self.last_exit.is_some(),
            has_succeeded: self.last_exit.as_ref().is_some_and(|last| last.succeeded),
        };
        progress.toward(condition)
    }

    /// Whether it is ready by its probe, or runs and has none.
    #[must_use]
    pub fn counts_as_ready(&self) -> bool {
        self.state() == TaskState::Ready || (self.state() == TaskState::Running && !self.probed)
    }

    /// Its main process, while it has one.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match self.phase {
            PhaseSnapshot::Running { pid, .. }
            | PhaseSnapshot::Ready { pid, .. }
            | PhaseSnapshot::Stopping { pid, .. } => pid,
            PhaseSnapshot::Waiting { .. }
            | PhaseSnapshot::Starting { .. }
            | PhaseSnapshot::Backoff { .. }
            | PhaseSnapshot::Scheduled
            | PhaseSnapshot::Stopped
            | PhaseSnapshot::Done
            | PhaseSnapshot::Failed { .. } => None,
        }
    }

    /// Since when its run is up; none if no run is, or it is being stopped.
    #[must_use]
    pub fn up_since(&self) -> Option<Uptime> {
        match self.phase {
            PhaseSnapshot::Running { since, .. } | PhaseSnapshot::Ready { since, .. } => Some(since),
            PhaseSnapshot::Waiting { .. }
            | PhaseSnapshot::Starting { .. }
            | PhaseSnapshot::Stopping { .. }
            | PhaseSnapshot::Backoff { .. }
            | PhaseSnapshot::Scheduled
            | PhaseSnapshot::Stopped
            | PhaseSnapshot::Done
            | PhaseSnapshot::Failed { .. } => None,
        }
    }

    /// Whether it is one of stead's own parts.
    #[must_use]
    pub fn is_builtin(&self) -> bool {
        self.kind == TaskKind::Builtin
    }

    /// Whether its runs end again and again, though its budget lasts.
    #[must_use]
    pub fn is_flapping(&self) -> bool {
        self.flapping_every.is_some()
    }

    /// Whether another task is the reason that it does not run.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        matches!(self.phase, PhaseSnapshot::Failed { dependency: Some(_), .. })
    }
}

/// What a task is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// A child process from the config.
    Process,
    /// One of stead's own parts: the gateway, a surface.
    Builtin,
    /// A future handed over by a Rust program.
    Future,
}

/// The state of a task, with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PhaseSnapshot {
    /// It starts as soon as its dependencies allow.
    Waiting {
        /// What it still waits for.
        blockers: Vec<Blocker>,
    },
    /// A start is under way.
    Starting {
        /// Since when.
        since: Uptime,
        /// When the start has failed.
        deadline: Uptime,
    },
    /// It runs, and is not known to be ready.
    Running {
        /// When the run started.
        since: Uptime,
        /// Its process, if it is one.
        pid: Option<u32>,
    },
    /// It runs and is ready.
    Ready {
        /// When the run started.
        since: Uptime,
        /// Its process, if it is one.
        pid: Option<u32>,
    },
    /// It was asked to end and has not yet.
    Stopping {
        /// When it was asked.
        since: Uptime,
        /// When it is killed.
        kill_at: Uptime,
        /// Whether that has happened.
        killed: bool,
        /// The first few processes that hold it up, if that is known.
        left: Vec<Straggler>,
        /// What comes after.
        then: AfterStop,
        /// Its process, if it is one.
        pid: Option<u32>,
    },
    /// It waits to be started again.
    Backoff {
        /// Which retry of the budget comes next, from 1.
        attempt: u32,
        /// When the wait began.
        since: Uptime,
        /// When it is over.
        retry_at: Uptime,
    },
    /// It starts when it is due.
    Scheduled,
    /// A person stopped it, or the drain did; or it does not start without being asked to.
    Stopped,
    /// Its policy says that it is done.
    Done,
    /// It failed for good and is held for a person; a surface is tried again now and then.
    Failed {
        /// Why, for people: `5 retries spent: SIGSEGV`, `migrate failed`.
        reason: String,
        /// The dependency that failed, if that is why.
        dependency: Option<String>,
        /// When it is tried again, if it is.
        retry_at: Option<Uptime>,
    },
}

impl PhaseSnapshot {
    /// The state, without its data.
    #[must_use]
    pub fn state(&self) -> TaskState {
        match self {
            Self::Waiting { .. } => TaskState::Waiting,
            Self::Starting { .. } => TaskState::Starting,
            Self::Running { .. } => TaskState::Running,
            Self::Ready { .. } => TaskState::Ready,
            Self::Stopping { .. } => TaskState::Stopping,
            Self::Backoff { .. } => TaskState::Backoff,
            Self::Scheduled => TaskState::Scheduled,
            Self::Stopped => TaskState::Stopped,
            Self::Done => TaskState::Done,
            Self::Failed { .. } => TaskState::Failed,
        }
    }

    /// The word that every surface shows for the state.
    #[must_use]
    pub fn word(&self) -> &'static str {
        self.state().word()
    }
}

/// What follows once a run that is asked to end has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterStop {
    /// It stays down.
    Stay,
    /// A new run starts.
    Restart,
    /// It counts as a failure: the policy decides.
    Retry,
    /// It is held as failed, with its group.
    Fail,
    /// It leaves the board: a reload took it out of the configuration.
    Leave,
}

/// A stop that waits until the dependents are down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PendingStop {
    /// The dependents that are not down yet.
    pub waits_for: Vec<String>,
    /// What comes after.
    pub then: AfterStop,
}

/// A dependency that does not hold yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Blocker {
    /// The task that is waited for.
    pub task: String,
    /// What must be true of it.
    pub condition: Condition,
    /// The state it is in.
    pub state: Cow<'static, str>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastExit {
    /// The number of the run.
    pub run: u64,
    /// How it ended; serialized with its words as `text`.
    #[serde(serialize_with = "with_text")]
    #[schema(value_type = ExitReasonWithText)]
    pub reason: ExitReason,
    /// Whether that was a success by the task's own codes, or asked for.
    pub expected: bool,
    /// Whether that was a success by the task's own codes.
    pub succeeded: bool,
    /// When.
    pub at: Uptime,
    /// How long it had lasted, in milliseconds.
    #[serde(rename = "ran_for_ms", with = "millis")]
    #[schema(value_type = u64)]
    pub ran_for: Duration,
    /// The most memory that a process of it had resident at once, in bytes; none if it was no process.
    #[serde(rename = "peak_memory_bytes")]
    pub peak_memory: Option<u64>,
    /// What a person should know of this end: a likely cause, or what to change.
    pub hint: Option<String>,
}

/// How a run ended, with the words that every face shows.
#[derive(Serialize, ToSchema)]
struct ExitReasonWithText {
    #[serde(flatten)]
    reason: ExitReason,
    /// `code 7`, `SIGKILL`, `panic: …`
    text: String,
}

fn with_text<S: Serializer>(reason: &ExitReason, serializer: S) -> Result<S::Ok, S::Error> {
    ExitReasonWithText { reason: reason.clone(), text: reason.to_string() }.serialize(serializer)
}

/// The last try of a readiness probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProbeSnapshot {
    /// Whether it passed.
    pub passed: bool,
    /// What was seen: `http 200 in 3 ms`, `connection refused`.
    pub detail: String,
    /// When.
    pub at: Uptime,
    /// Failed tries in a row.
    pub failures: u32,
}

/// Whether changed files mean anything to a task that watches some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WatchState {
    /// They do.
    Watching,
    /// There were too many changes in short order: they mean nothing until a person starts it again.
    Suspended,
}

/// A dependency of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EdgeSnapshot {
    /// The task that is waited for.
    pub task: String,
    /// What must be true of it.
    pub condition: Condition,
    /// What its restarts mean for the dependent.
    pub on_restart: OnRestart,
    /// Whether the dependent needs it; else only the order is kept.
    pub required: bool,
}

/// A group of tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupSnapshot {
    /// Its unique name.
    pub name: String,
    /// Its members, in its order.
    pub tasks: Vec<String>,
    /// Which of them are restarted with one of them.
    pub strategy: Strategy,
    /// What a spent budget of the group means.
    pub on_exhausted: OnExhausted,
    /// Restarts of its members within the stretch that its budget counts over.
    pub restarts: u32,
    /// How many are still fine; none without a budget.
    pub max_restarts: Option<u32>,
}

/// What a task's process tree uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// Processes in the tree.
    pub processes: u32,
    /// Share of one core, in percent; above 100 when several are busy.
    pub cpu_percent: f32,
    /// Resident memory in bytes, summed over the tree.
    pub memory_bytes: u64,
    /// The TCP ports that its processes listen on.
    #[serde(default)]
    pub ports: Vec<u16>,
}
