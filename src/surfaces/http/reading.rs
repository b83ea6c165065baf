//! Reads what is on disk for a request: on blocking threads, a limited number at a time, and no longer than the client waits.

use std::io;
use std::sync::Arc;

use axum::http::StatusCode;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::limits::LOG_READ_TIME;
use super::problem::Problem;
use super::state::Api;
use crate::duration::Pretty;

/// Reads for one answer. It is cancelled when the client has gone or the time is up.
///
/// # Errors
///
/// What can't be read, or takes too long.
pub(super) async fn read<T: Send + 'static>(
    api: &Api,
    work: impl FnOnce(CancellationToken) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let cancelled = CancellationToken::new();
    let _cancel = cancelled.clone().drop_guard();
    match timeout(LOG_READ_TIME, in_turn(api, move || work(cancelled))).await {
        Ok(done) => done?,
        Err(_) => {
            let detail =
                format!("reading took longer than {}; ask for fewer tasks, or for less time", Pretty(LOG_READ_TIME));
            Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, detail))
        }
    }
}

/// Does the work on a blocking thread, in its turn. The turn lasts to the end of the work, even if the client has gone.
///
/// # Errors
///
/// It has panicked.
pub(super) async fn in_turn<T: Send + 'static>(
    api: &Api,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let turn = Arc::clone(&api.reads).acquire_owned().await.expect("it is never closed");
    let done = spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    done.await.map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("reading failed: {error}")))
}

/// What could not be read.
pub(super) fn unreadable(error: &io::Error) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the logs can't be read: {error}"))
}
