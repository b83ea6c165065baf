//! The state directory `.stead/` beside the config: lock, control socket, token, logs, and stead's own diagnostics.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The name of the directory.
const STATE_DIR: &str = ".stead";

/// The paths in the `.stead/` of a project, whether or not a supervisor holds it.
#[derive(Debug, Clone)]
pub(crate) struct StatePaths {
    /// Locked by the running supervisor.
    lock: PathBuf,
    /// The control socket.
    pub(crate) socket: PathBuf,
    /// The secret that authorises requests to the web surface.
    pub(crate) token: PathBuf,
    /// How the last supervisor ended.
    outcome: PathBuf,
    /// The directory of the post-mortems.
    pub(crate) post_mortems: PathBuf,
}

impl StatePaths {
    /// The paths of the project in the directory `root`.
    pub(crate) fn of(root: &Path) -> Self {
        let at = |name| root.join(STATE_DIR).join(name);
        Self {
            lock: at("lock"),
            socket: at("control.sock"),
            token: at("token"),
            outcome: at("outcome"),
            post_mortems: at("post-mortems"),
        }
    }

    /// Waits until no supervisor holds the directory.
    pub(crate) fn wait_until_free(&self) -> io::Result<()> {
        File::open(&self.lock)?.lock_shared()
    }

    /// How the last supervisor ended; `None` while one runs, or if it could not write that.
    pub(crate) fn outcome(&self) -> Option<String> {
        fs::read_to_string(&self.outcome).ok()
    }
}

/// A claimed `.stead/`. The kernel holds the lock, so the claim ends with the process, however it ends.
#[derive(Debug)]
pub(super) struct StateDir {
    path: PathBuf,
    pub(super) paths: StatePaths,
    _lock: File,
}

impl StateDir {
    /// Creates the directory if necessary and claims it for this process.
    ///
    /// # Errors
    ///
    /// Another supervisor holds it (the error names its pid), or it can't be written.
    pub(super) fn claim(root: &Path) -> anyhow::Result<Self> {
        let path = root.join(STATE_DIR);
        // No other user may write here, whatever the umask: replacing the socket or the token gives full control.
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&path)
            .with_context(|| format!("cannot create {}", path.display()))?;
        let ignore = path.join(".gitignore");
        if !ignore.exists() {
            fs::write(&ignore, "*\n").with_context(|| format!("cannot write {}", ignore.display()))?;
        }
        let paths = StatePaths::of(root);
        let lock_path = &paths.lock;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(lock_path)
            .with_context(|| format!("cannot open {}", lock_path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = lock.read_to_string(&mut pid);
                anyhow::bail!(
                    "a supervisor (pid {}) already runs in {}; `stead attach` shows it, `stead down` ends it",
                    pid.trim(),
                    root.display()
                );
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", lock_path.display()));
            }
        }
        lock.set_len(0)?;
        lock.rewind()?;
        writeln!(lock, "{}", std::process::id())?;
        // It describes the last supervisor, not this one.
        let _ = fs::remove_file(&paths.outcome);
        Ok(Self { path, paths, _lock: lock })
    }

    /// Stores how this supervisor ended, for `stead down` and attached dashboards.
    pub(super) fn keep_outcome(&self, words: &str) {
        if let Err(error) = fs::write(&self.paths.outcome, words) {
            tracing::warn!(%error, "cannot store the outcome");
        }
    }

    /// The path of the directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
