//! Runs a configuration to its end: what `stead up` and `stead demo` have in common.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::{Context, anyhow};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use super::announce::announce;
use super::builtin::{Surfaces, track_gateway, track_warden};
use super::post_mortems::Examiner;
use super::sampling::sample;
use super::state_dir::StateDir;
use super::task_factory::TaskFactory;
use crate::config::{Config, Project, SharedConfig};
use crate::duration::Pretty;
use crate::kernel::{Containment, KernelHandle, PostMortems};
use crate::process::{Warden, WardenTask};
use crate::supervisor::engine::BadConfig;
use crate::supervisor::engine::{Straggler, Usage};
use crate::supervisor::{ShutdownOutcome, TaskSupervisor};
use crate::surfaces::{Control, Hooks, Plain, Terminal, Web};

/// Sets the level of stead's own diagnostics, in the words of tracing's filters. `info` by default.
const LOG_LEVEL: &str = "STEAD_LOG";
/// Lines of them that may wait for the disk; what comes on top is dropped.
const LOG_LINES_QUEUED: usize = 4_096;
/// How long the last words may take to reach the terminal.
const REPORT_MAY_TAKE: Duration = Duration::from_millis(500);
/// Threads of the runtime. Two at least, so that one that is stuck does not hold the rest.
const LEAST_THREADS: usize = 2;

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

/// Supervises a project until it is over, and says on standard error how that came. `read` reads its configuration, now and
/// at each reload; it is given the project as seen from the working directory.
///
/// # Errors
///
/// When nothing could be started: another supervisor runs, the state directory can't be written, or the configuration was
/// changed and is invalid now.
pub(crate) fn launch(
    project: &Project,
    read: impl Fn(&Project) -> Result<Config, BadConfig> + Send + Sync + 'static,
    presentation: Presentation,
) -> anyhow::Result<ExitCode> {
    let state = StateDir::claim(project)?;
    let project = project.from_within();
    let read = move || read(&project);
    let config = read().map_err(|bad| anyhow!(bad.summary))?;
    // Before the first thread: a fork takes only one along.
    let warden = Warden::start().context("cannot start the warden, which is to start the tasks")?;
    raise_open_files();
    let _diagnostics = diagnostics(&state)?;
    state.keep();
    report_containment(warden.1.containment());
    let threads = std::thread::available_parallelism().map_or(LEAST_THREADS, |cores| cores.get().max(LEAST_THREADS));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let config = SharedConfig::new(config, read);
    let (sampled, usage) = watch::channel(BTreeMap::new());
    let (supervisor, kernel) = supervisor(config, presentation, &state, warden, usage.clone())?;
    if presentation == Presentation::Detached {
        runtime.spawn(announce(kernel.clone(), state.diagnostics.clone()));
    }
    // On a thread of the runtime, among those it talks to: this one would have to be woken for every event.
    let outcome = runtime.block_on(runtime.spawn(async move {
        let sampler = tokio::spawn(sample(kernel.lookers().clone(), kernel.watch(), sampled));
        let examiner = Examiner::start(kernel, usage);
        let outcome = supervisor.run().await;
        sampler.abort();
        examiner.finish().await;
        outcome
    }));
    // Not dropped: that would wait for a thread that is stuck.
    runtime.shutdown_background();
    let outcome = outcome.context("the supervisor broke off")?;
    let words = last_words(&outcome);
    state.keep_outcome(&words);
    report(words);
    Ok(ExitCode::from(outcome.exit_code()))
}

/// Says at once if less is promised than this system could have.
fn report_containment(containment: Containment) {
    tracing::info!(%containment, "what tasks leave behind");
    if cfg!(target_os = "linux") && containment == Containment::ProcessGroup {
        eprintln!("stead: there is no /proc: {containment}");
    }
}

/// Lets the supervisor open as many files as it may: every task takes a few. The tasks keep the limit that stead was
/// started with.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

fn supervisor(
    shared: SharedConfig,
    presentation: Presentation,
    state: &StateDir,
    (warden, warden_task): (Warden, WardenTask),
    usage: watch::Receiver<BTreeMap<String, Usage>>,
) -> anyhow::Result<(TaskSupervisor, KernelHandle)> {
    let config = shared.current();
    let mut supervisor =
        TaskSupervisor::new(CancellationToken::new(), config.restart).with_drain(config.drain).with_usage(usage);
    let kernel = KernelHandle::new(supervisor.handle())
        .with_post_mortems(PostMortems::new(&state.paths.post_mortems))
        .with_containment(warden_task.containment());
    let mut factory = TaskFactory::new(shared.clone(), kernel.clone(), warden.clone());
    for task in factory.all().map_err(|why| anyhow!("{why}; nothing was started"))? {
        supervisor.track(task);
    }
    track_warden(&mut supervisor, warden_task);
    let gateway = track_gateway(&mut supervisor, kernel.clone());
    let (config_in_force, web_dist) = (shared, Default::default());
    let mut surfaces =
        Surfaces { supervisor: &mut supervisor, kernel: kernel.clone(), config: config_in_force, gateway, web_dist };
    surfaces.track(Control::new(state.control.clone()));
    if config.web.enabled {
        surfaces.track(Web::new(config.web.clone(), state.token_source()));
    }
    if !config.hooks.is_empty() {
        surfaces.track(Hooks::new(config.hooks.clone(), &config.root, warden));
    }
    match presentation {
        Presentation::Detached => {}
        Presentation::Headless => surfaces.track(Plain::events_only()),
        Presentation::Plain => surfaces.track(Plain::with_output()),
        Presentation::Dashboard { mouse } => surfaces.track(Terminal::new(mouse)),
    }
    factory.set_builtins(supervisor.tracked());
    let supervisor = supervisor.with_loader(Box::new(move || factory.load()));
    Ok((supervisor, kernel))
}

/// Sends tracing's events to a file, on a thread of their own. They end when the result is dropped.
fn diagnostics(state: &StateDir) -> anyhow::Result<WorkerGuard> {
    let filter = EnvFilter::builder()
        .with_env_var(LOG_LEVEL)
        .try_from_env()
        .or_else(|error| if std::env::var_os(LOG_LEVEL).is_none() { Ok(EnvFilter::new("info")) } else { Err(error) });
    let filter =
        filter.with_context(|| format!("{LOG_LEVEL} is not a filter; write it like \"info\" or \"stead=debug\""))?;
    let builder = NonBlockingBuilder::default().buffered_lines_limit(LOG_LINES_QUEUED);
    let (writer, guard) = builder.finish(state.diagnostics.clone());
    // Only a second call in one process could fail, and it would keep the first.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false).try_init();
    Ok(guard)
}

/// What had to be killed, what is left, and last how it ended.
fn last_words(outcome: &ShutdownOutcome) -> String {
    let mut text = String::new();
    for killed in &outcome.killed {
        let left = match killed.left.as_slice() {
            [] => String::new(),
            left => format!(" (left: {})", Straggler::list(left)),
        };
        text += &format!("stead: {} did not stop and was killed after {}{left}\n", killed.name, Pretty(killed.held));
    }
    for name in &outcome.abandoned {
        text += &format!("stead: {name} was still there when time was up\n");
    }
    text + &format!("stead: {outcome}\n")
}

/// What stays on the normal screen. A terminal that is gone loses it, and one that is stalled does not hold the end.
fn report(text: String) {
    let (written, done) = channel();
    std::thread::spawn(move || {
        let _ = io::stderr().write_all(text.as_bytes());
        let _ = written.send(());
    });
    let _ = done.recv_timeout(REPORT_MAY_TAKE);
}
