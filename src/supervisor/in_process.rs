//! Tasks that live in this process: how one is watched, cancelled, and at last aborted.

use std::future::Future;

use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use super::engine::ExitReason;
use super::run::RunContext;

/// What an in-process task ends with.
pub type TaskResult = anyhow::Result<()>;

/// One run of a future that is made anew for each run. It is given a token of its own run.
pub(super) async fn run_future<F>(future: F, token: CancellationToken, context: RunContext) -> ExitReason
where
    F: Future<Output = TaskResult> + Send + 'static,
{
    watch(tokio::spawn(future), token, context).await
}

/// Watches a running task to its end. `token` is cancelled when the run must stop.
pub(super) async fn watch(
    mut handle: JoinHandle<TaskResult>,
    token: CancellationToken,
    context: RunContext,
) -> ExitReason {
    let RunContext { stop, kill, .. } = &context;
    context.started(None, None).await;
    tokio::select! {
        result = &mut handle => return exit_reason(result),
        () = stop.cancelled() => token.cancel(),
        () = kill.cancelled() => {}
    }
    tokio::select! {
        result = &mut handle => return exit_reason(result),
        () = kill.cancelled() => handle.abort(),
    }
    exit_reason(handle.await)
}

/// How a task ended, with the message of its panic or the chain of its error.
pub(crate) fn exit_reason(result: Result<TaskResult, JoinError>) -> ExitReason {
    match result {
        Ok(Ok(())) => ExitReason::Finished,
        Ok(Err(error)) => ExitReason::Error { message: format!("{error:#}") },
        Err(error) => match error.try_into_panic() {
            Ok(panic) => ExitReason::Panic { message: panic_message(&*panic) },
            Err(_) => ExitReason::Aborted,
        },
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("with a value that is no text").to_owned()
}
