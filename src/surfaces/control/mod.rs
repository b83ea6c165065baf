//! The control surface: the HTTP API on a socket file beside the config, for the command line and scripts.
//!
//! A process that can open the file may do everything, so only the supervisor's own user and root can: the file has mode
//! 0600 from the moment it answers, and the system is asked who is at the other end of each connection.

mod endpoint;
mod listener;
mod publish;
mod socket;

use std::os::unix::net::UnixListener;
use std::path::{self, PathBuf};
use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::map_request;
use rustix::process::geteuid;
use tokio::sync::Notify;

use super::http::{Api, Clients, router, serve, trust_name};
use super::{Surface, SurfaceContext, SurfaceHandle};
use crate::config::builtin;
use listener::ControlListener;

pub(crate) use endpoint::{ConnectError, Endpoint, Reservation};

/// The name of its clients, with what they call themselves behind it: `control/curl`.
const CONTROL_CLIENT: &str = "control";

/// The control surface.
#[derive(Debug)]
pub struct Control {
    socket: ControlSocket,
}

/// Where the control surface listens. The caller has made sure that no other supervisor does.
#[derive(Debug, Clone)]
pub(crate) struct ControlSocket {
    /// The socket file.
    pub(crate) path: PathBuf,
    /// The reserved name of the project, if there is one.
    pub(crate) by_name: Option<Arc<UnixListener>>,
    /// Notified when the socket file may be gone; it is bound anew then.
    pub(crate) removed: Arc<Notify>,
}

impl Control {
    /// A surface that listens there.
    pub(crate) fn new(socket: ControlSocket) -> Self {
        Self { socket }
    }
}

impl Surface for Control {
    fn name(&self) -> &str {
        builtin::CONTROL
    }

    fn about(&self) -> String {
        let path = path::absolute(&self.socket.path);
        format!("http on {}", path.as_ref().unwrap_or(&self.socket.path).display())
    }

    async fn start(&self, context: SurfaceContext) -> anyhow::Result<SurfaceHandle> {
        let SurfaceContext { kernel, gateway, config, web_dist, shutdown, .. } = context;
        let listener = ControlListener::bind(self.socket.clone())?;
        let api = Api::new(kernel, config);
        let named = map_request(async |request: Request| {
            trust_name(CONTROL_CLIENT, &request);
            request
        });
        let routes = || router(api, publish::routes(web_dist)).layer(named);
        let clients = Clients { gateway, name: CONTROL_CLIENT, shutdown };
        Ok(SurfaceHandle { address: None, tasks: vec![tokio::spawn(serve(listener, routes, clients))] })
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
