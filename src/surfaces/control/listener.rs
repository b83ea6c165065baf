//! Accepts connections by the socket file and by the reserved name, and binds the file anew when it was removed.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use tokio::net::{UnixListener, UnixStream};

use super::socket::{self, SocketFile};
use super::{ControlSocket, may_control};
use crate::process::{is_out_of_descriptors, with_reserved_descriptors};
use crate::surfaces::http::{Accepted, Listen};

/// Both listeners of the control surface.
pub(super) struct ControlListener {
    socket: ControlSocket,
    bound: Mutex<(Arc<UnixListener>, SocketFile)>,
    by_name: Option<UnixListener>,
}

impl ControlListener {
    /// Binds the socket file.
    pub(super) fn bind(socket: ControlSocket) -> anyhow::Result<Self> {
        let listen = || -> anyhow::Result<_> {
            let by_name = socket.by_name.as_ref().map(|listener| UnixListener::from_std(listener.try_clone()?));
            Ok((socket::listen(&socket.path)?, by_name.transpose()?))
        };
        let ((listener, file), by_name) = with_reserved_descriptors(listen)?;
        Ok(Self { by_name, socket, bound: Mutex::new((Arc::new(listener), file)) })
    }

    fn bound(&self) -> Arc<UnixListener> {
        Arc::clone(&self.bound.lock().unwrap_or_else(PoisonError::into_inner).0)
    }

    fn bind_anew(&self) {
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        if bound.1.is_there() {
            return;
        }
        match with_reserved_descriptors(|| socket::listen(&self.socket.path)) {
            Ok((listener, file)) => {
                tracing::info!(path = %self.socket.path.display(), "the control socket was removed and is bound anew");
                *bound = (Arc::new(listener), file);
            }
            Err(error) => tracing::warn!(error = format!("{error:#}"), "cannot bind the control socket anew"),
        }
    }
}

/// Accepts a connection. Returns, too, whether that took a descriptor that is set aside, as there was no other.
async fn accept_from(listener: &UnixListener) -> io::Result<(UnixStream, bool)> {
    match listener.accept().await {
        Ok((stream, _)) => Ok((stream, false)),
        Err(error) if is_out_of_descriptors(&error) => {
            // The client is there, so nothing has to be waited for.
            let accepted = with_reserved_descriptors(|| listener.accept().now_or_never());
            accepted.unwrap_or(Err(error)).map(|(stream, _)| (stream, true))
        }
        Err(error) => Err(error),
    }
}

impl Listen for ControlListener {
    type Stream = UnixStream;
    type Peer = ();

    async fn accept(&self) -> io::Result<Option<Accepted<UnixStream, ()>>> {
        let by_name = async {
            match &self.by_name {
                Some(listener) => accept_from(listener).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(by_name);
        let (stream, is_reserved) = loop {
            let bound = self.bound();
            tokio::select! {
                accepted = &mut by_name => break accepted?,
                accepted = accept_from(&bound) => break accepted?,
                () = self.socket.removed.notified() => self.bind_anew(),
            }
        };
        let Ok(peer) = stream.peer_cred() else { return Ok(None) };
        if may_control(peer.uid()) {
            let pid = peer.pid().map_or_else(String::new, |pid| format!("pid {pid}, "));
            let from = format!("{pid}uid {}", peer.uid());
            return Ok(Some(Accepted { stream, peer: (), from, is_reserved }));
        }
        tracing::warn!(uid = peer.uid(), pid = peer.pid(), "a connection of another user was turned away");
        Ok(None)
    }
}
