//! A channel: one registered conversation, a bounded stream of events out, requests in.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::supervisor::EventRecord;
use crate::supervisor::engine::{Answer, Origin, Refusal, Request};

/// Events a channel may lag behind; what comes on top is dropped for it, and counted.
pub const CHANNEL_EVENTS: usize = 256;
/// Requests of one channel that may wait.
pub const CHANNEL_REQUESTS: usize = 64;

/// The gateway's end of a conversation: what a surface hands over to be registered.
#[derive(Debug)]
pub struct Channel {
    /// Who it is; its requests carry this as their origin.
    pub name: Origin,
    pub(super) events: mpsc::Sender<Arc<EventRecord>>,
    pub(super) requests: mpsc::Receiver<Ask>,
}

/// A request with the place for its answer.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) request: Request,
    /// Who of those behind the channel asks, if it tells them apart.
    pub(super) client: Option<Arc<str>>,
    pub(super) answer: oneshot::Sender<Result<Answer, Refusal>>,
}

impl Channel {
    /// Makes both ends of a conversation.
    #[must_use]
    pub fn new(name: impl Into<String>) -> (Self, ChannelClient) {
        let (events_tx, events) = mpsc::channel(CHANNEL_EVENTS);
        let (requests, requests_rx) = mpsc::channel(CHANNEL_REQUESTS);
        let channel = Self { name: Origin(name.into()), events: events_tx, requests: requests_rx };
        (channel, ChannelClient { events, requester: Requester { requests, client: None } })
    }
}

/// The surface's end of a conversation.
#[derive(Debug)]
pub struct ChannelClient {
    /// New events, as far as this end keeps up.
    pub events: mpsc::Receiver<Arc<EventRecord>>,
    /// The way to ask for something.
    pub requester: Requester,
}

/// Asks through a channel, which stamps the origin. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Requester {
    requests: mpsc::Sender<Ask>,
    client: Option<Arc<str>>,
}

impl Requester {
    /// The same for one of several behind the channel: its requests carry `CHANNEL/CLIENT` as their origin.
    #[must_use]
    pub fn of_client(&self, client: &str) -> Self {
        Self { requests: self.requests.clone(), client: Some(client.into()) }
    }

    /// Asks for something, and waits until the supervisor has taken or refused it.
    ///
    /// # Errors
    ///
    /// The supervisor's [`Refusal`], or [`Refusal::Unavailable`] when the channel is not registered
    /// (any more) or has too many requests waiting.
    pub async fn request(&self, request: Request) -> Result<Answer, Refusal> {
        let (answer, answered) = oneshot::channel();
        let client = self.client.clone();
        self.requests.try_send(Ask { request, client, answer }).map_err(|_| Refusal::Unavailable)?;
        answered.await.unwrap_or(Err(Refusal::Unavailable))
    }
}
