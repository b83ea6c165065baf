//! stead's own tasks: the warden, the gateway and the surfaces.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::surface_host::run_surface;
use crate::config::{SharedConfig, builtin};
use crate::gateway::Gateway;
use crate::kernel::KernelHandle;
use crate::process::WardenTask;
use crate::supervisor::TaskSupervisor;
use crate::supervisor::engine::{Condition, Dependency, ExitReason, Policy, TaskKind, TaskPlan};
use crate::surfaces::web_dist::ActiveWebDist;
use crate::surfaces::{Surface, SurfaceContext};

/// How long after a failure a surface that is held as failed is tried again.
const SLOW_RETRY: Duration = Duration::from_secs(60);
/// How long a surface may take to stop: time for what hooks still have to tell.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// Tracks the warden, a critical task.
pub(super) fn track_warden(supervisor: &mut TaskSupervisor, warden: WardenTask) {
    let about = format!("spawns the tasks; {}", warden.containment());
    let plan = supervisor.plan(builtin::WARDEN.to_owned(), TaskKind::Builtin, Policy::Critical, about);
    let mut warden = Some(warden);
    supervisor.track_runs(plan, Vec::new(), move |context| {
        let warden = warden.take();
        async move {
            match warden {
                Some(warden) => warden.run(context).await,
                None => ExitReason::StartFailed { message: "there is one warden only, and it has ended".to_owned() },
            }
        }
    });
}

/// Tracks the gateway, a critical task, and returns it to register clients with.
pub(super) fn track_gateway(supervisor: &mut TaskSupervisor, kernel: KernelHandle) -> Gateway {
    let gateway = Gateway::new(kernel);
    let running = gateway.clone();
    let about = "registers who is connected".to_owned();
    let plan = supervisor.plan(builtin::GATEWAY.to_owned(), TaskKind::Builtin, Policy::Critical, about);
    supervisor.track_future(plan, move |stop| running.clone().run(stop));
    gateway
}

/// Tracks surfaces, each run of which gets a context of its own.
pub(super) struct Surfaces<'a> {
    pub(super) supervisor: &'a mut TaskSupervisor,
    pub(super) kernel: KernelHandle,
    pub(super) config: SharedConfig,
    pub(super) gateway: Gateway,
    /// The bundle that is served: one for all, as one surface publishes what another serves.
    pub(super) web_dist: ActiveWebDist,
    /// What drives them.
    pub(super) runtime: &'a Handle,
}

impl Surfaces<'_> {
    pub(super) fn track<S: Surface>(&mut self, surface: S) {
        let plan = self.supervisor.plan(surface.name().to_owned(), TaskKind::Builtin, Policy::Always, surface.about());
        let plan = TaskPlan {
            on_exhausted: surface.on_exhausted(),
            slow_retry: Some(SLOW_RETRY),
            stop_timeout: STOP_TIMEOUT,
            ..plan
        };
        let after = surface.after().map(|task| Dependency::new(task, Condition::Started));
        let surface = Arc::new(surface);
        let (kernel, config, gateway) = (self.kernel.clone(), self.config.clone(), self.gateway.clone());
        let config_path = config.current().path.clone();
        let (web_dist, runtime) = (self.web_dist.clone(), self.runtime.clone());
        self.supervisor.track_runs(plan, after.into_iter().collect(), move |run| {
            let context = SurfaceContext {
                kernel: kernel.clone(),
                gateway: gateway.clone(),
                config: config.clone(),
                config_path: config_path.clone(),
                web_dist: web_dist.clone(),
                shutdown: CancellationToken::new(),
            };
            run_surface(Arc::clone(&surface), context, runtime.clone(), run)
        });
    }
}
