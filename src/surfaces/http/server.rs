//! The accept loop: connections in, bounded in number and in time, handed to a router.
//!
//! hyper is driven directly because a client that never finishes its request head must be let go of, and a run that
//! ends must neither wait for an idle client nor cut off a request that is being answered.

use std::cell::LazyCell;
use std::collections::HashMap;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutWriter;
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::activity::{Activity, WatchedStream};
use super::caller::Caller;
use super::limits::{
    ACCEPT_PAUSE, CONNECTIONS_MOST, FULL_PAUSE, LINGER, REQUEST_HEAD_BYTES, REQUEST_HEAD_TIME, REQUEST_HEADERS,
    RESERVED_TIME, WRITE_STALL,
};
use crate::gateway::{ClientRefusal, Connection, Gateway};

/// Where connections come from.
pub(in crate::surfaces) trait Listen: Send + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// What its requests carry of it, as an extension.
    type Peer: Clone + Send + Sync + 'static;

    /// The next connection; none if it was turned away.
    fn accept(&self) -> impl Future<Output = io::Result<Option<Accepted<Self::Stream, Self::Peer>>>> + Send;
}

/// A connection.
pub(in crate::surfaces) struct Accepted<S, P> {
    pub(in crate::surfaces) stream: S,
    pub(in crate::surfaces) peer: P,
    /// Where the client is, for people.
    pub(in crate::surfaces) from: String,
    /// Whether it has a descriptor that is set aside: it gets one answer, soon.
    pub(in crate::surfaces) is_reserved: bool,
}

/// With whom a listener registers its clients.
#[derive(Debug)]
pub(in crate::surfaces) struct Clients {
    pub(in crate::surfaces) gateway: Gateway,
    /// The name of the surface.
    pub(in crate::surfaces) name: &'static str,
    /// Cancelled when the run ends; connections end with it.
    pub(in crate::surfaces) shutdown: CancellationToken,
}

impl Clients {
    fn register(&self, from: String) -> Result<Connection, ClientRefusal> {
        self.gateway.register(self.name, from, &self.shutdown)
    }
}

/// Serves until the run ends, then lets requests in flight finish, for [`LINGER`] at most. Dropped, it drops every
/// connection with it. The router is made for the first connection: many a supervisor is never asked anything.
pub(in crate::surfaces) async fn serve<L: Listen>(
    listener: L,
    router: impl FnOnce() -> Router + Send,
    clients: Clients,
) -> anyhow::Result<()> {
    let shutdown = clients.shutdown.clone();
    let router = LazyCell::new(router);
    // What a connection has become, a WebSocket, is no part of it any more.
    let _over = shutdown.clone().drop_guard();
    let mut connections = Connections::default();
    loop {
        let has_room = connections.has_room();
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = connections.ended() => {}
            () = sleep(FULL_PAUSE), if !has_room => {}
            accepted = listener.accept(), if has_room => match accepted {
                Ok(Some(accepted)) => match clients.register(accepted.from.clone()) {
                    Ok(connection) => connections.add(accepted, Router::clone(&router), Caller::new(connection)),
                    Err(error) => tracing::warn!(%error, from = accepted.from, "a connection was turned away"),
                },
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    if timeout(LINGER, connections.all_ended()).await.is_err() {
        tracing::debug!(connections = connections.tasks.len(), "connections cut off");
    }
    Ok(())
}

/// The connections that are served.
#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    activities: HashMap<Id, (Arc<Activity>, AbortHandle)>,
}

impl Connections {
    /// Whether another can be served, if need be in the place of one that waits for its client.
    fn has_room(&self) -> bool {
        self.activities.len() < CONNECTIONS_MOST || self.longest_waiting().is_some()
    }

    fn longest_waiting(&self) -> Option<Id> {
        let waiting = self.activities.iter().filter_map(|(id, (activity, _))| Some((activity.waiting_since()?, *id)));
        waiting.min_by_key(|(since, _)| *since).map(|(_, id)| id)
    }

    fn add<S, P>(&mut self, accepted: Accepted<S, P>, router: Router, caller: Caller)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        P: Clone + Send + Sync + 'static,
    {
        if self.activities.len() >= CONNECTIONS_MOST
            && let Some((_, connection)) = self.longest_waiting().and_then(|id| self.activities.remove(&id))
        {
            connection.abort();
        }
        let activity = Arc::new(Activity::new());
        let task = self.tasks.spawn(converse(accepted, router, caller, Arc::clone(&activity)));
        self.activities.insert(task.id(), (activity, task));
    }

    /// Waits until one has ended; for ever if there are none.
    async fn ended(&mut self) {
        let ended = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => {
                if error.is_panic() {
                    tracing::error!(%error, "a connection ended badly");
                }
                error.id()
            }
            None => std::future::pending().await,
        };
        self.activities.remove(&ended);
    }

    async fn all_ended(&mut self) {
        while !self.tasks.is_empty() {
            self.ended().await;
        }
    }
}

async fn converse<S, P>(
    Accepted { stream, peer, is_reserved, .. }: Accepted<S, P>,
    router: Router,
    caller: Caller,
    activity: Arc<Activity>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    P: Clone + Send + Sync + 'static,
{
    let (client, activity_of_requests) = (caller.clone(), Arc::clone(&activity));
    let service = service_fn(move |mut request: Request<Incoming>| {
        client.note(&request);
        activity_of_requests.waits();
        request.extensions_mut().insert(Arc::clone(&activity_of_requests));
        request.extensions_mut().insert(peer.clone());
        request.extensions_mut().insert(client.clone());
        router.clone().call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(REQUEST_HEAD_TIME)
        .max_headers(REQUEST_HEADERS)
        .max_buf_size(REQUEST_HEAD_BYTES)
        .keep_alive(!is_reserved);
    let mut stream = Box::pin(TimeoutWriter::new(WatchedStream::new(stream, activity)));
    stream.as_mut().set_timeout_pinned(Some(WRITE_STALL));
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let time_is_up = async {
        match is_reserved {
            true => sleep(RESERVED_TIME).await,
            false => std::future::pending().await,
        }
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = time_is_up => return tracing::debug!("a connection that needs a descriptor set aside took too long"),
        () = caller.connection().ended() => {
            connection.as_mut().graceful_shutdown();
            let Ok(ended) = timeout(LINGER, connection).await else { return };
            ended
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}
