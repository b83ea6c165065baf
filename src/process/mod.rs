//! Child processes: one [`ProcessTask`] per configured task, one call of [`ProcessTask::run`] per run.
//!
//! A run acts on two tokens: it asks its processes to stop once `stop` is cancelled, and kills them once `kill` is. It
//! never decides when that happens and knows nothing of restarts. The [`warden`] creates the processes and reports
//! their ends.
//!
//! ```text
//! spawn ─▶ main process runs ─▶ it ends ─▶ the rest of its tree ends ─▶ over
//!              │ output, probes      │ not asked to stop: the rest is killed
//!              │ stop: command or signal  │ asked to stop: the rest has until `kill`
//!              └ kill: SIGKILL to the whole tree, at any time
//! ```

mod credentials;
mod descriptors;
mod environment;
mod held_back;
mod inherited;
mod memory;
mod notify;
mod on_change;
mod one_shot;
mod oom;
mod output;
mod ports;
mod probe;
mod proc;
mod pty;
mod reader;
mod spawn;
mod start_failure;
mod stop;
mod sys;
#[cfg(test)]
mod tests;
mod usage;
mod verdict;
mod warden;

use std::borrow::Cow;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::pin::Pin;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::config::{Check, TaskConfig};
use crate::logs::{LogTail, Store};
use crate::screen::TaskScreen;
use crate::signal::Signal;
use crate::supervisor::engine::{ExitReason, Input};
use crate::supervisor::{RunContext, RunOrder};
use credentials::RunsAs;
pub(crate) use credentials::refused_identity;
pub(crate) use descriptors::{is_out_of_descriptors, reserve_descriptors, with_reserved_descriptors};
pub(crate) use environment::{LikeTask, environment_of};
pub use inherited::reset_inherited;
pub(crate) use inherited::{InheritedLimits, is_hangup_ignored};
use notify::NotifySocket;
pub(crate) use one_shot::OneShotCommand;
use oom::OomKills;
use output::OutputCapture;
use probe::Probes;
use pty::Pty;
pub(crate) use reader::OutputReader;
use spawn::Spawned;
pub(crate) use start_failure::find_program;
pub(crate) use sys::share_arenas;
pub(crate) use usage::Sampler;
pub use warden::serve_if_called;
use warden::{Child, SignalTarget};
pub(crate) use warden::{Warden, WardenTask, this_program};

/// How long a kill waits for a start that hangs. A child that appears later is killed then.
const START_PATIENCE: Duration = Duration::from_secs(1);
/// How long a killed tree may take to end: longer only if the kernel itself holds a process, on a disk that hangs.
const KILL_PATIENCE: Duration = Duration::from_secs(2);

/// One configured task. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ProcessTask {
    config: Arc<TaskConfig>,
    log: Store,
    tail: LogTail,
    runs_as: RunsAs,
    warden: Warden,
    /// Its terminal, if it has one.
    screen: Option<TaskScreen>,
}

/// The parts of a run that has started.
struct Started {
    child: Child,
    output: OutputCapture,
    /// The writing end of its standard input, if that stays open until it has ended.
    stdin: Option<OwnedFd>,
    pty: Option<Pty>,
    /// Resolves with the line that makes it ready, if `ready.log` is set.
    ready_line: Option<oneshot::Receiver<String>>,
    /// Where it says how it is, if it is to.
    socket: Option<NotifySocket>,
}

impl ProcessTask {
    /// Creates a task whose output goes to `log`, to `tail`, and to `screen` if it has a terminal.
    ///
    /// # Errors
    ///
    /// It can't run as the user that it names.
    pub(crate) fn new(
        config: TaskConfig,
        log: Store,
        tail: LogTail,
        screen: Option<TaskScreen>,
        warden: Warden,
    ) -> Result<Self, String> {
        let runs_as = credentials::runs_as(&config)?;
        Ok(Self { config: Arc::new(config), log, tail, runs_as, warden, screen })
    }

    /// Runs the task once: from its start until no process of its tree is alive and its output is read. Dropping the
    /// future earlier kills the tree.
    pub(crate) async fn run(self: Arc<Self>, context: RunContext) -> ExitReason {
        let task = match self.as_configured_now(&context).await {
            Ok(task) => task,
            Err(message) => return ExitReason::StartFailed { message },
        };
        match task.start(&context).await {
            Ok(started) => task.supervise(started, &context).await,
            Err(message) => {
                // Then the warden is the cause to be named, so its end must be reported first.
                if task.warden.is_gone() {
                    context.ending().await;
                }
                ExitReason::StartFailed { message }
            }
        }
    }

