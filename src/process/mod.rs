//! Child processes: one [`ProcessTask`] per configured task, one `run` per life.
//!
//! A run does what it is told, when it is told: it starts, asks to stop once `stop` is cancelled, kills once `kill`
//! is. It never decides when that is, and it knows nothing of restarts.
//!
//! ```text
//! spawn ─▶ main process runs ─▶ it ends ─▶ reaped ─▶ the rest of its group ends ─▶ over
//!              │ output, probes             │ not asked to stop: the rest is killed
//!              │ stop: command or signal    │ asked to stop: the rest has until `kill`
//!              └ kill: SIGKILL to the group, at any time
//! ```

mod group;
mod log_file;
mod output;
#[cfg(target_os = "linux")]
mod proc;
mod pty;
mod ready;
mod spawn;
mod start_failure;
mod sys;
#[cfg(test)]
mod tests;
mod usage;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::config::{Check, Command, Signal, TaskConfig};
use crate::kernel::{LogTail, TaskScreen};
use crate::supervisor::RunContext;
use crate::supervisor::core::{Event, ExitReason};
use group::Group;
use log_file::LogFile;
use output::Output;
use pty::Pty;
use spawn::Spawned;
pub(crate) use usage::Sampler;

/// How long a kill waits for a start that hangs. A child that comes to life later is killed then.
const START_PATIENCE: Duration = Duration::from_secs(1);
/// How long a killed group may take to be gone: longer only if the kernel itself holds a process (a dead disk).
const KILL_PATIENCE: Duration = Duration::from_secs(2);

/// One configured task.
#[derive(Debug)]
pub(crate) struct ProcessTask {
    config: TaskConfig,
    log: PathBuf,
    tail: LogTail,
    /// Its terminal, if it has one.
    screen: Option<TaskScreen>,
}

/// What a run has when it has started.
struct Started {
    group: Group,
    output: Output,
    pty: Option<Pty>,
    /// Resolves with the line that says it is ready, if that is how it is known.
    ready_line: Option<oneshot::Receiver<String>>,
}

impl ProcessTask {
    /// A task whose output goes to `NAME.log` in `log_dir`, to `tail`, and to `screen` if it has a
    /// terminal.
    pub(crate) fn new(config: TaskConfig, log_dir: &Path, tail: LogTail, screen: Option<TaskScreen>) -> Self {
        let log = log_dir.join(format!("{}.log", config.name));
        Self { config, log, tail, screen }
    }

    /// One life of the task, from its start until nothing of its process group is alive and its output is read.
    /// When this is dropped before, the group is killed.
    pub(crate) async fn run(self: Arc<Self>, context: RunContext) -> ExitReason {
        match self.start(&context).await {
            Ok(started) => self.live(started, &context).await,
            Err(message) => ExitReason::StartFailed { message },
        }
    }

    async fn start(self: &Arc<Self>, context: &RunContext) -> Result<Started, String> {
        if context.stop.is_cancelled() || context.kill.is_cancelled() {
            return Err("stopped before it was started".to_owned());
        }
        let task = Arc::clone(self);
        let run = context.run.number;
        let starting = spawn_blocking(move || task.start_blocking(run));
        let given_up = async {
            context.kill.cancelled().await;
            sleep(START_PATIENCE).await;
        };
        tokio::select! {
            started = starting => started.map_err(|error| format!("cannot start: {error}"))?,
            () = given_up => Err("killed while it was starting".to_owned()),
        }
    }

    fn start_blocking(&self, run: u64) -> Result<Started, String> {
        let Spawned { group, outputs } = spawn::spawn(&self.config)?;
        let file = LogFile::new(self.log.clone());
        let pty = match (&self.screen, outputs.first()) {
            (Some(screen), Some((_, ours))) => Some(Pty::new(ours, screen.clone())),
            _ => None,
        };
        let pty =
            pty.transpose().map_err(|error| format!("cannot use its terminal: {}", start_failure::cause(&error)))?;
        let mut output = Output::new(run, outputs, file, self.tail.clone())
            .map_err(|error| format!("cannot read the output: {}", start_failure::cause(&error)))?;
        if let Some(screen) = &self.screen {
            output.show_on(screen.clone());
        }
        let ready_line = match self.config.ready.as_ref().map(|ready| &ready.check) {
            Some(Check::Log(pattern)) => Some(output.search(pattern.clone())),
            Some(Check::Tcp(_) | Check::Http(_) | Check::Exec(_)) | None => None,
        };
        Ok(Started { group, output, pty, ready_line })
    }

