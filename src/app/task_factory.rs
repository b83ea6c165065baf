//! Makes tasks of the processes in a config: at the start, and again at every reload.
//!
//! This module only makes them. What becomes of a new plan is decided by the engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::log_bounds;
use super::run_numbers::RunNumbers;
use crate::config::{Config, GroupConfig, LogsConfig, SharedConfig, TaskConfig, compare};
use crate::kernel::KernelHandle;
use crate::logs::Store;
use crate::process::{ProcessTask, Warden};
use crate::supervisor::engine::{BadConfig, Dependency, LoadRequest, Plan, ReadyPlan, Replan, TaskKind, TaskPlan};
use crate::supervisor::{PlannedGroup, PlannedReload, PlannedTask, Runner, resolve_ids};

/// Makes tasks of what the config says.
pub(super) struct TaskFactory {
    kernel: KernelHandle,
    warden: Warden,
    config: SharedConfig,
    /// The logs, also of tasks that were removed: a log has one writer, whatever comes and goes.
    stores: BTreeMap<String, Store>,
    /// How often the settings of each task have changed.
    revisions: BTreeMap<String, u64>,
    /// How far the last supervisor of the project had counted.
    run_numbers: RunNumbers,
    /// stead's own tasks, which are not in the config.
    builtins: Vec<(TaskPlan, Vec<Dependency>)>,
}

/// What takes effect once the engine has adopted the plan that came with it.
struct PendingConfig {
    config: Arc<Config>,
    shared: SharedConfig,
    kernel: KernelHandle,
    stores: Vec<Store>,
}

impl TaskFactory {
    pub(super) fn new(config: SharedConfig, kernel: KernelHandle, warden: Warden, run_numbers: RunNumbers) -> Self {
        let (stores, revisions, builtins) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Self { kernel, warden, config, stores, revisions, run_numbers, builtins }
    }

    /// The tasks of the config in force.
    ///
    /// # Errors
    ///
    /// Says for people why one of them can't be run.
    pub(super) fn all(&mut self) -> Result<Vec<PlannedTask>, BadConfig> {
        let config = self.config.current();
        let planned = config.tasks.iter().map(|task| {
            let runner = self.runner(task, &config.logs_of(task))?;
            Ok(self.planned(task, Some(runner)))
        });
        planned.collect()
    }

    /// Sets the tasks that every later plan has beside the processes.
    pub(super) fn set_builtins(&mut self, tracked: &[PlannedTask]) {
        let builtins = tracked.iter().filter(|task| task.plan.kind != TaskKind::Process);
        self.builtins = builtins.map(|task| (task.plan.clone(), task.after.clone())).collect();
    }

    /// Reads the config again. Blocks.
    ///
    /// # Errors
    ///
    /// It is wrong, or one of its tasks can't be run.
    pub(super) fn load(&mut self, _request: LoadRequest) -> Result<PlannedReload, BadConfig> {
        let old = self.config.current();
        let mut config = self.config.read()?;
        let changes = compare(&old, &config);
        // These take a restart of stead.
        config.web.clone_from(&old.web);
        config.hooks.clone_from(&old.hooks);
        config.logs.dir.clone_from(&old.logs.dir);

        let is_new = |task: &&TaskConfig| changes.added.contains(&task.name) || changes.changed.contains(&task.name);
        let made = config.tasks.iter().filter(is_new).map(|task| {
            let runner = self.runner(task, &config.logs_of(task))?;
            Ok((task.name.clone(), runner))
        });
        let made: Result<BTreeMap<_, _>, BadConfig> = made.collect();
        let mut runners = made.inspect_err(|_| keep_screens(&self.kernel, &old))?;
        // From here on nothing fails.
        for name in &changes.changed {
            *self.revisions.entry(name.clone()).or_default() += 1;
        }
        let processes = config.tasks.iter().map(|task| self.planned(task, runners.remove(&task.name)));
        let builtins = self.builtins.iter().map(|(plan, after)| PlannedTask {
            plan: TaskPlan { restart: config.supervisor.restart, ..plan.clone() },
            after: after.clone(),
            runner: None,
        });
        let (tasks, groups, runners) = resolve_ids(processes.chain(builtins).collect(), planned_groups(&config));
        let plan = Plan { tasks, groups, drain: config.supervisor.drain, ..Plan::default() };
        let pending = PendingConfig {
            config: Arc::new(config),
            shared: self.config.clone(),
            kernel: self.kernel.clone(),
            stores: self.stores.values().cloned().collect(),
        };
        let adopted = Box::new(move || pending.take_effect());
        Ok(PlannedReload { replan: Box::new(Replan { plan, changes }), runners, adopted })
    }

