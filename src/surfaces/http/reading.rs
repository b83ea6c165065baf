//! Reading what is on disk, for a request: on blocking threads, so many at a time, and no longer than somebody waits.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::api::Api;
use super::limits::READ_TIME;
use super::problem::Problem;
use crate::duration::Pretty;

/// Tells a query that nobody waits for it any more, once this is dropped.
#[derive(Debug, Default)]
pub(super) struct Interest(Arc<AtomicBool>);

impl Interest {
    /// What becomes true at the end: for [`LineQuery::cancelled`](crate::logs::LineQuery::cancelled).
    pub(super) fn lost(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Reads for one answer. The work is told when the client has gone or the time is up.
///
/// # Errors
///
/// What can't be read, or takes too long.
pub(super) async fn read<T: Send + 'static>(
    api: &Api,
    work: impl FnOnce(Arc<AtomicBool>) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let interest = Interest::default();
    let lost = interest.lost();
    match timeout(READ_TIME, in_turn(api, move || work(lost))).await {
        Ok(done) => done?,
        Err(_) => {
            let detail =
                format!("reading took longer than {}; ask for fewer tasks, or for less time", Pretty(READ_TIME));
            Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, detail))
        }
    }
}

/// Does it on a blocking thread, when it is its turn. It has its turn to its end, whether or not anybody waits for it.
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
