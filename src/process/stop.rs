//! The stop ladder of a run, once it is asked to end: the stop command, then the stop signal. SIGKILL, its last rung, comes
//! when the engine says so.
//!
//! The command and the wait for its effect have half of the time. A command that fails is followed by the signal at once,
//! one that hangs or has no effect when its half is over. No rung is skipped.

use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::output::LateOutputs;
use super::warden::{Child, SignalTarget};
use super::{ProcessTask, reason_of, spawn};
use crate::config::CommandLine;
use crate::duration::Pretty;
use crate::signal::Signal;
use crate::supervisor::RunContext;
use crate::supervisor::engine::ExitReason;

/// The main process of the task, for its stop command.
const MAIN_PID: &str = "STEAD_PID";
/// The supervisor, for a stop command.
const SUPERVISOR_PID: &str = "STEAD_SUPERVISOR_PID";

/// Asks a run to end, rung by rung, once `stop` is cancelled. A stop command may run longer than what it stops.
pub(super) async fn ask_to_stop(
    task: &ProcessTask,
    child: &Child,
    context: &RunContext,
    over: &CancellationToken,
    outputs: LateOutputs,
) {
    if over.run_until_cancelled(context.stop.cancelled()).await.is_none() {
        return;
    }
    let stop = &task.config.stop;
    let whom = if stop.only_parent { SignalTarget::Main } else { SignalTarget::Tree };
    if let Some(command) = &stop.command {
        // A stopped process acts on nothing.
        child.signal(&[Signal::CONT], whom).await;
        let rung = Box::pin(stop_by_command(task, command, child, context, over, outputs));
        // A kill needs no signal after it.
        if context.kill.run_until_cancelled(rung).await.is_none() || over.is_cancelled() {
            return;
        }
    }
    child.signal(&[stop.signal, Signal::CONT], whom).await;
}

/// Runs the stop command and waits for the end of the run. Returns when the next rung is due, or the run is over.
async fn stop_by_command(
    task: &ProcessTask,
    command: &CommandLine,
    child: &Child,
    context: &RunContext,
    over: &CancellationToken,
    outputs: LateOutputs,
) {
    // A bound on a drain may leave it less than its own.
    let half = context.grace.get().copied().unwrap_or(task.config.stop.timeout) / 2;
    let due = Instant::now() + half;
    let run = context.run.number;
    let failure = match timeout_at(due, run_command(task, command, child.pid(), run, outputs)).await {
        Ok(Ok(ExitReason::Code { code: 0 })) => match timeout_at(due, over.cancelled()).await {
            Ok(()) => return,
            Err(_) => format!("had no effect within {}", Pretty(half)),
        },
        Ok(Ok(reason)) => format!("failed: {reason}"),
        Ok(Err(message)) => format!("failed: {message}"),
        Err(_) => format!("took longer than {}", Pretty(half)),
    };
    if !over.is_cancelled() {
        let next = task.config.stop.signal;
        task.tail.note(task.log.run(run), format!("stead: the stop command {failure}; {next} comes next"));
    }
}

async fn run_command(
    task: &ProcessTask,
    command: &CommandLine,
    main: u32,
    run: u64,
    outputs: LateOutputs,
) -> Result<ExitReason, String> {
    let env = [(MAIN_PID, main), (SUPERVISOR_PID, std::process::id())].map(|(name, pid)| (name, pid.to_string()));
    let spawned = spawn::spawn_beside(task, command, run, &env).await?;
    outputs.add(spawned.outputs);
    // Dropping the child kills what is left of it.
    let exit = spawned.child.exited().await;
    exit.map(|exit| reason_of(exit.status())).ok_or_else(|| "the warden is gone".to_owned())
}
