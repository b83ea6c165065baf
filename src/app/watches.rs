//! Tells the engine of changed files that tasks watch.
//!
//! Only directories that may hold such a file and that no .gitignore names are watched. Where the system can't watch them,
//! they are looked at every few seconds.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use ignore::WalkBuilder;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use notify::{Config as NotifyConfig, Event as Notified, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, timeout_at};

use crate::config::{Config, WatchConfig};
use crate::kernel::KernelHandle;
use crate::supervisor::engine::{Event, EventKind, Input};

/// The time between two looks where the system can't watch.
const POLL: Duration = Duration::from_secs(2);

/// Changes that wait to be looked at; what does not fit is as good as what does.
const CHANGES_WAITING: usize = 256;

/// Files that go on changing are reported after so many times the debounce.
const DEBOUNCES_MOST: u32 = 10;

/// Reports changed files for as long as it runs.
pub(super) async fn run_watches(mut config: watch::Receiver<Arc<Config>>, kernel: KernelHandle) {
    let mut running: Vec<(String, WatchConfig)> = Vec::new();
    let mut watches = JoinSet::new();
    loop {
        let current = Arc::clone(&config.borrow_and_update());
        let wanted: Vec<_> =
            current.tasks.iter().filter_map(|task| Some((task.name.clone(), task.watch.clone()?))).collect();
        if wanted != running {
            watches.shutdown().await;
            for (task, watch) in wanted.clone() {
                watches.spawn(watch_files(task, watch, kernel.clone()));
            }
            running = wanted;
        }
        if config.changed().await.is_err() {
            return;
        }
    }
}

/// Reports the changed files of one task.
async fn watch_files(task: String, config: WatchConfig, kernel: KernelHandle) {
    let (sender, mut changes) = mpsc::channel(CHANGES_WAITING);
    let debounce = config.debounce;
    let begun = spawn_blocking(move || FileWatch::begin(config, sender)).await;
    let Ok(mut files) = begun else { return };
    if let Some(error) = files.fallback.take() {
        kernel.note(Event { task: Some(task.clone()), kind: EventKind::WatchPolls { error } });
    }
    loop {
        let Some(path) = changes.recv().await else { return };
        let mut changed = files.matched(&path);
        let begun = Instant::now();
        let latest = begun + debounce * DEBOUNCES_MOST;
        let mut quiet = begun + debounce;
        while changed.is_some() {
            match timeout_at(quiet.min(latest), changes.recv()).await {
                Ok(Some(path)) => {
                    if let Some(path) = files.matched(&path) {
                        changed = Some(path);
                        quiet = Instant::now() + debounce;
                    }
                }
                Ok(None) => return,
                Err(_) => break,
            }
        }
        if let Some(file) = changed {
            kernel.report(Input::Changed { task: task.clone(), file }).await;
        }
    }
}

/// The watched files of a task.
struct FileWatch {
    root: PathBuf,
    paths: GlobSet,
    ignore: GlobSet,
    gitignore: Gitignore,
    watcher: Box<dyn Watcher + Send>,
    /// The directories that are watched.
    dirs: BTreeSet<PathBuf>,
    /// Why the system can't watch them, if it can't.
    fallback: Option<String>,
}

impl FileWatch {
    /// Begins to watch. Blocks: it walks the tree.
    fn begin(config: WatchConfig, changes: mpsc::Sender<PathBuf>) -> Self {
        let root = std::path::absolute(&config.root).unwrap_or(config.root);
        let pass_on = move |notified: notify::Result<Notified>| {
            if let Ok(notified) = notified
                && !notified.kind.is_access()
            {
                // A full queue holds what means the same.
                notified.paths.into_iter().for_each(|path| drop(changes.try_send(path)));
            }
        };
        let (paths, ignore) = (globs(&config.paths), globs(&config.ignore));
        let (dirs, gitignore) = directories(&root, &ignore);
        let native = RecommendedWatcher::new(pass_on.clone(), NotifyConfig::default());
        let watched = native.and_then(|mut watcher| watch_all(&mut watcher, &dirs).map(|()| watcher));
        let (watcher, fallback): (Box<dyn Watcher + Send>, _) = match watched {
            Ok(watcher) => (Box::new(watcher), None),
            Err(error) => {
                let poll = PollWatcher::new(pass_on, NotifyConfig::default().with_poll_interval(POLL));
                match poll.and_then(|mut watcher| watch_all(&mut watcher, &dirs).map(|()| watcher)) {
                    Ok(watcher) => (Box::new(watcher), Some(error.to_string())),
                    Err(error) => (Box::new(notify::NullWatcher), Some(error.to_string())),
                }
            }
        };
        let dirs = dirs.into_iter().collect();
        Self { root, paths, ignore, gitignore, watcher, dirs, fallback }
    }

    /// The changed file for people, if it is one that counts. A new directory is watched from here on.
    fn matched(&mut self, path: &Path) -> Option<String> {
        let inner = path.strip_prefix(&self.root).ok()?;
        let is_dir = path.is_dir();
        if self.ignore.is_match(inner) || self.gitignore.matched_path_or_any_parents(inner, is_dir).is_ignore() {
            return None;
        }
        if is_dir {
            return self.watch_new(path);
        }
        self.counts(path)
    }

    /// Watches a directory that was not there before, and what is in it already. The first file in it that counts.
    fn watch_new(&mut self, dir: &Path) -> Option<String> {
        if !self.dirs.insert(dir.to_owned()) {
            return None;
        }
        // One that is gone again needs no watch.
        let _ = self.watcher.watch(dir, RecursiveMode::NonRecursive);
        let entries: Vec<_> = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        entries.iter().fold(None, |found, path| self.matched(path).or(found))
    }

    fn counts(&self, path: &Path) -> Option<String> {
        let inner = path.strip_prefix(&self.root).ok()?;
        self.paths.is_match(inner).then(|| inner.to_string_lossy().into_owned())
    }
}

fn globs(patterns: &[String]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        // They were checked when they were read.
        if let Ok(glob) = GlobBuilder::new(pattern).literal_separator(true).build() {
            set.add(glob);
        }
    }
    set.build().unwrap_or_default()
}

/// The directories below `root` that no .gitignore names, and what all of those files name.
fn directories(root: &Path, ignore: &GlobSet) -> (Vec<PathBuf>, Gitignore) {
    let (root_dir, left_out) = (root.to_owned(), ignore.clone());
    let walk = WalkBuilder::new(root)
        .hidden(false)
        .require_git(false)
        .filter_entry(move |entry| {
            let inner = entry.path().strip_prefix(&root_dir).unwrap_or(entry.path());
            let is_own = entry.file_name() == ".git" || entry.file_name() == ".stead";
            entry.file_type().is_some_and(|kind| kind.is_dir()) && !is_own && !left_out.is_match(inner)
        })
        .build();
    let dirs: Vec<PathBuf> = walk.flatten().map(ignore::DirEntry::into_path).collect();
    let mut named = GitignoreBuilder::new(root);
    for file in dirs.iter().map(|dir| dir.join(".gitignore")).filter(|file| file.is_file()) {
        // A line that is no pattern names nothing.
        drop(named.add(file));
    }
    (dirs, named.build().unwrap_or_else(|_| Gitignore::empty()))
}

fn watch_all(watcher: &mut impl Watcher, dirs: &[PathBuf]) -> notify::Result<()> {
    dirs.iter().try_for_each(|dir| watcher.watch(dir, RecursiveMode::NonRecursive))
}
