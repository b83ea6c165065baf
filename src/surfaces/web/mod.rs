//! The web surface: the page, the HTTP API, health and metrics, on one TCP port.
//!
//! It shows snapshots and passes requests on; it holds no task state and decides nothing about a task. Without
//! tokens, only this machine may change anything: a peer beyond loopback can look, and is refused the rest.
//!
//! | module | its job |
//! |---|---|
//! | `server` | connections: accept, bound, end in good order |
//! | `guard` | who may talk to it at all |
//! | `api` | the routes |
//! | `live` | the event stream |
//! | `readiness` | what keeps the whole from being ready |
//! | `dist`, `bundle_dir` | the files of the page, compiled in or from a directory |
//! | `limits` | every bound there is |

mod api;
mod bundle_dir;
mod dist;
mod guard;
mod limits;
mod live;
mod problem;
mod readiness;
mod server;
#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use axum::middleware::from_fn_with_state;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Surface, SurfaceContext, SurfaceHandle};
use crate::config::WebConfig;
use crate::gateway::Channel;
use crate::kernel::EventRecord;
use api::Api;
use bundle_dir::BundleWatch;

pub use bundle_dir::DistError;
pub use dist::{ActiveWebDist, WebDist};

/// Its name as a task, and as the origin of its requests.
const NAME: &str = "web";

/// The web surface. What a run listens on and serves is said by `[web]` of the config.
#[derive(Debug)]
pub struct Web {
    config: WebConfig,
}

impl Web {
    /// A surface as `[web]` describes it; whether it is enabled is for the caller to look at.
    #[must_use]
    pub fn new(config: WebConfig) -> Self {
        Self { config }
    }
}

impl Surface for Web {
    fn name(&self) -> &str {
        NAME
    }

    fn about(&self) -> String {
        format!("http on {}", self.config.listen)
    }

    async fn start(&self, context: SurfaceContext) -> anyhow::Result<SurfaceHandle> {
        let SurfaceContext { kernel, config, web_dist, shutdown, .. } = context;
        // Watched before it is read, so that no change falls in between.
        let watch = self.config.dist.clone().and_then(watch);
        let dist = match &self.config.dist {
            Some(dir) => Some(bundle_dir::load(dir.clone()).await?),
            None => None,
        };
        let listener = bind(self.config.listen).await?;
        let address = listener.local_addr().context("cannot tell the address listened on")?;

        // From here on nothing fails.
        if let Some(dist) = dist {
            web_dist.activate(dist);
        }
        let project = config.root.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let (channel, client) = Channel::new(NAME);
        let api = Api::new(kernel, client.requester, web_dist.clone(), &project, shutdown.clone());
        let router = api.router().layer(from_fn_with_state(address.ip(), guard::guard));
        let mut tasks = vec![
            tokio::spawn(server::serve(listener, router, shutdown.clone())),
            tokio::spawn(discard(client.events, shutdown.clone())),
        ];
        tasks.extend(watch.map(|watch| tokio::spawn(watch.follow(web_dist, shutdown))));
        Ok(SurfaceHandle { channel: Some(channel), address: Some(format!("http://{address}")), tasks })
    }
}

async fn bind(listen: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(listen).await.map_err(|error| {
        let in_use = error.kind() == ErrorKind::AddrInUse;
        let error = anyhow::Error::new(error).context(format!("cannot listen on {listen}"));
        if in_use { error.context(format!("port {} in use", listen.port())) } else { error }
    })
}

/// A bundle that can't be watched is served all the same.
fn watch(dir: PathBuf) -> Option<BundleWatch> {
    BundleWatch::new(dir.clone())
        .inspect_err(|error| tracing::warn!(dir = %dir.display(), %error, "cannot watch the web bundle"))
        .ok()
}

/// Takes the channel's events, so that they don't count as dropped. The streams follow the timeline itself, which
/// has what happened before a browser came; the channel is there for the requests.
async fn discard(mut events: mpsc::Receiver<Arc<EventRecord>>, shutdown: CancellationToken) -> anyhow::Result<()> {
    while let Some(Some(_)) = shutdown.run_until_cancelled(events.recv()).await {}
    shutdown.cancelled().await;
    Ok(())
}
