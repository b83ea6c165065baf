//! Composes the supervisor: a task for every process of the config, and stead's own parts.

use anyhow::anyhow;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::Presentation;
use super::builtin::{Surfaces, track_gateway, track_warden};
use super::inspect::ports_of_tasks;
use super::run_numbers::RunNumbers;
use super::state_dir::StateDir;
use super::task_factory::{TaskFactory, planned_groups};
use crate::config::{Config, SharedConfig};
use crate::kernel::{KernelHandle, PostMortems, RunEnvironments};
use crate::process::{Warden, WardenTask, environment_of, is_hangup_ignored};
use crate::supervisor::{Additions, TaskSupervisor};
use crate::surfaces::web::PortChoice;
use crate::surfaces::{Control, Hooks, Plain, Terminal, Web};

/// Composes it, and the handle that surfaces use. Nothing has started when this returns.
///
/// # Errors
///
/// A task can't be run as it is configured.
pub(super) fn compose(
    shared: SharedConfig,
    presentation: Presentation,
    state: &StateDir,
    numbers: RunNumbers,
    (warden, warden_task): (Warden, WardenTask),
    additions: Additions,
    runtime: &Handle,
) -> anyhow::Result<(TaskSupervisor, KernelHandle)> {
    let config = shared.current();
    let mut supervisor = TaskSupervisor::new(CancellationToken::new(), config.supervisor.restart)
        .with_drain(config.supervisor.drain)
        .with_groups(planned_groups(&config))
        .with_additions(additions)
        .with_outliving_its_terminal(is_hangup_ignored());
    let kernel = KernelHandle::new(supervisor.handle())
        .with_post_mortems(PostMortems::new(&state.paths.post_mortems))
        .with_environments(RunEnvironments::new(environment_of))
        .with_containment(warden_task.containment());
    let mut factory = TaskFactory::new(shared.clone(), kernel.clone(), warden.clone(), numbers);
    for task in factory.all().map_err(|why| anyhow!("{why}; nothing was started"))? {
        supervisor.track(task);
    }
    track_warden(&mut supervisor, warden_task);
    let gateway = track_gateway(&mut supervisor, kernel.clone());
    let (config_in_force, web_dist) = (shared, Default::default());
    let mut surfaces = Surfaces {
        supervisor: &mut supervisor,
        kernel: kernel.clone(),
        config: config_in_force,
        gateway,
        web_dist,
        runtime,
    };
    surfaces.track(Control::new(state.control.clone()));
    if config.web.enabled {
        surfaces.track(Web::new(config.web.clone(), port_choice(&config, state), state.token_source()));
    }
    if !config.hooks.is_empty() {
        surfaces.track(Hooks::new(config.hooks.clone(), &config.root, warden));
    }
    match presentation {
        Presentation::Detached => {}
        Presentation::Headless => surfaces.track(Plain::events_only()),
        Presentation::Plain => surfaces.track(Plain::with_output()),
        Presentation::Dashboard { mouse } => surfaces.track(Terminal::new(mouse, state.paths.dashboard.clone())),
    }
    factory.set_builtins(supervisor.tracked());
    let supervisor = supervisor.with_loader(Box::new(move |request| factory.load(request)));
    Ok((supervisor, kernel))
}

/// How the page finds a port where the configuration names none.
fn port_choice(config: &Config, state: &StateDir) -> PortChoice {
    let project = std::path::absolute(&config.path).unwrap_or_else(|_| config.path.clone());
    let project = project.into_os_string().into_encoded_bytes();
    PortChoice { file: state.paths.web_port.clone(), project, not: ports_of_tasks(config) }
}
