//! The web surface: the page and the HTTP API on a TCP port.
//!
//! It decides who may connect and what needs the token; the API does the rest.
//!
//! | module | its job |
//! |---|---|
//! | `guard` | which requests are admitted |
//! | `token` | the secret that admits them |
//! | `port` | where it listens |
//! | `page` | the routes of the page's files |

mod guard;
mod page;
mod port;
#[cfg(test)]
mod tests;
mod token;

use std::fmt;
use std::io;
use std::path::PathBuf;

use anyhow::Context;
use axum::middleware::from_fn_with_state;
use tokio::net::{TcpListener, TcpStream};

use super::http::{Accepted, Api, Clients, Listen, router, serve};
use super::web_dist::{self, BundleWatch};
use super::{Surface, SurfaceContext, SurfaceHandle};
use crate::config::{WebConfig, builtin};
use crate::supervisor::engine::OnExhausted;
use guard::{Guard, Reached};

pub(crate) use port::PortChoice;
pub(crate) use token::Token;

/// The name of its clients.
const WEB_CLIENT: &str = "web";

/// The web surface. What a run listens on and serves is said by `[web]` of the config.
pub struct Web {
    config: WebConfig,
    port: PortChoice,
    token: Box<TokenSource>,
}

/// Reads the token, or creates it. Called by each run.
type TokenSource = dyn Fn() -> anyhow::Result<Token> + Send + Sync;

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Web {
    /// A surface as `[web]` describes it; whether it is enabled is for the caller to look at.
    pub(crate) fn new(
        config: WebConfig,
        port: PortChoice,
        token: impl Fn() -> anyhow::Result<Token> + Send + Sync + 'static,
    ) -> Self {
        Self { config, port, token: Box::new(token) }
    }
}

impl Surface for Web {
    fn name(&self) -> &str {
        builtin::WEB
    }

    fn about(&self) -> String {
        match self.config.listen {
            Some(listen) => format!("http on {listen}"),
            None => "http on a free port of this machine's own".to_owned(),
        }
    }

    fn on_exhausted(&self) -> OnExhausted {
        self.config.on_exhausted
    }

    async fn start(&self, context: SurfaceContext) -> anyhow::Result<SurfaceHandle> {
        let SurfaceContext { kernel, gateway, config, web_dist, shutdown, .. } = context;
        // Watched before it is read, so that no change falls in between.
        let watch = self.config.dist.clone().and_then(watch);
        let dist = match &self.config.dist {
            Some(dir) => Some(web_dist::load(dir.clone()).await?),
            None => None,
        };
        let token = (self.token)()?;
        let listener = self.port.bind(self.config.listen).await?;
        let address = listener.local_addr().context("cannot tell the address listened on")?;

        // From here on nothing fails.
        if let Some(dist) = dist {
            web_dist.activate(dist);
        }
        let api = Api::new(kernel, config);
        let guard = Guard::new(address.ip(), self.config.read, token);
        let pages = web_dist.clone();
        let routes = || router(api, page::routes(pages)).layer(from_fn_with_state(guard, guard::guard));
        let clients = Clients { gateway, name: WEB_CLIENT, shutdown: shutdown.clone() };
        let mut tasks = vec![tokio::spawn(serve(listener, routes, clients))];
        tasks.extend(watch.map(|watch| tokio::spawn(watch.follow(web_dist, shutdown))));
        Ok(SurfaceHandle { address: Some(format!("http://{address}")), tasks })
    }
}

impl Listen for TcpListener {
    type Stream = TcpStream;
    type Peer = Reached;

    async fn accept(&self) -> io::Result<Option<Accepted<TcpStream, Reached>>> {
        let (stream, peer) = TcpListener::accept(self).await?;
        // A client that is gone already has no address, and no use for an answer.
        let Ok(local) = stream.local_addr() else { return Ok(None) };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
        }
        Ok(Some(Accepted { stream, peer: Reached(local.ip()), from: peer.to_string(), is_reserved: false }))
    }
}

/// A bundle that can't be watched is served all the same.
fn watch(dir: PathBuf) -> Option<BundleWatch> {
    BundleWatch::new(dir.clone())
        .inspect_err(|error| tracing::warn!(dir = %dir.display(), %error, "cannot watch the web bundle"))
        .ok()
}
