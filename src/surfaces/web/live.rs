//! `/api/v1/events`: the state and the timeline as they change, as server-sent events.
//!
//! A stream is pulled by its client's socket and queues nothing of its own: a slow client gets the latest snapshot
//! when it is ready for one, and is told how many entries of the timeline it has missed.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde::Serialize;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep_until};

use super::api::Api;
use super::limits::{HEARTBEAT, RECONNECT, SNAPSHOT_INTERVAL, STREAMS};
use super::problem::Problem;
use crate::kernel::{EventRecord, Look};
use crate::supervisor::core::Snapshot;

/// Sends `snapshot` at once and at every change, `event` for what the timeline has and gets (the id is the record's
/// number), and `dropped` with a count for what this client was too slow to take. Ends with the run of the surface.
pub(super) async fn events(State(api): State<Api>) -> Result<Response, Problem> {
    let permit = Arc::clone(&api.streams).try_acquire_owned().map_err(|_| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("{STREAMS} live streams are open already"))
    })?;
    let feed = Feed::new(api, permit);
    let stream = unfold(feed, |mut feed| async {
        let event = feed.next().await?;
        Some((Ok::<_, Infallible>(event), feed))
    });
    let heartbeat = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    Ok(Sse::new(stream).keep_alive(heartbeat).into_response())
}

/// One client's view of what happens.
struct Feed {
    api: Api,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    /// When the last snapshot was sent.
    shown: Option<Instant>,
    backlog: VecDeque<Arc<EventRecord>>,
    records: broadcast::Receiver<Arc<EventRecord>>,
    _look: Look,
    _permit: OwnedSemaphorePermit,
}

#[derive(Serialize)]
struct Dropped {
    count: u64,
}

impl Feed {
    fn new(api: Api, permit: OwnedSemaphorePermit) -> Self {
        let (backlog, records) = api.kernel.journal().follow();
        Self {
            snapshots: api.kernel.watch(),
            shown: None,
            backlog: backlog.into(),
            records,
            _look: api.kernel.look(),
            _permit: permit,
            api,
        }
    }

    async fn next(&mut self) -> Option<Event> {
        let Some(shown) = self.shown else {
            return Some(self.snapshot().retry(RECONNECT));
        };
        if let Some(record) = self.backlog.pop_front() {
            return Some(entry(&record));
        }
        tokio::select! {
            () = self.api.shutdown.cancelled() => None,
            received = self.records.recv() => match received {
                Ok(record) => Some(entry(&record)),
                Err(RecvError::Lagged(count)) => Some(json("dropped", &Dropped { count })),
                Err(RecvError::Closed) => None,
            },
            () = due(&mut self.snapshots, shown) => Some(self.snapshot()),
        }
    }

    fn snapshot(&mut self) -> Event {
        self.shown = Some(Instant::now());
        let snapshot = Arc::clone(&self.snapshots.borrow_and_update());
        json("snapshot", &self.api.board(&snapshot))
    }
}

/// Waits until there is a snapshot that was not shown, and showing it is not too soon.
async fn due(snapshots: &mut watch::Receiver<Arc<Snapshot>>, shown: Instant) {
    sleep_until(shown + SNAPSHOT_INTERVAL).await;
    if snapshots.changed().await.is_err() {
        // The supervisor has ended; so will this run.
        pending::<()>().await;
    }
}

fn entry(record: &EventRecord) -> Event {
    json("event", record).id(record.number.to_string())
}

fn json(name: &str, data: &impl Serialize) -> Event {
    Event::default().event(name).json_data(data).expect("the data is plain and has string keys")
}
