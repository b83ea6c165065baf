//! Server-sent events: streams that a client's socket pulls, and the id from which a client that comes back goes on.

use std::convert::Infallible;

use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde::Serialize;

use super::caller::Caller;
use super::limits::HEARTBEAT;
use crate::wire::DisconnectedEvent;

/// What a browser sends when it connects again.
const LAST_EVENT_ID: &str = "last-event-id";

/// Something that is sent piece by piece, as its client takes it.
pub(super) trait Feed: Send + 'static {
    /// The next message; none at the end.
    fn next(&mut self) -> impl Future<Output = Option<Event>> + Send;
}

/// A stream that lasts as long as its feed and its client's connection. It queues nothing.
pub(super) fn stream(feed: impl Feed, caller: Caller) -> Response {
    let messages = unfold(Some((feed, caller)), |state| async {
        let (mut feed, caller) = state?;
        let next = tokio::select! {
            biased;
            () = caller.connection().ended() => None,
            next = feed.next() => next,
        };
        match next {
            Some(event) => Some((Ok::<_, Infallible>(event), Some((feed, caller)))),
            None => {
                let by = caller.connection().disconnected_by()?;
                Some((Ok(message("disconnected", &DisconnectedEvent { by })), None))
            }
        }
    });
    let heartbeat = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    Sse::new(messages).keep_alive(heartbeat).into_response()
}

/// A message of a stream.
pub(super) fn message(name: &str, data: &impl Serialize) -> Event {
    Event::default().event(name).json_data(data).expect("the data is plain and has string keys")
}

/// The id of the last message that a client has seen, if it comes back.
pub(super) fn last_event_id(headers: &HeaderMap) -> Option<String> {
    headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).map(str::to_owned)
}
