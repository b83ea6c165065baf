//! The control surface: the HTTP API on a socket file beside the config, for the command line and scripts.
//!
//! Whoever can open the file may do everything, so only the supervisor's own user and root can: the file has mode
//! 0600 from the moment it answers, and the system is asked who is at the other end of each connection.

mod publish;
mod socket;

use std::io;
use std::path::PathBuf;

use axum::extract::Request;
use axum::middleware::map_request;
use rustix::process::geteuid;
use tokio::net::{UnixListener, UnixStream};

use super::http::{Accepted, Api, Clients, Listen, router, serve, trust_name};
use super::{Surface, SurfaceContext, SurfaceHandle};
use crate::config::builtin;

pub(crate) use socket::connect;

/// The name of its clients, with what they call themselves behind it: `control/curl`.
const CONTROL: &str = "control";

/// The control surface.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
}

impl Control {
    /// A surface that listens at `path`, which nobody else does: the caller holds the lock of its directory.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl Surface for Control {
    fn name(&self) -> &str {
        builtin::CONTROL
    }

    fn about(&self) -> String {
        format!("http on {}", self.path.display())
    }

    async fn start(&self, context: SurfaceContext) -> anyhow::Result<SurfaceHandle> {
        let SurfaceContext { kernel, gateway, config, web_dist, shutdown, .. } = context;
        let (listener, file) = socket::listen(&self.path)?;
        let api = Api::new(kernel, config);
        let named = map_request(async |request: Request| {
            trust_name(CONTROL, &request);
            request
        });
        let routes = || router(api, publish::routes(web_dist)).layer(named);
        let clients = Clients { gateway, name: CONTROL, shutdown };
        let serving = async move {
            let served = serve(listener, routes, clients).await;
            drop(file);
            served
        };
        Ok(SurfaceHandle { address: None, tasks: vec![tokio::spawn(serving)] })
    }
}

impl Listen for UnixListener {
    type Stream = UnixStream;
    type Peer = ();

    async fn accept(&self) -> io::Result<Option<Accepted<UnixStream, ()>>> {
        let (stream, _) = UnixListener::accept(self).await?;
        let Ok(peer) = stream.peer_cred() else { return Ok(None) };
        if may_control(peer.uid()) {
            let pid = peer.pid().map_or_else(String::new, |pid| format!("pid {pid}, "));
            let from = format!("{pid}uid {}", peer.uid());
            return Ok(Some(Accepted { stream, peer: (), from }));
        }
        tracing::warn!(uid = peer.uid(), pid = peer.pid(), "a connection of another user was turned away");
        Ok(None)
    }
}

fn may_control(uid: u32) -> bool {
    uid == 0 || uid == geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_user_and_root_may_control() {
        let own = geteuid().as_raw();
        assert!(may_control(own) && may_control(0));
        assert!(!may_control(own + 1));
    }
}
