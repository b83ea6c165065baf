//! Hosts a surface as a task: starts a run, watches its tasks, cleans up.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::supervisor::engine::ExitReason;
use crate::supervisor::{RunContext, TaskResult, exit_reason};
use crate::surfaces::{Surface, SurfaceContext, SurfaceHandle};

/// How long the other tasks of a surface may take to follow when one of them has ended by itself.
const OTHERS_MAY_TAKE: Duration = Duration::from_secs(2);

/// One run of a surface, from start to end, driven by `runtime`. `context` is for this run alone: its token is cancelled
/// when the run ends, however that comes.
pub(super) async fn run_surface<S: Surface>(
    surface: Arc<S>,
    context: SurfaceContext,
    runtime: Handle,
    run: RunContext,
) -> ExitReason {
    let token = context.shutdown.clone();
    let _cancelled_at_the_end = token.clone().drop_guard();
    let SurfaceHandle { address, tasks } = match start(surface, context, &runtime, &run).await {
        Ok(handle) => handle,
        Err(reason) => return reason,
    };
    run.started(None, address).await;
    watch(tasks, &token, &run).await
}

/// Starts in a task of its own, so that a panic is a reason and a start that hangs can be aborted.
async fn start<S: Surface>(
    surface: Arc<S>,
    context: SurfaceContext,
    runtime: &Handle,
    run: &RunContext,
) -> Result<SurfaceHandle, ExitReason> {
    let is_patient = surface.has_last_words();
    let mut starting: JoinHandle<anyhow::Result<SurfaceHandle>> =
        runtime.spawn(async move { surface.start(context).await });
    let result = tokio::select! {
        result = &mut starting => result,
        () = ending(run, is_patient) => return Err(abort(starting).await),
    };
    match result {
        Ok(Ok(handle)) => Ok(handle),
        Ok(Err(error)) => Err(ExitReason::StartFailed { message: format!("{error:#}") }),
        Err(error) => Err(exit_reason(Err(error))),
    }
}

/// Waits until the run is asked to end; if it is patient, until it is killed.
async fn ending(run: &RunContext, is_patient: bool) {
    if is_patient { run.kill.cancelled().await } else { run.ending().await }
}

/// Breaks off a start.
async fn abort(starting: JoinHandle<anyhow::Result<SurfaceHandle>>) -> ExitReason {
    starting.abort();
    if let Ok(Ok(handle)) = starting.await {
        // It had just succeeded: nothing of it may stay.
        for task in handle.tasks {
            task.abort();
            let _ = task.await;
        }
    }
    ExitReason::Aborted
}

/// Waits until one task ends or the run is asked to end, then ends the others. The first end counts.
async fn watch(tasks: Vec<JoinHandle<TaskResult>>, token: &CancellationToken, run: &RunContext) -> ExitReason {
    let aborts: Vec<AbortHandle> = tasks.iter().map(JoinHandle::abort_handle).collect();
    let mut tasks: FuturesUnordered<_> = tasks.into_iter().collect();
    let mut first = tokio::select! {
        Some(result) = tasks.next() => Some(exit_reason(result)),
        () = run.ending() => None,
    };
    token.cancel();
    let ended_by_itself = first.is_some();
    loop {
        tokio::select! {
            result = tasks.next() => match result {
                Some(result) => first = first.or_else(|| Some(exit_reason(result))),
                None => return first.unwrap_or(ExitReason::Finished),
            },
            () = run.kill.cancelled() => break,
            () = tokio::time::sleep(OTHERS_MAY_TAKE), if ended_by_itself => break,
        }
    }
    aborts.iter().for_each(AbortHandle::abort);
    while let Some(result) = tasks.next().await {
        first = first.or_else(|| Some(exit_reason(result)));
    }
    first.unwrap_or(ExitReason::Aborted)
}

#[cfg(test)]
mod tests;