    /// The task with its env files as they are now.
    async fn as_configured_now(self: Arc<Self>, context: &RunContext) -> Result<Arc<Self>, String> {
        if !self.config.rereads() {
            return Ok(self);
        }
        let config = Arc::clone(&self.config);
        let read = spawn_blocking(move || config.for_run().map(Cow::into_owned));
        let config = tokio::select! {
            read = read => read.map_err(|error| format!("cannot read its env files: {error}"))??,
            () = context.kill.cancelled() => return Err("killed while it was starting".to_owned()),
        };
        Ok(Arc::new(Self { config: Arc::new(config), ..(*self).clone() }))
    }

    async fn start(&self, context: &RunContext) -> Result<Started, String> {
        if context.stop.is_cancelled() || context.kill.is_cancelled() {
            return Err("stopped before it was started".to_owned());
        }
        let run = context.run.number;
        let starting = async {
            self.check_ports().await?;
            let socket = self.notify_socket()?;
            let spawned = spawn::spawn(self, run, socket.as_ref()).await?;
            self.start_reading(spawned, socket, run)
        };
        let given_up = async {
            context.kill.cancelled().await;
            sleep(START_PATIENCE).await;
        };
        tokio::select! {
            started = starting => started,
            () = given_up => Err("killed while it was starting".to_owned()),
        }
    }

    fn start_reading(
        &self,
        Spawned { child, outputs, stdin }: Spawned,
        socket: Option<NotifySocket>,
        run: u64,
    ) -> Result<Started, String> {
        let pty = match (&self.screen, outputs.first()) {
            (Some(screen), Some((_, ours))) => Some(Pty::new(ours, screen.clone())),
            _ => None,
        };
        let pty =
            pty.transpose().map_err(|error| format!("cannot use its terminal: {}", start_failure::cause(&error)))?;
        let mut output = OutputCapture::new(run, outputs, self.log.clone(), self.tail.clone())
            .map_err(|error| format!("cannot read the output: {}", start_failure::cause(&error)))?;
        if let Some(screen) = &self.screen {
            output.show_on(screen.clone());
        }
        let ready_line = match self.config.ready.as_ref().map(|ready| &ready.check) {
            Some(Check::Log(pattern)) => Some(output.search(pattern.clone())),
            Some(Check::Tcp(_) | Check::Http(_) | Check::Exec(_) | Check::Notify(_) | Check::Watchdog(_)) | None => {
                None
            }
        };
        Ok(Started { child, output, stdin, pty, ready_line, socket })
    }

    /// Parts that few runs need are boxed where they are needed: they would double the size of every run's future.
    async fn supervise(
        &self,
        Started { child, mut output, stdin: _stdin, pty, ready_line, socket }: Started,
        context: &RunContext,
    ) -> ExitReason {
        // `written`: nothing more is written for this run.
        let (over, written) = (CancellationToken::new(), CancellationToken::new());
        let (late, oom) = (output.late_outputs(), OomKills::now());
        let captured = async {
            output.capture(written.clone()).await;
            self.screen.iter().for_each(TaskScreen::end);
        };
        let asked_to_stop = async {
            stop::ask_to_stop(self, &child, context, &over, late).await;
            over.cancelled().await;
            written.cancel();
        };
        let (reason, (), (), (), (), (), (), (), ()) = tokio::join!(
            wait_for_end(&self.config, &child, &oom, context, &over),
            asked_to_stop,
            kill_when_asked(&child, context, &over),
            carry_out_orders(self, &child, context, &over),
            report_left(&child, context, &over),
            captured,
            serve_pty(pty),
            self.report(child.pid(), ready_line, socket, context, &over),
            self.watch_memory(child.pid(), context, &over),
        );
        reason
    }

    /// Reports that the run has started, then its probes, until it is asked to end or is over.
    async fn report(
        &self,
        pid: u32,
        ready_line: Option<oneshot::Receiver<String>>,
        socket: Option<NotifySocket>,
        context: &RunContext,
        over: &CancellationToken,
    ) {
        context.started(Some(pid), None).await;
        let looking = async {
            let probes = Probes::new(self, context, pid);
            let probing = probes.run(ready_line, socket.as_ref());
            tokio::join!(probing, held_back::hint_when_silent(self, context.run.number));
        };
        until_ending(Box::pin(looking), context, over).await;
    }

    /// Whether it can listen on its ports.
    async fn check_ports(&self) -> Result<(), String> {
        if self.config.ports.is_empty() {
            return Ok(());
        }
        let config = Arc::clone(&self.config);
        let checked = spawn_blocking(move || ports::check_free(&config.ports));
        checked.await.map_err(|error| format!("cannot look at its ports: {error}"))?
    }

