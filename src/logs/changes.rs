//! Reports which logs of a directory have grown, whichever process writes them.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

use crate::private;

/// Watches a directory of logs while it lives.
#[derive(Debug)]
pub(crate) struct LogChanges {
    _watcher: RecommendedWatcher,
}

impl LogChanges {
    /// Calls `on_growth` with the name of a task whenever its log may have grown. Makes `dir` if it is not there yet.
    ///
    /// # Errors
    ///
    /// The directory can't be made, or the system can't watch it.
    pub(crate) fn watch(dir: &Path, on_growth: impl Fn(&str) + Send + 'static) -> io::Result<Self> {
        private::create_dir(dir)?;
        let see = move |event: notify::Result<Event>| match event {
            // Reading, which is what we do, is no change.
            Ok(event) if event.kind.is_access() => {}
            Ok(event) => event.paths.iter().filter_map(|path| task_of(path)).for_each(&on_growth),
            Err(error) => tracing::warn!(%error, "changes of the logs can't be seen"),
        };
        let mut watcher = notify::recommended_watcher(see).map_err(io::Error::other)?;
        watcher.watch(dir, RecursiveMode::NonRecursive).map_err(io::Error::other)?;
        Ok(Self { _watcher: watcher })
    }
}

/// The task whose log or index this is.
fn task_of(path: &Path) -> Option<&str> {
    let is_log =
        path.extension().is_some_and(|extension| extension == OsStr::new("log") || extension == OsStr::new("idx"));
    path.file_stem().filter(|_| is_log)?.to_str()
}
