//! The terminal surface: runs the dashboard of [`crate::ui`] on the terminal this process was started in.
//!
//! It has a thread of its own, so a terminal that takes no more output holds up nothing else. It keeps no state of
//! the tasks: when it ends or panics, the terminal is restored, the run is over, and the policy starts another.

mod dashboard;
mod editor;
mod keys;
mod log_source;
mod preferences;
mod screen;
mod sources;

use std::fmt;
use std::io::{self, IsTerminal};
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{env, thread};

use anyhow::{Context, bail, ensure};
use tokio::sync::oneshot::{self, error::RecvError};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Surface, SurfaceContext, SurfaceHandle};
use crate::config::builtin;
use crate::gateway::Gateway;
use crate::kernel::KernelHandle;
use crate::ui::Theme;
use dashboard::{Dashboard, Seat};
use screen::Screen;

/// The origin of its requests.
const ORIGIN: &str = "terminal";
/// The thread that draws. A panic on it gives the terminal back first; see [`screen`].
const THREAD: &str = "stead-terminal";

/// How long the thread may take to end once it is asked to. A terminal that takes nothing must not hold up the drain.
const LAST_FRAME_MAY_TAKE: Duration = Duration::from_secs(1);

/// The dashboard on this process's own terminal.
#[derive(Debug)]
pub struct Terminal {
    mouse: bool,
    theme: Theme,
    preferences: PathBuf,
}

/// What a dashboard looks at.
pub(crate) struct DashboardSetup {
    pub(crate) kernel: KernelHandle,
    /// Where it is registered.
    pub(crate) gateway: Gateway,
    /// The project's name.
    pub(crate) project: String,
    /// Where the logs are.
    pub(crate) logs_dir: PathBuf,
    /// Whether failures are shown as desktop notices.
    pub(crate) notify: Box<dyn Fn() -> bool + Send>,
    /// Whether the supervisor is another process': who leaves then leaves it running.
    pub(crate) is_guest: bool,
}

impl Terminal {
    /// A dashboard that takes the mouse, or leaves it to the terminal, and keeps in the file `preferences` what a person
    /// chooses. `NO_COLOR` takes the colours away.
    #[must_use]
    pub fn new(mouse: bool, preferences: PathBuf) -> Self {
        let color = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { mouse, theme: Theme { color }, preferences }
    }

    /// Starts a dashboard, which lasts until `shutdown` or until it is left.
    ///
    /// # Errors
    ///
    /// There is no terminal, or it refuses.
    pub(crate) async fn show(
        &self,
        setup: DashboardSetup,
        shutdown: CancellationToken,
    ) -> anyhow::Result<SurfaceHandle> {
        ensure!(io::stdin().is_terminal(), "standard input is not a terminal");
        ensure!(io::stdout().is_terminal(), "standard output is not a terminal");
        screen::restore_before_panics();
        let connection = Arc::new(setup.gateway.register_own(ORIGIN)?);
        let shutdown = shutdown.child_token();
        let watch = Watch { _cancel: shutdown.clone().drop_guard(), is_over: false };
        let told = shutdown.clone();
        let seat = Seat { setup, connection, theme: self.theme, preferences: self.preferences.clone() };
        let (ready, is_ready) = oneshot::channel();
        let (ended, end) = oneshot::channel();
        let mouse = self.mouse;
        let body = move || {
            let result = panic::catch_unwind(AssertUnwindSafe(|| run(seat, mouse, shutdown, ready)));
            // The receiver is gone if the run was aborted.
            let _ = ended.send(result);
        };
        thread::Builder::new().name(THREAD.to_owned()).spawn(body).context("cannot start the dashboard's thread")?;
        let Ok(()) = is_ready.await else {
            // It did not come to the point of drawing: its end says why.
            watch.end(end.await)?;
            bail!("the dashboard ended before it began");
        };
        let watched = tokio::spawn(async move {
            tokio::select! {
                end = end => watch.end(end),
                () = overdue(told) => bail!("the terminal takes no more output"),
            }
        });
        Ok(SurfaceHandle { address: None, tasks: vec![watched] })
    }
}

impl Surface for Terminal {
    fn name(&self) -> &str {
        builtin::TERMINAL
    }

    fn about(&self) -> String {
        "this dashboard".to_owned()
    }

    async fn start(&self, context: SurfaceContext) -> anyhow::Result<SurfaceHandle> {
        let SurfaceContext { kernel, gateway, config, shutdown, .. } = context;
        let now = config.current();
        let (project, logs_dir) = (now.project().into_owned(), now.logs.dir.clone());
        let notify = Box::new(move || config.current().ui.notify);
        self.show(DashboardSetup { kernel, gateway, project, logs_dir, notify, is_guest: false }, shutdown).await
    }
}

/// Ends when the thread has had its time for the last frame.
async fn overdue(shutdown: CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(LAST_FRAME_MAY_TAKE).await;
}

/// Ends the thread when the run is over. A thread that is stuck in a write can't restore the terminal itself.
struct Watch {
    _cancel: DropGuard,
    is_over: bool,
}

impl Watch {
    /// The thread has ended; a panic goes on here.
    fn end(mut self, end: Result<thread::Result<anyhow::Result<()>>, RecvError>) -> anyhow::Result<()> {
        self.is_over = true;
        match end.context("the dashboard's thread is gone")? {
            Ok(result) => result,
            Err(panicked) => panic::resume_unwind(panicked),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.is_over {
            screen::restore();
        }
    }
}

impl fmt::Debug for DashboardSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DashboardSetup")
            .field("project", &self.project)
            .field("is_guest", &self.is_guest)
            .finish_non_exhaustive()
    }
}

/// The thread's body.
fn run(seat: Seat, mouse: bool, shutdown: CancellationToken, ready: oneshot::Sender<()>) -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
    runtime.block_on(async {
        let keys = keys::listen().context("cannot read keys")?;
        let screen = Screen::enter(mouse).context("cannot take the terminal")?;
        let mut dashboard = Dashboard::new(seat, screen, keys)?;
        // The start was given up; the token says so, too.
        let _ = ready.send(());
        dashboard.run(shutdown).await
    })
}
