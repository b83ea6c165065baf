//! Creates the files of the state directory again when they are deleted.
//!
//! A thread of its own waits for removals. It lets a deletion come to its end first: who removes a directory with all
//! that is in it must not find new files there.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use rustix::fs::{AtFlags, OFlags, statat};
use tokio::sync::Notify;

use super::removals::Removals;
use super::{DiagnosticsFile, StatePaths, lock};
use crate::private;

/// The file for stead's own diagnostics.
const DIAGNOSTICS: &str = "stead.log";
/// Keeps the directory out of the project's repository.
const GITIGNORE: (&str, &str) = (".gitignore", "*\n");
/// A deletion is over when nothing has been removed for this long.
const QUIET: Duration = Duration::from_millis(100);
/// The longest wait for that, in [`QUIET`]s.
const QUIETS_MOST: u32 = 50;

/// What is needed to create the files again.
#[derive(Debug)]
pub(super) struct Keeper {
    paths: StatePaths,
    diagnostics: DiagnosticsFile,
    /// The control surface binds its own socket.
    socket_removed: Arc<Notify>,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    lock: File,
    token: Option<String>,
    is_closed: bool,
}

impl Keeper {
    /// Creates the state directory and claims it.
    ///
    /// # Errors
    ///
    /// Another supervisor has the lock, or a file can't be created, or another user could write to it.
    pub(super) fn claim(
        paths: &StatePaths,
        socket_removed: Arc<Notify>,
    ) -> anyhow::Result<(Arc<Self>, DiagnosticsFile)> {
        let dir = create(paths)?;
        let lock = lock::acquire(&dir, name(&paths.lock))?;
        let diagnostics = DiagnosticsFile::new(open_diagnostics(&dir)?);
        let kept = Mutex::new(Kept { lock, token: None, is_closed: false });
        let keeper = Self { paths: paths.clone(), diagnostics: diagnostics.clone(), socket_removed, kept };
        Ok((Arc::new(keeper), diagnostics))
    }

    /// Starts the thread. Without it nothing is created again, and all else works.
    pub(super) fn start(this: Arc<Self>) {
        let started = thread::Builder::new().name("state".to_owned()).spawn(move || {
            if let Err(error) = this.run() {
                tracing::warn!(%error, "files that are deleted in .stead are not created again");
            }
        });
        if let Err(error) = started {
            tracing::warn!(%error, "files that are deleted in .stead are not created again");
        }
    }

    /// Creates nothing from now on.
    pub(super) fn close(&self) {
        self.kept().is_closed = true;
    }

    /// Remembers the token of the web surface.
    pub(super) fn remember_token(&self, secret: &str) {
        self.kept().token = Some(secret.to_owned());
    }

    fn run(&self) -> io::Result<()> {
        let removals = Removals::new()?;
        loop {
            self.watch(&removals)?;
            match self.restore() {
                // What was created must be watched, too, and may have been deleted since.
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(error = format!("{error:#}"), "cannot create the files of .stead again"),
            }
            removals.wait(None)?;
            let mut quiets = 0;
            while removals.wait(Some(QUIET))? && quiets < QUIETS_MOST {
                quiets += 1;
            }
        }
    }

    fn watch(&self, removals: &Removals) -> io::Result<()> {
        // Up to the project's own directory, and what a deletion of everything goes through.
        self.paths.dir.ancestors().filter(|dir| !dir.as_os_str().is_empty()).try_for_each(|dir| removals.watch(dir))?;
        removals.watch(&self.paths.dir.join("logs"))?;
        removals.watch(&self.paths.post_mortems)
    }

    /// Creates what is missing; returns whether anything was.
    fn restore(&self) -> anyhow::Result<bool> {
        let mut kept = self.kept();
        if kept.is_closed {
            return Ok(false);
        }
        let dir = create(&self.paths)?;
        let mut restored = false;
        if !is_at(&kept.lock, &dir, name(&self.paths.lock)) {
            kept.lock = lock::acquire(&dir, name(&self.paths.lock))?;
            restored = true;
        }
        if let Some(token) = &kept.token {
            restored |= write_new(&dir, name(&self.paths.token), &format!("{token}\n"))?;
        }
        if !self.diagnostics.matches(|file| is_at(file, &dir, OsStr::new(DIAGNOSTICS))) {
            self.diagnostics.replace(open_diagnostics(&dir)?);
            restored = true;
        }
        if restored {
            tracing::info!("files of .stead were deleted, and are created again");
        }
        self.socket_removed.notify_one();
        Ok(restored)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Creates the state directory, closed to other users.
fn create(paths: &StatePaths) -> anyhow::Result<OwnedFd> {
    let levels: Vec<PathBuf> = paths.dir.ancestors().map(Path::to_owned).collect();
    // The project's own directory is not stead's to close.
    let own = levels.iter().rev().filter(|dir| dir.file_name().is_some());
    let mut last = None;
    for (depth, dir) in own.enumerate() {
        let opened = private::create_dir(dir)?;
        private::close_to_others(&opened)?;
        if depth == 0 {
            write_new(&opened, OsStr::new(GITIGNORE.0), GITIGNORE.1)?;
        }
        last = Some(opened);
    }
    last.context("the state directory has no name")
}

fn open_diagnostics(dir: &OwnedFd) -> io::Result<File> {
    private::open_file(dir, OsStr::new(DIAGNOSTICS), OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE)
}

/// Writes a file that does not exist yet; returns whether it did not.
fn write_new(dir: &OwnedFd, name: &OsStr, text: &str) -> io::Result<bool> {
    match private::open_file(dir, name, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        file => file?.write_all(text.as_bytes()).map(|()| true),
    }
}

/// Whether the open file is the one that is called `name`.
fn is_at(file: &File, dir: &OwnedFd, name: &OsStr) -> bool {
    let Ok(own) = file.metadata() else { return false };
    statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|found| (found.st_dev, found.st_ino) == (own.dev(), own.ino()))
}

fn name(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}
