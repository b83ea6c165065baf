//! The supervisor: a pure engine, the loop that drives it, and the public [`TaskSupervisor`].
//!
//! ```
//! use stead::supervisor::engine::RestartConfig;
//! use stead::supervisor::TaskSupervisor;
//! use tokio_util::sync::CancellationToken;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let root = CancellationToken::new();
//! let mut supervisor = TaskSupervisor::new(root.clone(), RestartConfig::default());
//! supervisor.track_restartable("ticker", move |stop| async move {
//!     stop.cancelled().await;
//!     Ok(())
//! });
//! root.cancel();
//! let outcome = supervisor.run().await;
//! assert_eq!(outcome.exit_code(), 0);
//! # }
//! ```

mod driver;
pub mod engine;
mod event_log;
mod handle;
mod in_process;
mod live_runs;
mod publisher;
mod reload;
mod run;
mod signals;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::engine::{DrainConfig, ExitReason, Killed, RestartConfig, ShutdownCause, ShutdownOutcome};
pub use event_log::{EventFollower, EventLog, EventRecord, Followed};
pub use handle::SupervisorHandle;
pub use in_process::TaskResult;

pub(crate) use handle::{Backend, QueuedRequest, handle};
pub(crate) use in_process::exit_reason;
pub(crate) use publisher::Additions;
pub(crate) use reload::{Loader, PlannedReload};
#[cfg(test)]
pub(crate) use run::INPUTS_QUEUED;
pub(crate) use run::{RunContext, RunOrder};

use self::engine::{
    Dependency, Edge, EndsWhen, GroupPlan, Intensity, OnExhausted, Plan, Policy, Strategy, TaskId, TaskKind, TaskPlan,
};
use driver::Driver;
use reload::Reload;

/// How long an in-process task may take to follow its cancellation before it is aborted.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);

/// Brings one run to life and returns how it ended.
pub(crate) type Runner = Box<dyn FnMut(RunContext) -> Pin<Box<dyn Future<Output = ExitReason> + Send>> + Send>;

/// A task with how its runs are made. After a reload, no runner means the one it had.
pub(crate) struct PlannedTask {
    pub(crate) plan: TaskPlan,
    pub(crate) after: Vec<Dependency>,
    pub(crate) runner: Option<Runner>,
}

/// A group of tasks, by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedGroup {
    pub(crate) name: String,
    pub(crate) tasks: Vec<String>,
    pub(crate) strategy: Strategy,
    pub(crate) intensity: Option<Intensity>,
    pub(crate) on_exhausted: OnExhausted,
}

/// When the supervisor ends without being asked to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum PlannedUntil {
    #[default]
    Asked,
    /// When every task is done or has failed, and none can start again.
    AllDone,
    /// When this task has ended.
    Task(String),
}

/// Supervises tasks: futures of a Rust program, and in the `stead` binary child processes and surfaces.
///
/// Tasks are tracked first; [`run`](Self::run) then supervises them until a signal, the root token, a
/// request or a fatal end drains everything.
pub struct TaskSupervisor {
    root: CancellationToken,
    restart: RestartConfig,
    drain: DrainConfig,
    groups: Vec<PlannedGroup>,
    until: PlannedUntil,
    tracked: Vec<PlannedTask>,
    loader: Option<Loader>,
    additions: Additions,
    on_stop: Vec<OnStop>,
    outlives_terminal: bool,
    started: Instant,
    handle: SupervisorHandle,
    backend: Backend,
}

type OnStop = Box<dyn FnOnce(&ShutdownOutcome) + Send>;

