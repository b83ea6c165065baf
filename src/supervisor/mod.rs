//! The supervisor: a pure core, the loop that drives it, and the public [`TaskSupervisor`].
//!
//! ```
//! use stead::config::RestartConfig;
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

pub mod core;
mod driver;
mod in_process;
mod post_mortems;
mod run;
mod sampling;
mod signals;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::core::{Cause, ExitReason, Killed, ShutdownOutcome};
pub use in_process::TaskResult;

pub(crate) use in_process::exit_reason;
#[cfg(test)]
pub(crate) use run::EVENTS_QUEUED;
pub(crate) use run::{RunContext, Sent};

use self::core::{Plan, TaskId, TaskKind, TaskPlan};
use crate::config::{Condition, Dependency, DrainConfig, LogsConfig, OnExhausted, Policy, RestartConfig, TaskConfig};
use crate::gateway::{Gateway, GatewayHandle};
use crate::kernel::logs::Store;
use crate::kernel::{Backend, KernelHandle, LogHub, PostMortems, kernel};
use crate::process::{Keeper, ProcessTask, Warden};
use crate::surfaces::{Surface, SurfaceContext, run_surface};
use driver::{Driver, Runner};

/// How long an in-process task may take to follow its cancellation before it is aborted.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);

/// Supervises tasks: futures of a Rust program, and in the `stead` binary child processes and surfaces.
///
/// Tasks are tracked first; [`run`](Self::run) then supervises them until a signal, the root token, a
/// request or a fatal end drains everything.
pub struct TaskSupervisor {
    root: CancellationToken,
    restart: RestartConfig,
    drain: DrainConfig,
    tracked: Vec<Tracked>,
    on_stop: Vec<OnStop>,
    started: Instant,
    kernel: KernelHandle,
    backend: Backend,
}

type OnStop = Box<dyn FnOnce(&ShutdownOutcome) + Send>;

