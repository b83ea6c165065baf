//! The accept loop: connections in, bounded in number and in time, handed to a router.
//!
//! hyper is driven directly because a client that never finishes its request head must be let go of, and a run that
//! ends must neither wait for an idle client nor cut off a request that is being answered.

use std::pin::pin;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::guard::Connection;
use super::limits::{ACCEPT_PAUSE, CONNECTIONS, HEAD_BYTES, HEAD_TIME, HEADERS, LINGER};

/// Serves until `shutdown`, then lets requests in flight finish, for [`LINGER`] at most. Dropped, it drops every
/// connection with it.
pub(super) async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(ended) = connections.join_next() => {
                if let Err(panicked) = ended {
                    tracing::error!(error = %panicked, "a web connection ended badly");
                }
            }
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, router.clone(), shutdown.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a web connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    if timeout(LINGER, async { while connections.join_next().await.is_some() {} }).await.is_err() {
        tracing::debug!(connections = connections.len(), "web connections cut off");
    }
    Ok(())
}

async fn converse(stream: TcpStream, router: Router, shutdown: CancellationToken) {
    // A client that is gone already has no addresses, and no use for an answer.
    let (Ok(local), Ok(peer)) = (stream.local_addr(), stream.peer_addr()) else { return };
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
    }
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Connection { local, peer });
        router.clone().call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_headers(HEADERS).max_buf_size(HEAD_BYTES);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "web connection broke off");
    }
}
