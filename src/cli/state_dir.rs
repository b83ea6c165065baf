//! `.stead/`, beside the config: the lock, the logs, and stead's own diagnostics.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The directory's name.
const NAME: &str = ".stead";

/// Where failed runs are kept in the `.stead/` of the project at `root`, claimed or not.
pub(super) fn post_mortems_of(root: &Path) -> PathBuf {
    post_mortems(&root.join(NAME))
}

fn post_mortems(dir: &Path) -> PathBuf {
    dir.join("post-mortems")
}

/// A claimed `.stead/`. The claim ends with the process, however that comes: the lock is the kernel's.
#[derive(Debug)]
pub(super) struct StateDir {
    path: PathBuf,
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
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let ignore = path.join(".gitignore");
        if !ignore.exists() {
            fs::write(&ignore, "*\n").with_context(|| format!("cannot write {}", ignore.display()))?;
        }
        let lock_path = path.join("lock");
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .with_context(|| format!("cannot open {}", lock_path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = lock.read_to_string(&mut pid);
                anyhow::bail!("another stead (pid {}) supervises {} already", pid.trim(), root.display());
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", lock_path.display()));
            }
        }
        lock.set_len(0)?;
        lock.rewind()?;
        writeln!(lock, "{}", std::process::id())?;
        Ok(Self { path, _lock: lock })
    }

    /// Where failed runs are kept.
    pub(super) fn post_mortems(&self) -> PathBuf {
        post_mortems(&self.path)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
