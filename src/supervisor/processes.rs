//! The processes of a configuration as tasks: planned at the start, and anew at every reload.
//!
//! Reading is all that is done here; what becomes of a new plan is the core's to say.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::core::{Plan, Replan, TaskId, TaskKind, TaskPlan};
use super::driver::Runner;
use crate::config::{BadConfig, Changes, Config, Dependency, LogsConfig, SharedConfig, TaskConfig};
use crate::kernel::KernelHandle;
use crate::kernel::logs::Store;
use crate::process::{ProcessTask, Warden};

/// Makes tasks of what the configuration says.
pub(super) struct Processes {
    kernel: KernelHandle,
    warden: Warden,
    config: SharedConfig,
    /// The logs, also of tasks that were removed: a log has one writer, whatever comes and goes.
    stores: BTreeMap<String, Store>,
    /// How often the settings of each task have changed.
    revisions: BTreeMap<String, u64>,
    /// The tasks that are not in the configuration: stead's own.
    others: Vec<(TaskPlan, Vec<Dependency>)>,
}

/// A task with how its runs are made; without that, as before.
pub(super) struct Planned {
    pub(super) plan: TaskPlan,
    pub(super) after: Vec<Dependency>,
    pub(super) runner: Option<Runner>,
}

/// What was read anew.
pub(super) struct Loaded {
    pub(super) replan: Box<Replan>,
    pub(super) fresh: Fresh,
}

/// What takes effect once the core has adopted the plan that came with it.
pub(super) struct Fresh {
    /// By place in the plan; none where nothing has changed.
    pub(super) runners: Vec<Option<Runner>>,
    config: Arc<Config>,
    shared: SharedConfig,
    kernel: KernelHandle,
    stores: Vec<Store>,
}

impl Processes {
    pub(super) fn new(config: SharedConfig, kernel: KernelHandle, warden: Warden) -> Self {
        let (stores, revisions, others) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Self { kernel, warden, config, stores, revisions, others }
    }

    /// The tasks of the configuration that is in force.
    ///
    /// # Errors
    ///
    /// Says for people why one of them can't be run.
    pub(super) fn all(&mut self) -> Result<Vec<Planned>, BadConfig> {
        let config = self.config.current();
        let planned = config.tasks.iter().map(|task| {
            let runner = self.runner(task, &config.logs)?;
            Ok(self.planned(task, Some(runner)))
        });
        planned.collect()
    }

    /// Says what there is beside the processes; before the first reload.
    pub(super) fn beside(&mut self, others: Vec<(TaskPlan, Vec<Dependency>)>) {
        self.others = others;
    }

    /// Reads the configuration anew. Blocks.
    ///
    /// # Errors
    ///
    /// It is wrong, or one of its tasks can't be run.
    pub(super) fn load(&mut self) -> Result<Loaded, BadConfig> {
        let old = self.config.current();
        let mut config = self.config.read()?;
        let changes = Changes::between(&old, &config);
        // These take a restart of stead.
        config.web.clone_from(&old.web);
        config.hooks.clone_from(&old.hooks);
        config.logs.dir.clone_from(&old.logs.dir);

        let is_new = |task: &&TaskConfig| changes.added.contains(&task.name) || changes.changed.contains(&task.name);
        let made = config.tasks.iter().filter(is_new).map(|task| {
            let runner = self.runner(task, &config.logs)?;
            Ok((task.name.clone(), runner))
        });
        let made: Result<BTreeMap<_, _>, BadConfig> = made.collect();
        let mut runners = made.inspect_err(|_| keep_screens(&self.kernel, &old))?;
        // From here on nothing fails.
        for name in &changes.changed {
            *self.revisions.entry(name.clone()).or_default() += 1;
        }
        let processes = config.tasks.iter().map(|task| self.planned(task, runners.remove(&task.name)));
        let others = self.others.iter().map(|(plan, after)| Planned {
            plan: TaskPlan { restart: config.restart, ..plan.clone() },
            after: after.clone(),
            runner: None,
        });
        let (tasks, runners) = by_place(processes.chain(others).collect());
        let stores = self.stores.values().cloned().collect();
        let (shared, kernel) = (self.config.clone(), self.kernel.clone());
        let plan = Plan { tasks, drain: config.drain, seed: 0 };
        let fresh = Fresh { runners, config: Arc::new(config), shared, kernel, stores };
        Ok(Loaded { replan: Box::new(Replan { plan, changes }), fresh })
    }

    fn planned(&self, config: &TaskConfig, runner: Option<Runner>) -> Planned {
        let plan = TaskPlan {
            name: config.name.clone(),
            revision: self.revisions.get(&config.name).copied().unwrap_or_default(),
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
        Planned { plan, after: config.after.clone(), runner }
    }

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

impl Fresh {
    /// Puts the configuration in force.
    pub(super) fn take_effect(&self) {
        for store in &self.stores {
            store.limit(&self.config.logs);
        }
        keep_screens(&self.kernel, &self.config);
        // What a removed task wrote can be seen until the next reload.
        let snapshot = self.kernel.snapshot();
        let is_task = |name: &str| self.config.tasks.iter().any(|task| task.name == name);
        self.kernel.logs().retain(|name| snapshot.task(name).is_some() || is_task(name));
        self.shared.replace(Arc::clone(&self.config));
    }
}

/// Only a task with a terminal has a screen.
fn keep_screens(kernel: &KernelHandle, config: &Config) {
    kernel.screens().retain(|name| config.tasks.iter().any(|task| task.name == name && task.tty));
}

/// Names become places: every dependency is one of the tasks.
pub(super) fn by_place(planned: Vec<Planned>) -> (Vec<TaskPlan>, Vec<Option<Runner>>) {
    let named = planned.iter().enumerate().map(|(place, planned)| (planned.plan.name.clone(), TaskId(place)));
    let ids: BTreeMap<String, TaskId> = named.collect();
    let placed = |Planned { mut plan, after, runner }: Planned| {
        let known = after.iter().filter_map(|dependency| Some((*ids.get(&dependency.task)?, dependency.condition)));
        plan.after = known.collect();
        (plan, runner)
    };
    planned.into_iter().map(placed).unzip()
}
