//! What a run of a task would find in its environment. What makes processes knows; the kernel passes it on.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::TaskConfig;

/// What a run of a task would find in its environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunEnvironment {
    /// Which task.
    pub task: String,
    /// Where it runs.
    pub dir: String,
    /// The user it runs as, if that is not stead's.
    pub user: Option<String>,
    /// Its group, if it is named.
    pub group: Option<String>,
    /// The file mode bits it withholds, in octal, if it has its own.
    pub umask: Option<String>,
    /// Its variables, by name.
    pub variables: Vec<RunVariable>,
}

/// One variable of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunVariable {
    /// Its name.
    pub name: String,
    /// Its value; `***` where values are not shown.
    pub value: String,
    /// Where the value comes from, for people: `.env:3`, `stead.toml:7, [tasks.api.env]`, `stead's own environment`.
    pub from: String,
}

/// Finds out what the next run of a task would get. May block; says for people what keeps such a run from being started.
type Find = dyn Fn(&TaskConfig) -> Result<RunEnvironment, String> + Send + Sync;

/// A way to find out the environments of tasks. Cheap to clone.
#[derive(Clone)]
pub struct RunEnvironments(Arc<Find>);

impl RunEnvironments {
    /// `find` finds them out.
    pub fn new(find: impl Fn(&TaskConfig) -> Result<RunEnvironment, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(find))
    }

    /// What the next run of `task` would get. May block.
    ///
    /// # Errors
    ///
    /// Says for people what keeps such a run from being started.
    pub fn of(&self, task: &TaskConfig) -> Result<RunEnvironment, String> {
        (self.0)(task)
    }
}

impl fmt::Debug for RunEnvironments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunEnvironments").finish_non_exhaustive()
    }
}
