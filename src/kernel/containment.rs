//! How the processes of tasks are contained.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the descendants of a task are found, and so which of them can be left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Containment {
    /// By a cgroup for each run, and as the orphans of a subreaper: none outlives its run.
    Cgroup,
    /// As the orphans of a subreaper: none outlives stead. One that hid before it was ever seen may outlive its run.
    Subreaper,
    /// By their process group: what leaves it is not found.
    ProcessGroup,
}

impl fmt::Display for Containment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cgroup => "no process outlives its run (cgroup + subreaper)",
            Self::Subreaper => "no process outlives stead (subreaper)",
            Self::ProcessGroup => "what leaves its process group may be left behind (process groups only)",
        })
    }
}
