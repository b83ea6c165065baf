//! Runs a configuration to its end: what `stead up` and `stead demo` have in common.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::sync::watch;
use tokio::time::timeout;

use super::announce::announce;
use super::compose::compose;
use super::diagnostics::write_diagnostics;
use super::event_file::EventKeeper;
use super::last_words::{last_words, write_last_words};
use super::log_bounds::keep_logs_in_bounds;
use super::post_mortems::Examiner;
use super::run_numbers::{RunCounter, RunNumbers};
use super::run_reports::{report, write_junit};
use super::runtime::start_runtime;
use super::sampling::sample;
use super::schedules::run_schedules;
use super::state_dir::StateDir;
use super::watches::run_watches;
use crate::config::{Config, Project, SharedConfig, forget_taken_ports, keep_ports};
use crate::kernel::{Containment, KernelHandle};
use crate::private;
use crate::process::{InheritedLimits, Warden, reserve_descriptors, share_arenas};
use crate::supervisor::engine::BadConfig;
use crate::supervisor::{Additions, PlannedUntil};

/// The name of the threads that drive the engine and the runs of tasks.
const ENGINE_THREAD: &str = "stead-engine";
/// The name of the threads that drive the surfaces: whatever clients ask for, they never take the time of the engine.
const SURFACES_THREAD: &str = "stead-surfaces";
/// How long the last events and run numbers may take to be written: a disk that hangs must not hold up the end.
const WRITE_TIME: Duration = Duration::from_secs(1);

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presentation {
    /// The dashboard, with the mouse or without.
    Dashboard { mouse: bool },
    /// Events and output as lines.
    Plain,
    /// Events as lines.
    Headless,
    /// Nothing: it runs in the background.
    Detached,
}

/// When a run ends without being asked to, and what is reported then.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    pub(crate) until: PlannedUntil,
    /// Where a report on a run of one task is written; absolute.
    pub(crate) junit: Option<PathBuf>,
}

impl From<PlannedUntil> for Ending {
    fn from(until: PlannedUntil) -> Self {
        Self { until, junit: None }
    }
}

/// Supervises a project to the end, and reports on standard error how it ended. `read` reads its configuration, now and at
/// each reload; it is given the project as seen from the working directory.
///
/// # Errors
///
/// When nothing could be started: another supervisor runs, the state directory can't be written, or the configuration was
/// changed and is invalid now.
pub(crate) fn launch(
    project: &Project,
    read: impl Fn(&Project) -> Result<Config, BadConfig> + Send + Sync + 'static,
    presentation: Presentation,
    Ending { until, junit }: Ending,
) -> anyhow::Result<ExitCode> {
    let state = StateDir::claim(project)?;
    let (name, project) = (project.name(), project.from_within());
    let identity = identity(&project)?;
    let (read, its_project) = (move |project: &Project| read(project), project.clone());
    let read = move || {
        let config = read(&project)?;
        if let Err(error) = keep_ports(&project) {
            tracing::warn!(%error, "the ports that were picked can't be kept");
        }
        Ok(config)
    };
    let mut config = read().map_err(|bad: BadConfig| anyhow!(bad.summary))?;
    check_log_dir(&config.logs.dir)?;
    // Before the first thread: a fork takes only one along.
    let warden = Warden::start(&identity).context("cannot start the warden, which is to start the tasks")?;
    // What was left of the last supervisor's tasks is gone by now.
    if forget_taken_ports(&its_project) {
        config = read().map_err(|bad| anyhow!(bad.summary))?;
    }
    // After the warden: it gives the tasks the limits that stead was started with.
    InheritedLimits::raise();
    reserve_descriptors();
    share_arenas();
    let _diagnostics = write_diagnostics(state.diagnostics.clone())?;
    state.keep();
    report_containment(warden.1.containment());
    let (runtime, surfaces) = (start_runtime(ENGINE_THREAD)?, start_runtime(SURFACES_THREAD)?);
    let config = SharedConfig::new(config, read);
    let in_force = config.subscribe();
    let shared = config.clone();
    let (sampled, usage) = watch::channel(BTreeMap::new());
    let (heard, last_words_of_runs) = watch::channel(BTreeMap::new());
    let additions = Additions { usage: usage.clone(), last_words: last_words_of_runs };
    let (run_numbers, events) = (state.paths.run_numbers.clone(), state.paths.events.clone());
    let numbers = RunNumbers::read(&run_numbers);
    let (supervisor, kernel) =
        compose(config, presentation, &state, numbers.clone(), warden, additions, surfaces.handle())?;
    let supervisor = supervisor.with_until(until.clone());
    let observed = kernel.clone();
    if presentation == Presentation::Detached {
        runtime.spawn(announce(kernel.clone(), state.diagnostics.clone()));
    }
    // On a thread of the runtime, among those it talks to: this one would have to be woken for every event.
    let outcome = runtime.block_on(runtime.spawn(async move {
        let sampler = tokio::spawn(sample(kernel.usage_observers().clone(), kernel.watch(), sampled));
        let counter = RunCounter::start(numbers, run_numbers, kernel.watch());
        let schedules = tokio::spawn(run_schedules(in_force.clone(), kernel.clone()));
        let watches = tokio::spawn(run_watches(in_force, kernel.clone()));
        let bounds = tokio::spawn(keep_logs_in_bounds(shared));
        let keeper = EventKeeper::start(events, kernel.clone());
        let examiner = Examiner::start(kernel, usage, heard);
        let outcome = supervisor.run().await;
        sampler.abort();
        schedules.abort();
        watches.abort();
        bounds.abort();
        examiner.finish().await;
        let written = async {
            counter.finish().await;
            keeper.finish().await;
        };
        if timeout(WRITE_TIME, written).await.is_err() {
            tracing::warn!("the disk did not take the last events and run numbers in time");
        }
        outcome
    }));
    let reported = match until {
        PlannedUntil::Task(task) => report_on(&observed, name, &task, junit.as_deref()),
        PlannedUntil::Asked | PlannedUntil::AllDone => Ok(()),
    };
    // Not dropped: that would wait for a thread that is stuck.
    runtime.shutdown_background();
    surfaces.shutdown_background();
    let outcome = outcome.context("the supervisor broke off")?;
    let words = last_words(&outcome);
    state.keep_outcome(&words);
    write_last_words(words);
    reported?;
    Ok(ExitCode::from(outcome.exit_code()))
}

/// Says how a run of one task has gone.
fn report_on(kernel: &KernelHandle, project: String, task: &str, junit: Option<&Path>) -> anyhow::Result<()> {
    let report = report(kernel, project, task);
    write_last_words(report.text());
    junit.map_or(Ok(()), |path| write_junit(&report, path))
}

/// Refuses a log directory that another user could write to, or that is reached by a link.
fn check_log_dir(dir: &Path) -> anyhow::Result<()> {
    match private::open_dir(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot use the log directory {}; nothing was started", dir.display()))
        }
        // It is created for the first log.
        _ => Ok(()),
    }
}

/// What tells a project from any other on this machine, also after it was moved.
fn identity(project: &Project) -> anyhow::Result<String> {
    let root = std::fs::metadata(&project.root).with_context(|| format!("cannot read {}", project.root.display()))?;
    Ok(format!("{:x}:{:x}:{}", root.dev(), root.ino(), String::from_utf8_lossy(project.key())))
}

/// Reports at once if the containment is weaker than this system could have.
fn report_containment(containment: Containment) {
    tracing::info!(%containment, "what tasks leave behind");
    if cfg!(target_os = "linux") && containment == Containment::ProcessGroup {
        eprintln!("stead: there is no /proc: {containment}");
    }
}
