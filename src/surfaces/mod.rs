//! Surfaces: the ways to reach the supervisor. Each is a task under its policy.
//!
//! A surface holds no state of its own that the snapshot does not have: one that dies is started again,
//! and the tasks it shows never notice.

mod control;
mod hooks;
mod http;
mod plain;
mod terminal;
pub mod web;
pub mod web_dist;

use std::path::PathBuf;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use crate::config::SharedConfig;
use crate::gateway::Gateway;
use crate::kernel::KernelHandle;
use crate::supervisor::engine::OnExhausted;
pub use control::Control;
pub(crate) use control::{ConnectError, ControlSocket, Endpoint, Reservation};
pub use hooks::Hooks;
pub use plain::Plain;
pub(crate) use terminal::DashboardSetup;
pub use terminal::Terminal;
pub use web::Web;
use web_dist::ActiveWebDist;

/// A face of the supervisor.
pub trait Surface: Send + Sync + 'static {
    /// Its name as a task.
    fn name(&self) -> &str;

    /// What it is, for people: stands where a process has its command line.
    fn about(&self) -> String;

    /// Another of stead's own tasks that it works with, and so is stopped before.
    fn after(&self) -> Option<&str> {
        None
    }

    /// Whether it has something to say of an end that comes while it starts: it is started all the same, and then stopped.
    fn has_last_words(&self) -> bool {
        false
    }

    /// What it means if it fails for good. A surface only shows the tasks, so by default it is held as failed.
    fn on_exhausted(&self) -> OnExhausted {
        OnExhausted::Hold
    }

    /// Starts one run. What it has acquired is released if it fails.
    fn start(&self, context: SurfaceContext) -> impl Future<Output = anyhow::Result<SurfaceHandle>> + Send;
}

/// What a run of a surface is given.
#[derive(Debug, Clone)]
pub struct SurfaceContext {
    /// What it may see and ask.
    pub kernel: KernelHandle,
    /// Where it registers its clients.
    pub gateway: Gateway,
    /// The configuration in force.
    pub config: SharedConfig,
    /// The file it was read from.
    pub config_path: PathBuf,
    /// The bundle that the web surface serves.
    pub web_dist: ActiveWebDist,
    /// Cancelled when this run must end.
    pub shutdown: CancellationToken,
}

/// A run of a surface that has started.
#[derive(Debug)]
pub struct SurfaceHandle {
    /// Where it can be reached, for people: `http://127.0.0.1:7070`.
    pub address: Option<String>,
    /// Its tasks. When one of them exits, the run is over.
    pub tasks: Vec<JoinHandle<anyhow::Result<()>>>,
}