    fn planned(&self, config: &TaskConfig, runner: Option<Runner>) -> PlannedTask {
        let plan = TaskPlan {
            revision: self.revisions.get(&config.name).copied().unwrap_or_default(),
            runs_before: self.run_numbers.latest(&config.name, self.kernel.post_mortems()),
            about: config.command.to_string(),
            description: config.description.clone(),
            autostart: config.autostart,
            schedule: config.schedule.as_ref().map(|schedule| schedule.overlap),
            watch: config.watch.as_ref().map(|watch| watch.action.action()),
            policy: config.policy,
            on_exhausted: config.on_exhausted,
            restart: config.restart,
            ready: config
                .ready
                .as_ref()
                .map(|ready| ReadyPlan { failure_threshold: ready.failure_threshold, within: ready.within }),
            live_threshold: config.live.as_ref().map(|live| live.failure_threshold),
            ports: config.ports.iter().map(|port| (port.name.clone(), port.number)).collect(),
            tty: config.tty,
            stop_timeout: config.stop.timeout,
            success_exit_codes: config.success_exit_codes.clone(),
            ..TaskPlan::new(config.name.clone())
        };
        PlannedTask { plan, after: config.after.clone(), runner }
    }

    /// `logs` is for this task.
    fn runner(&mut self, config: &TaskConfig, logs: &LogsConfig) -> Result<Runner, BadConfig> {
        let name = &config.name;
        let log = self.stores.entry(name.clone()).or_insert_with(|| Store::new(logs, name)).clone();
        let (tail, warden) = (self.kernel.logs().tail(name), self.warden.clone());
        let screen = config.tty.then(|| self.kernel.screens().add(name));
        let task = ProcessTask::new(config.clone(), log, tail, screen, warden);
        let task = Arc::new(task.map_err(|why| BadConfig::new(format!("task {name}: {why}")))?);
        Ok(Box::new(move |context| Box::pin(Arc::clone(&task).run(context))))
    }
}

impl PendingConfig {
    /// Puts the configuration in force.
    fn take_effect(self) {
        for store in &self.stores {
            if let Some(task) = self.config.tasks.iter().find(|task| task.name == store.task()) {
                store.limit(&self.config.logs_of(task));
            }
        }
        if self.config.logs != self.shared.current().logs {
            let config = Arc::clone(&self.config);
            tokio::spawn(async move { log_bounds::enforce(&config.logs).await });
        }
        keep_screens(&self.kernel, &self.config);
        // What a removed task wrote can be seen until the next reload.
        let snapshot = self.kernel.snapshot();
        let is_task = |name: &str| self.config.tasks.iter().any(|task| task.name == name);
        self.kernel.logs().retain(|name| snapshot.task(name).is_some() || is_task(name));
        self.shared.replace(self.config);
    }
}

/// The groups of a configuration.
pub(super) fn planned_groups(config: &Config) -> Vec<PlannedGroup> {
    let planned = |group: &GroupConfig| {
        let GroupConfig { name, tasks, strategy, intensity, on_exhausted } = group.clone();
        PlannedGroup { name, tasks, strategy, intensity, on_exhausted }
    };
    config.groups.iter().map(planned).collect()
}

/// Only a task with a terminal has a screen.
fn keep_screens(kernel: &KernelHandle, config: &Config) {
    kernel.screens().retain(|name| config.tasks.iter().any(|task| task.name == name && task.tty));
}
