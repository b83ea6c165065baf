//! The HTTP API, whatever it listens on: the web surface serves it over TCP, the control surface over a socket file.
//!
//! It shows snapshots and passes requests on; it holds no task state and decides nothing about a task. Who may ask is
//! for the surface that listens to decide, before a request comes here.
//!
//! | module | its job |
//! |---|---|
//! | `server` | connections: accept, bound, end in good order |
//! | `api` | the routes |
//! | `requests` | what changes something |
//! | `attach` | a task's terminal: input, and a WebSocket to it |
//! | `live` | the event stream |
//! | `logs`, `log_query`, `follow` | what the tasks wrote: pages, what is asked of them, live |
//! | `runs`, `why` | a task's past; why it is as it is |
//! | `reading` | turns to read what is on disk |
//! | `readiness` | what keeps the whole from being ready |
//! | `openapi` | what is said of the routes |
//! | `problem` | refusals |
//! | `limits` | every bound there is |

mod api;
mod asker;
mod attach;
mod cells;
mod follow;
pub(super) mod limits;
mod live;
mod log_query;
mod logs;
mod openapi;
mod problem;
mod readiness;
mod reading;
mod requests;
mod runs;
mod server;
mod why;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::supervisor::EventRecord;

pub(super) use api::Api;
pub(super) use asker::trust_name;
pub(super) use problem::Problem;
pub(super) use server::{Listen, serve};

/// Takes a channel's events, so that they don't count as dropped. The streams follow the timeline itself, which
/// has what happened before a client came; the channel is there for the requests.
pub(super) async fn discard(
    mut events: mpsc::Receiver<Arc<EventRecord>>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    while let Some(Some(_)) = shutdown.run_until_cancelled(events.recv()).await {}
    shutdown.cancelled().await;
    Ok(())
}