    /// A socket for what the run says of itself, if it is to say anything.
    fn notify_socket(&self) -> Result<Option<NotifySocket>, String> {
        let says_ready = self.config.ready.as_ref().is_some_and(|ready| matches!(ready.check, Check::Notify(_)));
        if !says_ready && self.watchdog().is_none() {
            return Ok(None);
        }
        let user = self.runs_as.credentials.as_ref().map(|credentials| credentials.user);
        let socket = NotifySocket::bind(user);
        socket.map(Some).map_err(|error| format!("cannot make its NOTIFY_SOCKET: {}", start_failure::cause(&error)))
    }

    /// How often it is to say that it is alive.
    fn watchdog(&self) -> Option<Duration> {
        match self.config.live.as_ref()?.check {
            Check::Watchdog(limit) => Some(limit),
            Check::Tcp(_) | Check::Http(_) | Check::Exec(_) | Check::Log(_) | Check::Notify(_) => None,
        }
    }
}

/// Serves the run's terminal, if it has one, in a task of its own: the emulator takes processor time.
async fn serve_pty(pty: Option<Pty>) {
    if let Some(pty) = pty {
        // A panic there costs the screen contents, not the run.
        let _ = AbortOnDropHandle::new(tokio::spawn(pty.serve())).await;
    }
}

/// Runs `doing` until the run is asked to end or is over.
async fn until_ending(doing: impl Future<Output = ()>, context: &RunContext, over: &CancellationToken) {
    tokio::select! {
        () = doing => {}
        () = context.ending() => {}
        () = over.cancelled() => {}
    }
}

/// Waits for the end of the main process and then of its tree, and cancels `over`.
async fn wait_for_end(
    config: &TaskConfig,
    child: &Child,
    oom: &OomKills,
    context: &RunContext,
    over: &CancellationToken,
) -> ExitReason {
    let started = Instant::now();
    let Some(exit) = child.exited().await else {
        // As above: the warden is the cause to be named.
        context.ending().await;
        over.cancel();
        return ExitReason::Error { message: "its end is not known: the warden is gone".to_owned() };
    };
    let (asked, killed) = (context.stop.is_cancelled(), context.kill.is_cancelled());
    let lasted = started.elapsed();
    let reason = verdict::reason_of_exit(config, exit, oom, killed);
    if !asked && !child.is_gone() {
        child.kill().await;
    }
    let given_up = async {
        if asked {
            context.kill.cancelled().await;
        }
        sleep(KILL_PATIENCE).await;
    };
    tokio::select! {
        _ = child.gone() => {}
        () = given_up => tracing::warn!(pid = child.pid(), "what was killed is still there"),
    }
    let (mut background, mut hint) = (Vec::new(), None);
    if !asked && !killed {
        background = child.last_left();
        hint = verdict::hint(config, &reason, lasted, &background, oom);
    }
    let peak_memory = exit.peak_memory;
    // Sent before `over` is cancelled: the engine drops what comes after the end of a run.
    context.report(Input::Measured { run: context.run, peak_memory, background, hint }).await;
    over.cancel();
    reason
}

async fn kill_when_asked(child: &Child, context: &RunContext, over: &CancellationToken) {
    if over.run_until_cancelled(context.kill.cancelled()).await.is_some() {
        child.kill().await;
    }
}

/// Carries out the orders to a run beside its stop ladder. The command for a changed file may take long: a signal does not
/// wait for it, and a file that changes meanwhile has it begin anew.
async fn carry_out_orders(task: &ProcessTask, child: &Child, context: &RunContext, over: &CancellationToken) {
    let carrying_out = async {
        let mut command = None;
        loop {
            let running = async {
                match &mut command {
                    Some(command) => Pin::new(command).await,
                    None => std::future::pending().await,
                }
            };
            let orders = tokio::select! {
                orders = context.orders.take() => orders,
                () = running => {
                    command = None;
                    continue;
                }
            };
            for order in orders {
                match order {
                    RunOrder::Signal { signal, tree } => {
                        child.signal(&[signal], if tree { SignalTarget::Tree } else { SignalTarget::Main }).await;
                    }
                    RunOrder::OnChange { file } => {
                        command = Some(Box::pin(on_change::run_command(task, context.run.number, file)));
                    }
                }
            }
        }
    };
    over.run_until_cancelled(carrying_out).await;
}

/// Reports the processes that hold up a stop.
async fn report_left(child: &Child, context: &RunContext, over: &CancellationToken) {
    let reporting = async {
        let mut left = Vec::new();
        while let Some(now_left) = child.left(&left).await {
            left = now_left;
            context.report(Input::Left { run: context.run, processes: left.clone() }).await;
        }
    };
    over.run_until_cancelled(reporting).await;
}

/// Returns how a process ended, as the engine names it.
fn reason_of(status: ExitStatus) -> ExitReason {
    match status.signal() {
        Some(signal) => {
            ExitReason::Signal { signal: Signal::from_raw(signal), core_dumped: status.core_dumped(), by: None }
        }
        None => ExitReason::Code { code: status.code().unwrap_or_default() },
    }
}
