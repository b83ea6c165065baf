//! Reading what a newer supervisor says.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::VersionResponse;
use crate::present::clock::Clock;
use crate::present::next::next;
use crate::supervisor::engine::{GroupSnapshot, Snapshot, Stage, TaskKind, TaskSnapshot, Uptime, tasks_meant};

/// A value that is read as far as this program knows it, and kept as it came otherwise: a newer supervisor may have
/// states, levels or reasons that did not exist when this program was built.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Lenient<T> {
    /// This program knows it.
    Known(T),
    /// It does not.
    Unknown(Value),
}

impl<T> Lenient<T> {
    /// The value, if this program knows it.
    pub(crate) fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(match T::deserialize(&value) {
            Ok(known) => Self::Known(known),
            Err(_) => Self::Unknown(value),
        })
    }
}

impl<T: Serialize> Serialize for Lenient<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(serializer),
            Self::Unknown(value) => value.serialize(serializer),
        }
    }
}

/// A [`SnapshotResponse`](super::SnapshotResponse) as it is received. `T` is a task as it is read.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ReceivedSnapshot<T> {
    #[serde(flatten)]
    pub(crate) supervisor: VersionResponse,
    pub(crate) now: Uptime,
    pub(crate) generation: u64,
    pub(crate) at: Uptime,
    pub(crate) stage: Lenient<Stage>,
    pub(crate) tasks: Vec<T>,
    #[serde(default)]
    pub(crate) groups: Vec<Lenient<GroupSnapshot>>,
}

/// One of a supervisor that may be newer.
pub(crate) type LenientSnapshot = ReceivedSnapshot<Lenient<TaskSnapshot>>;

impl LenientSnapshot {
    /// The task of that name.
    pub(crate) fn task(&self, name: &str) -> Option<&Lenient<TaskSnapshot>> {
        self.tasks.iter().find(|task| task.name() == name)
    }

    /// The tasks that a name means: see [`tasks_meant`].
    pub(crate) fn tasks_meant(&self, name: &str) -> Vec<&Lenient<TaskSnapshot>> {
        let tasks =
            self.tasks.iter().map(|task| (task.name(), task.known().and_then(|task| task.replica_of.as_deref())));
        let names = tasks_meant(name, tasks, self.groups.iter().filter_map(Lenient::known));
        names.into_iter().filter_map(|name| self.task(name)).collect()
    }

    /// What this program knows of it.
    pub(crate) fn known(&self) -> Snapshot {
        Snapshot {
            generation: self.generation,
            at: self.at,
            stage: self.stage.known().cloned().unwrap_or(Stage::Up),
            tasks: self.tasks.iter().filter_map(Lenient::known).cloned().collect(),
            groups: self.groups.iter().filter_map(Lenient::known).cloned().collect(),
        }
    }

    /// Every name that means some tasks.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        let groups = self.groups.iter().filter_map(Lenient::known).map(|group| format!("@{}", group.name));
        self.tasks.iter().map(|task| task.name().to_owned()).chain(groups)
    }

    /// What happens to a task next; empty if nothing does. It may quote what a probe said.
    pub(crate) fn next(&self, task: &Lenient<TaskSnapshot>) -> String {
        let next = |task| next(task, self.drain().is_some(), &Clock::new(self.now)).text;
        task.known().map(next).unwrap_or_default()
    }

    /// Why the supervisor drains and when the rest is killed, if it drains.
    pub(crate) fn drain(&self) -> Option<(&str, Uptime)> {
        match self.stage.known()? {
            Stage::Draining { cause, deadline, .. } => Some((cause, *deadline)),
            Stage::Up => None,
        }
    }
}

impl Lenient<TaskSnapshot> {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Known(task) => &task.name,
            Self::Unknown(task) => task["name"].as_str().unwrap_or("?"),
        }
    }

    /// The word for its state.
    pub(crate) fn state(&self) -> &str {
        match self {
            Self::Known(task) => task.phase.word(),
            Self::Unknown(task) => task["state"].as_str().unwrap_or("unknown"),
        }
    }

    /// Whether it is one of stead's own parts.
    pub(crate) fn is_builtin(&self) -> bool {
        match self {
            Self::Known(task) => task.kind == TaskKind::Builtin,
            Self::Unknown(task) => task["kind"] == "builtin",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::sample::process;
    use crate::supervisor::engine::PhaseSnapshot;

    /// A snapshot as a supervisor of years to come sends it.
    fn newer(change: impl FnOnce(&mut Value)) -> LenientSnapshot {
        let mut json = serde_json::json!({
            "project": "shop", "version": "9.0.0", "pid": 7, "started_at": "2026-01-01T00:00:00Z", "now": 9_000,
            "containment": "cgroup", "generation": 1, "at": 0, "stage": { "stage": "up" },
            "tasks": [process("api", PhaseSnapshot::Done)],
        });
        change(&mut json);
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn what_is_known_is_read_and_what_is_new_is_passed_over() {
        let response = newer(|json| json["tasks"][0]["mood"] = "sunny".into());
        let task = &response.tasks[0];
        assert_eq!((task.name(), task.state(), task.is_builtin()), ("api", "done", false));
        assert!(task.known().is_some() && response.supervisor.containment.is_some_and(|level| level.known().is_some()));
    }

    #[test]
    fn a_new_state_kind_or_level_spoils_nothing() {
        let response = newer(|json| {
            json["tasks"][0]["state"] = "dreaming".into();
            json["containment"] = "airtight".into();
            json["stage"] = serde_json::json!({ "stage": "hibernating" });
        });
        let task = &response.tasks[0];
        assert_eq!((task.name(), task.state(), task.known()), ("api", "dreaming", None));
        assert_eq!(response.supervisor.containment, Some(Lenient::Unknown("airtight".into())));
        assert_eq!(response.drain(), None);
        let response = newer(|json| json["tasks"][0]["kind"] = "wasm".into());
        assert_eq!((response.tasks[0].state(), response.tasks[0].is_builtin()), ("done", false));
    }

    #[test]
    fn what_was_read_is_sent_on_as_it_came() {
        let json = serde_json::json!({ "state": "dreaming", "of": [1, 2] });
        let task: Lenient<TaskSnapshot> = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&task).unwrap(), json);
    }
}