impl fmt::Debug for TaskSupervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.tracked.iter().map(|tracked| tracked.plan.name.as_str());
        f.debug_struct("TaskSupervisor").field("tasks", &names.collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

impl TaskSupervisor {
    /// A supervisor of nothing yet. Cancelling `root` drains it gracefully; `restart` is the policy of
    /// everything tracked after this.
    #[must_use]
    pub fn new(root: CancellationToken, restart: RestartConfig) -> Self {
        let started = tokio::time::Instant::now().into_std();
        let (handle, backend) = handle(started);
        Self {
            root,
            restart,
            drain: DrainConfig::default(),
            groups: Vec::new(),
            until: PlannedUntil::default(),
            tracked: Vec::new(),
            loader: None,
            additions: Additions::default(),
            on_stop: Vec::new(),
            outlives_terminal: false,
            started,
            handle,
            backend,
        }
    }

    /// Bounds the ordered stop of everything: by default only after a fatal end, by 3 s.
    #[must_use]
    pub fn with_drain(mut self, drain: DrainConfig) -> Self {
        self.drain = drain;
        self
    }

    /// Sets the groups of tasks.
    #[must_use]
    pub(crate) fn with_groups(mut self, groups: Vec<PlannedGroup>) -> Self {
        self.groups = groups;
        self
    }

    /// Sets when it ends without being asked to.
    #[must_use]
    pub(crate) fn with_until(mut self, until: PlannedUntil) -> Self {
        self.until = until;
        self
    }

    /// Sets how a new plan is loaded on [`Request::Reload`](engine::Request::Reload). Without it a reload is refused.
    #[must_use]
    pub(crate) fn with_loader(mut self, loader: Loader) -> Self {
        self.loader = Some(loader);
        self
    }

    /// Sets what is added to every snapshot. Nothing by default.
    #[must_use]
    pub(crate) fn with_additions(mut self, additions: Additions) -> Self {
        self.additions = additions;
        self
    }

    /// Sets whether it goes on when its terminal is closed, as under nohup(1). By default that drains.
    #[must_use]
    pub(crate) fn with_outliving_its_terminal(mut self, outlives: bool) -> Self {
        self.outlives_terminal = outlives;
        self
    }

    /// What may be seen and requested of this supervisor while it runs.
    #[must_use]
    pub fn handle(&self) -> SupervisorHandle {
        self.handle.clone()
    }

    /// The tasks that are tracked, in their order.
    pub(crate) fn tracked(&self) -> &[PlannedTask] {
        &self.tracked
    }

    /// Tracks a task that runs already. Its end is fatal, whatever it returns. It is stopped by the root
    /// token, which the drain cancels for it, and aborted if it does not follow.
    pub fn track_critical(&mut self, name: impl Into<String>, handle: JoinHandle<TaskResult>) {
        let root = self.root.clone();
        let mut handle = Some(handle);
        let plan = self.plan(name.into(), TaskKind::Future, Policy::Critical, "a task of this program".to_owned());
        self.track_runs(plan, Vec::new(), move |context| {
            let (handle, root) = (handle.take(), root.clone());
            async move {
                match handle {
                    Some(handle) => in_process::watch(handle, root, context).await,
                    None => ExitReason::StartFailed { message: "it was handed over running, and has ended".to_owned() },
                }
            }
        });
    }

    /// Tracks a task that `restarter` makes anew for each run. It comes back after a backoff however it
    /// ends; a spent budget is fatal. Each run is given a token of its own to stop by, and is aborted if
    /// it does not follow.
    pub fn track_restartable<F, T>(&mut self, name: impl Into<String>, restarter: F)
    where
        F: FnMut(CancellationToken) -> T + Send + 'static,
        T: Future<Output = TaskResult> + Send + 'static,
    {
        let plan = self.plan(name.into(), TaskKind::Future, Policy::Always, "a task of this program".to_owned());
        self.track_future(plan, restarter);
    }

    /// Adds something to do when all is over, before [`run`](Self::run) returns.
    pub fn on_stop(&mut self, f: impl FnOnce(&ShutdownOutcome) + Send + 'static) {
        self.on_stop.push(Box::new(f));
    }

    /// Supervises until it is over: after SIGINT, SIGTERM or SIGHUP, the cancellation of the root token, a
    /// request, or a fatal end. However tasks behave, it returns: each is killed when its time to stop is over.
    pub async fn run(self) -> ShutdownOutcome {
        let Self {
            root,
            drain,
            groups,
            until,
            tracked,
            loader,
            additions,
            on_stop,
            outlives_terminal,
            started,
            backend,
            ..
        } = self;
        let (tasks, groups, runners) = resolve_ids(tracked, groups);
        let until = match until {
            PlannedUntil::Asked => EndsWhen::Asked,
            PlannedUntil::AllDone => EndsWhen::AllDone,
            PlannedUntil::Task(name) => match tasks.iter().position(|task| task.name == name) {
                Some(at) => EndsWhen::Task(TaskId(at)),
                None => EndsWhen::Asked,
            },
        };
        let plan = Plan { tasks, groups, drain, until, seed: u64::from(std::process::id()) };
        let driver = Driver::new(plan, runners, Reload::new(loader), started, root, backend, additions);
        let driver = if outlives_terminal { driver.outliving_its_terminal() } else { driver };
        let outcome = driver.run().await;
        for f in on_stop {
            f(&outcome);
        }
        outcome
    }

    /// Tracks a task whose runs `life` makes.
    pub(crate) fn track(&mut self, task: PlannedTask) {
        self.tracked.push(task);
    }

    /// Tracks a future that is made anew for each run.
    pub(crate) fn track_future<F, T>(&mut self, plan: TaskPlan, mut restarter: F)
    where
        F: FnMut(CancellationToken) -> T + Send + 'static,
        T: Future<Output = TaskResult> + Send + 'static,
    {
        self.track_runs(plan, Vec::new(), move |context| {
            let token = CancellationToken::new();
            in_process::run_future(restarter(token.clone()), token, context)
        });
    }

    /// Tracks a task whose runs `life` makes.
    pub(crate) fn track_runs<F, T>(&mut self, plan: TaskPlan, after: Vec<Dependency>, mut life: F)
    where
        F: FnMut(RunContext) -> T + Send + 'static,
        T: Future<Output = ExitReason> + Send + 'static,
    {
        let runner: Runner = Box::new(move |context| Box::pin(life(context)));
        self.track(PlannedTask { plan, after, runner: Some(runner) });
    }

    /// The plan of an in-process task; a spent budget of one is fatal.
    pub(crate) fn plan(&self, name: String, kind: TaskKind, policy: Policy, about: String) -> TaskPlan {
        TaskPlan {
            kind,
            about,
            policy,
            on_exhausted: OnExhausted::Fatal,
            restart: self.restart,
            stop_timeout: CANCEL_TIMEOUT,
            success_exit_codes: Vec::new(),
            ..TaskPlan::new(name)
        }
    }
}

/// Names become ids: every dependency and every member is one of the tasks.
pub(crate) fn resolve_ids(
    planned: Vec<PlannedTask>,
    groups: Vec<PlannedGroup>,
) -> (Vec<TaskPlan>, Vec<GroupPlan>, Vec<Option<Runner>>) {
    let named = planned.iter().enumerate().map(|(at, planned)| (planned.plan.name.clone(), TaskId(at)));
    let ids: BTreeMap<String, TaskId> = named.collect();
    let resolved = |PlannedTask { mut plan, after, runner }: PlannedTask| {
        let edge = |dependency: Dependency| {
            let Dependency { task, condition, on_restart, required } = dependency;
            Some(Edge { task: *ids.get(&task)?, condition, on_restart, required })
        };
        plan.after = after.into_iter().filter_map(edge).collect();
        (plan, runner)
    };
    let (tasks, runners) = planned.into_iter().map(resolved).unzip();
    let group = |PlannedGroup { name, tasks, strategy, intensity, on_exhausted }| {
        let tasks = tasks.iter().filter_map(|task| ids.get(task).copied()).collect();
        GroupPlan { name, tasks, strategy, intensity, on_exhausted }
    };
    (tasks, groups.into_iter().map(group).collect(), runners)
}
