//! Runs a configuration to its end: what `stead up` and `stead demo` have in common.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::{Context, anyhow};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio_util::sync::CancellationToken;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use super::state_dir::{StateDir, StatePaths};
use super::up::ViewArgs;
use crate::config::{Config, Pretty};
use crate::kernel::Promise;
use crate::process::{Keeper, Warden};
use crate::supervisor::core::Straggler;
use crate::supervisor::{ShutdownOutcome, TaskSupervisor};
use crate::surfaces::{Control, Hooks, Plain, SurfaceContext, Terminal, Web};

/// Sets the level of stead's own diagnostics, in the words of tracing's filters. `info` by default.
const LOG_LEVEL: &str = "STEAD_LOG";
/// The file below `.stead/` they go to.
const LOG_FILE: &str = "stead.log";
/// Lines of them that may wait for the disk; what comes on top is dropped.
const LOG_LINES_QUEUED: usize = 4_096;
/// How long the last words may take to reach the terminal.
const REPORT_MAY_TAKE: Duration = Duration::from_millis(500);
/// Threads of the runtime. Two at least, so that one that is stuck does not hold the rest.
const LEAST_THREADS: usize = 2;

/// Supervises what `config` says until it is over, and says on standard error how that came.
///
/// # Errors
///
/// When nothing could be started: another supervisor holds the directory, or it can't be written.
pub(super) fn launch(config: Config, view: &ViewArgs) -> anyhow::Result<ExitCode> {
    let state = StateDir::claim(&config.root)?;
    // Before the first thread: a fork takes only one along.
    let warden = Warden::start().context("cannot start the warden, which is to start the tasks")?;
    raise_open_files();
    let _diagnostics = diagnostics(&state)?;
    tell_promise(warden.1.promise());
    let threads = std::thread::available_parallelism().map_or(LEAST_THREADS, |cores| cores.get().max(LEAST_THREADS));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let supervisor = supervisor(config, view, &state.paths, warden)?;
    // On a thread of the runtime, among those it talks to: this one would have to be woken for every event.
    let outcome = runtime.block_on(runtime.spawn(supervisor.run()));
    // Not dropped: that would wait for a thread that is stuck.
    runtime.shutdown_background();
    let outcome = outcome.context("the supervisor broke off")?;
    let words = last_words(&outcome);
    state.keep_outcome(&words);
    report(words);
    Ok(ExitCode::from(outcome.exit_code()))
}

/// Says at once if less is promised than this system could have.
fn tell_promise(promise: Promise) {
    tracing::info!(%promise, "what tasks leave behind");
    if cfg!(target_os = "linux") && promise == Promise::ProcessGroup {
        eprintln!("stead: there is no /proc: {promise}");
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
    config: Config,
    view: &ViewArgs,
    paths: &StatePaths,
    (warden, keeper): (Warden, Keeper),
) -> anyhow::Result<TaskSupervisor> {
    let config = Arc::new(config);
    let mut supervisor = TaskSupervisor::new(CancellationToken::new(), config.restart)
        .with_drain(config.drain)
        .with_post_mortems(&paths.post_mortems);
    for task in &config.tasks {
        let tracked = supervisor.track_process(task.clone(), &config.logs, &warden);
        tracked.map_err(|why| anyhow!("task {}: {why}; nothing was started", task.name))?;
    }
    supervisor.track_warden(keeper);
    let gateway = supervisor.track_gateway();
    let kernel = supervisor.kernel();
    let web_dist = Default::default();
    let context = {
        let config = Arc::clone(&config);
        move || SurfaceContext {
            kernel: kernel.clone(),
            config: Arc::clone(&config),
            config_path: config.path.clone(),
            web_dist: Clone::clone(&web_dist),
            shutdown: CancellationToken::new(),
        }
    };
    supervisor.track_surface(Control::new(&paths.socket), gateway.clone(), context.clone());
    if config.web.enabled {
        supervisor.track_surface(Web::new(config.web.clone(), &paths.token), gateway.clone(), context.clone());
    }
    if !config.hooks.is_empty() {
        let hooks = Hooks::new(config.hooks.clone(), &config.root, warden);
        supervisor.track_surface(hooks, gateway.clone(), context.clone());
    }
    if view.headless {
        supervisor.track_surface(Plain::events_only(), gateway, context);
    } else if view.plain || !can_draw() {
        supervisor.track_surface(Plain::with_output(), gateway, context);
    } else {
        supervisor.track_surface(Terminal::new(!view.no_mouse), gateway, context);
    }
    Ok(supervisor)
}

/// Whether a dashboard can be drawn here and keys can be read.
fn can_draw() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    io::stdin().is_terminal() && io::stdout().is_terminal() && !dumb
}

/// Sends tracing's events to a file, on a thread of their own. They end when the result is dropped.
fn diagnostics(state: &StateDir) -> anyhow::Result<WorkerGuard> {
    let filter = EnvFilter::builder()
        .with_env_var(LOG_LEVEL)
        .try_from_env()
        .or_else(|error| if std::env::var_os(LOG_LEVEL).is_none() { Ok(EnvFilter::new("info")) } else { Err(error) });
    let filter =
        filter.with_context(|| format!("{LOG_LEVEL} is not a filter; write it like \"info\" or \"stead=debug\""))?;
    let file = tracing_appender::rolling::never(state.path(), LOG_FILE);
    let (writer, guard) = NonBlockingBuilder::default().buffered_lines_limit(LOG_LINES_QUEUED).finish(file);
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
