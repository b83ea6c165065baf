//! How parts of the configuration serialise that can't be derived.

use serde::{Serialize, Serializer};

use std::path::{self, PathBuf};

use super::{GroupConfig, HookConfig, PortConfig, TaskConfig};
use crate::supervisor::engine::{Condition, Dependency, OnRestart};

/// `{"api": {…}}`
pub(super) fn tasks_by_name<S: Serializer>(tasks: &[TaskConfig], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(tasks.iter().map(|task| (&task.name, task)))
}

/// `{"page": {…}}`
pub(super) fn hooks_by_name<S: Serializer>(hooks: &[HookConfig], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(hooks.iter().map(|hook| (&hook.name, hook)))
}

/// `{"backend": {…}}`
pub(super) fn groups_by_name<S: Serializer>(groups: &[GroupConfig], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(groups.iter().map(|group| (&group.name, group)))
}

/// `{"db": "ready"}`, or what else there is to say of an edge.
pub(super) fn after<S: Serializer>(after: &[Dependency], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum ShownEdge {
        Short(Condition),
        Long { is: Condition, on_restart: OnRestart, required: bool },
    }
    let edge = |dependency: &Dependency| match *dependency {
        Dependency { condition, on_restart: OnRestart::Ignore, required: true, .. } => ShownEdge::Short(condition),
        Dependency { condition: is, on_restart, required, .. } => ShownEdge::Long { is, on_restart, required },
    };
    serializer.collect_map(after.iter().map(|dependency| (&dependency.task, edge(dependency))))
}

/// `{"http": 3000}`
pub(super) fn ports_by_name<S: Serializer>(ports: &[PortConfig], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(ports.iter().map(|port| (&port.name, port.number)))
}

/// The path as other processes must call it: the supervisor calls its files from within its directory.
pub(super) fn absolute<S: Serializer>(path: &PathBuf, serializer: S) -> Result<S::Ok, S::Error> {
    path::absolute(path).as_ref().unwrap_or(path).serialize(serializer)
}

/// The same, of a path that may be left out.
pub(super) fn absolute_if_any<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path::absolute(path).unwrap_or_else(|_| path.clone())).serialize(serializer)
}

/// `"027"`
pub(super) fn octal<S: Serializer>(bits: &Option<u32>, serializer: S) -> Result<S::Ok, S::Error> {
    bits.map(|bits| format!("{bits:03o}")).serialize(serializer)
}

/// What is shown of it.
pub(super) fn shown<T: ToString, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}