struct Tracked {
    plan: TaskPlan,
    after: Vec<Dependency>,
    runner: Runner,
}

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
        let (kernel, backend) = kernel(started, LogHub::default());
        Self {
            root,
            restart,
            drain: DrainConfig::default(),
            tracked: Vec::new(),
            on_stop: Vec::new(),
            started,
            kernel,
            backend,
        }
    }

    /// Sets how long a drain may take: 10 s and 3 s by default.
    #[must_use]
    pub fn with_drain(mut self, drain: DrainConfig) -> Self {
        self.drain = drain;
        self
    }

    /// Keeps what is known of every failed run in `dir`. Nothing is kept by default.
    #[must_use]
    pub fn with_post_mortems(mut self, dir: &Path) -> Self {
        self.kernel.set_post_mortems(PostMortems::new(dir));
        self
    }

    /// What may be seen and asked of this supervisor while it runs.
    #[must_use]
    pub fn kernel(&self) -> KernelHandle {
        self.kernel.clone()
    }

    /// Tracks a task that runs already. Its end is fatal, whatever it returns. It is stopped by the root
    /// token, which the drain cancels for it, and aborted if it does not follow.
    pub fn track_critical(&mut self, name: impl Into<String>, handle: JoinHandle<TaskResult>) {
        let root = self.root.clone();
        let mut handle = Some(handle);
        let plan = self.plan(name.into(), TaskKind::Future, Policy::Critical, "a task of this program".to_owned());
        self.track(plan, Vec::new(), move |context| {
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
    /// request, or a fatal end. Returns at the drain's deadline plus half a second at the latest.
    pub async fn run(self) -> ShutdownOutcome {
        let Self { root, drain, tracked, on_stop, started, kernel, backend, .. } = self;
        let ids: BTreeMap<String, TaskId> =
            tracked.iter().enumerate().map(|(id, tracked)| (tracked.plan.name.clone(), TaskId(id))).collect();
        let mut plan = Plan { tasks: Vec::new(), drain, seed: u64::from(std::process::id()) };
        let mut runners = Vec::new();
        for Tracked { plan: mut task, after, runner } in tracked {
            let known = after.iter().filter_map(|dependency| Some((*ids.get(&dependency.task)?, dependency.condition)));
            task.after = known.collect();
            plan.tasks.push(task);
            runners.push(runner);
        }
        let (sampled, usage) = watch::channel(BTreeMap::new());
        let sampler = tokio::spawn(sampling::sample(backend.lookers.clone(), backend.snapshot.subscribe(), sampled));
        let examiner = post_mortems::Examiner::start(kernel, usage.clone());
        let outcome = Driver::new(plan, runners, started, root, backend, usage).run().await;
        sampler.abort();
        examiner.finish().await;
        for f in on_stop {
            f(&outcome);
        }
        outcome
    }

    /// Tracks the warden, a critical task.
    pub(crate) fn track_warden(&mut self, keeper: Keeper) {
        let promise = keeper.promise();
        self.kernel.set_promise(promise);
        let about = format!("spawns the tasks; {promise}");
        let plan = self.plan("warden".to_owned(), TaskKind::Surface, Policy::Critical, about);
        let mut keeper = Some(keeper);
        self.track(plan, Vec::new(), move |context| {
            let keeper = keeper.take();
            async move {
                match keeper {
                    Some(keeper) => keeper.run(context).await,
                    None => {
                        ExitReason::StartFailed { message: "there is one warden only, and it has ended".to_owned() }
                    }
                }
            }
        });
    }

    /// Tracks a child process that `warden` makes; its output is kept as `logs` says.
    ///
    /// # Errors
    ///
    /// Says for people: it can't run as the user that it names.
    pub(crate) fn track_process(
        &mut self,
        config: TaskConfig,
        logs: &LogsConfig,
        warden: &Warden,
    ) -> Result<(), String> {
        let plan = TaskPlan {
            name: config.name.clone(),
            kind: TaskKind::Process,
            about: config.command.to_string(),
            policy: config.policy,
            on_exhausted: config.on_exhausted,
            restart: config.restart,
            after: Vec::new(),
            probed: config.ready.is_some(),
            failure_threshold: config.ready.as_ref().and_then(|ready| ready.failure_threshold),
            tty: config.tty,
            stop_timeout: config.stop.timeout,
            success_exit_codes: config.success_exit_codes.clone(),
        };
        let after = config.after.clone();
        let tail = self.kernel.logs().tail(&config.name);
        let log = Store::new(logs, &config.name);
        let screen = config.tty.then(|| self.kernel.screens().add(&config.name));
        let task = Arc::new(ProcessTask::new(config, log, tail, screen, warden.clone())?);
        self.track(plan, after, move |context| Arc::clone(&task).run(context));
        Ok(())
    }

    /// Tracks the gateway, a critical task, and returns the handle to register at.
    pub(crate) fn track_gateway(&mut self) -> GatewayHandle {
        let (gateway, handle) = Gateway::new(self.kernel());
        let about = "connects the surfaces with the supervisor".to_owned();
        let plan = self.plan("gateway".to_owned(), TaskKind::Surface, Policy::Critical, about);
        self.track_future(plan, move |stop| gateway.clone().run(stop));
        handle
    }

    /// Tracks a surface. `context` makes what each run is given; its token must be that run's own.
    pub(crate) fn track_surface<S: Surface>(
        &mut self,
        surface: S,
        gateway: GatewayHandle,
        context: impl Fn() -> SurfaceContext + Send + 'static,
    ) {
        let plan = self.plan(surface.name().to_owned(), TaskKind::Surface, Policy::Always, surface.about());
        let after = surface.after().map(|task| Dependency { task: task.to_owned(), condition: Condition::Started });
        let surface = Arc::new(surface);
        self.track(plan, after.into_iter().collect(), move |run| {
            run_surface(Arc::clone(&surface), context(), gateway.clone(), run)
        });
    }

    fn track_future<F, T>(&mut self, plan: TaskPlan, mut restarter: F)
    where
        F: FnMut(CancellationToken) -> T + Send + 'static,
        T: Future<Output = TaskResult> + Send + 'static,
    {
        self.track(plan, Vec::new(), move |context| {
            let token = CancellationToken::new();
            in_process::run_future(restarter(token.clone()), token, context)
        });
    }

    fn track<F, T>(&mut self, plan: TaskPlan, after: Vec<Dependency>, mut life: F)
    where
        F: FnMut(RunContext) -> T + Send + 'static,
        T: Future<Output = ExitReason> + Send + 'static,
    {
        let runner: Runner = Box::new(move |context| Box::pin(life(context)));
        self.tracked.push(Tracked { plan, after, runner });
    }

    /// The plan of an in-process task; a spent budget of one is fatal.
    fn plan(&self, name: String, kind: TaskKind, policy: Policy, about: String) -> TaskPlan {
        TaskPlan {
            name,
            kind,
            about,
            policy,
            on_exhausted: OnExhausted::Fatal,
            restart: self.restart,
            after: Vec::new(),
            probed: false,
            failure_threshold: None,
            tty: false,
            stop_timeout: CANCEL_TIMEOUT,
            success_exit_codes: Vec::new(),
        }
    }
}
