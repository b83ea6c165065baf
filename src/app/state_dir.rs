//! `.stead/`, beside the config: the lock, the control socket, the token, the logs, and stead's own diagnostics.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The directory's name.
const NAME: &str = ".stead";

/// Where things lie in the `.stead/` of a project, claimed or not.
#[derive(Debug, Clone)]
pub(crate) struct StatePaths {
    /// Held by the supervisor that runs.
    lock: PathBuf,
    /// Where it listens.
    pub(crate) socket: PathBuf,
    /// What the web surface wants to see before it changes anything.
    pub(crate) token: PathBuf,
    /// The last words of the supervisor that ran last.
    outcome: PathBuf,
    /// What is kept of failed runs.
    pub(crate) post_mortems: PathBuf,
}

impl StatePaths {
    /// Those of the project at `root`.
    pub(crate) fn of(root: &Path) -> Self {
        let at = |name| root.join(NAME).join(name);
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

    /// What the last supervisor said at its end; none while one runs, or if it could not say anything.
    pub(crate) fn outcome(&self) -> Option<String> {
        fs::read_to_string(&self.outcome).ok()
    }
}

/// A claimed `.stead/`. The claim ends with the process, however that comes: the lock is the kernel's.
#[derive(Debug)]
pub(super) struct StateDir {
    path: PathBuf,
    pub(super) paths: StatePaths,
    _lock: File,
}

impl StateDir {
    /// Makes the directory if need be and claims it for this process.
    ///
    /// # Errors
    ///
    /// When another supervisor holds it (it is named by pid), or it can't be written.
    pub(super) fn claim(root: &Path) -> anyhow::Result<Self> {
        let path = root.join(NAME);
        // Nobody else may write here, whatever the umask: who can replace the socket or the token controls everything.
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
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
                    "another stead (pid {}) supervises {} already; `stead attach` shows it, `stead down` ends it",
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
        // What the last one said is not how this one ends.
        let _ = fs::remove_file(&paths.outcome);
        Ok(Self { path, paths, _lock: lock })
    }

    /// Keeps the last words for whoever waits for the end.
    pub(super) fn keep_outcome(&self, words: &str) {
        if let Err(error) = fs::write(&self.paths.outcome, words) {
            tracing::warn!(%error, "cannot keep the outcome");
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
