//! Reads a task again for each of its runs: env files may have changed since the configuration was read.
//!
//! What is in the configuration itself stays as it was read: that takes a reload.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::TaskConfig;
use super::document;
use super::report::MistakeReport;
use super::scope::Scope;
use super::sources::SourceFiles;
use super::value::FileTable;

/// What a configuration was read from.
pub(super) struct ConfigSource {
    pub(super) table: FileTable,
    pub(super) files: Arc<SourceFiles>,
    /// The environment of the supervisor.
    pub(super) scope: Scope,
    /// The state directory of the project.
    pub(super) state_dir: PathBuf,
}

/// What a task is read from at each start; nothing, if nothing of it can change.
#[derive(Debug, Clone, Default)]
pub struct TaskSource(Option<Arc<ConfigSource>>);

impl PartialEq for TaskSource {
    /// Where it comes from makes no task another one.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for ConfigSource {
    /// Shows nothing of it: the files may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigSource").finish_non_exhaustive()
    }
}

impl ConfigSource {
    /// The source of a task, if it has to be read again at each start.
    pub(super) fn of_task(self: &Arc<Self>, name: &str) -> TaskSource {
        let has_files = |path: &[&str]| self.table.find(path).is_some();
        let rereads = has_files(&["supervisor", "env_file"]) || has_files(&["tasks", name, "env_file"]);
        TaskSource(rereads.then(|| Arc::clone(self)))
    }
}

impl TaskConfig {
    /// Whether [`for_run`](Self::for_run) reads files.
    #[must_use]
    pub fn rereads(&self) -> bool {
        self.source.0.is_some()
    }

    /// The task as its next run gets it, with its env files read now. May block.
    ///
    /// # Errors
    ///
    /// Says for people what is wrong with an env file, or that a variable that was in one is not there any more.
    pub fn for_run(&self) -> Result<Cow<'_, Self>, String> {
        let Some(source) = &self.source.0 else { return Ok(Cow::Borrowed(self)) };
        let mut report = MistakeReport::new(Arc::clone(&source.files));
        let read =
            document::reread_task(&source.table, source.scope.clone(), &source.state_dir, &self.name, &mut report);
        if let Some(mistake) = report.first() {
            return Err(mistake);
        }
        let fresh = read.ok_or_else(|| format!("`{}` is not in the configuration", self.name))?;
        Ok(Cow::Owned(Self { restart: self.restart, source: self.source.clone(), ..fresh }))
    }
}
