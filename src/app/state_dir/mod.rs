//! The state directory of a project: lock, control socket, token, logs, and stead's own diagnostics.
//!
//! The files in it may be deleted while the supervisor runs (`git clean -fdx`, cleaners of temporary files): they are
//! [kept](keeper), and which supervisor a project has does not depend on them where the kernel can
//! [reserve](Endpoint::reserve) a name for it. The directory of the project is entered, so a rename of it changes nothing.

mod keeper;
mod lock;
mod removals;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use rustix::fs::OFlags;
use rustix::process::fchdir;
use tokio::sync::Notify;

use super::diagnostics::DiagnosticsFile;
use crate::config::Project;
use crate::private;
use crate::surfaces::web::Token;
use crate::surfaces::{ControlSocket, Endpoint, Reservation};
use keeper::Keeper;

/// The paths in the state directory of a project, whether or not a supervisor runs.
#[derive(Debug, Clone)]
pub(crate) struct StatePaths {
    dir: PathBuf,
    /// Locked by the running supervisor.
    lock: PathBuf,
    /// The control socket.
    pub(crate) socket: PathBuf,
    /// The secret that authorises requests to the web surface.
    pub(crate) token: PathBuf,
    /// The port of the page, where the configuration names none.
    pub(super) web_port: PathBuf,
    /// What a person has chosen for the dashboard.
    pub(crate) dashboard: PathBuf,
    /// How the last supervisor ended.
    outcome: PathBuf,
    /// The directory of the post-mortems.
    pub(crate) post_mortems: PathBuf,
    /// The events of this supervisor and of earlier ones.
    pub(crate) events: PathBuf,
    /// The numbers of the latest runs.
    pub(super) run_numbers: PathBuf,
}

impl StatePaths {
    /// The paths of a project.
    pub(crate) fn of(project: &Project) -> Self {
        let dir = project.state_dir();
        let at = |name| dir.join(name);
        Self {
            lock: at("lock"),
            socket: at("control.sock"),
            token: at("token"),
            web_port: at("web-port"),
            dashboard: at("dashboard.json"),
            outcome: at("outcome"),
            post_mortems: at("post-mortems"),
            events: at("events.jsonl"),
            run_numbers: at("run-numbers"),
            dir,
        }
    }

    /// How the last supervisor ended; `None` while one runs, or if it could not write that.
    pub(crate) fn outcome(&self) -> Option<String> {
        fs::read_to_string(&self.outcome).ok()
    }

    /// Waits until no supervisor holds the lock. Blocks.
    ///
    /// # Errors
    ///
    /// There is no lock.
    pub(crate) fn wait_until_free(&self) -> std::io::Result<()> {
        File::open(&self.lock)?.lock_shared()
    }
}

/// The state directory of the project that this process supervises. The kernel holds the name and the lock, so both are
/// given up when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct StateDir {
    pub(super) paths: StatePaths,
    pub(super) diagnostics: DiagnosticsFile,
    pub(super) control: ControlSocket,
    keeper: Arc<Keeper>,
}

impl StateDir {
    /// Enters the directory of a project, creates its state directory if necessary, and claims both for this process.
    ///
    /// # Errors
    ///
    /// Another supervisor runs (the error names its pid), or the state directory can't be written, or another user could
    /// write to it.
    pub(super) fn claim(project: &Project) -> anyhow::Result<Self> {
        let shown = project.root.display();
        let root = File::open(&project.root).with_context(|| format!("cannot open {shown}"))?;
        fchdir(&root).with_context(|| format!("cannot enter {shown}"))?;
        let project = &project.from_within();
        let paths = StatePaths::of(project);
        let by_name = match Endpoint::of(project, &paths.socket).reserve() {
            Reservation::Ours(listener) => Some(Arc::new(listener)),
            Reservation::Taken { pid } => bail!(already_runs(&pid.to_string())),
            Reservation::Squatted { pid, uid } => {
                eprintln!(
                    "stead: process {pid} of user {uid} has taken the name of this project's supervisor; going on without it"
                );
                None
            }
            Reservation::Unavailable => None,
        };
        let control = ControlSocket { path: paths.socket.clone(), by_name, removed: Arc::new(Notify::new()) };
        let cannot_use = || format!("cannot use {}", absolute(&paths.dir).display());
        let (keeper, diagnostics) = Keeper::claim(&paths, Arc::clone(&control.removed)).with_context(cannot_use)?;
        // It describes the last supervisor, not this one.
        let _ = fs::remove_file(&paths.outcome);
        Ok(Self { paths, diagnostics, control, keeper })
    }

    /// Creates again what is deleted from now on.
    pub(super) fn keep(&self) {
        Keeper::start(Arc::clone(&self.keeper));
    }

    /// Where the web surface gets its token from, each time it starts.
    pub(super) fn token_source(&self) -> impl Fn() -> anyhow::Result<Token> + Send + Sync + 'static {
        let (keeper, path) = (Arc::clone(&self.keeper), self.paths.token.clone());
        move || {
            let token = Token::of(&path)?;
            keeper.remember_token(token.secret());
            Ok(token)
        }
    }

    /// Stores how this supervisor ended, for `stead down` and attached dashboards.
    pub(super) fn keep_outcome(&self, words: &str) {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
        let stored = private::open(&self.paths.outcome, flags).and_then(|mut file| file.write_all(words.as_bytes()));
        if let Err(error) = stored {
            tracing::warn!(%error, "cannot store the outcome");
        }
    }
}

impl Drop for StateDir {
    fn drop(&mut self) {
        self.keeper.close();
    }
}

/// Says that this process is too much.
fn already_runs(pid: &str) -> String {
    let here = absolute(Path::new("."));
    format!(
        "a supervisor (pid {pid}) already runs in {}; `stead attach` shows it, `stead down` ends it",
        here.display()
    )
}

/// A path for people.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