    async fn live(&self, Started { group, output, pty, ready_line }: Started, context: &RunContext) -> ExitReason {
        let over = CancellationToken::new();
        let captured = async {
            output.capture(over.clone()).await;
            self.screen.iter().for_each(TaskScreen::end);
        };
        let (reason, (), (), (), (), ()) = tokio::join!(
            until_gone(&group, context, &over),
            self.ask_to_stop(&group, context, &over),
            kill_when_told(&group, context, &over),
            captured,
            shown(pty),
            self.report(group.pid(), ready_line, context, &over),
        );
        reason
    }

    /// The polite part of the stop ladder, once `stop` is cancelled. A stop command may outlive what it stops.
    async fn ask_to_stop(&self, group: &Group, context: &RunContext, over: &CancellationToken) {
        if over.run_until_cancelled(context.stop.cancelled()).await.is_none() {
            return;
        }
        match &self.config.stop.command {
            Some(command) => {
                let command = self.run_stop_command(command, context.run.number);
                context.kill.run_until_cancelled(command).await;
            }
            None => group.signal(self.config.stop.signal),
        }
        // What is stopped can't act on a signal before it continues.
        group.signal(Signal::CONT);
    }

    async fn run_stop_command(&self, command: &Command, run: u64) {
        let failure = match ready::run_silent(&self.config, command).await {
            Ok(ExitReason::Code { code: 0 }) => return,
            Ok(reason) => reason.to_string(),
            Err(message) => message,
        };
        self.tail.note(run, format!("stead: the stop command failed: {failure}"));
    }

    /// Says that the run has started, then how it does, until it is asked to end or is over.
    async fn report(
        &self,
        pid: u32,
        ready_line: Option<oneshot::Receiver<String>>,
        context: &RunContext,
        over: &CancellationToken,
    ) {
        // A driver that is gone needs no events.
        let _ = context.events.send(Event::Started { run: context.run, pid: Some(pid), address: None }).await;
        let Some(ready) = &self.config.ready else { return };
        let probing = async {
            match ready_line {
                Some(line) => ready::wait_for_line(line, context).await,
                None => ready::probe(&self.config, ready, context).await,
            }
        };
        tokio::select! {
            () = probing => {}
            () = context.stop.cancelled() => {}
            () = context.kill.cancelled() => {}
            () = over.cancelled() => {}
        }
    }
}

/// Serves the run's terminal, if it has one, beside the capture: showing takes time of its own.
async fn shown(pty: Option<Pty>) {
    if let Some(pty) = pty {
        // A panic there takes the picture away, not the run.
        let _ = AbortOnDropHandle::new(tokio::spawn(pty.serve())).await;
    }
}

/// Follows the group to its end, then cancels `over`.
async fn until_gone(group: &Group, context: &RunContext, over: &CancellationToken) -> ExitReason {
    group.ended().await;
    let asked = context.stop.is_cancelled();
    if !asked {
        group.kill();
    }
    let reason = group.reap();
    let out_of_patience = async {
        if asked {
            context.kill.cancelled().await;
        }
        sleep(KILL_PATIENCE).await;
    };
    tokio::select! {
        () = group.emptied() => {}
        () = out_of_patience => tracing::warn!(group = group.pid(), "what was killed is still there"),
    }
    over.cancel();
    reason
}

async fn kill_when_told(group: &Group, context: &RunContext, over: &CancellationToken) {
    if over.run_until_cancelled(context.kill.cancelled()).await.is_some() {
        group.kill();
    }
}
