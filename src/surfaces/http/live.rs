//! `/api/v1/events`: the state and the timeline as they change, as server-sent events; `/api/v1/timeline`: what is
//! kept of the timeline, at once.
//!
//! A stream is pulled by its client's socket and queues nothing of its own: a slow client gets the latest snapshot
//! when it is ready for one, and is told how many entries of the timeline it has missed.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep_until};

use super::api::Api;
use super::limits::{HEARTBEAT, RECONNECT, SNAPSHOT_INTERVAL};
use super::openapi::{Operation, Routes};
use super::problem::Problem;
use crate::kernel::Look;
use crate::supervisor::EventRecord;
use crate::supervisor::engine::Snapshot;

/// What a browser sends when it connects again.
const LAST_EVENT_ID: &str = "last-event-id";

/// Where a client wants the timeline to go on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    /// The number or the id of the last entry that it has seen.
    after: Option<String>,
}

pub(super) fn routes(routes: Routes) -> Routes {
    let since = |operation: Operation| {
        operation.query("after", "^([0-9]+-)?[0-9]+$", "The number or the id of the last entry that was seen.")
    };
    let timeline = Operation::get("/api/v1/timeline", "What has happened, as far as it is kept.");
    let events = Operation::get("/api/v1/events", "What happens: messages `snapshot`, `event` and `dropped`.");
    routes
        .route(since(timeline).answers_list_of::<EventRecord>(), self::timeline)
        .route(since(events).answers_text("text/event-stream"), self::events)
}

type Asked = Result<Query<Since>, QueryRejection>;

/// The entries that are kept, oldest first, as a JSON array.
async fn timeline(State(api): State<Api>, asked: Asked) -> Result<Response, Problem> {
    let after = after(&api, asked, &HeaderMap::new())?;
    let records: Vec<_> = api.kernel.event_log().recent().into_iter().filter(|record| record.number > after).collect();
    Ok(Json(records).into_response())
}

/// Sends `snapshot` at once and at every change, `event` for what the timeline has and gets, and `dropped` with a
/// count for what this client can't have any more. Ends with the run of the surface.
///
/// An entry's id says which supervisor it is from, too: a client that comes back with an id of an earlier one gets
/// everything.
async fn events(State(api): State<Api>, asked: Asked, headers: HeaderMap) -> Result<Response, Problem> {
    let after = after(&api, asked, &headers)?;
    let permit = api.stream()?;
    let feed = Feed::new(api, permit, after);
    let stream = unfold(feed, |mut feed| async {
        let event = feed.next().await?;
        Some((Ok::<_, Infallible>(event), feed))
    });
    let heartbeat = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    Ok(Sse::new(stream).keep_alive(heartbeat).into_response())
}

/// The number of the last entry that the client has seen; 0 if it has seen none of this supervisor's.
fn after(api: &Api, asked: Asked, headers: &HeaderMap) -> Result<u64, Problem> {
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
    let Query(Since { after }) = asked.map_err(|error| bad(error.body_text()))?;
    // A browser that comes back repeats the query, too: what it has seen since is in the header.
    let Some(id) = last_event_id(headers).or(after) else { return Ok(0) };
    let bad_id = || Problem::bad_event_id(&id);
    let number = |text: &str| text.parse::<u64>().map_err(|_| bad_id());
    match id.split_once('-') {
        None => number(&id),
        Some((epoch, text)) => {
            let (epoch, number): (i64, _) = (epoch.parse().map_err(|_| bad_id())?, number(text)?);
            Ok(if epoch == self::epoch(api) { number } else { 0 })
        }
    }
}

/// What a client that comes again has seen last.
pub(super) fn last_event_id(headers: &HeaderMap) -> Option<String> {
    headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).map(str::to_owned)
}

/// Tells this supervisor's entries from those of another.
fn epoch(api: &Api) -> i64 {
    api.kernel.started_at().as_millisecond()
}

/// One client's view of what happens.
struct Feed {
    api: Api,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    /// When the last snapshot was sent.
    shown: Option<Instant>,
    /// Entries between the last that the client has seen and the first that is kept.
    missed: u64,
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
    fn new(api: Api, permit: OwnedSemaphorePermit, after: u64) -> Self {
        let (backlog, records) = api.kernel.event_log().follow();
        let first = backlog.first().map_or(0, |record| record.number);
        Self {
            snapshots: api.kernel.watch(),
            shown: None,
            missed: first.saturating_sub(after + 1),
            backlog: backlog.into_iter().filter(|record| record.number > after).collect(),
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
        if self.missed > 0 {
            return Some(json("dropped", &Dropped { count: std::mem::take(&mut self.missed) }));
        }
        if let Some(record) = self.backlog.pop_front() {
            return Some(self.entry(&record));
        }
        tokio::select! {
            () = self.api.shutdown.cancelled() => None,
            received = self.records.recv() => match received {
                Ok(record) => Some(self.entry(&record)),
                Err(RecvError::Lagged(count)) => Some(json("dropped", &Dropped { count })),
                Err(RecvError::Closed) => None,
            },
            () = due(&mut self.snapshots, shown) => Some(self.snapshot()),
        }
    }

    fn snapshot(&mut self) -> Event {
        self.shown = Some(Instant::now());
        let snapshot = Arc::clone(&self.snapshots.borrow_and_update());
        json("snapshot", &self.api.board(snapshot))
    }

    fn entry(&self, record: &EventRecord) -> Event {
        json("event", record).id(format!("{}-{}", epoch(&self.api), record.number))
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

/// A message of a stream.
pub(super) fn json(name: &str, data: &impl Serialize) -> Event {
    Event::default().event(name).json_data(data).expect("the data is plain and has string keys")
}
