//! A bundle in a directory: reading it whole, and reading it again when it changes.

use std::fs::{self, File};
use std::io::{self, Read};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{ActiveWebDist, WebDist};
use crate::surfaces::http::limits::{BUNDLE_BYTES, BUNDLE_ENTRIES, BUNDLE_QUIET};

/// Why a directory is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum DistError {
    /// The operating system refused.
    #[error("cannot read {}", path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// Why it was not.
        source: io::Error,
    },
    /// An entry that can't be served.
    #[error("{} can't be served: {why}", path.display())]
    Unservable {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is more in it than a bundle may have.
    #[error("{} has more than {limit}", dir.display())]
    TooLarge {
        /// The directory.
        dir: PathBuf,
        /// What there is too much of: `4096 entries`.
        limit: String,
    },
    /// There is no page.
    #[error("{} has no index.html", dir.display())]
    NoIndex {
        /// The directory.
        dir: PathBuf,
    },
    /// The page asks for files that are not there.
    #[error("index.html in {} asks for what is not there: {}", dir.display(), names.join(", "))]
    Missing {
        /// The directory.
        dir: PathBuf,
        /// The files, by their path in the bundle.
        names: Vec<String>,
    },
}

impl WebDist {
    /// Reads a directory with all that is below it. Entries whose names begin with a dot are left out.
    ///
    /// # Errors
    ///
    /// [`DistError`]: it can't be read, is too large, has a symbolic link that leads out of it, or is incomplete.
    pub fn load(dir: &Path) -> Result<Self, DistError> {
        let root = dir.canonicalize().map_err(|source| DistError::Read { path: dir.into(), source })?;
        let dist = Self::new(BundleReader { root: &root, entries: 0, bytes: 0, files: Vec::new() }.read()?);
        match dist.missing() {
            None => Err(DistError::NoIndex { dir: dir.into() }),
            Some(names) if names.is_empty() => Ok(dist),
            Some(names) => Err(DistError::Missing { dir: dir.into(), names }),
        }
    }
}

struct BundleReader<'a> {
    root: &'a Path,
    entries: usize,
    bytes: u64,
    files: Vec<(String, Vec<u8>)>,
}

impl BundleReader<'_> {
    fn read(mut self) -> Result<Vec<(String, Vec<u8>)>, DistError> {
        let mut pending = vec![(self.root.to_owned(), String::new())];
        while let Some((dir, prefix)) = pending.pop() {
            let failed = |source| DistError::Read { path: dir.clone(), source };
            for entry in fs::read_dir(&dir).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let path = entry.path();
                let Ok(name) = entry.file_name().into_string() else {
                    return Err(DistError::Unservable { path, why: "its name is not UTF-8" });
                };
                if name.starts_with('.') {
                    continue;
                }
                self.count()?;
                let kind = entry.file_type().map_err(|source| DistError::Read { path: path.clone(), source })?;
                let name = format!("{prefix}{name}");
                if kind.is_dir() {
                    pending.push((path, name + "/"));
                } else {
                    let bytes = self.file(path)?;
                    self.files.push((name, bytes));
                }
            }
        }
        Ok(self.files)
    }

    fn count(&mut self) -> Result<(), DistError> {
        self.entries += 1;
        if self.entries <= BUNDLE_ENTRIES { Ok(()) } else { Err(self.too_large(format!("{BUNDLE_ENTRIES} entries"))) }
    }

    /// Reads a file, or what a symbolic link leads to if that is a file inside the bundle.
    fn file(&mut self, path: PathBuf) -> Result<Vec<u8>, DistError> {
        let failed = |source| DistError::Read { path: path.clone(), source };
        let target = path.canonicalize().map_err(failed)?;
        if !target.starts_with(self.root) {
            return Err(DistError::Unservable { path, why: "it is a link that leads out of the bundle" });
        }
        // Looked at before it is opened: opening a pipe would wait for its other end.
        if !fs::metadata(&target).map_err(failed)?.is_file() {
            return Err(DistError::Unservable { path, why: "it is not a file" });
        }
        let mut bytes = Vec::new();
        let most = BUNDLE_BYTES - self.bytes;
        let read = File::open(&target).and_then(|file| file.take(most + 1).read_to_end(&mut bytes)).map_err(failed)?;
        if read as u64 > most {
            return Err(self.too_large(format!("{} MiB", BUNDLE_BYTES >> 20)));
        }
        self.bytes += read as u64;
        Ok(bytes)
    }

    fn too_large(&self, limit: String) -> DistError {
        DistError::TooLarge { dir: self.root.into(), limit }
    }
}

/// Reads a bundle away from the threads that serve.
pub(in crate::surfaces) async fn load(dir: PathBuf) -> anyhow::Result<WebDist> {
    Ok(spawn_blocking(move || WebDist::load(&dir)).await??)
}

/// Activates what is in `dir` now; if that is no bundle, what was served stays.
pub(in crate::surfaces) async fn swap(dir: &Path, active: &ActiveWebDist) {
    match load(dir.to_owned()).await {
        Ok(dist) => {
            if active.activate(dist) {
                tracing::info!(dir = %dir.display(), "web bundle swapped");
            }
        }
        Err(error) => tracing::warn!(error = format!("{error:#}"), "web bundle refused, the old one stays"),
    }
}

/// Watches a bundle's directory.
#[derive(Debug)]
pub(in crate::surfaces) struct BundleWatch {
    dir: PathBuf,
    changed: Arc<Notify>,
    watcher: RecommendedWatcher,
}

impl BundleWatch {
    /// Begins to watch; changes from here on are seen by [`BundleWatch::follow`].
    pub(in crate::surfaces) fn new(dir: PathBuf) -> notify::Result<Self> {
        let changed = Arc::new(Notify::new());
        let watcher = watcher(&dir, &changed)?;
        Ok(Self { dir, changed, watcher })
    }

    /// Swaps the directory's content in whenever it has changed. Runs until `shutdown`.
    pub(in crate::surfaces) async fn follow(
        mut self,
        active: ActiveWebDist,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = self.settled() => {}
            }
            // The directory may have been replaced by another of its name: watch what is there now.
            match watcher(&self.dir, &self.changed) {
                Ok(watcher) => drop(mem::replace(&mut self.watcher, watcher)),
                Err(error) => tracing::warn!(dir = %self.dir.display(), %error, "cannot watch the web bundle"),
            }
            swap(&self.dir, &active).await;
        }
    }

    /// Waits for a change, and then until there are no more.
    async fn settled(&self) {
        self.changed.notified().await;
        while timeout(BUNDLE_QUIET, self.changed.notified()).await.is_ok() {}
    }
}

/// Tells `changed` of everything that happens to `dir`, below it, and to its name in its parent.
fn watcher(dir: &Path, changed: &Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let (changed, below) = (Arc::clone(changed), dir.to_owned());
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading is no change: the bundle itself is read after each. An error may hide one.
        if event.is_ok_and(|event| event.kind.is_access() || !event.paths.iter().any(|path| path.starts_with(&below))) {
            return;
        }
        changed.notify_one();
    })?;
    if let Some(parent) = dir.parent() {
        watcher.watch(parent, RecursiveMode::NonRecursive)?;
    }
    if dir.exists() {
        watcher.watch(dir, RecursiveMode::Recursive)?;
    }
    Ok(watcher)
}
