//! `/api/v1/events`: the state and the events as they happen, as server-sent events; `/api/v1/event-log`: the events that
//! are kept, at once.
//!
//! A stream queues nothing: a slow client gets the change to the latest snapshot when it is ready for one, and the events
//! from the event log, as long as that keeps them.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep_until};

use super::caller::Caller;
use super::extract::Parameters;
use super::limits::{DELTA_BURST_TIME, DELTA_BYTES_PER_SECOND, LOSS_INTERVAL, RECONNECT_TIME, SNAPSHOT_INTERVAL};
use super::openapi::{Operation, Routes};
use super::problem::Problem;
use super::sse::{self, last_event_id, message};
use super::state::Api;
use crate::kernel::UsageObserver;
use crate::supervisor::engine::Snapshot;
use crate::supervisor::{EventFollower, EventRecord, Followed};
use crate::wire::DroppedEvents;

/// Where a client wants the events to go on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsQuery {
    /// The number or the id of the last event that it has seen.
    after: Option<String>,
}

pub(super) fn routes() -> Routes {
    let after = |operation: Operation| {
        operation.query("after", "^([0-9]+-)?[0-9]+$", "The number or the id of the last event that was seen.")
    };
    let log = Operation::get("list_events", "/api/v1/event-log", "The events that are kept.");
    let events =
        "The state and the events as they happen: messages `snapshot`, `delta`, `event`, `dropped`, `disconnected`.";
    let events = Operation::get("follow_events", "/api/v1/events", events);
    Routes::default()
        .route(after(log).answers_list_of::<EventRecord>(), event_log)
        .route(after(events).answers_text("text/event-stream"), self::events)
}

/// The events that are kept, oldest first, as a JSON array.
async fn event_log(State(api): State<Api>, Parameters(query): Parameters<EventsQuery>) -> Result<Response, Problem> {
    let after = after(&api, query.after)?;
    Ok(Json(api.kernel.event_log().after(after)).into_response())
}

/// Sends `snapshot` at once and `delta` at every change of it, `event` for what the event log has and gets, `dropped` with a
/// count for what this client can't have any more, and `lost` for output that no log file has. Ends with the client's
/// connection.
///
/// An event's id says which supervisor it is from, too: a client that comes back with an id of an earlier one gets
/// everything.
async fn events(
    State(api): State<Api>,
    caller: Caller,
    Parameters(query): Parameters<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // A browser that comes back repeats the query, too: what it has seen since is in the header.
    let after = after(&api, last_event_id(&headers).or(query.after))?;
    let permit = api.stream_permit()?;
    Ok(sse::stream(EventFeed::new(api, permit, after), caller))
}

/// The number of the last event that the client has seen; 0 if it has seen none of this supervisor's.
fn after(api: &Api, id: Option<String>) -> Result<u64, Problem> {
    let Some(id) = id else { return Ok(0) };
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

/// Tells this supervisor's events from those of another.
fn epoch(api: &Api) -> i64 {
    api.kernel.started_at().as_millisecond()
}

/// What one client is sent.
struct EventFeed {
    api: Api,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    /// The last snapshot that was sent, as a whole or as a change.
    sent: Option<Arc<Snapshot>>,
    pace: Pace,
    events: EventFollower,
    losses: watch::Receiver<u64>,
    /// The client does not get another count of lost output before this.
    losses_at: Instant,
    _usage: UsageObserver,
    _permit: OwnedSemaphorePermit,
}

impl EventFeed {
    fn new(api: Api, permit: OwnedSemaphorePermit, after: u64) -> Self {
        Self {
            snapshots: api.kernel.watch(),
            sent: None,
            pace: Pace::new(),
            events: api.kernel.event_log().follow(after),
            losses: changed_if(api.kernel.logs().watch_losses(), |losses| *losses > 0),
            losses_at: Instant::now(),
            _usage: api.kernel.observe_usage(),
            _permit: permit,
            api,
        }
    }

    /// The whole snapshot.
    fn snapshot(&mut self) -> Event {
        let snapshot = Arc::clone(&self.snapshots.borrow_and_update());
        self.sent = Some(Arc::clone(&snapshot));
        self.pace.sent(0);
        message("snapshot", &self.api.snapshot(snapshot))
    }

    /// What has changed since `sent`.
    fn delta(&mut self, sent: &Snapshot) -> Event {
        let snapshot = Arc::clone(&self.snapshots.borrow_and_update());
        let delta = self.api.deltas.between(sent, &snapshot);
        self.pace.sent(delta.len());
        self.sent = Some(snapshot);
        let now = self.api.kernel.now().0.as_millis();
        Event::default().event("delta").data(format!("{{\"now\":{now},{}", &delta[1..]))
    }

    /// What is lost by now.
    fn lost(&mut self) -> Event {
        self.losses.borrow_and_update();
        self.losses_at = Instant::now() + LOSS_INTERVAL;
        message("lost", &self.api.kernel.logs().losses())
    }

    fn followed(&self, followed: Followed) -> Event {
        match followed {
            Followed::Event(record) => message("event", &record).id(format!("{}-{}", epoch(&self.api), record.number)),
            Followed::Dropped(count) => message("dropped", &DroppedEvents { count }),
        }
    }
}

impl sse::Feed for EventFeed {
    async fn next(&mut self) -> Option<Event> {
        let Some(sent) = self.sent.clone() else {
            return Some(self.snapshot().retry(RECONNECT_TIME));
        };
        if let Some(followed) = self.events.try_next() {
            return Some(self.followed(followed));
        }
        tokio::select! {
            followed = self.events.next() => Some(self.followed(followed)),
            () = due(&mut self.snapshots, self.pace.next_at()) => Some(self.delta(&sent)),
            () = due(&mut self.losses, self.losses_at) => Some(self.lost()),
        }
    }
}

/// When the next change may be sent: not too soon after the last, and of many large ones no more than a client and the way
/// to it can be expected to take.
#[derive(Debug)]
struct Pace {
    last: Instant,
    /// When what was sent so far has been taken, at the rate that is expected.
    taken_at: Instant,
}

impl Pace {
    fn new() -> Self {
        Self { last: Instant::now(), taken_at: Instant::now() }
    }

    fn sent(&mut self, bytes: usize) {
        self.last = Instant::now();
        let takes = Duration::from_secs_f64(bytes as f64 / DELTA_BYTES_PER_SECOND);
        self.taken_at = self.taken_at.max(self.last) + takes;
    }

    fn next_at(&self) -> Instant {
        (self.last + SNAPSHOT_INTERVAL).max(self.taken_at - DELTA_BURST_TIME)
    }
}

/// The same receiver, which counts what is there as a change if it is one.
fn changed_if<T>(mut receiver: watch::Receiver<T>, is_change: impl Fn(&T) -> bool) -> watch::Receiver<T> {
    let changed = is_change(&receiver.borrow_and_update());
    if changed {
        receiver.mark_changed();
    }
    receiver
}

/// Waits until there is something that was not sent, and sending it is not too soon.
async fn due<T>(changes: &mut watch::Receiver<T>, not_before: Instant) {
    sleep_until(not_before).await;
    if changes.changed().await.is_err() {
        // The supervisor has ended; so will this run.
        pending::<()>().await;
    }
}
